"""What is there of a study: blocks that are done, missing and failed, its cells, and their digests."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mattis.errors import UserError
from mattis.networks.registry import StudyLike, load_study
from mattis.store import cube, reading
from mattis.store.frame import Frame
from mattis.store.results import Results, read_failures, results_of
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.plan import Block, Mask
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
    return f"lacks: {', '.join(lacks)}; mattis run STUDY --all-observables computes them"


def base_id(block: str) -> str:
    """Return the name of a whole block from that of one of its parts."""
    return block.partition(",part=")[0]


def failed_blocks(study: Study, results: Results, ds: "Frame | xr.Dataset") -> Mapping[str, str]:
    """Return the messages of the blocks that failed when they were last tried, by their names."""
    failures = read_failures(results)
    if not failures:
        return {}
    undone = {
        block.id for block in plan.blocks(study, ~done_cells(ds, study, all_observables=True))
    }
    return {block: text for block, text in failures.items() if base_id(block) in undone}


def status(study: StudyLike, root: Path | str | None = None) -> dict[str, Any]:
    """Return what `mattis status --json` prints: cells, and blocks that are done, missing and failed.

    `lacks` names the observables that the store, or some of its cells, do not have.
    """
    study = load_study(study)
    results = results_of(study, root)
    ds = reading.presence(results.store, study)
    valid: Mask = ds["valid"].values
    every = valid.shape[0] * valid.shape[1] * valid.shape[-1]
    failures = failed_blocks(study, results, ds)
    failed = {base_id(block) for block in failures}
    missing = [block.id for block in plan.blocks(study, ~valid) if block.id not in failed]
    return {
        "study": study.name,
        "results": str(results.folder),
        "blocks": every,
        "done": every - len(missing) - len(failed),
        "missing": len(missing),
        "failed": len(failed),
        "cells": {"total": int(valid.size), "done": int(valid.sum())},
        "lacks": cube.lacking(ds, study.described_model),
        "missing_blocks": missing,
        "failures": dict(failures),
    }


def open_results(study: StudyLike, root: Path | str | None = None) -> "xr.Dataset":
    """Return the study's cells as a labelled dataset; those that do not exist are NaN.

    `valid` tells which exist, and `failed` which of the others are in blocks that raised. Values along a
    dimension are in the study's order if that rises or falls, else sorted.
    """
    study = load_study(study)
    results = results_of(study, root)
    ds = reading.read(results.store, study)
    failed = {base_id(name) for name in failed_blocks(study, results, ds)}
    mask = np.zeros(ds["valid"].shape, bool)
    for at, name in named_sets(study) if failed else ():
        mask[*at[:2], ..., at[2]] = name in failed
    mask &= ~ds["valid"].values
    described = {"long_name": "the block of the cell raised when it was last tried", "units": "1"}
    ds = ds.assign(failed=(study.dimensions, mask, described))
    return ds.sortby([name for name in study.dimensions if not _is_monotonic(ds[name].values)])


def _is_monotonic(values: NDArray[Any]) -> bool:
    """Tell whether values rise or fall, as plots, slices and the nearest neighbour need it."""
    return bool((values[1:] > values[:-1]).all() or (values[1:] < values[:-1]).all())


def named_sets(study: Study) -> Iterator[tuple[tuple[int, int, int], str]]:
    """Yield where each pattern set is along (size, what is stored, seed), and the name of its block."""
    a, stored = study.axes, study.labels[study.stored]
    for i, j, k in np.ndindex(len(a.size), len(stored), len(a.seed)):
        yield (i, j, k), Block(a.size[i], stored[j], 0, a.seed[k], (), 0, study.stored).id


def digest(study: StudyLike, root: Path | str | None = None) -> str:
    """Return the hash of all values of a study. Raises UserError if cells are missing."""
    study = load_study(study)
    place = results_of(study, root).store
    ds = reading.presence(place, study)
    missing = int((~ds["valid"].values).sum())
    if missing:
        raise UserError(
            f"{place}: {missing} of {ds['valid'].size} cells are missing; compute them with mattis run"
        )
    return reading.study_digest(
        place, study, [study], lacks=cube.lacking(ds, study.described_model)
    )


def states_digest(study: StudyLike, root: Path | str | None = None) -> str:
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
    missing = int((~reading.presence(place, study)[cube.STATES_KEPT].values).sum())
    if missing:
        raise UserError(
            f"{place}: {counted(missing, 'cell')} without final states; compute them with "
            "mattis run STUDY --all-observables"
        )
    return reading.states_digest(place, [study])
