"""Consolidation in time: similarity against presentations, with theory, its band, and deviations."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mattis.comparison.drift import FOUR_DEVIATIONS, at_first, plain
from mattis.comparison.remembered import curve
from mattis.comparison.view import planes
from mattis.exact.arrays import Reals
from mattis.exact.patterns import share
from mattis.figures.canvas import STYLE, colour_map
from mattis.figures.curves import deviations
from mattis.figures.drift.pages import DriftPlane
from mattis.figures.page import DOUBLE, labelled, letters_of, open_page
from mattis.figures.panel import agreeing_key, draw_deviations, open_strip
from mattis.networks.drift.memories import frequencies, square_norm
from mattis.networks.drift.study import ConsolidationStudy
from mattis.words import counted

ONE_HOT = 1e-3
"""One memory takes all, so that the closed forms hold, where the others take less than this at first."""

MOST_THEORY_STEPS = 1e9
"""Theory sums over so many steps at most."""


@dataclass(frozen=True, eq=False)
class TimeCourse:
    """One curve of a figure: its cells along presentations, and the theory, NaN where it does not hold."""

    label: str
    presentations: Reals
    """(T,): presentations per memory."""
    cells: xr.Dataset
    mean: Reals
    """(T,): theoretical mean of the similarity."""
    sd: Reals
    """(T,): theoretical standard deviation over orders of patterns."""
    published: Reals
    """(T,): the published similarity, eq. (40)."""

    @property
    def known(self) -> bool:
        """Tell whether theory holds."""
        return bool(np.isfinite(self.mean).any())


def figures(estimates: xr.Dataset, study: ConsolidationStudy) -> Iterator[tuple[str, Figure]]:
    """Yield one figure for each (size, N_h, kappa, noise, spread) of curves for each tau and memory."""
    inside = ("tau", "presentations", "memory")
    apart = [name for name in study.dimensions[:-1] if name not in inside]
    for name, labels in planes(estimates, study, apart):
        yield name, draw(estimates.sel(labels).sortby("presentations"), study, labels)


def draw(plane: xr.Dataset, study: ConsolidationStudy, labels: dict[str, float]) -> Figure:
    """Draw the curves with their theory, and their deviation from it."""
    with mpl.rc_context(STYLE):
        page = open_page(DOUBLE)
        courses = list(courses_of(plane, study, labels))
        z, _ = deviations(plane, "similarity")
        judged = z is not None and bool(np.isfinite(z).any())
        grid = page.body.add_gridspec(2, 2, width_ratios=(1.2, 1), height_ratios=(1.6, 0.5))
        left = page.body.add_subplot(grid[0 if judged else slice(0, 2), 0])
        right = page.body.add_subplot(grid[:, 1])
        draw_curves(left, courses, study)
        if judged:
            draw_judged(page.body.add_subplot(grid[1, 0], sharex=left), left, courses)
        if study.clamping == "random":
            draw_pulls(right, courses)
        else:
            draw_differences(right, courses)
        of = DriftPlane(plane, study, labels)
        keys = {"a": labelled([left]), "b": labelled([right])}
        keys["a "] = agreeing_key(plane, "similarity")
        named = letters_of(a=COURSE_LINES, b=COURSE_LINES) if any(course.known for course in courses) else {}
        asked = "How does a memory come to what it is shown?"
        return of.close(page, COURSES_HEIGHT, asked, keys, theory=named)


COURSES_HEIGHT = 2.6
"""Inches of the two panels."""


COURSE_LINES = (
    "consolidation.similarity",
    "consolidation.similarity_mean",
    "consolidation.similarity_sd",
    "consolidation.published",
)
"""Quantities of theory that curves in time are compared with."""


def courses_of(
    plane: xr.Dataset, study: ConsolidationStudy, labels: dict[str, float]
) -> Iterator[TimeCourse]:
    """Yield a curve for each tau and each observed memory."""
    memories = plane["memory"].values.tolist() if "memory" in plane.dims else [None]
    for tau, mu in product(plane["tau"].values.tolist(), memories):
        cells = plane.sel(tau=tau) if mu is None else plane.sel(tau=tau, memory=mu)
        words = [] if plane.sizes["tau"] == 1 and mu is not None else [rf"$\tau = {tau:g}$"]
        words += [] if mu is None else [f"memory {mu + 1}"]
        yield _course(", ".join(words), cells, study, (tau, mu, labels))


def _course(
    label: str, cells: xr.Dataset, study: ConsolidationStudy, at: tuple[float, int | None, dict[str, float]]
) -> TimeCourse:
    """Evaluate the theories of a one-hot softmax where the cells are."""
    tau, mu, labels = at
    presentations, count, spread = (cells["presentations"].values, int(cells["patterns"]), labels["spread"])
    none = np.full(presentations.size, np.nan)
    steps = np.array([share(k, count) for k in presentations.tolist()], np.float64)
    overlap, ratio = _first(cells, study)
    unequal = mu is None and spread > 0
    if unequal or tau < study.step or steps[-1] > MOST_THEORY_STEPS or not _one_hot(study, labels, cells):
        return TimeCourse(label, presentations, cells, none, none, none)
    probability, rate = _probability(count, spread, mu), tau / study.step
    published = curve(
        "consolidation.published", tau=rate, overlap=overlap, presentations=steps * probability * study.dwell
    )
    if study.dwell > 1:  # as fast as so many steps at once
        rate = max(1 / (1 - (1 - 1 / rate) ** study.dwell), 1.0)
    where: dict[str, Any] = {"tau": rate, "norm_ratio": ratio, "overlap": overlap}
    if study.clamping == "random":
        random: dict[str, Any] = {"steps": steps, "probability": probability, **where}
        mean = curve("consolidation.similarity_mean", **random)
        sd = none if mu is None else curve("consolidation.similarity_sd", **random)
        return TimeCourse(label, presentations, cells, mean, sd, published)
    last, more = np.divmod(steps, count)  # presentations of each pattern, and patterns with one more
    before, after = (curve("consolidation.similarity", presentations=k, **where) for k in (last, last + 1))
    part = more / count if mu is None else more > mu
    mean = np.where(part == 0, before, part * after + (1 - part) * before)
    return TimeCourse(label, presentations, cells, mean, np.zeros(presentations.size), published)


def _first(cells: xr.Dataset, study: ConsolidationStudy) -> tuple[float, float]:
    """Return the cosine of memory and pattern at first, and |xi'|/|Xi(0)|: of the cells, or expected."""
    first = cells.isel(presentations=0)
    overlap, length = float(first["similarity"]), float(first["length"])
    if float(first["presentations"]) == 0 and np.isfinite(overlap + length):
        return min(max(overlap, -1.0), 1.0), 1 / length
    return at_first(study, float(cells["noise"]))


def _one_hot(study: ConsolidationStudy, labels: dict[str, float], cells: xr.Dataset) -> bool:
    """Tell whether only the memory of a pattern moves: the field of another is lower by kappa a/s.

    At a finite N_v less so, for vectors that are drawn have products of order √N_v.
    """
    if not plain(study, labels | {"spread": 0.0}):
        return False
    overlap, ratio = at_first(study, labels["noise"])
    rho = square_norm(study.memory_ensemble, labels["noise"])
    kappa = labels["kappa"] if "kappa" in labels else labels["beta"] * float(cells["size"]) * rho
    margin = overlap / ratio - FOUR_DEVIATIONS / np.sqrt(float(cells["size"]))
    return margin > 0 and bool((int(cells["patterns"]) - 1) * np.exp(-kappa * margin) < ONE_HOT)


def coloured(courses: list[TimeCourse]) -> list[tuple[TimeCourse, Any]]:
    """Return curves with their colours."""
    return [*zip(courses, colour_map("viridis")(np.linspace(0, 0.82, len(courses))), strict=True)]


def draw_judged(ax: Axes, above: Axes, courses: list[TimeCourse]) -> None:
    """Draw how far each curve is from theory, in errors, below the curves."""
    open_strip(ax)
    for one, colour in coloured(courses):
        z, bound = deviations(one.cells, "similarity")
        if z is not None:
            draw_deviations(ax, one.presentations, (z, bound), {"color": colour, "marker": "o", "ms": 3.0})
    ax.set_xlabel(above.get_xlabel())
    above.set_xlabel("")
    above.tick_params(labelbottom=False)


def _probability(count: int, spread: float, mu: int | None) -> float:
    """Return the probability of the pattern of a memory; that of any for the mean over all."""
    return 1 / count if mu is None else float(frequencies(count, spread)[mu])


WORDS_OF_COURSES = ("norm-aware theory", "published, eq. (40)", "simulated, old pattern")
"""What the lines are that every curve has: told once."""


def draw_curves(ax: Axes, courses: list[TimeCourse], study: ConsolidationStudy) -> None:
    """Draw the similarity with the new pattern (and thinly with the old), theory and its band."""
    random = study.clamping == "random"
    runs = counted(int(max(course.cells["seeds"].max() for course in courses)), "run")
    with_theory = [k for k, course in enumerate(courses) if course.known]
    for k, (course, colour) in enumerate(coloured(courses)):
        first = k in with_theory[-1:]
        mean, published, old = WORDS_OF_COURSES if first else (None, None, None)
        x, cells, seen = course.presentations, course.cells, course.cells["similarity"].values
        if random:
            spread = cells["similarity_error"].values * np.sqrt(cells["seeds"].values)
            band = "theory ± its deviation" if first and np.isfinite(course.sd).any() else None
            ax.fill_between(x, course.mean - course.sd, np.minimum(course.mean + course.sd, 1), color=colour,
                            alpha=0.2, lw=0, label=band)  # fmt: skip
            ax.errorbar(x, seen, yerr=spread, ls="none", marker="o", ms=3, lw=0.8, color=colour,
                        label=f"{course.label}: mean and spread of {runs}")  # fmt: skip
        else:
            ax.plot(x, seen, color=colour, lw=2.4, alpha=0.45, label=course.label)
        ax.plot(x, course.mean, color=colour, lw=1.1 if random else 0.9, label=mean)
        ax.plot(x, course.published, color=colour, lw=1.0, ls="--", label=published)
        if random:
            ax.plot(x, cells["similarity_old"].values, color=colour, lw=0.8, ls=":", label=old)
    if random:
        ax.set_xscale("symlog", linthresh=1)
    found = np.concatenate([course.cells["similarity"].values for course in courses])
    low = float(found[np.isfinite(found)].min(initial=1.0))
    low = low if low < 1 else 0.0
    ax.set(xlabel="presentations per memory", ylabel="cosine")
    ax.set_ylim(low - 0.1 * (1 - low), 1 + 0.04 * (1 - low))
    ax.set_xlim(0, max(float(c.presentations[-1]) for c in courses))
    ax.set_title("(a) similarity with the new pattern")


def draw_differences(ax: Axes, courses: list[TimeCourse]) -> None:
    """Draw |simulation − theory| of both theories, in logarithms: one of them is exact."""
    worst = {"published": 0.0, "mean": 0.0}
    for course, colour in coloured(courses):
        found = course.cells["similarity"].values
        for name, style in (("published", "--"), ("mean", "-")):
            deviation = np.abs(found - getattr(course, name))
            worst[name] = max(worst[name], float(deviation[np.isfinite(deviation)].max(initial=0.0)))
            ax.plot(course.presentations, np.maximum(deviation, 1e-17), color=colour, lw=0.9, ls=style)
    if any(course.known for course in courses):
        words = f"published, eq. (40): at most {worst['published']:.2e}"
        ax.plot([], [], color="black", ls="--", label=words)
        ax.plot([], [], color="black", label=f"norm-aware: at most {worst['mean']:.1e}")
    ax.set(xlabel="presentations per memory", ylabel="|simulation − theory|")
    ax.set(yscale="log", ylim=(1e-17, 1))
    ax.set_title("(b) deviation of each theory")


def draw_pulls(ax: Axes, courses: list[TimeCourse]) -> None:
    """Draw (simulation − theory)/error of both theories: the published one is off by many errors."""
    for course, colour in coloured(courses):
        found, error = course.cells["similarity"].values, course.cells["similarity_error"].values
        known = (error > 1e-12) & course.known
        for name, style, size in (("published", "--", 0.9), ("mean", "-", 1.2)):
            pull = (found - getattr(course, name))[known] / error[known]
            label = f"{course.label}, {'norm-aware' if name == 'mean' else 'published'}"
            ax.plot(course.presentations[known], pull, color=colour, lw=size, ls=style, label=label)
    ax.axhspan(-2, 2, color="#cccccc", alpha=0.5, lw=0)
    ax.axhline(0, color="#777777", lw=0.6)
    ax.set_xscale("symlog", linthresh=1)
    ax.set_yscale("symlog", linthresh=4)
    ax.set(xlabel="presentations per memory", ylabel="(simulation − theory) / error")
    ax.set_xlim(0, max(float(course.presentations[-1]) for course in courses))
    ax.set_title("(b) deviations of both; grey: two errors")
