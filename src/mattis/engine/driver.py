"""Running a study: missing cells → blocks → workers → journal → cube.

Workers compute, this process writes: one writer needs no locks between writers, and a killed worker
leaves nothing behind. A killed run leaves whole cells only; the same command computes the rest.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mattis import plugins
from mattis.cards import card
from mattis.engine import cluster, dispatch, estimate, locks, rates, shards
from mattis.engine.cluster import Where
from mattis.engine.dispatch import Finished
from mattis.engine.following import Follower, Moment
from mattis.engine.progress import Reporter, reporter, spelled
from mattis.engine.shards import Shard
from mattis.engine.status import advice, cells_asked, done_cells
from mattis.errors import Fault, UserError
from mattis.exact.arrays import Mask
from mattis.networks.registry import StudyLike, load_study
from mattis.store import cube, reading, record, rounds, store
from mattis.store.folding.opened import Store
from mattis.store.observables import differences
from mattis.store.place import Place
from mattis.store.reading.census import read_census, write_census
from mattis.store.results import Results, Root, read_json, results_of, write_json
from mattis.store.rounds import AskedCells, RoundRecord
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import FINAL_STATES, Columns
from mattis.study.plan import Block
from mattis.words import counted

if TYPE_CHECKING:
    import xarray as xr

FAILURES_OF_CARD = 20
"""Blocks that failed whose messages a card shows."""

BETWEEN_FAILURES = 2.0
"""Seconds between two times that a run puts its failures where `status` finds them."""


@dataclass(frozen=True)
class Settings:
    """Where and how fast: nothing in here changes a number.

    all_observables  # also of cells that exist, what the model observes today and they do not have
    round            # of a study that is refined: cells of rounds up to it alone; then the next is decided
    quiet            # whether nothing is said of how far the run is
    """

    workers: int | None = None
    backend: str = "auto"
    block_cells: int | None = None
    shard: tuple[int, int] | None = None
    where: Where = field(default_factory=Where)
    all_observables: bool = False
    quiet: bool = False
    round: int | None = None

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

    def _repr_html_(self) -> str:
        """Return what a notebook shows: how much is there, and why blocks failed."""
        rows: dict[str, object] = {
            "computed": counted(self.computed, "cell"),
            "found": counted(self.found, "cell"),
            "digest of all values": self.digest or "cells are missing",
        }
        if not self.failures:
            return card("Run: complete" if self.digest else "Run: cells are missing", rows)
        shown = [*self.failures.items()][:FAILURES_OF_CARD]
        lines = [f"{block}: {message}" for block, message in shown]
        if more := len(self.failures) - len(shown):
            lines.append(f"and {counted(more, 'more block')}")
        title = f"Run: {counted(len(self.failures), 'block')} failed"
        return card(title, rows, {"what went wrong": "\n".join(lines)})


@dataclass(frozen=True, eq=False)
class Job:
    """What one process has to do: the cells that it is asked for, and where it puts what it says.

    study   # of one that is refined, with the values of all its rounds
    tiles   # the cells asked for, as studies: of a shard those that it holds, else the whole study
    wanted  # which cells of the one tile of a study with holes are asked for (of a shard); None for all
    given   # the study as the user wrote it
    """

    study: Study
    tiles: list[Study]
    wanted: Mask | None
    results: Results
    settings: Settings
    shard: Shard | None
    given: Study
    follower: Follower | None = None

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
        return self.results.receipt if self.shard is None else self.results.shards / f"{self.shard.id}.json"

    @property
    def failures(self) -> Place:
        if self.shard is None:
            return self.results.failures
        return self.results.shards / f"{self.shard.id}.failures.json"


@dataclass(frozen=True, eq=False)
class RunRequest:
    """What a run is asked for: see `run`."""

    study: Study
    root: Root
    settings: Settings
    log: Path | None
    follower: Follower | None


def run(
    study: StudyLike,
    root: Root = None,
    settings: Settings | None = None,
    log: Path | None = None,
    follower: Follower | None = None,
) -> Outcome:
    """Compute the cells of a study, or of one shard of it, that do not exist yet.

    follower  # who looks on; at a shard nobody does, for it sees its own cells only

    Raises UserError, before anything is written, if the store is another study's, the folder cannot
    be written to, or a block does not fit the machine's memory; and Fault if the machine fails in the
    middle: what was computed is kept.
    """
    request = RunRequest(load_study(study), root, settings or Settings(), log, follower)
    if request.study.refine is not None and request.settings.shard is None:
        return _run_rounds(request)
    return _run_cells(request)


def _run_rounds(request: RunRequest) -> Outcome:
    """Compute the cells of the rounds of a study, and decide each round when those before are there."""
    computed, last = 0, request.settings.round
    while True:
        outcome = _run_cells(request)
        computed += outcome.computed
        if outcome.digest is None:
            return replace(outcome, computed=computed)
        found = _next_round(request)
        if found.ended or (last is not None and found.round > last):
            return replace(outcome, computed=computed, found=outcome.computed + outcome.found - computed)


def _next_round(request: RunRequest) -> RoundRecord:
    """Decide the round after those whose cells were computed."""
    from mattis.refinement import decision  # it loads statistics, which a run without rounds needs not

    study = request.study
    with locks.held(results_of(study, request.root).folder, locks.WHOLE) as folder:
        results = Results(folder)
        found = decision.advance(study, results, cells_asked, request.settings.round)
        if not found.ended:
            results.receipt.remove()
    with reporter(request.log, request.settings.quiet) as report:
        report.say(f"{study.name}: round {found.round}: {decision.told(found)}")
    return found


def _run_cells(request: RunRequest) -> Outcome:
    """Compute the cells that are asked for of a study, or of one shard of it, and do not exist yet."""
    study = request.study
    settings = _with_backend(study, request.settings)
    cluster.check(settings.place)
    settings, fewer = _within_memory(study, settings)
    if plugins.loaded():
        study.rehearse()
    job = _job(study, request.root, settings)
    if reading.is_there(job.results.store):
        old = record.read(job.results.store, study)  # refuses a foreign store
        record.check_age(job.results.store, old)
    with reporter(request.log, settings.quiet) as report:
        for remark in filter(None, (fewer, cluster.left_out(settings.place, settings.backend))):
            report.say(remark)
        job.results.folder.make_folder()
        with locks.held(job.results.folder, job.name) as folder:
            follower = request.follower if job.shard is None else None
            return _run(replace(job, results=Results(folder), follower=follower), report)


def _with_backend(study: Study, settings: Settings) -> Settings:
    """Return the settings with the backend that will compute, and the GPUs that it takes."""
    backend, model = settings.backend, study.described_model
    if model.batched is None:
        if backend in ("gpu", "simulated"):
            why = f", for {model.on_cpu}" if model.on_cpu else ""
            raise UserError(
                f"--backend: got {backend}, but this study of model {model.name} is computed on the CPU "
                f"only{why}; use --backend cpu or auto"
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
    return replace(settings, workers=room.workers, where=replace(where, gpus=gpus)), room.fewer(asked)


def _job(study: Study, root: Root, settings: Settings) -> Job:
    results = results_of(study, root)
    of = rounds.asked(study, results, settings.round)
    _check_round(study, results, settings)
    if settings.shard is None:
        return Job(of.study, [of.study], of.holed, results, settings, None, study)
    shard = shards.shard(of.study, *settings.shard, of.holed)
    wanted = None if of.holed is None else shard.cells
    return Job(of.study, shard.tiles, wanted, results, settings, shard, study)


def _check_round(study: Study, results: Results, settings: Settings) -> None:
    """Raise UserError for a round of a study that has none, and for shards of one that is not decided yet."""
    number = settings.round
    if number is None:
        return
    if study.refine is None:
        raise UserError(f"--round: got {number}; expected a study with refine; leave out --round")
    if settings.shard is not None and 0 < number >= len(rounds.recorded(study, results, number)):
        raise UserError(
            f"--round: got {number}, and {results.round(number)} is not there; expected a round that is "
            f"decided; run mattis run STUDY --round {number - 1} first"
        )


def _run(job: Job, report: Reporter) -> Outcome:
    study, results = job.study, job.results
    opened = _opened(job)
    there, lacks = _found(job)
    blocks = [
        block
        for tile, done in zip(job.tiles, there, strict=True)
        for block in plan.blocks(tile, _missing(job, done), job.settings.block_cells)
    ]
    cells, found = sum(len(block.points) for block in blocks), _count(there)
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
        known = _known(job) if lacks and job.settings.all_observables else []
        failures = _compute(job, opened, blocks, report, known, found)
        if job.shard is None:
            store.fold(opened)
        there, lacks = _found(job)
    _record(job, failures)
    if any(_missing(job, done).any() for done in there):
        return Outcome(_count(there) - found, found, failures, None)
    whole = reading.study_digest(results.store, study, job.tiles, job.part, lacks, job.wanted)
    receipt = {"study": study.name, "cells": found + cells, "digest": whole}
    if study.kept_states and job.tiles and not lacks:
        receipt |= {cube.STATES_DIGEST_NAME: reading.states_digest(results.store, job.tiles, job.wanted)}
    if read_json(job.receipt) != receipt:
        write_json(job.receipt, receipt)
    if not blocks:
        report.say(f"{study.name}: all {found} cells are there, nothing to compute")
    return Outcome(cells, found, failures, whole)


def _missing(job: Job, done: Mask) -> Mask:
    """Return which cells of a tile are asked for and not done."""
    return ~done if job.wanted is None else job.wanted & ~done


def _count(masks: list[Mask]) -> int:
    """Return the number of cells of some masks."""
    return sum(int(mask.sum()) for mask in masks)


def _found(job: Job) -> tuple[list[Mask], list[str]]:
    """Return which cells are done, and which observables some that exist lack.

    Who computes a whole study keeps what was found of its chunks for the next look.
    """
    place, study = job.results.store, job.study
    census = read_census(place)
    seen = reading.each_cells(place, job.tiles, job.part, with_values=False, census=census)
    if job.shard is None:
        write_census(place, census)
    lacks = {name for ds in seen for name in cube.lacking(ds, study.described_model)}
    every = [*(one.name for one in study.described_model.observables), FINAL_STATES]
    there = [done_cells(ds, study, job.settings.all_observables) for ds in seen]
    if job.wanted is not None:
        there = [done & job.wanted for done in there]
    return there, [name for name in every if name in lacks]


def _known(job: Job) -> "list[xr.Dataset]":
    """Return what the cells have, where they are to get more."""
    return [ds.dataset() for ds in reading.each_cells(job.results.store, job.tiles, job.part)]


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
    text = as_run(job.given)
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
    job: Job, opened: Store, blocks: list[Block], report: Reporter, known: "list[xr.Dataset]", found: int
) -> dict[str, str]:
    """Compute blocks into the journal; return the messages of those that failed.

    known  # what the cells have so far, where some of them get more observables, by tile
    found  # how many cells are there
    """
    study, begun, tally = job.study, time.monotonic(), Tally(found)
    report.start(
        sum(len(block.points) for block in blocks), sum(plan.effort(study, block) for block in blocks)
    )
    try:
        for finished in dispatch.computed(study, blocks, job.where, report.say, job.settings.backend):
            if finished is None:
                store.flush(opened)
            else:
                _take(job, opened, finished, report, known)
                tally.add(study, finished)
                report.advance(len(finished.block.points), plan.effort(study, finished.block))
            _show(job, opened, tally, report)
    finally:
        store.flush(opened)
    if tally.seconds and job.where.is_here and job.settings.backend == "cpu":
        rates.learn(job.results, study, tally.seconds, tally.efforts)
    report.say(f"{study.name}: done in {spelled(time.monotonic() - begun)}")
    return tally.failures


@dataclass
class Tally:
    """What came back so far: cells that are there, blocks, their seconds and efforts, those that failed.

    told  # when failures were last put where `status` finds them, and how many
    """

    cells: int
    blocks: int = 0
    seconds: list[float] = field(default_factory=list)
    efforts: list[int] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    told: tuple[float, int] = (0.0, 0)

    def add(self, study: Study, finished: Finished) -> None:
        """Count a block."""
        self.blocks += 1
        if finished.columns is None:
            self.failures[finished.block.id] = finished.message
        else:
            self.cells += len(finished.block.points)
            self.seconds.append(finished.seconds)
            self.efforts.append(plan.effort(study, finished.block))


def _take(job: Job, opened: Store, finished: Finished, report: Reporter, known: "list[xr.Dataset]") -> None:
    """Put what a block came to into the journal, or say why it failed."""
    block, columns = finished.block, finished.columns
    if columns is None:
        report.say(f"block {block.id} failed: {finished.message}")
        return
    _check_same(job, known, block, columns)
    store.write(opened, job.study, block, columns)


def _show(job: Job, opened: Store, tally: Tally, report: Reporter) -> None:
    """Tell what failed so far, and show whoever looks on what is there, where it is time to."""
    now, (last, count) = time.monotonic(), tally.told
    if len(tally.failures) > count and now - last > BETWEEN_FAILURES:
        _record(job, tally.failures)
        tally.told = now, len(tally.failures)
    moment = Moment(tally.cells, tally.blocks, report.seconds_left())
    if job.follower is None or not job.follower.is_due(moment):
        return
    store.flush(opened)
    if trouble := job.follower.look(moment):
        report.say(trouble)


def _check_same(job: Job, known: "list[xr.Dataset]", block: Block, columns: Columns) -> None:
    """Raise Fault if what cells have did not come out again: then nothing new belongs beside it."""
    at = {"size": block.size, block.stored: block.load, "seed": block.seed}
    having = (ds for ds in known if all(value in ds[name].values for name, value in at.items()))
    for found in (each for ds in having for each in differences(ds, job.study, block, columns)):
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
    study: Study, root: Root = None, count: int = 1, all_observables: bool = False
) -> None:
    """Remove the receipts, of the study and of its shards, whose cells are not all in the store.

    A store that cannot be judged is left to `run`, which says why.

    all_observables  # cells that lack observables count as missing
    """
    results = results_of(study, root)
    known = rounds.recorded(study, results)
    if study.refine is not None and not (known and known[-1].ended):
        results.receipt.remove()
    cut = count > 1 and results.shards.names()
    for number in range(max(len(known), 1)):
        of = rounds.of_rounds(study, known[: number + 1])
        parts = shards.shards(of.study, count, of.holed) if cut else []
        receipts = {results.shards / f"{part.id}.json": part.cells for part in parts}
        if number + 1 >= len(known):
            receipts[results.receipt] = of.cells
        receipts = {place: cells for place, cells in receipts.items() if place.exists()}
        if receipts:
            _withdraw(receipts, _valid(results, of, all_observables))


def _valid(results: Results, of: AskedCells, all_observables: bool) -> Mask:
    """Return which cells exist; none of a store that cannot be judged."""
    try:
        seen = reading.presence(results.store, of.study)
    except UserError:
        return np.zeros(of.cells.shape, bool)
    return done_cells(seen, of.study, all_observables)


def _withdraw(receipts: Mapping[Place, Mask], valid: Mask) -> None:
    """Remove the receipts of cells that are not all valid."""
    for place, cells in receipts.items():
        if not valid[cells].all():
            place.remove()
