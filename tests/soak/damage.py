"""Damage to a store at rest: flipped bits, cut and missing files; and how many cells it may cost."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from commands import expect
from reference import Cells
from scene import Scene

from mattis.comparison.phases import PHASES as DIMENSIONS
from mattis.store import journal, record
from mattis.store.folders import Folder
from mattis.study import plan

SHARES = {"cells": 9, "journal": 6, "labels": 3, "metadata": 4}
"""How often a file of each sort is damaged, where there is one."""


def sort_of(inside: tuple[str, ...]) -> str:
    """Tell what a file of the store holds, from the parts of its path in there."""
    if inside[0] == "journal":
        return "journal"
    if inside[-1] == "zarr.json":
        return "metadata"
    return "cells" if len(inside) == 2 + len(DIMENSIONS) else "labels"


def victim(scene: Scene, rng: random.Random) -> Path | None:
    """Pick a file of the store; of metadata and labels, of which there are two copies, one at a time."""
    files: dict[str, list[Path]] = {}
    for file in sorted(scene.store.rglob("*")):
        if file.is_file() and file.suffix != ".partial":
            files.setdefault(sort_of(file.relative_to(scene.store).parts), []).append(file)
    if scene.blurred:
        files = {sort: some for sort, some in files.items() if sort in ("cells", "journal")}
    if not files:
        return None
    (sort,) = rng.choices(list(files), [SHARES[sort] for sort in files])
    (file,) = rng.choices(files[sort], [5 if f.parent == scene.store else 1 for f in files[sort]])
    return file


def held(scene: Scene, file: Path, first: int, last: int) -> Cells:
    """Return the cells that bytes first … last-1 of a file hold: all that damage to them may take."""
    inside = file.relative_to(scene.store).parts
    if sort_of(inside) == "journal":
        return _held_by_journal(scene, file)
    if sort_of(inside) != "cells":
        return frozenset()
    if scene.blurred:  # there is nothing to tell which ones
        return scene.safe
    kept = record.read(Folder(scene.store), scene.study)
    labels = kept.labels.values
    chunk, cells = [int(k) for k in inside[2:]], set()
    for flat in range(first // 8, min(-(-last // 8), int(np.prod(kept.chunks)))):
        within = np.unravel_index(flat, kept.chunks)
        at = [k * c + int(w) for k, c, w in zip(chunk, kept.chunks, within, strict=True)]
        if all(k < len(labels[name]) for k, name in zip(at, DIMENSIONS, strict=True)):
            cells.add(tuple(labels[name][k] for k, name in zip(at, DIMENSIONS, strict=True)))
    return frozenset(cells)


def _held_by_journal(scene: Scene, file: Path) -> Cells:
    contents = record.contents_of(scene.study)
    rows = journal.rows(Folder(file.parent), contents, [file.name])
    width = len(DIMENSIONS)
    return frozenset(tuple(row) for each in rows for row in each.table[:, :width].tolist())


Harm = Callable[[Scene, Path, random.Random], tuple[str, Cells]]


def flip(scene: Scene, file: Path, rng: random.Random) -> tuple[str, Cells]:
    """Flip a bit."""
    content = bytearray(file.read_bytes())
    if not content:
        return "empty file", frozenset()
    # What every file begins with (attributes, heads, labels) is hit more often than the rest.
    at, bit = int(len(content) * rng.random() ** 2), rng.randrange(8)
    taken = held(scene, file, at, at + 1)
    content[at] ^= 1 << bit
    file.write_bytes(bytes(content))
    return f"bit {bit} of byte {at}", taken


def truncate(scene: Scene, file: Path, rng: random.Random) -> tuple[str, Cells]:
    """Cut a file short."""
    size = file.stat().st_size
    at = rng.randrange(max(size, 1))
    taken = held(scene, file, at, size)
    with file.open("r+b") as opened:
        opened.truncate(at)
    return f"{at} of {size} bytes", taken


def delete(scene: Scene, file: Path, _: random.Random) -> tuple[str, Cells]:
    """Remove a file."""
    taken = held(scene, file, 0, file.stat().st_size)
    file.unlink()
    return "all of it", taken


def damaged(scene: Scene, rng: random.Random, harm: Harm) -> str | None:
    """Damage a file of the store, and check that the right cells are lost and verify names them."""
    file = victim(scene, rng)
    if file is None:
        return None
    before = scene.valid()
    inside = file.relative_to(scene.store)
    how, taken = harm(scene, file, rng)
    scene.what = f"{inside}: {how}"
    scene.blurred |= sort_of(inside.parts) in ("metadata", "labels")
    after = scene.valid()
    if not scene.blurred:
        expect(before - after <= taken, f"{len(before - after)} cells lost, of {len(taken)} damaged")
    scene.safe -= taken - after
    check_verdict(scene, inside.parts, before - after)
    return scene.what


def check_verdict(scene: Scene, inside: tuple[str, ...], lost: Cells) -> None:
    """Check that verify names the array and all blocks that lost cells."""
    code, verdict = scene.verify()
    damage = verdict["damage"]
    if sort_of(inside) == "journal" and not scene.store.joinpath(*inside).exists():
        return  # a segment that is gone is like one that was never written: its cells are missing
    expect(code == 1 or not lost, f"verify: {len(lost)} cells lost, and all is well")
    if not lost:
        return
    if sort_of(inside) in ("cells", "journal"):
        expect(inside[0] in {one["array"] for one in damage}, f"verify: no word of {inside[0]}")
    if sort_of(inside) != "journal":
        named = {block for one in damage for block in one["blocks"]}
        missing = blocks_of(scene, lost) - named
        expect(not missing, f"verify: no word of {sorted(missing)[:3]}")


def blocks_of(scene: Scene, cells: Cells) -> set[str]:
    """Return the names of the blocks of some cells."""
    at = {block.id: (block.size, block.load, block.seed) for block in plan.blocks(scene.study)}
    hit = {(size, load, seed) for size, load, _, _, seed in cells}
    return {name for name, key in at.items() if key in hit}


def stale(scene: Scene, rng: random.Random) -> str | None:
    """Leave a temporary file somewhere in the store, as a killed writer does."""
    folders = [scene.store, *(each for each in scene.store.rglob("*") if each.is_dir())]
    if not scene.store.is_dir():
        return None
    folder = rng.choice(sorted(folders))
    file = folder / f"{rng.choice(['0', 'zarr', 'host-1-0'])}.{rng.randrange(10**6)}.partial"
    file.write_bytes(rng.randbytes(rng.randrange(2000)))
    scene.what = str(file.relative_to(scene.store))
    code, verdict = scene.verify()
    said = {one["place"] for one in verdict["damage"] if one["damage"] == "stale temporary file"}
    expect(code == 1, "verify: a stale temporary file, and all is well")
    expect(scene.what in said, f"verify: no word of {scene.what}")
    return scene.what


FAULTS = {
    "flipped bit": lambda scene, rng: damaged(scene, rng, flip),
    "file cut short": lambda scene, rng: damaged(scene, rng, truncate),
    "file deleted": lambda scene, rng: damaged(scene, rng, delete),
    "stale temporary file": stale,
}
