"""What the threads of a warp do together: shuffles, votes, reductions, matches.

The table tells for each mnemonic what it returns, what it takes (the mask of members comes behind that), and
a function of the numbers of the members and of their operands.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu.ptx.errors import PtxError
from gpu.ptx.kinds import Values

WARP = 32

ABSENT = 0xBADBAD01
"""What a shuffle finds in a lane that does not take part: undefined on a GPU."""

Members = NDArray[np.int64]


@dataclass(frozen=True)
class Collective:
    """A function of members and operands to results; of those, an instruction may want only the first."""

    results: tuple[str, ...]
    operands: tuple[str, ...]
    function: Callable[..., tuple[Values, ...]]


def shuffled(mode: str, members: Members, values: Values, b: Values, c: Values) -> tuple[Values, Values]:
    """Return the value of another lane, and whether that lane is in range: PTX ISA, shfl.sync."""
    offset, bound, segment = (b.astype(np.int64) & 31, c.astype(np.int64) & 31, c.astype(np.int64) >> 8 & 31)
    least = members & segment
    most = least | bound & ~segment
    match mode:
        case "up":
            source = members - offset
        case "down":
            source = members + offset
        case "bfly":
            source = members ^ offset
        case _:
            source = least | offset & ~segment
    inside = source >= most if mode == "up" else source <= most
    table = np.full(WARP, ABSENT, np.uint32)
    table[members] = values
    return table[np.where(inside, source, members)], inside


def _shared(members: Members, value: Any, dtype: str) -> tuple[Values]:
    """Return one value for all members."""
    return (np.full(members.size, value, dtype),)


def mask_of(members: Members) -> int:
    """Return the bits of members."""
    return int(np.left_shift(1, members).sum())


def voted(how: str, members: Members, holds: Values) -> tuple[Values]:
    """Return what all members are told about a predicate."""
    holds = np.broadcast_to(holds, members.shape)
    if how == "ballot":
        return _shared(members, mask_of(members[holds]), "u4")
    agreed = {"all": holds.all(), "any": holds.any(), "uni": holds.all() or not holds.any()}
    return _shared(members, agreed[how], "?")


def reduced(how: np.ufunc, members: Members, values: Values) -> tuple[Values]:
    """Return the reduction of the values of all members."""
    values = np.broadcast_to(values, members.shape)
    return _shared(members, how.reduce(values, dtype=values.dtype), values.dtype.str)


def matched(members: Members, values: Values) -> tuple[Values]:
    """Return for each member the bits of those with the same value."""
    values = np.broadcast_to(values, members.shape)
    masks = [mask_of(members[values == value]) for value in values]
    return (np.array(masks, np.uint32),)


def unanimous(members: Members, values: Values) -> tuple[Values, Values]:
    """Return the mask and True if all members have one value, else 0 and False."""
    same = bool((np.broadcast_to(values, members.shape) == values.flat[0]).all())
    mask = mask_of(members) if same else 0
    return *_shared(members, mask, "u4"), *_shared(members, same, "?")


def bytes_multiplied(members: Members, *operands: Values) -> tuple[Values, ...]:
    """Return d + a b of unsigned bytes, 16 × 32 by 32 × 8: PTX ISA, fragments of mma.m16n8k32.

    operands  # four registers of a, two of b, four of d, of each lane
    """
    if members.size != WARP:
        raise PtxError(f"mma.sync is for a whole warp, not for {members.size} threads")
    lane = np.arange(WARP)
    row, part = lane // 4, lane % 4
    spread = [np.ascontiguousarray(np.broadcast_to(x, (WARP,))) for x in operands]
    octets = [x.astype(np.uint32)[:, None].view(np.uint8).astype(np.int64) for x in spread[:6]]
    a, b, d = np.zeros((16, 32), int), np.zeros((32, 8), int), np.zeros((16, 8), int)
    for k in range(4):
        terms = 4 * part + np.array([[0], [1], [2], [3]])
        a[row + k % 2 * 8, terms + k // 2 * 16] = octets[k].T
        d[row + k // 2 * 8, 2 * part + k % 2] = spread[6 + k].astype(np.int64)
        if k < 2:
            b[terms + 16 * k, row] = octets[4 + k].T
    d += a @ b
    found = [d[row + k // 2 * 8, 2 * part + k % 2].astype(np.uint32) for k in range(4)]
    return tuple(found)


PRODUCTS: Mapping[str, Collective] = {
    "mma.sync.aligned.m16n8k32.row.col.s32.u8.u8.s32": Collective(
        ("b32",) * 4, ("b32",) * 10, bytes_multiplied
    )
}
"""Products of matrices by a whole warp; their operands are vectors."""

COLLECTIVES: Mapping[str, Collective] = {
    "bar.warp.sync": Collective((), (), lambda _: ()),
    **{
        f"shfl.sync.{mode}.b32": Collective(("b32", "pred"), ("b32", "u32", "u32"), partial(shuffled, mode))
        for mode in ("up", "down", "bfly", "idx")
    },
    **{
        f"vote.sync.{how}.pred": Collective(("pred",), ("pred",), partial(voted, how))
        for how in ("all", "any", "uni")
    },
    "vote.sync.ballot.b32": Collective(("b32",), ("pred",), partial(voted, "ballot")),
    **{
        f"redux.sync.{name}.{kind}": Collective((kind,), (kind,), partial(reduced, how))
        for name, how in (("add", np.add), ("min", np.minimum), ("max", np.maximum))
        for kind in ("u32", "s32")
    },
    **{
        f"redux.sync.{name}.b32": Collective(("b32",), ("b32",), partial(reduced, how))
        for name, how in (("and", np.bitwise_and), ("or", np.bitwise_or), ("xor", np.bitwise_xor))
    },
    **{f"match.any.sync.{kind}": Collective(("b32",), (kind,), matched) for kind in ("b32", "b64")},
    **{f"match.all.sync.{kind}": Collective(("b32", "pred"), (kind,), unanimous) for kind in ("b32", "b64")},
}

BARRIERS: Mapping[str, tuple[str, Callable[[Values], Any]] | None] = {
    "bar.sync": None,
    "barrier.sync": None,
    "barrier.sync.aligned": None,
    "bar.red.popc.u32": ("u32", np.count_nonzero),
    "bar.red.and.pred": ("pred", np.all),
    "bar.red.or.pred": ("pred", np.any),
    "barrier.red.popc.aligned.u32": ("u32", np.count_nonzero),
    "barrier.red.and.aligned.pred": ("pred", np.all),
    "barrier.red.or.aligned.pred": ("pred", np.any),
}
"""Barriers of the block, and what they tell all threads about a predicate: its type, and how."""
