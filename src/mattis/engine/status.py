"""What is there of a study: blocks that are done, missing and failed, its cells, and their digests."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mattis.errors import UserError
from mattis.exact.arrays import Mask
from mattis.networks.registry import StudyLike, load_study
from mattis.store import cube, reading
from mattis.store.frame import Frame
from mattis.store.results import Results, Root, read_failures, results_of
from mattis.store.rounds import AskedCells, asked, recorded
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.plan import Block
from mattis.words import counted

if TYPE_CHECKING:
    import xarray as xr


def done_cells(ds: "Frame | xr.Dataset", study: Study, all_observables: bool) -> Mask:
    """Return which cells exist, or have every observable of the model where all are asked for."""
    done: Mask = ds["valid"].values
    for observable in study.described_model.observables if all_observables else ():
        done = done & cube.has(ds, observable.name)
    if all_observables and cube.STATES_KEPT in ds:
        done = done & ds[cube.STATES_KEPT].values
    return done


def advice(lacks: Sequence[str]) -> str:
    """Say which observables a store lacks, and what computes them."""
    groups = (list(names) for _, names in groupby(lacks, lambda name: name.rstrip("0123456789")))
    told = ", ".join(one[0] if len(one) == 1 else f"{one[0]} … {one[-1]}" for one in groups)
    return f"lacks: {told}; mattis run STUDY --all-observables computes them"


def base_id(block: str) -> str:
    """Return the name of a whole block from that of one of its parts."""
    return block.partition(",part=")[0]


def failed_blocks(of: AskedCells, results: Results, ds: "Frame | xr.Dataset") -> Mapping[str, str]:
    """Return the messages of the blocks that failed when they were last tried, by their names."""
    failures = read_failures(results)
    if not failures:
        return {}
    done = done_cells(ds, of.study, all_observables=True)
    undone = {block.id for block in plan.blocks(of.study, of.cells & ~done)}
    return {block: text for block, text in failures.items() if base_id(block) in undone}


def status(study: StudyLike, root: Root = None) -> dict[str, Any]:
    """Return what `mattis status --json` prints: cells, and blocks that are done, missing and failed.

    `lacks` names the observables that the store, or some of its cells, do not have.
    """
    study = load_study(study)
    results = results_of(study, root)
    of = asked(study, results)
    ds = reading.presence(results.store, of.study)
    valid: Mask = ds["valid"].values & of.cells
    every = int((plan.per_network(of.cells) > 0).sum())
    failures = failed_blocks(of, results, ds)
    failed = {base_id(block) for block in failures}
    missing = [block.id for block in plan.blocks(of.study, of.cells & ~valid) if block.id not in failed]
    return {
        "study": study.name,
        "results": str(results.folder),
        "blocks": every,
        "done": every - len(missing) - len(failed),
        "missing": len(missing),
        "failed": len(failed),
        "cells": {"total": int(of.cells.sum()), "done": int(valid.sum())},
        "lacks": cube.lacking(ds, study.described_model),
        "missing_blocks": missing,
        "failures": dict(failures),
        **({"refinement": refinement_status(study, results)} if study.refine else {}),
    }


def refinement_status(study: Study, results: Results) -> dict[str, Any]:
    """Return how far a study is refined: its round, lines or cells known, the largest error, cells asked for.

    `error` is that of the boundaries which have a place, or of the overlaps; `ended` says why there is no
    further round.
    """
    assert study.refine is not None
    rounds = recorded(study, results)
    if not rounds:
        return {"round": None, "target": study.refine.error, "ended": ""}
    last = rounds[-1]
    return {
        "round": last.round,
        "target": study.refine.error,
        "along": last.along,
        "of": study.refine.target,
        "lines": len(last.lines),
        "reached": sum(line.step == "reached" for line in last.lines),
        "error": max([line.error for line in last.lines if line.error is not None], default=None),
        "cells": last.cells,
        "cells_most": study.refine.cells,
        "ended": last.ended,
    }


def open_results(study: StudyLike, root: Root = None) -> "xr.Dataset":
    """Return the study's cells as a labelled dataset; those that do not exist are NaN.

    `valid` tells which exist, and `failed` which of the others are in blocks that raised. Values along a
    dimension are in the study's order if that rises or falls, else sorted.
    """
    study = load_study(study)
    results = results_of(study, root)
    return cells_asked(asked(study, results), results)


def cells_asked(of: AskedCells, results: Results) -> "xr.Dataset":
    """Return the cells that are asked for of a study, in a cube; of one that is refined with `asked`.

    What is not asked for is blank there, whatever the store has.
    """
    study = of.study
    ds = reading.read(results.store, study)
    failed = {base_id(name) for name in failed_blocks(of, results, ds)}
    mask = np.zeros(ds["valid"].shape, bool)
    for at, name in named_sets(study) if failed else ():
        mask[*at[:2], ..., at[2]] = name in failed
    mask &= ~ds["valid"].values & of.cells
    described = {"long_name": "the block of the cell raised when it was last tried", "units": "1"}
    ds = ds.assign(failed=(study.dimensions, mask, described))
    if study.refine is not None:
        ds = _with_holes(ds, of)
    return ds.sortby([name for name in study.dimensions if not _is_monotonic(ds[name].values)])


def _with_holes(ds: "xr.Dataset", of: AskedCells) -> "xr.Dataset":
    """Return a cube that is blank where no cell is asked for, and says where that is."""
    words = {"long_name": "a round of the study asked for the cell", "units": "1"}
    ds = ds.assign(asked=(of.study.dimensions, of.cells, words))
    for name in (one.name for one in of.study.described_model.observables):
        attributes = ds[name].attrs
        blank = np.nan if ds[name].dtype.kind == "f" else 0
        ds[name] = ds[name].where(ds["asked"], blank).assign_attrs(attributes)
    attributes = ds["valid"].attrs
    ds["valid"] = (ds["valid"] & ds["asked"]).assign_attrs(attributes)
    return ds


def _is_monotonic(values: NDArray[Any]) -> bool:
    """Tell whether values rise or fall, as plots, slices and the nearest neighbour need it."""
    return bool((values[1:] > values[:-1]).all() or (values[1:] < values[:-1]).all())


def named_sets(study: Study) -> Iterator[tuple[tuple[int, int, int], str]]:
    """Yield where each pattern set is along (size, what is stored, seed), and the name of its block."""
    a, stored = study.axes, study.labels[study.stored]
    for i, j, k in np.ndindex(len(a.size), len(stored), len(a.seed)):
        yield (i, j, k), Block(a.size[i], stored[j], 0, a.seed[k], (), 0, study.stored).id


def digest(study: StudyLike, root: Root = None) -> str:
    """Return the hash of all values of a study. Raises UserError if cells are missing."""
    study = load_study(study)
    results = results_of(study, root)
    place, of = results.store, asked(study, results)
    ds = reading.presence(place, of.study)
    missing = int((of.cells & ~ds["valid"].values).sum())
    if missing:
        raise UserError(
            f"{place}: {missing} of {int(of.cells.sum())} cells are missing; compute them with mattis run"
        )
    lacks = cube.lacking(ds, study.described_model, of.cells)
    return reading.study_digest(place, of.study, [of.study], None, lacks, of.holed)


def asked_cells(ds: "xr.Dataset") -> Mask:
    """Return which cells of a cube are asked for: all, but of a study that is refined."""
    if "asked" in ds:
        found: Mask = ds["asked"].values
        return found
    return np.ones(ds["valid"].shape, bool)


def states_digest(study: StudyLike, root: Root = None) -> str:
    """Return the hash of all final states that a study keeps.

    Raises UserError if it keeps none, or some cells lack theirs.
    """
    study = load_study(study)
    place = results_of(study, root).store
    if study.kept_states is None:
        raise UserError(
            f"{study.name}: got a study that keeps no final states; expected one with keep; add "
            "keep: {states: 4} to a study of binary networks"
        )
    of = asked(study, results_of(study, root))
    kept: Mask = reading.presence(place, of.study)[cube.STATES_KEPT].values
    missing = int((of.cells & ~kept).sum())
    if missing:
        raise UserError(
            f"{place}: {counted(missing, 'cell')} without final states; compute them with "
            "mattis run STUDY --all-observables"
        )
    return reading.states_digest(place, [of.study], of.holed)
