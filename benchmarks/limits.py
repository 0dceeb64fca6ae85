"""What this machine can do at most, on one core, and how near the asynchronous kernel comes to it."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from networks import LANES, Group, aligned, group, network
from numba import njit
from programs import async32
from timing import Program, Row, interleaved, row

from mattis.kernels.cpu import asynchronous, bits
from mattis.kernels.cpu.filter import filter_of
from mattis.kernels.cpu.lanes import BLOCK, scratch
from mattis.kernels.cpu.vectors import GROUP, QUARTER, add_fields

GROUPS_PER_WORD = BLOCK // GROUP  # of four bits in a word of 64
PRODUCT = 1024  # rows and columns of the matrices of the product
SMALL, LARGE = 2**15, 2**30  # bytes: within the nearest cache, and more than most outer ones

compiled = njit(error_model="numpy")


@compiled
def only_lookups(fields, tables, site_bits, order, sweeps):
    """Do what `block_fields` does but for making the tables: lookups from 16 KB, 64 sites at a time."""
    size, words = site_bits.shape
    for _ in range(sweeps):
        for first in range(0, size, BLOCK):
            sites = order[first : min(first + BLOCK, size)]
            for w in range(words):
                add_fields(fields, sites, tables, site_bits, words, w, BLOCK // QUARTER)


@compiled
def only_words(work, heat, size, sweeps):
    """Draw the random words of some sweeps as `replica_sweeps` does."""
    for t in range(sweeps):
        for first in range(0, size, BLOCK):
            asynchronous.block_halves(work, heat, first, min(BLOCK, size - first), t)


@njit(fastmath=True)
def read(values, times):
    """Return the sum of an array, again and again."""
    total = np.float32(0)
    for _ in range(times):
        for i in range(values.size):
            total += values[i]
    return total


def lookups(here: Group, sweeps: int) -> Program:
    """Return the lookups of the fields alone, in ns per lookup of one row of 32 lanes."""
    bits, kind = here.network.packed.sites, here.start.spins.dtype
    rows = np.arange(GROUPS_PER_WORD * 2**GROUP * LANES) % 7
    tables = aligned(rows.reshape(-1, LANES).astype(kind))
    fields, order = aligned(np.zeros((BLOCK, LANES), kind)), np.arange(len(bits))
    return Program(
        ready=lambda: None,
        run=lambda _: only_lookups(fields, tables, bits, order, sweeps),
        updates=bits.size * GROUPS_PER_WORD * sweeps,
    )


def words_alone(here: Group, sweeps: int) -> Program:
    """Return the random words of `async32` alone: Philox, and nothing else of its noise."""
    packed, heat, size = here.network.packed, here.heat, here.network.size
    chosen = filter_of(heat.scales, packed.parity)
    return Program(
        ready=lambda: scratch(packed, here.start, heat, chosen),
        run=lambda work: only_words(work, heat, size, sweeps),
        updates=size * sweeps * LANES,
    )


def states(here: Group, sweeps: int) -> list[Any]:
    """Return the spins after 0, 1, … sweeps."""
    found = [here.start.spins]
    for count in range(1, sweeps + 1):
        one = async32(here, count)
        state = one.ready()
        one.run(state)
        found.append(state[0].spins)
    return found


def needed_lookups(here: Group, sweeps: int) -> int:
    """Count the lookups of `async32`: fields, then overlaps by the groups of sites that changed, if few did.

    A site changes at most once in a sweep, so the states after each sweep tell which groups changed.
    """
    size, count = here.network.size, here.network.count
    found = size * -(-count // GROUP) * sweeps
    after = states(here, sweeps)
    for old, new in pairwise(after):
        moved = np.zeros(-(-size // BLOCK) * BLOCK, bool)
        moved[:size] = (old != new).any(axis=1)
        groups = moved.reshape(-1, BLOCK // GROUP, GROUP).any(axis=2).sum(axis=1)
        found += count * int(groups[groups <= asynchronous.FEW_GROUPS_TO_COUNT].sum())
    return found


def load_bound() -> Iterator[Row]:
    """Yield the kernel beside what it cannot do without: its random words, and its lookups."""
    here, sweeps = group(network(2000, 200, full=False), 0.2), 40
    updates, many = here.network.size * sweeps * LANES, needed_lookups(here, sweeps)
    ns = interleaved(
        {"kernel": async32(here, sweeps), "words": words_alone(here, sweeps), "lookup": lookups(here, sweeps)}
    )
    turns = [*zip(ns["kernel"], ns["words"], ns["lookup"], strict=True)]
    needed = [many * lookup / updates for _, _, lookup in turns]
    over = [(turn[0] - turn[1]) / load for turn, load in zip(turns, needed, strict=True)]
    told = f"P = 200, T = 0.2: (kernel - its words) / ({many / updates:.3f} lookups per proposal)"
    yield row("async32_over_load_bound", over, 1.8, "lower", told)
    both = [words + load for (_, words, _), load in zip(turns, needed, strict=True)]
    least = f"least of {len(turns)} turns; words {min(ns['words']):.2f} + lookups {min(needed):.2f} ns"
    yield row("async32_ns_P200", [min(ns["kernel"])], 1.2 * min(both), "lower", least)
    yield row("words_ns", ns["words"], better="lower", note="Philox, per proposal of one lane")
    rate = [1 / one for one in ns["lookup"]]
    yield row("lookups_1e9_per_s", rate, note="rows of 32 lanes added from tables of 16 KB")


def popcounts() -> Program:
    """Return products of signs by popcounts, in ns per word."""
    words = np.random.default_rng(1).integers(0, 2**63, (64, 32), np.uint64)
    return Program(
        ready=lambda: None,
        run=lambda _: [bits.products(words, words, 2048) for _ in range(20)],
        updates=20 * 64 * 64 * 32,
    )


def product() -> Program:
    """Return a float32 matrix product, in ns per operation."""
    a = np.random.default_rng(1).random((PRODUCT, PRODUCT), np.float32)
    out = np.empty_like(a)
    return Program(lambda: None, lambda _: np.dot(a, a, out=out), 2 * PRODUCT**3)


def reading(size: int) -> Program:
    """Return the reading of an array of so many bytes, in ns per byte."""
    values, times = np.ones(size // 4, np.float32), max(1, 2**26 // size)
    return Program(lambda: None, lambda _: read(values, times), values.nbytes * times)


def cache_bytes(level: int) -> int | None:
    """Return the size of a cache of the first core, if the system tells."""
    for index in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        if (index / "level").read_text().strip() == str(level):
            return int((index / "size").read_text().strip().removesuffix("K")) * 1024
    return None


def machine_limits() -> Iterator[Row]:
    """Yield popcounts, products and bandwidths of one core."""
    second = cache_bytes(2) or 2**20
    sizes = {"L1": SMALL, "L2": second // 2, "L3": 4 * second, "memory": LARGE}
    programs = {"popcount": popcounts(), "sgemm": product()}
    programs |= {f"read {name}": reading(size) for name, size in sizes.items()}
    ns = {name: [1 / one for one in many] for name, many in interleaved(programs, 7).items()}
    yield row("popcount_1e9_words_per_s", ns["popcount"], note="words of 64 bits, xor included")
    yield row("sgemm_gflops", ns["sgemm"], note=f"one thread, {PRODUCT} rows and columns")
    for name, size in sizes.items():
        told = f"{size / 2**20:g} MiB"
        if name == "memory" and size < 2 * (cache_bytes(3) or 0):
            told += ", part of which the outer cache may hold"
        yield row(f"read_GB_per_s_{name}", ns[f"read {name}"], note=told)


def all_rows() -> Iterator[Row]:
    """Yield all rows of this file."""
    yield from load_bound()
    yield from machine_limits()
