"""The caption of a figure for a paper, as text: what it shows, of what, bars, lines, digest.

Formulas stand between dollars, as on the figure and as LaTeX reads them.
"""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import fill

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from mattis import __version__
from mattis.figures.page import LETTERED, PageFigure
from mattis.figures.told import has_one_set, network_of
from mattis.networks.binary.retrieval import RetrievalStudy
from mattis.networks.neurons.study import NeuronStudy
from mattis.statistics.estimates import FAILED, INCOMPLETE
from mattis.study.base import Study
from mattis.study.cells import listed, spelled_values, spellings
from mattis.theory import QUANTITIES
from mattis.words import counted

CAPTION_LINE = 100
"""Letters of a line of a caption."""

ERROR_BARS = (
    "intervals of 95 %, Student's over {sets} for means, Wilson's for shares, Garwood's for rates, 1.96 "
    "standard errors for boundaries. Strips and maps of z show (simulation - theory)/error."
)
"""What bars are, on all figures."""


def caption_text(
    page: PageFigure, panels: Mapping[str, Sequence[Axes]], estimates: xr.Dataset, study: Study
) -> str:
    """Return the caption of the panels that are drawn of a page."""
    names = [name for name, of in page.closed.theory.items() if {*of} & {*panels}]
    sets = "cues" if has_one_set(study) else "pattern sets"
    parts = [
        page.closed.question,
        *(_panel_told(letter, axes, len(panels) > 1) for letter, axes in panels.items()),
        *_simulated(estimates, study),
        f"Error bars: {ERROR_BARS.format(sets=sets)}",
        *(_line(name) for name in names),
        *([] if names else ["Theory: none is drawn."]),
        f"Below the page: {' '.join(page.closed.caption.split())}",
        f"Digest: {estimates.attrs['digest']}",
        f"Study: {study.name}; mattis {__version__}",
    ]
    wrapped = (fill(part, CAPTION_LINE, break_long_words=False, break_on_hyphens=False) for part in parts)
    return "\n".join(wrapped) + "\n"


def _panel_told(letter: str, axes: Sequence[Axes], lettered: bool) -> str:
    """Return what a panel shows: its title, and its ordinates against its abscissa."""
    title = LETTERED.sub("", axes[0].get_title(loc="left"))
    bars = [bar.get_ylabel() for bar in getattr(axes[0], "_colorbars", []) if bar.get_ylabel()]
    ordinates = " and ".join(words for ax in axes if (words := ax.get_ylabel()))
    across = next((words for ax in axes[::-1] if (words := ax.get_xlabel())), "")
    colours = f"colours: {', '.join(bars)}" if bars else ""
    against = f"{ordinates} against {across}" if ordinates and across else ""
    before = f"({letter}) " if lettered else ""
    return f"{before}{'; '.join(filter(None, (title, colours, against)))}."


def _simulated(estimates: xr.Dataset, study: Study) -> Iterator[str]:
    """Yield what was simulated: network, N, P, axes, the run, pattern sets, and what is missing."""
    model = study.described_model
    yield f"Network: {network_of(study)}; {study.model}: {model.summary}. {model.equation}. {model.source}."
    counts = np.unique(study.counts(study.labels[study.stored], study.axes.size))
    several = f"{counts[0]} to {counts[-1]}" if counts.size > 1 else f"{counts[0]}"
    yield f"N = {listed(study.axes.size)}; P = {several}"
    for dim in study.dimensions[1:-1]:
        name = spellings(study, dim)[0]
        yield f"{name}: {listed(spelled_values(study, name))}"
    yield from _run(study)
    seeds, cues = study.axes.seed, int(getattr(study, "cues", 1))
    yield (
        f"{counted(len(seeds), 'pattern set')}, seeds {listed(seeds)}, root seed {study.root_seed}; "
        f"{counted(cues, 'cue')} of each"
    )
    flags = estimates["flag"].values
    for bit, words in ((INCOMPLETE, "not all of their seeds yet"), (FAILED, "failed blocks")):
        if count := int((flags & bit > 0).sum()):
            yield f"{count} of {counted(flags.size, 'cell')} have {words}"


def _run(study: Study) -> Iterator[str]:
    """Yield how long each chain ran: sweeps, or steps."""
    if isinstance(study, RetrievalStudy):
        sweeps = study.sweeps
        yield (
            f"Sweeps: {sweeps.thermalise} before the averages and {sweeps.measure} in them; "
            "at temperature 0 a chain ends once it is at rest"
        )
    if isinstance(study, NeuronStudy):
        flow = study.flow
        step = "" if flow.dt is None else f" of dt = {flow.dt:g}"
        yield f"Steps: {flow.steps} at most{step}; {flow.precision} precision"


def _line(name: str) -> str:
    """Return what a quantity of theory is, its source, and how far it holds."""
    row = QUANTITIES[name]
    words = f"{row.meaning.rstrip('.')}; {row.equation}; {row.source}"
    return f"Theory, {name}: {words}. It holds: {row.validity}."
