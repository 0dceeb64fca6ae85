"""What a panel of curves shows, before anything is drawn: points with intervals, lines, marks, deviations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mattis.comparison.lines import boundary_lines, levels, lines, marks, rule_at
from mattis.comparison.tracing import Mark, TheoryLine
from mattis.comparison.view import View, position
from mattis.exact.arrays import Mask, Reals
from mattis.figures.glossary import axis_term, quantity_term, rule_word
from mattis.figures.limits import LimitBand, limit_band
from mattis.figures.panels import asked_of
from mattis.networks.binary.study import BinaryStudy
from mattis.statistics.doubts import ABSENT, IN_TWO_STATES, UNMIXED, doubts
from mattis.statistics.intervals import LEVEL_95, student
from mattis.statistics.survival import SURVIVAL, parting_of
from mattis.study.base import Study, middles
from mattis.study.figure import PanelBlock

MOST_CURVES = 6
"""Curves of a panel at most: of a longer axis some are picked."""


@dataclass(frozen=True, eq=False)
class Points:
    """Estimates along an axis, with the ends of their intervals of 95 %.

    doubt  # bits of statistics.doubts.DOUBTS
    share  # of the sets that a point is a mean of, where these are in two states; else 1
    """

    x: Reals
    y: Reals
    low: Reals
    high: Reals
    doubt: NDArray[np.int64]
    share: Reals

    def where(self, chosen: Mask) -> "Points":
        """Return some of the points."""
        return Points(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class LawLine:
    """A power of the abscissa that equations state, beside the one that is fitted.

    exponent  # that is stated, as the abscissa goes to 0
    fitted    # over the points up to `up_to`, and `reach`, its error of 95 %
    centre    # the geometric centre of these points, through which the line of the stated power goes
    """

    exponent: float
    fitted: float
    reach: float
    up_to: float
    centre: tuple[float, float]

    def at(self, x: Reals) -> Reals:
        """Return the line of the stated power."""
        place, height = self.centre
        return np.asarray(height * (x / place) ** self.exponent, np.float64)


@dataclass(frozen=True, eq=False)
class PanelCurve:
    """One quantity along one curve of a panel, and what theory says of it.

    place   # of the curve among those of the panel, which decides its colour
    word    # of its value in the key: T = 0.3; "" where there is one curve
    lost    # means of the sets in a second state, beside those of `points`
    second  # what these sets are, in words
    z       # deviations from theory at `points`, in errors; NaN where theory does not speak of them
    bound   # where these are at least so large, for all sets agree and the error has an upper bound only
    end     # where half are lost along the abscissa, and its error of 95 %
    shared  # whether the marks, or lines of a boundary, are those of all curves, which the first one shows
    law     # the power that the quantity is said to be, where one was fitted
    limit   # of a boundary along N: where it is at N → ∞
    """

    quantity: str
    place: int
    word: str
    points: Points
    lost: Points | None = None
    second: str = SURVIVAL.second
    lines: list[TheoryLine] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    z: Reals | None = None
    bound: Mask | None = None
    end: tuple[float, float] | None = None
    shared: bool = False
    law: LawLine | None = None
    limit: LimitBand | None = None


@dataclass(frozen=True, eq=False)
class Panel:
    """A panel, the roles of its axes, what it shows, and its letter on the page."""

    block: PanelBlock
    seen: View
    curves: Sequence[PanelCurve]
    letter: str = ""
    own: Mapping[str, float] = field(default_factory=dict)
    """Where it is along the axes that only other panels of the page show."""
    cells: xr.Dataset = field(default_factory=xr.Dataset)
    """The estimates that it shows."""

    @property
    def count(self) -> int:
        """How many values of the axis of the curves there are."""
        return 1 + max((one.place for one in self.curves), default=0)


def curves_of(plane: xr.Dataset, study: Study, panel: PanelBlock, seen: View) -> list[PanelCurve]:
    """Return the curves of a panel: each quantity for each value of the axis of the curves."""
    out = []
    for place, word, cells in split(plane, study, seen):
        for k, name in enumerate(panel.quantity):
            out.append(_curve(cells, study, panel, seen, (place, word, name, k == 0)))
    return shared_lines(_with_shared_marks(out))


def shared_lines(curves: list[PanelCurve]) -> list[PanelCurve]:
    """Return curves of a boundary of which the first alone has the lines, where they are the same for all."""
    first, *others = curves
    every = [[(line.quantity, line.x.tobytes(), line.y.tobytes()) for line in one.lines] for one in curves]
    same = all(one == every[0] for one in every)
    if not (first.lines and others and same and first.quantity.startswith("boundary_")):
        return curves
    return [replace(first, shared=True), *(replace(one, lines=[]) for one in others)]


def _with_shared_marks(curves: list[PanelCurve]) -> list[PanelCurve]:
    """Return curves of which the first alone has the marks, where they are the same for all."""
    marked = [one for one in curves if one.marks]
    if len(marked) < 2 or any(one.marks != marked[0].marks for one in marked):
        return curves
    return [
        replace(one, marks=one.marks if one is marked[0] else [], shared=one is marked[0]) for one in curves
    ]


def split(plane: xr.Dataset, study: Study, seen: View) -> Iterator[tuple[int, str, xr.Dataset]]:
    """Yield the place of each curve, its word in the key, and its cells along the abscissa."""
    if seen.curves is None:
        yield 0, "", plane.sortby(seen.across)
        return
    values = plane[seen.curves].values
    order = np.argsort(values) if seen.curves != "couplings" else np.arange(values.size)
    for place, index in enumerate(middles(order.tolist(), min(values.size, MOST_CURVES))):
        cells = plane.isel({seen.curves: index})
        yield place, _word(cells, study, seen, float(values[index])), cells.sortby(seen.across)


def _word(cells: xr.Dataset, study: Study, seen: View, value: float) -> str:
    """Return how a curve is called: by its rule, its temperature, its load as it is."""
    name = seen.curves
    assert name is not None
    if name == "couplings":
        assert isinstance(study, BinaryStudy)
        return rule_word(rule_at(study, cells))
    if name == "beta" and not seen.is_gain:
        value = float(cells["temperature"])
    elif name == "load" and cells["realised_load"].ndim == 0:
        value = float(cells["realised_load"]) / seen.per
    term = axis_term(name, seen.is_gain, seen.per != 1, asked_of(study))
    number = f"{value:.0f}" if value >= 1000 and float(value).is_integer() else f"{value:.3g}"
    return f"{term.word} {number}"


def _curve(
    cells: xr.Dataset, study: Study, panel: PanelBlock, seen: View, at: tuple[int, str, str, bool]
) -> PanelCurve:
    """Return one quantity along one curve."""
    place, word, name, first = at
    if name.startswith("boundary_"):
        limit = limit_band(cells, name, levels(panel.marks or ())) if seen.across == "size" else None
        known = boundary_lines(study, seen, cells, name, panel.lines or ())
        points = _boundary_points(cells, seen, name)
        return PanelCurve(name, place, word, points, lines=known, limit=limit)
    points, lost = _points(cells, study, seen, name)
    if panel.scale == "log" and f"{name}_low" not in cells:
        points, lost = in_logarithms(points), lost and in_logarithms(lost)
    if panel.scale == "log" and f"{name}_geometric" in cells:
        points = geometric(points, cells, name)
    known = lines(study, seen, cells, name)
    if panel.lines is not None:
        known = [line for line in known if line.quantity in panel.lines]
    marked = marks(study, seen, cells, panel.marks) if first else []
    z, bound = deviations(cells, name) if known else (None, None)
    end = _end(cells, study, seen) if first and (marked or name in ENDING) else None
    law = _law(points, cells, seen, name) if panel.scale == "log" else None
    second = (parting_of(cells, name) or SURVIVAL).second
    return PanelCurve(name, place, word, points, lost, second, known, marked, z, bound, end, law=law)


def deviations(cells: xr.Dataset, name: str) -> tuple[Reals | None, Mask | None]:
    """Return z of cells, and where |z| is at least that; nothing where no theory is known."""
    if f"{name}_z" not in cells:
        return None, None
    bound = np.asarray(cells[f"{name}_z_bound"].values > 0, bool)
    return np.asarray(cells[f"{name}_z"].values, np.float64), bound


ENDING = ("overlap", "retrieved")
"""Quantities beside which the end of retrieval is shown, also where theory has no mark of it."""


def in_logarithms(points: Points) -> Points:
    """Return points with the intervals of their logarithms, y exp(± reach/y): of what is positive."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        factor = np.exp((points.high - points.low) / (2 * points.y))
        above, below = points.y * factor, points.y / factor
    positive = points.y > 0
    low, high = np.where(positive, below, points.low), np.where(positive, above, points.high)
    return replace(points, low=low, high=high)


def geometric(points: Points, cells: xr.Dataset, name: str) -> Points:
    """Return points at geometric means, with the intervals of their logarithms, where these are known."""
    mean, error = (np.asarray(cells[f"{name}_geometric{end}"].values, np.float64) for end in ("", "_error"))
    with np.errstate(over="ignore"):
        factor = np.exp(error * student(np.asarray(cells["seeds"].values, np.float64) - 1))
    known = np.isfinite(mean)
    pairs = {"y": mean, "low": mean / factor, "high": mean * factor}
    return replace(points, **{k: np.where(known, v, getattr(points, k)) for k, v in pairs.items()})


def _law(points: Points, cells: xr.Dataset, seen: View, name: str) -> LawLine | None:
    """Return the power of the abscissa that a quantity is said to be, beside the fitted one; None without."""
    law = f"{name}_exponent"
    if law not in cells or seen.across in cells[law].dims or not np.isfinite(cells[law]):
        return None
    facts, sets = cells[law].attrs, np.asarray(cells["seeds"].values.min(), np.float64)
    near = (points.x <= facts["fitted_up_to"] * (1 + 1e-9)) & (points.y > 0)
    x, y = (float(np.exp(np.log(values[near]).mean())) for values in (points.x, points.y))
    reach = float(cells[f"{law}_error"]) * float(student(sets - 1))
    return LawLine(facts["stated"], float(cells[law]), reach, facts["fitted_up_to"], (x, y))


def _points(cells: xr.Dataset, study: Study, seen: View, name: str) -> tuple[Points, Points | None]:
    """Return the estimates of a quantity; in cells of two states those of either, with their shares."""
    doubt = np.broadcast_to(doubts(cells, study, name).values, cells[name].shape)
    every = _sample(cells, seen, name, np.asarray(cells["seeds"].values, np.float64), doubt)
    two = (doubt & IN_TWO_STATES) > 0
    parting = parting_of(cells, name)
    if parting is None or not two.any():
        return every, None
    share = np.asarray(cells[parting.share].values, np.float64)
    stayed, left = (
        _sample(cells, seen, f"{name}{given}", np.asarray(cells[sets].values, np.float64), doubt)
        for given, sets in zip(parting.given, parting.sets, strict=True)
    )
    two &= np.isfinite(stayed.y)  # of a set that stored the mean of both, nothing else is known
    mixed = {key: np.where(two, getattr(stayed, key), getattr(every, key)) for key in ("y", "low", "high")}
    rest = np.where(two, doubt & ~IN_TWO_STATES, doubt)
    points = Points(every.x, **mixed, doubt=rest, share=np.where(two, share, 1.0))
    return points, Points(left.x, left.y, left.low, left.high, doubt & ~IN_TWO_STATES, 1 - share).where(two)


def _sample(cells: xr.Dataset, seen: View, name: str, sets: Reals, doubt: NDArray[np.int64]) -> Points:
    """Return means with intervals of 95 %: Wilson's or Garwood's where they are stored, else Student's."""
    x, y = position(cells, seen), np.asarray(cells[name].values, np.float64)
    low, high = y, y
    if f"{name}_low" in cells:
        low, high = (np.asarray(cells[f"{name}_{end}"].values, float) for end in ("low", "high"))
    if f"{name}_error" in cells and (f"{name}_low" not in cells or name.endswith("_rate")):
        reach = np.asarray(cells[f"{name}_error"].values, np.float64) * student(sets - 1)
        # Limits of a rate take all sets for one; where these differ by more, their spread is the error.
        low, high = np.fmin(low, y - reach), np.fmax(high, y + reach)
    return Points(x, y, low, high, doubt, np.ones(x.size))


def _boundary_points(cells: xr.Dataset, seen: View, name: str) -> Points:
    """Return a boundary along an axis, with its error; nothing where there is none."""
    x, y = position(cells, seen), np.asarray(cells[name].values, np.float64)
    reach = LEVEL_95 * np.nan_to_num(np.asarray(cells[f"{name}_error"].values, np.float64))
    doubt = np.where(np.isfinite(y), 0, ABSENT)
    if f"{name}_flag" in cells:
        doubt = doubt | np.where(cells[f"{name}_flag"].values > 0, UNMIXED, 0)
    return Points(x, y, y - reach, y + reach, doubt, np.ones(x.size))


def _end(cells: xr.Dataset, study: Study, seen: View) -> tuple[float, float] | None:
    """Return where the simulated boundary crosses the abscissa, with its error of 95 %; None without."""
    named = {one.dimension: f"boundary_{one.name}" for one in study.described_model.boundaries[::-1]}
    name = None if seen.is_gain and seen.across == "beta" else named.get(seen.across)
    if name is None or name not in cells or cells[name].ndim or not np.isfinite(cells[name]):
        return None
    per = seen.per if seen.across == "load" else 1.0
    return float(cells[name]) / per, LEVEL_95 * float(cells[f"{name}_error"]) / per


def is_constant(panel: Sequence[PanelCurve]) -> str | None:
    """Return in words that a panel shows nothing: one value everywhere, 0 or 1, or rounding errors; or None.

    A boundary that theory or simulation marks is something, as is a line beside the points.
    """
    values = np.concatenate([one.points.y[np.isfinite(one.points.y)] for one in panel])
    if not values.size or any(one.lines or one.lost is not None for one in panel):
        return None
    if np.ptp(values) <= SAME_VALUE * abs(values).max():
        return f"{values[0]:.4g} everywhere"
    if abs(values).max() < ROUNDING_ERRORS:
        return f"at most {abs(values).max():.0e}: rounding"
    if set(values.tolist()) <= {0.0, 1.0} and any("share" in _label(one) for one in panel):
        return "0 or 1 in every cell"
    return None


ROUNDING_ERRORS, SAME_VALUE = 1e-6, 1e-9
"""Values below this are rounding errors; values that differ by less are one."""


def _label(one: PanelCurve) -> str:
    return quantity_term(one.quantity, xr.Dataset()).label
