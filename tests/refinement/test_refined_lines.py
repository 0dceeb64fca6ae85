"""Where a line of a grid is refined: the rule step by step, and estimates of boundaries that are known."""

from functools import cache

import numpy as np
import pytest
from scipy.special import expit, ndtr
from scipy.stats import binom, norm

from mattis.exact.arrays import Reals
from mattis.refinement.line import FEWEST_LAST_SEEDS, SEEDS_AT_ONCE, Line, LineStep, next_step
from mattis.statistics.boundaries import located

GRID = np.linspace(0.0, 0.6, 13)
FIRST_SEEDS = 8
ERROR = 0.003
FALSE_ALARM = 1e-6


class KnownBoundary:
    """Pattern sets that lose their cue at a temperature of their own, of median `place`, with thermal noise.

    What a cell comes to is a function of its own labels, as in a study: not of what was asked for before.
    """

    def __init__(self, number: int, width: float = 0.02, heat: float = 0.003) -> None:
        draw = np.random.default_rng([1, number])
        self.place = draw.uniform(0.15, 0.45)
        self.width, self.heat, self.number = width, heat, number
        self.own, self.fraction = cache(self._own), cache(self._fraction)

    def _own(self, seed: int) -> float:
        return float(self.place + self.width * np.random.default_rng([2, self.number, seed]).normal())

    def _fraction(self, position: float, seed: int) -> float:
        draw = np.random.default_rng([3, self.number, seed, round(position * 1e9)])
        return float(draw.random() < expit((self.own(seed) - position) / self.heat))

    def line(self, asked: dict[float, int]) -> Line:
        position = np.array(sorted(asked))
        late = np.full((len(position), max(asked.values())), np.nan)
        for k, x in enumerate(position.tolist()):
            late[k, : asked[x]] = [self.fraction(x, seed) for seed in range(asked[x])]
        return Line(position, late)


def refined(known: KnownBoundary, error: float = ERROR) -> tuple[LineStep, dict[float, int]]:
    """Return the last step of a line, and the cells that were asked for."""
    asked = dict.fromkeys(GRID.tolist(), FIRST_SEEDS)
    for _ in range(30):
        step = next_step(known.line(asked), error)
        if not step.seeds:
            return step, asked
        before = sum(asked.values())
        for x in step.positions.tolist():
            asked[x] = max(asked.get(x, 0), step.seeds)
        assert sum(asked.values()) > before, step
    raise AssertionError("a line is refined without end")


@pytest.fixture(scope="module")
def pulls() -> tuple[Reals, Reals]:
    """The deviations of 200 boundaries from where they are known to lie, and their errors."""
    found = []
    for number in range(200):
        known = KnownBoundary(number)
        step, _ = refined(known)
        assert step.kind == "reached", step
        found.append((step.found.place - known.place, step.found.error))
    apart, errors = np.array(found).T
    return apart, errors


def test_stopping_does_not_bias_the_boundary(pulls: tuple[Reals, Reals]) -> None:
    """The mean of 200 pulls, by their own spread: a false alarm in 1e-6."""
    apart, errors = pulls
    pull = apart / errors
    assert abs(pull.mean()) < norm.isf(FALSE_ALARM / 2) * pull.std(ddof=1) / np.sqrt(len(pull))
    # A bias of half an error would be seen.
    assert norm.isf(FALSE_ALARM / 2) * pull.std(ddof=1) / np.sqrt(len(pull)) < 0.5


def test_the_error_that_is_asked_for_is_that_of_the_boundary(pulls: tuple[Reals, Reals]) -> None:
    """Deviations beyond 2 and 3 errors that were asked for: a false alarm in 1e-6 each."""
    apart, errors = pulls
    assert (errors <= ERROR).all()
    for beyond in (2, 3):
        most = binom.isf(FALSE_ALARM, len(apart), 2 * norm.sf(beyond))
        assert (abs(apart) > beyond * ERROR).sum() <= most


def test_it_takes_less_than_half_of_the_cells_of_a_uniform_grid() -> None:
    """The cheapest uniform grid over the same axis whose error is as small, by its expected fractions."""
    spent = np.mean([sum(refined(KnownBoundary(number))[1].values()) for number in range(5)])
    cheapest = np.inf
    for step in (0.005, 0.01, 0.02):
        position = np.arange(0.0, 0.6 + step / 2, step)
        for seeds in (32, 48, 64, 96):
            known = KnownBoundary(1000 + seeds)
            asked = dict.fromkeys(position.tolist(), seeds)
            if located(position, known.line(asked).late).error <= ERROR:
                cheapest = min(cheapest, seeds * len(position))
    assert cheapest > 2 * spent


def smooth(position: Reals, seeds: int, place: float = 0.3, width: float = 0.05) -> Reals:
    """Fractions that fall as a normal law, the same for all seeds but for small differences."""
    own = place + 0.001 * np.linspace(-1, 1, seeds)
    return ndtr((own[None] - position[:, None]) / width)


def test_a_step_from_one_to_zero_is_divided_first() -> None:
    late = np.repeat(np.where(GRID < 0.32, 1.0, 0.0)[:, None], 8, axis=1)
    step = next_step(Line(GRID, late), 0.002)
    assert step.kind == "finer"
    assert step.seeds == 8
    assert set(step.positions.tolist()) - set(GRID.tolist()) == {0.3125, 0.325, 0.3375}
    assert set(GRID.tolist()) <= set(step.positions.tolist())


def test_no_line_is_done_with_few_seeds_and_seeds_grow_by_four_at_most() -> None:
    position = np.linspace(0.2, 0.4, 41)
    few, many = (next_step(Line(position, smooth(position, n)), 0.01) for n in (8, 32))
    assert few.kind == "seeds"
    assert few.found.error < 0.01
    assert few.seeds == FEWEST_LAST_SEEDS <= 8 * SEEDS_AT_ONCE
    assert len(few.positions) < len(position)
    assert few.positions[0] < few.found.place < few.positions[-1]
    assert many.kind == "reached"
    assert not len(many.positions)


def test_positions_around_are_taken_in_where_the_crossing_leaves_those_with_most_seeds() -> None:
    late = np.full((13, 32), np.nan)
    late[:, :8] = (GRID < 0.32)[:, None]
    late[3:6] = 1.0  # at 0.15 … 0.25, further seeds are all retrieved: it lies above
    step = next_step(Line(GRID, late), 0.01)
    assert step.kind == "wider"
    assert step.positions.tolist() == GRID[3:7].tolist()
    assert step.seeds == 32


@pytest.mark.parametrize(("fraction", "side"), [(1.0, "0.6"), (0.0, "at 0;")])
def test_a_boundary_beyond_the_axis_ends_with_a_sentence(fraction: float, side: str) -> None:
    step = next_step(Line(GRID, np.full((13, 8), fraction)), 0.01)
    assert step.kind == "beyond"
    assert side in step.why


def test_a_boundary_that_moves_ends_with_a_sentence_before_seeds_are_added() -> None:
    position = np.linspace(0.1, 0.5, 81)
    late, early = smooth(position, 8, 0.30, 0.02), smooth(position, 8, 0.33, 0.02)
    step = next_step(Line(position, late, early), 0.002)
    assert step.kind == "ageing"
    assert "-0.03" in step.why
    assert step.shift[0] == pytest.approx(-0.03, abs=1e-3)
    assert next_step(Line(position, late, early), 0.002, accepts_ageing=True).kind == "seeds"
    assert next_step(Line(position, late, early), 0.05).kind == "seeds"  # it moved by less


def test_loads_between_which_there_is_no_network_end_with_a_sentence() -> None:
    position = np.array([0.10, 0.11, 0.12, 0.13])
    late = np.repeat(np.array([1.0, 1.0, 0.0, 0.0])[:, None], 32, axis=1)
    assert next_step(Line(position, late, spacing=0.01), 0.001).kind == "discrete"
    finer = next_step(Line(position, late, spacing=0.005), 0.001)
    assert finer.positions.tolist() == [0.10, 0.11, 0.115, 0.12, 0.13]


def test_the_rule_does_not_depend_on_the_order_of_seeds() -> None:
    known = KnownBoundary(3)
    line = known.line(dict.fromkeys(GRID.tolist(), 16))
    one, other = next_step(line, ERROR), next_step(Line(GRID, line.late[:, ::-1]), ERROR)
    assert (one.kind, one.why, one.found, one.seeds) == (other.kind, other.why, other.found, other.seeds)
