"""What a panel of a boundary along N shows of N → ∞: fits, a band of its errors, places of theory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from mattis.comparison.tracing import Mark
from mattis.exact.arrays import Reals
from mattis.figures.glossary import mark_word
from mattis.figures.page import key_line, key_patch
from mattis.statistics.finite_size import FREE
from mattis.statistics.intervals import LEVEL_95

DASHES: dict[str, Any] = {"1/2": (0, (1, 1.2)), "2/3": "-", "1": (0, (4, 1.5))}
"""Dashes of the fits by their powers of N; that of a free power is the mean of many, and has no line."""

LEVEL_STYLES: Sequence[tuple[str, Any]] = (
    ("#000000", (0, (4, 2))),
    ("#009e73", (0, (1, 1))),
    ("#cc79a7", "-."),
)
"""Colours and dashes of places of theory on an ordinate: the first as a mark on an abscissa."""

LIMIT_SHADE = "#888888"
"""The colour of the band of errors at N → ∞."""


@dataclass(frozen=True)
class LimitBand:
    """Where a boundary is at N → ∞, and what says so.

    error  # the statistical one; total  # with the systematic one
    fits   # of all sizes: the word of the power, omega, the limit, and the amplitude of N^-omega
    marks  # where theory has it
    collapse  # what a scaling collapse says, in words; "" without one
    """

    value: float
    error: float
    total: float
    fits: Sequence[tuple[str, float, float, float]]
    marks: Sequence[Mark]
    collapse: str = ""

    @property
    def heights(self) -> list[float]:
        """What the ordinate has to show."""
        reach = LEVEL_95 * self.total
        return [self.value - reach, self.value + reach, *(mark.value for mark in self.marks)]


def limit_band(cells: xr.Dataset, name: str, marks: Sequence[Mark]) -> LimitBand | None:
    """Return what is known of a boundary at N → ∞ along one curve; None where nothing is."""
    end = f"{name}_extrapolated"
    if end not in cells or cells[end].ndim or not np.isfinite(cells[end]):
        return None
    value, error, systematic = (float(cells[f"{end}{part}"]) for part in ("", "_error", "_systematic"))
    every = cells[[f"{name}_fits{part}" for part in ("", "_omega", "_amplitude")]].isel(smallest_size=0)
    fits = []
    for power in map(str, every["power"].values):
        limit, omega, amplitude = (float(of) for of in every.sel(power=power).data_vars.values())
        if power != FREE and np.isfinite(limit):
            fits.append((power, omega, limit, amplitude))
    total = float(np.hypot(error, systematic))
    return LimitBand(value, error, total, fits, marks, _collapse_told(cells, f"{name}_collapse"))


def _collapse_told(cells: xr.Dataset, name: str) -> str:
    """Return what a scaling collapse says in a sentence; "" where there is none."""
    if name not in cells or not np.isfinite(cells[name]):
        return ""
    ends = ("", "_error", "_power", "_power_error", "_quality")
    place, error, power, power_error, quality = (float(cells[f"{name}{end}"]) for end in ends)
    return (
        rf"shares collapse in $(x - x_c) N^{{1/\nu}}$ at $x_c$ = {place:.4f} ± {error:.4f}, "
        rf"$1/\nu$ = {power:.2f} ± {power_error:.2f}, reduced chi² {quality:.2g}"
    )


def draw_limit(ax: Axes, band: LimitBand, sizes: Reals) -> None:
    """Draw the limit as a band of 95 %, its statistical part darker, the fits, and marks."""
    for reach, shade in ((band.total, 0.18), (band.error, 0.3)):
        reach *= LEVEL_95
        ax.axhspan(band.value - reach, band.value + reach, color=LIMIT_SHADE, alpha=shade, lw=0, zorder=0.5)
    ax.axhline(band.value, color=LIMIT_SHADE, lw=0.8, zorder=0.6, label="_N → ∞")
    x = np.geomspace(sizes.min(), sizes.max(), 61)
    for power, omega, limit, amplitude in band.fits:
        y = limit + amplitude * x**-omega
        ax.plot(x, y, color="black", lw=0.6, ls=DASHES[power], zorder=1.5, label=f"_fit, N^-{power}")
    for mark, (colour, dash) in zip(band.marks, LEVEL_STYLES, strict=False):
        ax.axhline(mark.value, color=colour, lw=0.9, ls=dash, label=f"_{mark.quantity}")


def limit_entries(band: LimitBand) -> Iterator[Artist]:
    """Yield what the key says of the limit, the fits and the marks."""
    total, statistical = LEVEL_95 * band.total, LEVEL_95 * band.error
    words = rf"$N \to \infty$: {band.value:.4f} ± {total:.4f}, {statistical:.4f} of it statistical (darker)"
    yield key_patch("mark", words, facecolor=LIMIT_SHADE, alpha=0.3)
    for power, *_ in band.fits:
        words = rf"fit $x_\infty + a N^{{-{power}}}$"
        yield key_line("line", words, color="black", lw=0.8, ls=DASHES[power])
    for mark, (colour, dash) in zip(band.marks, LEVEL_STYLES, strict=False):
        told = f"{mark_word(mark.quantity)} = {mark.value:.4f}, theory at N → ∞"
        yield key_line("mark", told, color=colour, lw=0.8, ls=dash)
