"""Studies that share an axis on one figure: attention beside the classical network, two updates."""

from collections.abc import Sequence
from dataclasses import replace

import xarray as xr
from matplotlib.figure import Figure

from mattis.comparison.view import View, planes, view
from mattis.errors import UserError
from mattis.figures.canvas import caption
from mattis.figures.curve_pages import paged, written_labels
from mattis.figures.curves import MOST_CURVES, Panel, PanelCurve, curves_of, is_constant
from mattis.figures.panels import panels_of
from mattis.figures.told import told_of
from mattis.networks.drift.keys import DriftStudy
from mattis.study.base import Study
from mattis.study.figure import PanelBlock

Estimated = tuple[Study, xr.Dataset]
"""A study and its estimates."""


def overlay(parts: Sequence[Estimated]) -> Figure:
    """Return one figure of several studies: the panels of the first, of what all of them have.

    Of axes that a figure does not show, each study has its last plane, as its own `diagram` has. Raises
    UserError for studies that run along different axes, or that share no quantity.
    """
    first = parts[0][0]
    for study, _ in parts:
        own = study.figure is not None and study.figure.panels is not None
        if isinstance(study, DriftStudy) and not own:
            raise UserError(
                f"{study.name}: figures of {study.model} are maps, which cannot be laid over each other; "
                "expected studies whose figures are curves, or a figure: block with panels"
            )
    labels = [list(planes(estimates, study, view(study).rest))[-1][1] for study, estimates in parts]
    shown = [(study, estimates.sel(at)) for (study, estimates), at in zip(parts, labels, strict=True)]
    panels = []
    for block in panels_of(first):
        names = [name for name in block.quantity if all(name in estimates for _, estimates in shown)]
        if names and block.up is None:
            panel = _panel(shown, block.model_copy(update={"quantity": names}))
            panels += [panel] if is_constant(panel.curves) is None else []
    if not panels:
        wanted = ", ".join(name for block in panels_of(first) for name in block.quantity)
        others = " and ".join(study.name for study, _ in parts[1:])
        raise UserError(
            f"{others}: nothing to draw beside {first.name}, whose panels show {wanted}; expected studies "
            "that measure one of these"
        )
    told = "\n".join(
        caption(estimates, told_of(study, written_labels(study, at), ()))
        for (study, estimates), at in zip(shown, labels, strict=True)
    )
    return paged(panels, first, told, " beside ".join(study.name for study, _ in shown))


def _axis(seen: View) -> str:
    """Return an axis in words, with the unit of a load of few bonds."""
    return f"{seen.across} per bond" if seen.per != 1 and seen.across == "load" else seen.across


def _panel(shown: Sequence[Estimated], block: PanelBlock) -> Panel:
    """Return a panel with the curves of all studies, each with the name of its study."""
    seen, curves = view(shown[0][0], block), list[PanelCurve]()
    for study, estimates in shown:
        own = view(study, block if block.across else None)
        if len(study.labels.get(seen.across, ())) < 2:
            own = replace(own, across=view(study).across)
        gains = seen.across == "beta" and own.is_gain != seen.is_gain
        if own.across != seen.across or own.per != seen.per or gains:
            raise UserError(
                f"{study.name}: its figure runs along {_axis(own)}, that of {shown[0][0].name} along "
                f"{_axis(seen)}; expected studies that share the axis of their figures"
            )
        found = curves_of(estimates, study, block, own)
        before = 1 + max((one.place for one in curves), default=-1)
        for one in found:
            word = f"{study.name}, {one.word}".rstrip(", ")
            curves.append(replace(one, place=before + one.place, word=word, shared=False))
    count = 1 + max(one.place for one in curves)
    if count > MOST_CURVES:
        raise UserError(
            f"{count} curves of {len(shown)} studies; expected {MOST_CURVES} at most on one figure: studies "
            "with fewer values on their other axes"
        )
    return Panel(block, View(seen.across, None, None, seen.rest, seen.per, seen.is_gain), curves)
