"""Running a study: missing cells → blocks → workers → store.

Workers compute, this process writes: one writer needs no locks between writers, and a killed worker
leaves nothing behind. A killed run leaves whole cells only; the same command computes the rest.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from mattis import cluster, cube, plan, store
from mattis.errors import UserError
from mattis.models import Columns
from mattis.plan import Block
from mattis.progress import Reporter, reporter, spelled
from mattis.results import (
    Results,
    held,
    make_folder,
    read_failures,
    read_json,
    results_of,
    write_json,
    write_text,
)
from mattis.study import Study

IN_FLIGHT = 3
"""Blocks submitted per worker: enough that none waits, few enough that none piles up."""

Finished = tuple[Block, Columns | None, str]


@dataclass(frozen=True)
class Settings:
    """Where and how fast: nothing in here changes a number."""

    workers: int = field(default_factory=cluster.default_workers)
    backend: str = "auto"
    block_cells: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What a run did: cells computed, cells that were there, and the blocks that failed."""

    computed: int
    found: int
    failures: Mapping[str, str]
    digest: str | None


def run(
    study: Study,
    root: Path | str | None = None,
    settings: Settings | None = None,
    log: Path | None = None,
) -> Outcome:
    """Compute the cells of a study that do not exist yet.

    Raises UserError, before anything is written, if the store is another study's, the folder cannot
    be written to, or a block does not fit the machine's memory.
    """
    settings = settings or Settings()
    cluster.resolve_backend(settings.backend)
    plan.check_memory(study, settings.workers, cluster.memory_limit())
    results = results_of(study, root)
    if results.store.exists():
        store.checked_labels(results.store, study)  # refuses a foreign store
    with reporter(log) as report:
        make_folder(results.folder)
        with held(results):
            return _run(study, results, settings, report)


def _run(study: Study, results: Results, settings: Settings, report: Reporter) -> Outcome:
    open_store = store.create_or_extend(results.store, study)
    write_text(results.study, as_run(study))
    valid = store.valid_cells(results.store, study)
    blocks = plan.blocks(study, ~valid, settings.block_cells)
    cells, found = sum(len(block.points) for block in blocks), int(valid.sum())
    failures: dict[str, str] = {}
    if blocks:
        results.receipt.unlink(missing_ok=True)
        begun = time.monotonic()
        report.say(f"{study.name}: {cells} cells in {len(blocks)} blocks to compute, {found} found")
        report.start(cells, sum(plan.proposals(study, block) for block in blocks))
        for block, columns, message in computed(study, blocks, settings.workers, report.say):
            if columns is None:
                failures[block.id] = message
                report.say(f"block {block.id} failed: {message}")
            else:
                store.write(open_store, study, block, columns)
            report.advance(len(block.points), plan.proposals(study, block))
        report.say(f"{study.name}: done in {spelled(time.monotonic() - begun)}")
    _record(results, failures)
    ds = store.read(results.store, study)
    if not ds["valid"].all():
        return Outcome(int(ds["valid"].sum()) - found, found, failures, None)
    whole = cube.study_digest(ds, study.described_model)
    receipt = {"study": study.name, "cells": found + cells, "digest": whole}
    if read_json(results.receipt) != receipt:
        write_json(results.receipt, receipt)
    if not blocks:
        report.say(f"{study.name}: all {found} cells are there, nothing to compute")
    return Outcome(cells, found, failures, whole)


def _record(results: Results, failures: Mapping[str, str]) -> None:
    """Keep the failures of this run where `status` finds them."""
    if failures:
        write_json(results.failures, failures)
    else:
        results.failures.unlink(missing_ok=True)


def as_run(study: Study) -> str:
    """Return the text of results/NAME/study.yaml."""
    return f"# The study as run, every default spelled out.\n{study.to_yaml()}"


def computed(
    study: Study, blocks: list[Block], workers: int, say: Callable[[str], None]
) -> Iterator[Finished]:
    """Yield each block with its columns, or None and what went wrong, as workers finish them."""
    from distributed import as_completed

    # The most expensive blocks first: the last to finish are then short.
    queue = sorted(blocks, key=lambda block: plan.proposals(study, block))
    with cluster.local_client(min(workers, len(blocks))) as client:
        say(f"{workers} workers; dashboard at {client.dashboard_link}")
        simulate, pending = study.described_model.simulate, as_completed()
        running: dict[str, Block] = {}

        def submit() -> None:
            if queue:
                block = queue.pop()
                future = client.submit(simulate, *plan.task(study, block), pure=False, retries=1)
                running[str(future.key)] = block
                pending.add(future)

        for _ in range(IN_FLIGHT * workers):
            submit()
        for future in pending:
            yield _finished(running.pop(str(future.key)), future)
            submit()


def _finished(block: Block, future: Any) -> Finished:
    error = future.exception()
    if error is None:
        return block, future.result(), ""
    return block, None, f"{type(error).__name__}: {' '.join(str(error).split())}"


def base_id(block: str) -> str:
    """Return the name of a whole block from that of one of its parts."""
    return block.partition(",part=")[0]


def status(study: Study, root: Path | str | None = None) -> dict[str, Any]:
    """Return what `mattis status --json` prints: blocks and cells done, missing and failed."""
    results = results_of(study, root)
    valid = store.valid_cells(results.store, study)
    every, undone = len(plan.blocks(study)), plan.blocks(study, ~valid)
    failed = {block.id for block in undone}
    failures = {k: v for k, v in read_failures(results).items() if base_id(k) in failed}
    failed = {base_id(block) for block in failures}
    return {
        "study": study.name,
        "results": str(results.folder),
        "blocks": every,
        "done": every - len(undone),
        "missing": len(undone) - len(failed),
        "failed": len(failed),
        "cells": {"total": int(valid.size), "done": int(valid.sum())},
        "missing_blocks": [block.id for block in undone if block.id not in failed],
        "failures": dict(failures),
    }


def open_results(study: Study, root: Path | str | None = None) -> xr.Dataset:
    """Return the study's cells as a labelled dataset; `valid` tells which exist, the rest are NaN."""
    return store.read(results_of(study, root).store, study)


def digest(study: Study, root: Path | str | None = None) -> str:
    """Return the hash of all values of a study. Raises UserError if cells are missing."""
    ds = open_results(study, root)
    missing = int((~ds["valid"]).sum())
    if missing:
        raise UserError(
            f"{results_of(study, root).store}: {missing} of {ds['valid'].size} cells are missing; "
            "compute them with mattis run"
        )
    return cube.study_digest(ds, study.described_model)
