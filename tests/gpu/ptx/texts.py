"""Small PTX texts for tests: kernels of a few lines, and one instruction applied to arrays."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu.ptx.kinds import DTYPES, SIZES, unsigned
from gpu.ptx.module import PtxFunction, PtxModule
from gpu.ptx.operations import APPROXIMATE, EXACT

REGISTERS = {1: "%p", 2: "%h", 4: "%r", 8: "%d"}
"""Names of the registers of each width."""

HEAD = """
.version 8.5
.target sm_90
.address_size 64
"""


def kernel(body: str, *, parameters: Sequence[str] = (".u64",), before: str = "", name: str = "k") -> str:
    """Return a module with one kernel: %d0 … hold its parameters of 64 bits, %r0 the number of the thread."""
    told = ", ".join(f".param {kind} {name}_{k}" for k, kind in enumerate(parameters))
    loads = [f"ld.param.u64 %d{k}, [{name}_{k}];" for k, kind in enumerate(parameters) if kind.endswith("64")]
    registers = [".reg .pred %p<9>;", ".reg .b16 %h<9>;", ".reg .b32 %r<20>;", ".reg .b64 %d<20>;"]
    lines = (*registers, *loads, "mov.u32 %r0, %tid.x;", body, "ret;")
    return f"{HEAD}\n{before}\n.visible .entry {name}({told})\n{{\n" + "\n".join(lines) + "\n}\n"


def _element(array: int, size: int) -> str:
    """Return lines that leave in %d19 the address of this thread's element of an array."""
    return f"mul.wide.u32 %d18, %r0, {size}; add.s64 %d19, %d{array}, %d18;"


def _argument(k: int, kind: str) -> tuple[str, str]:
    """Return lines that load operand k, and its register."""
    name = f"{REGISTERS[max(SIZES[kind], 2) if kind != 'pred' else 1]}{k + 6}"
    fetch = _element(k, SIZES[kind])
    if kind == "pred":
        return f"{fetch} ld.global.u8 %h8, [%d19]; setp.ne.b16 {name}, %h8, 0;", name
    return f"{fetch} ld.global.{unsigned(SIZES[kind])} {name}, [%d19];", name


@cache
def instruction(mnemonic: str) -> PtxFunction:
    """Return a kernel whose threads apply one instruction to elements of arrays; the last takes results."""
    operation = {**APPROXIMATE, **EXACT}[mnemonic]
    arguments = [_argument(k, kind) for k, kind in enumerate(operation.operands)]
    result, count = operation.result, len(arguments)
    target = f"{REGISTERS[max(SIZES[result], 2) if result != 'pred' else 1]}5"
    lines = [line for line, _ in arguments]
    lines.append(f"{mnemonic} {target}, {', '.join(name for _, name in arguments)};")
    lines.append(_element(count, SIZES[result]))
    if result == "pred":
        lines.append("selp.b32 %r19, 1, 0, %p5; st.global.u8 [%d19], %r19;")
    else:
        lines.append(f"st.global.{unsigned(SIZES[result])} [%d19], {target};")
    text = kernel("\n".join(lines), parameters=[".u64"] * (count + 1))
    return PtxModule(text, approximate=True).get_function("k")


def applied(mnemonic: str, *operands: NDArray[Any]) -> NDArray[Any]:
    """Return what an instruction makes of the elements of arrays, 1024 at most."""
    operation = {**APPROXIMATE, **EXACT}[mnemonic]
    result = np.zeros(len(operands[0]), DTYPES[operation.result])
    given = [
        np.ascontiguousarray(x, DTYPES[kind]) for x, kind in zip(operands, operation.operands, strict=True)
    ]
    instruction(mnemonic)((1,), (len(result),), (*given, result))
    return result


STORE = "mul.wide.u32 %d18, %r0, 4; add.s64 %d19, %d0, %d18; st.global.u32 [%d19], %r1;"
"""Write %r1 to this thread's element of the first array."""


def run(body: str, *args: Any, threads: int = 32, shared: int = 0, before: str = "", **how: Any) -> None:
    """Run a kernel of a few lines on one block; every array is one parameter."""
    parameters = [".u64" if isinstance(arg, np.ndarray) else f".u{8 * arg.nbytes}" for arg in args]
    module = PtxModule(kernel(body, parameters=parameters, before=before), **how)
    module.get_function("k")((1,), (threads,), args, shared_mem=shared)


def numbers(body: str, threads: int = 32, **how: Any) -> NDArray[np.uint32]:
    """Return what each thread leaves in %r1."""
    found = np.zeros(threads, np.uint32)
    run(f"{body}\n{STORE}", found, threads=threads, **how)
    return found
