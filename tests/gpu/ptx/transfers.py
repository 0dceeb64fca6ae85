"""The table of instructions that touch memory: from where, what type, how many neighbours at once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gpu.ptx.kinds import SIZES
from gpu.ptx.memory import CHANGES
from gpu.ptx.operations import spelled

LARGEST = 16
"""Bytes that one thread may load or store at once."""


@dataclass(frozen=True)
class Transfer:
    """A load or a store; the space is "" where the address tells it."""

    space: str
    kind: str
    count: int


@dataclass(frozen=True)
class Atomic:
    """A change in place; `returns` tells whether the old number is wanted."""

    space: str
    kind: str
    change: Callable[..., int]
    operands: int
    returns: bool


KINDS = "b8,u8,s8,b16,u16,s16,b32,u32,s32,f32,b64,u64,s64,f64"
ORDER = "{,.relaxed.cta,.relaxed.gpu,.relaxed.sys}"

SPACES = {"global": "global", "const": "global", "shared": "shared", "param": "param"}
"""Where spaces of PTX lie: constants are global memory that nobody may write."""


def _transfers(*templates: str) -> Iterator[tuple[str, Transfer]]:
    """Yield the mnemonics of templates, completed by a count and a type."""
    for template in templates:
        for mnemonic in spelled(f"{template}{{,.v2,.v4}}.{{{KINDS}}}"):
            parts = mnemonic.split(".")
            space = next((SPACES[part] for part in parts if part in SPACES), "")
            count = int(parts[-2][1:]) if parts[-2] in ("v2", "v4") else 1
            if count * SIZES[parts[-1]] <= LARGEST:
                yield mnemonic, Transfer(space, parts[-1], count)


def _atomics() -> Iterator[tuple[str, Atomic]]:
    """Yield the mnemonics of atomic operations on integers; on floats they depend on the order of threads."""
    kinds = {"add": "u32,s32,u64", "exch": "b32,b64", "cas": "b32,b64", "inc": "u32", "dec": "u32"}
    for name, change in CHANGES.items():
        kind = kinds.get(name, "u32,s32,u64,s64" if name in ("min", "max") else "b32,b64")
        for opcode in ("atom",) if name in ("exch", "cas") else ("atom", "red"):
            for mnemonic in spelled(f"{opcode}{ORDER}{{,.global,.shared}}.{name}.{{{kind}}}"):
                parts = mnemonic.split(".")
                space = next((SPACES[part] for part in parts if part in SPACES), "")
                operands = 2 if name == "cas" else 1
                yield mnemonic, Atomic(space, parts[-1], change, operands, opcode == "atom")


LOADS: Mapping[str, Transfer] = dict(
    _transfers(
        f"ld{ORDER}{{,.global,.shared}}", "ld.volatile{,.global,.shared}", "ld.global.nc", "ld.{const,param}"
    )
)

STORES: Mapping[str, Transfer] = dict(
    _transfers(f"st{ORDER}{{,.global,.shared}}", "st.volatile{,.global,.shared}")
)

ATOMICS: Mapping[str, Atomic] = dict(_atomics())

FENCES = frozenset((*spelled("membar.{cta,gl,sys}"), *spelled("fence.{sc,acq_rel}.{cta,gpu,sys}")))
"""Every access is done before the next one here: nothing is left to order."""
