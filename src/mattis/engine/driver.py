"""Running a study: missing cells → blocks → workers → journal → cube.

Workers compute, this process writes: one writer needs no locks between writers, and a killed worker
leaves nothing behind. A killed run leaves whole cells only; the same command computes the rest.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mattis import plugins
from mattis.engine import cluster, dispatch, estimate, locks, rates, shards
from mattis.engine.cluster import Where
from mattis.engine.progress import Reporter, reporter, spelled
from mattis.engine.shards import Shard
from mattis.errors import Fault, UserError
from mattis.networks.registry import StudyLike, as_study
from mattis.store import cube, observables, record, store
from mattis.store.place import Place
from mattis.store.results import Results, read_failures, read_json, results_of, write_json
from mattis.store.store import Store
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import Columns
from mattis.study.plan import Block, Mask
from mattis.words import counted


@dataclass(frozen=True)
class Settings:
    """Where and how fast: nothing in here changes a number.

    all_observables  # also of cells that exist, what the model observes today and they do not have
    quiet            # whether nothing is said of how far the run is
    """

    workers: int | None = None
    backend: str = "auto"
    block_cells: int | None = None
    shard: tuple[int, int] | None = None
    where: Where = field(default_factory=Where)
    all_observables: bool = False
    quiet: bool = False

    @property
    def place(self) -> Where:
        """Where to compute, with the number of workers."""
        return replace(self.where, workers=self.workers or self.where.workers)


@dataclass(frozen=True)
class Outcome:
    """What a run did: cells computed, cells that were there, and the blocks that failed."""

    computed: int
    found: int
    failures: Mapping[str, str]
    digest: str | None


@dataclass(frozen=True, eq=False)
class Job:
    """What one process has to do: the cells that it is asked for, and where it puts what it says.

    study   # of a shard, only the values that it holds
    wanted  # the cells asked for, as a mask over that
    """

    study: Study
    wanted: Mask
    results: Results
    settings: Settings
    shard: Shard | None

    @property
    def name(self) -> str:
        """How the job is called in a lock, in receipts and in logs."""
        return locks.WHOLE if self.shard is None else f"shard-{self.shard.id}"

    @property
    def part(self) -> tuple[int, int] | None:
        """I and K of a shard I/K."""
        return self.settings.shard

    @property
    def where(self) -> Where:
        """Where to compute, and where jobs of a batch system print."""
        folder = self.results.folder.on_disk
        logs = folder / "logs" if folder else None
        return replace(self.settings.place, logs=logs, title=f"mattis-{self.study.name}")

    @property
    def receipt(self) -> Place:
        if self.shard is None:
            return self.results.receipt
        return self.results.shards / f"{self.shard.id}.json"

    @property
    def failures(self) -> Place:
        if self.shard is None:
            return self.results.failures
        return self.results.shards / f"{self.shard.id}.failures.json"


def run(
    study: StudyLike,
    root: Path | str | None = None,
    settings: Settings | None = None,
    log: Path | None = None,
) -> Outcome:
    """Compute the cells of a study, or of one shard of it, that do not exist yet.

    Raises UserError, before anything is written, if the store is another study's, the folder cannot
    be written to, or a block does not fit the machine's memory; and Fault if the machine fails in the
    middle: what was computed is kept.
    """
    settings, study = settings or Settings(), as_study(study)
    settings = _with_backend(study, settings)
    cluster.check(settings.place)
    settings, fewer = _within_memory(study, settings)
    if plugins.loaded():
        study.rehearse()
    job = _job(study, root, settings)
    if store.is_there(job.results.store):
        record.read(job.results.store, study)  # refuses a foreign store
    with reporter(log, settings.quiet) as report:
        if fewer:
            report.say(fewer)
        job.results.folder.make_folder()
        with locks.held(job.results.folder, job.name) as folder:
            return _run(replace(job, results=Results(folder)), report)


def _with_backend(study: Study, settings: Settings) -> Settings:
    """Return the settings with the backend that will compute, and the GPUs that it takes."""
    backend, model = settings.backend, study.described_model
    if model.batched is None:
        if backend in ("gpu", "simulated"):
            raise UserError(
                f"--backend: got {backend}, but this study of model {model.name} is computed on the CPU "
                "only; use --backend cpu or auto"
            )
        backend = "cpu"
    where, backend = cluster.with_backend(settings.place, backend)
    return replace(settings, backend=backend, where=where)


def _within_memory(study: Study, settings: Settings) -> tuple[Settings, str]:
    """Return the settings with no more workers than fit this machine's memory, and what to say of it.

    Raises UserError if not even one fits.
    """
    where = settings.place
    if not where.is_here:
        return settings, ""
    room = estimate.room(study, where.memory, where.is_threads)
    cut = settings.block_cells is not None  # then there are more blocks than pattern sets
    asked = where.count if cut else min(where.count, estimate.count(study))
    if room.workers >= asked:
        return settings, ""
    gpus = min(where.gpus, room.workers)
    fitting = replace(settings, workers=room.workers, where=replace(where, gpus=gpus))
    return fitting, room.fewer(asked)


def _job(study: Study, root: Path | str | None, settings: Settings) -> Job:
    results = results_of(study, root)
    if settings.shard is None:
        return Job(study, np.ones(cube.labels_of(study).shape, bool), results, settings, None)
    shard = shards.shard(study, *settings.shard)
    return Job(*shards.narrowed(study, shard), results, settings, shard)


def _run(job: Job, report: Reporter) -> Outcome:
    study, results, wanted = job.study, job.results, job.wanted
    opened = _opened(job)
    there, lacks, known = _found(job)
    blocks = plan.blocks(study, wanted & ~there, job.settings.block_cells)
    cells, found = sum(len(block.points) for block in blocks), int(there.sum())
    failures: dict[str, str] = {}
    if lacks and not job.settings.all_observables:
        report.say(advice(lacks))
    if blocks:
        store.computable(opened, study, job.settings.all_observables)
        job.receipt.remove()
        results.folder.check_room(store.bytes_needed(study, cells))
        report.say(
            f"{study.name}: {counted(cells, 'cell')} in {counted(len(blocks), 'block')} to compute, "
            f"{found} found; {study.pattern_sets}"
        )
        failures = _compute(job, opened, blocks, report, known)
    if job.shard is None:
        store.fold(opened)
    _record(job, failures)
    ds = store.read(results.store, study, job.part)
    there = _done(ds, study, job.settings.all_observables) & wanted
    if not there[wanted].all():
        return Outcome(int(there.sum()) - found, found, failures, None)
    whole = cube.study_digest(ds, study.described_model, wanted)
    receipt = {"study": study.name, "cells": found + cells, "digest": whole}
    if study.kept_states and not cube.lacking(ds, study.described_model, wanted):
        receipt |= {cube.STATES_DIGEST_NAME: store.states_digest(results.store, study, wanted)}
    if read_json(job.receipt) != receipt:
        write_json(job.receipt, receipt)
    if not blocks:
        report.say(f"{study.name}: all {found} cells are there, nothing to compute")
    return Outcome(cells, found, failures, whole)


def _found(job: Job) -> tuple[Mask, list[str], xr.Dataset | None]:
    """Return which cells are done, what they lack, and what they have where they are to get more."""
    study, more = job.study, job.settings.all_observables
    known = store.read(job.results.store, study, job.part)
    lacks = cube.lacking(known, study.described_model)
    return _done(known, study, more) & job.wanted, lacks, known if lacks and more else None


def _done(ds: xr.Dataset, study: Study, all_observables: bool) -> Mask:
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


def _opened(job: Job) -> Store:
    """Open the store: a whole run lays out the cube, a shard only adds to the journal."""
    path, more = job.results.store, job.settings.all_observables
    if job.shard is not None:
        job.results.shards.make_within()
        return store.join(path, job.study, job.part, more)
    _sweep_drafts(job.results)
    opened = store.create_or_extend(path, job.study, job.receipt.remove, more)
    for name, content in job.study.attachments().items():
        if (job.results.folder / name).read_bytes() != content:
            job.results.folder.write_together({name: content})
    text = as_run(job.study)
    if job.results.study.read_bytes() != text.encode():
        job.results.study.write_text(text)
    return opened


def _sweep_drafts(results: Results) -> None:
    """Remove what killed runs, shards and drawings left half-written; none of them is at work."""
    for place in (results.folder, results.shards, results.figures):
        for name in place.names():
            if name.endswith(".partial"):
                (place / name).remove_tree()
                (place / name).remove()


def _compute(
    job: Job, opened: Store, blocks: list[Block], report: Reporter, known: xr.Dataset | None
) -> dict[str, str]:
    """Compute blocks into the journal; return the messages of those that failed.

    known  # what the cells have so far, where some of them get more observables
    """
    study, failures, begun = job.study, {}, time.monotonic()
    seconds, efforts = list[float](), list[int]()
    report.start(
        sum(len(block.points) for block in blocks),
        sum(plan.effort(study, block) for block in blocks),
    )
    try:
        for finished in dispatch.computed(
            study, blocks, job.where, report.say, job.settings.backend
        ):
            if finished is None:
                store.flush(opened)
                continue
            block = finished.block
            if finished.columns is None:
                failures[block.id] = finished.message
                report.say(f"block {block.id} failed: {finished.message}")
            else:
                if known is not None:
                    _check_same(job, known, block, finished.columns)
                store.write(opened, study, block, finished.columns)
                seconds.append(finished.seconds)
                efforts.append(plan.effort(study, block))
            report.advance(len(block.points), plan.effort(study, block))
    finally:
        store.flush(opened)
    if seconds and job.where.is_here and job.settings.backend == "cpu":
        rates.learn(job.results, study, seconds, efforts)
    report.say(f"{study.name}: done in {spelled(time.monotonic() - begun)}")
    return failures


def _check_same(job: Job, known: xr.Dataset, block: Block, columns: Columns) -> None:
    """Raise Fault if what cells have did not come out again: then nothing new belongs beside it."""
    for found in observables.differences(known, job.study, block, columns):
        raise Fault(
            f"{job.results.store}: {found.observable} of {block.id}: {found}; numbers changed since its "
            "cells were computed, so that they get no new observables; give the study another name",
            "numbers changed",
        )


def _record(job: Job, failures: Mapping[str, str]) -> None:
    """Keep the failures of this run where `status` finds them."""
    if failures:
        write_json(job.failures, failures)
    else:
        job.failures.remove()


def as_run(study: Study) -> str:
    """Return the text of results/NAME/study.yaml."""
    return f"# The study as run, every default spelled out.\n{study.to_yaml()}"


def withdraw_stale_receipts(
    study: Study,
    root: Path | str | None = None,
    count: int = 1,
    all_observables: bool = False,
) -> None:
    """Remove the receipts, of the study and of its shards, whose cells are not all in the store.

    A store that cannot be judged is left to `run`, which says why.

    all_observables  # cells that lack observables count as missing
    """
    results = results_of(study, root)
    parts = shards.shards(study, count) if count > 1 and results.shards.names() else []
    receipts = {results.shards / f"{part.id}.json": part.cells for part in parts}
    receipts[results.receipt] = np.ones(cube.labels_of(study).shape, bool)
    receipts = {place: cells for place, cells in receipts.items() if place.exists()}
    if not receipts:
        return
    try:
        valid = _done(store.read(results.store, study), study, all_observables)
    except UserError:
        valid = np.zeros(cube.labels_of(study).shape, bool)
    for place, cells in receipts.items():
        if not valid[cells].all():
            place.remove()


def base_id(block: str) -> str:
    """Return the name of a whole block from that of one of its parts."""
    return block.partition(",part=")[0]


def failed_blocks(study: Study, results: Results, ds: xr.Dataset) -> Mapping[str, str]:
    """Return the messages of the blocks that failed when they were last tried, by their names."""
    failures = read_failures(results)
    if not failures:
        return {}
    undone = {block.id for block in plan.blocks(study, ~_done(ds, study, all_observables=True))}
    return {block: text for block, text in failures.items() if base_id(block) in undone}


def status(study: StudyLike, root: Path | str | None = None) -> dict[str, Any]:
    """Return what `mattis status --json` prints: cells, and blocks that are done, missing and failed.

    `lacks` names the observables that the store, or some of its cells, do not have.
    """
    study = as_study(study)
    results = results_of(study, root)
    ds = store.read(results.store, study)
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


def open_results(study: StudyLike, root: Path | str | None = None) -> xr.Dataset:
    """Return the study's cells as a labelled dataset; those that do not exist are NaN.

    `valid` tells which exist, and `failed` which of the others are in blocks that raised. Values along a
    dimension are in the study's order if that rises or falls, else sorted.
    """
    study = as_study(study)
    results = results_of(study, root)
    ds = store.read(results.store, study)
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
    study = as_study(study)
    ds = open_results(study, root)
    missing = int((~ds["valid"]).sum())
    if missing:
        raise UserError(
            f"{results_of(study, root).store}: {missing} of {ds['valid'].size} cells are missing; "
            "compute them with mattis run"
        )
    return cube.study_digest(ds, study.described_model)


def states_digest(study: StudyLike, root: Path | str | None = None) -> str:
    """Return the hash of all final states that a study keeps.

    Raises UserError if it keeps none, or some cells lack theirs.
    """
    study = as_study(study)
    place = results_of(study, root).store
    if study.kept_states is None:
        raise UserError(
            f"{study.name}: got a study that keeps no final states; expected one with keep; add "
            "keep: {states: 4} to a study of binary networks"
        )
    missing = int((~store.read(place, study)[cube.STATES_KEPT].values).sum())
    if missing:
        raise UserError(
            f"{place}: {counted(missing, 'cell')} without final states; compute them with "
            "mattis run STUDY --all-observables"
        )
    return store.states_digest(place, study)
