"""Stores of random cells: files, bytes and times, of whole studies and of what each shard does."""

from pathlib import Path

from cases import Row, Rows, rows
from lanes import BEGUN
from processes import done
from studies import SIZES, study, swept

from mattis.store.folding.ordering import BYTES_AT_ONCE

GROWTH = [(3, 4, 6), (4, 4, 7), (10, 10, 10), (25, 20, 20), (25, 40, 40), (50, 40, 41), (50, 50, 40)]


def filled(found: Row) -> dict[str, float]:
    """Return files, bytes and times of a store that was filled."""
    cells, clocks = found["cells"], found["clocks"]
    return {
        "files, at most": found["peak"][0],
        "files, at the end": found["after"][0],
        "files per 10^5 cells, at most": found["peak"][0] * 1e5 / cells,
        "files per 10^5 cells, at the end": found["after"][0] * 1e5 / cells,
        "bytes per cell, at most": found["peak"][1] / cells,
        "bytes per cell, at the end": found["after"][1] / cells,
        "fold, CPU us per cell": 1e6 * clocks["fold, CPU"] / cells,
        "fold, chunks written": clocks["sync, calls"],
        "fold, waiting for the disk, s": clocks["sync, wall"],
        "fold, us per cell": 1e6 * clocks["fold, wall"] / cells,
        "write and flush, CPU us per cell": 1e6 * clocks["write and flush, CPU"] / cells,
        "write and flush, us per cell": 1e6 * clocks["write and flush, wall"] / cells,
    }


def stores(folder: Path) -> Rows:
    """Count the files of stores of 10^4 to 10^6 cells, and of one that grew."""
    out = []
    cases = {case: [study(case[:4].replace("^", "e"), *shape)] for case, shape in SIZES.items()}
    cases["10^5 cells, grown from 72"] = [study("grown", *shape) for shape in GROWTH]
    for case, studies in cases.items():
        out += rows(case, [filled(done(folder, "fill", studies=studies))])
    content = study("shuffled", *SIZES["10^6 cells"])
    found = done(folder, "fill", studies=[content], at_once=2**24)
    return out + rows("10^6 cells, shuffled, in batches of 16 MiB", [filled(found)])


LARGE = {"10^7 cells": (1000, 100, 100), "10^8 cells": (1000, 100, 1000)}
"""Loads, temperatures and seeds of the largest stores."""


def folds(folder: Path) -> Rows:
    """Fold stores of 10^7 and 10^8 cells, whose blocks came in random order: half an hour, and 60 GB."""
    out = []
    for case, shape in LARGE.items():
        content = study(case[:4].replace("^", "e"), *shape)
        found = done(folder, "fill", studies=[content], at_once=BYTES_AT_ONCE, every=1000)
        whole = {"fold, s": found["clocks"]["fold, wall"], "fold, CPU s": found["clocks"]["fold, CPU"]}
        out += rows(case, [whole | {"peak, MiB": found["memory"] / 2**20} | filled(found)])
    return out


def seen(found: Row) -> dict[str, float]:
    """Return what it takes a shard to see which of its cells exist."""
    clocks = found["clocks"]
    return {
        "cells that it looks at": found["looked at"],
        "its part of the study, s": clocks["plan, wall"],
        "read the store, s": clocks["read, wall"],
        "peak, MiB": found["memory"] / 2**20,
        "wall, s": found["wall"],
        "CPU, s": found["cpu"],
    }


SHARDS = {"10^4 cells": 10, "10^5 cells": 100, "10^6 cells": 1000}
"""Number of shards, of a thousand cells each."""


def shards(folder: Path) -> Rows:
    """Measure what each shard does before its first block: with nothing there, a journal, a cube."""
    out = []
    for size, shape in SIZES.items():
        content, cells = study(f"shards-{len(out)}", *shape), shape[0] * shape[1] * shape[2]
        for what in ("nothing", "a journal", "a cube"):
            if what == "a cube":  # the whole run gathers what the shards left in the journal
                found = done(folder, "run", study=content)
                out += rows(f"gather {size}", [gathered({**found, "cells": cells})])
            if what == "a journal":
                done(folder, "scatter", study=content, count=SHARDS[size])
            found = done(folder, "read", study=content, count=SHARDS[size])
            out += rows(f"{what} of {size}", [seen(found)])
    wide = study("wide", 1000, 1, 1000)  # loads and seeds of its cells span much of the study
    out += rows("nothing of 10^6 cells, 1 temperature", [seen(done(folder, "read", study=wide, count=1000))])
    small = swept(study("shard", 10, 1, 20), 20)
    found = [done(folder, "run", study=small, shard=(k, 8), workers=1) for k in range(3)]
    return out + rows("shard of 25 tiny blocks", [shard_job(run) for run in found])


def gathered(run: Row) -> dict[str, float]:
    """Return what it takes the whole run to fold the journal, when all cells are there."""
    clocks = run["clocks"]
    return {
        "lay out and fold, s": clocks["lay out, wall"],
        "read the store, s": clocks["read, wall"],
        "digest, s": clocks["digest, wall"],
        "peak, MiB": run["memory"] / 2**20,
        "wall, s": run["wall"],
        "CPU, s": run["cpu"],
        "CPU us per cell": 1e6 * run["cpu"] / run["cells"],
    }


def shard_job(run: Row) -> dict[str, float]:
    """Return what a job takes whose blocks take next to nothing."""
    first = min(block[BEGUN] for block in run["blocks"]) - run["begun"]
    return {
        "until the first block begins, s": first,
        "wall, s": run["wall"],
        "CPU, s": run["cpu"],
        "peak, MiB": run["memory"] / 2**20,
    }
