"""Which cells get pattern sets where the overlap is wanted: the rule, and overlaps that are known."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom, norm

from mattis.exact.arrays import Reals
from mattis.refinement.overlap import (
    FEWEST_CELL_SETS,
    MOST_CELL_SETS,
    CellStep,
    Overlaps,
    cell_steps,
    known_errors,
)

TARGET = 0.01
FIRST_SETS = 4
LENGTH = 12
FALSE_ALARM = 1e-6

Law = Callable[[np.random.Generator, Reals], Reals]


def normal(draw: np.random.Generator, spread: Reals) -> Reals:
    """Overlaps of pattern sets that are normal."""
    return spread * draw.normal(size=len(spread))


def skewed(draw: np.random.Generator, spread: Reals) -> Reals:
    """Overlaps just below the largest one: most are near it, few are far."""
    return spread * (1 - draw.exponential(size=len(spread)))


def rare(draw: np.random.Generator, spread: Reals) -> Reals:
    """One set in ten differs from all others, which agree."""
    return spread * (0.1 - (draw.random(len(spread)) < 0.1)) / 0.3


def overlaps(values: Reals, sets: Reals) -> Overlaps:
    """Return what is known of cells of mean 0: values (cells, sets), of which each has the first ones."""
    there = np.arange(values.shape[1]) < sets[:, None]
    mean = np.where(there, values, 0).sum(axis=1) / sets
    squares = (np.where(there, values - mean[:, None], 0) ** 2).sum(axis=1)
    error = np.sqrt(squares / sets / (sets - 1))
    return Overlaps(mean[None], error[None], sets[None], sets[None], np.ones((1, len(sets))))


def refined(law: Law, number: int) -> tuple[Overlaps, Reals, list[CellStep]]:
    """Return what is known of a line of cells at the end of its refinement: their spreads grow along it."""
    spread = np.geomspace(0.005, 0.15, LENGTH)
    draw = np.random.default_rng([5, number])
    values = np.stack([law(draw, spread) for _ in range(MOST_CELL_SETS + 1)], axis=1)
    sets = np.full(LENGTH, FIRST_SETS)
    for _ in range(30):
        found = overlaps(values, sets)
        errors = known_errors(found)
        steps = [*cell_steps(found, errors, TARGET)]
        if not any(step.sets for step in steps):
            return found, errors, steps
        for k, step in enumerate(steps):
            assert not step.sets or sets[k] < step.sets <= MOST_CELL_SETS
            sets[k] = max(sets[k], step.sets)
    raise AssertionError("cells are refined without end")


def deviations(law: Law) -> tuple[Reals, Reals]:
    """Return how far the overlaps of 100 lines lie from the truth, and their errors."""
    found = [refined(law, number) for number in range(100)]
    assert all(step.kind == "reached" for _, _, steps in found for step in steps)
    return (np.array([one.mean[0] for one, _, _ in found]), np.array([errors[0] for _, errors, _ in found]))


@pytest.fixture(scope="module", params=[normal, skewed, rare])
def known(request: pytest.FixtureRequest) -> tuple[Law, Reals, Reals]:
    """A law, the deviations of 1200 overlaps from the truth, and their errors."""
    return request.param, *deviations(request.param)


def test_stopping_hardly_biases_the_overlap(known: tuple[Law, Reals, Reals]) -> None:
    """A normal law not at all; of others by less than a fifth of the error: a false alarm in 1e-6."""
    law, apart, _ = known
    slack = norm.isf(FALSE_ALARM / 2) * apart.std(ddof=1) / np.sqrt(apart.size)
    assert slack < 0.2 * TARGET
    assert abs(apart.mean()) < slack + (0 if law is normal else 0.2 * TARGET)


def test_the_error_that_is_asked_for_is_that_of_the_overlap(known: tuple[Law, Reals, Reals]) -> None:
    """Where sets are added, as many deviations lie beyond 2 errors as of a normal law: a false alarm in 1e-6.

    Of a law whose outliers are rare, the deviations of all cells are no larger on average.
    """
    law, apart, errors = known
    assert (errors <= TARGET).all()
    assert np.sqrt((apart**2).mean()) < TARGET
    if law is normal:
        uncertain = apart[:, LENGTH // 2 :]
        most = binom.isf(FALSE_ALARM, uncertain.size, 2 * norm.sf(2))
        assert (abs(uncertain) > 2 * TARGET).sum() <= most


def one(error: float, sets: int, staying: float = 1.0, beside: float = 0.001) -> list[CellStep]:
    """Return the steps of two cells without neighbours, the second of which is almost known."""
    sizes = np.array([[sets], [max(sets, FEWEST_CELL_SETS)]])
    stays = np.array([[staying], [1.0]])
    found = Overlaps(np.zeros((2, 1)), np.array([[error], [beside]]), sizes, sizes, stays)
    return [*cell_steps(found, known_errors(found), TARGET)]


def test_no_cell_is_known_by_few_sets_and_their_number_grows_by_four_at_most() -> None:
    few, _ = one(0.0001, 4)
    assert (few.kind, few.sets) == ("seeds", FEWEST_CELL_SETS)
    far, _ = one(0.05, 20)
    assert (far.kind, far.sets) == ("seeds", 80)
    near, _ = one(0.0105, 100)
    assert near.kind == "seeds"
    assert 110 < near.sets < 130
    assert one(0.009, 30)[0].kind == "reached"


def test_the_most_uncertain_cells_come_first() -> None:
    assert [step.kind for step in one(0.05, 20, beside=0.02)] == ["seeds", "waits"]
    assert [step.kind for step in one(0.05, 20, beside=0.03)] == ["seeds", "seeds"]


def test_cells_that_cannot_be_known_end_with_a_sentence() -> None:
    costly, _ = one(0.08, 24)
    assert costly.kind == "costly"
    assert "would take about" in costly.why
    assert one(0.08, 20)[0].kind == "seeds"
    mixed, _ = one(0.02, 24, staying=0.2)
    assert mixed.kind == "two_states"
    assert "20% of the cues stayed" in mixed.why
    assert one(0.02, 24, staying=0.3)[0].kind == one(0.02, 24, staying=0.0)[0].kind == "seeds"
    assert one(np.nan, 24, staying=0.5)[0].kind == "two_states"
    assert one(np.nan, 8, staying=0.1)[0].sets == 4 * 8


def test_sets_that_agree_by_chance_count_with_their_neighbours() -> None:
    """Student's error of 16 sets is 1.087 times as large, and the median of neighbours counts as 8 sets."""
    error = np.full((1, 5, 3), 0.04)
    error[0, 2, 1] = 0.0
    sets = np.full(error.shape, 16)
    found = Overlaps(error, error, sets, sets, np.ones(error.shape))
    errors = known_errors(found)
    assert errors[0, 0, 0] == pytest.approx(0.04 * 1.08750, rel=1e-4)
    assert errors[0, 2, 1] == pytest.approx(errors[0, 0, 0] * np.sqrt(8 / 23))
    far = error.copy()
    far[0, 2, 2] = 1.0  # one neighbour that is another world does not matter
    again = known_errors(Overlaps(far, far, sets, sets, np.ones(error.shape)))
    assert again[0, 2, 1] == errors[0, 2, 1]
