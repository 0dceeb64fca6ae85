"""The text of kernels for the compiler of the host, and the flags of that compiler."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Sanitizer = Literal["address", "thread"]
MaybeSanitizer = Sanitizer | Literal[""]

BLOCK_LIMIT = 1024
"""Threads of a block, on any GPU."""

COMPILER_FLAGS = (
    "-std=c++17",
    "-O2",
    "-fPIC",
    "-shared",
    "-pthread",
    "-w",  # the text's warnings are the GPU compiler's business
    "-fvisibility=hidden",  # two libraries in one process share nothing
    "-ffp-contract=off",  # a product and a sum stay two operations
    "-fwrapv",  # sums of integers wrap, as on a GPU
    "-fno-strict-aliasing",  # kernels look at memory through pointers of several types
    "-U_FORTIFY_SOURCE",  # which takes a jump between two fibers for a broken stack
)

SANITIZERS: Mapping[MaybeSanitizer, tuple[str, ...]] = {
    "": (),
    "address": (
        "-DCUDA_ON_CPU_THREADS",
        "-g",
        "-O1",
        "-fsanitize=address,alignment,bounds,null,integer-divide-by-zero,shift-exponent",
        "-fsanitize-sections=cuda_shared",
        "-fno-sanitize-recover=all",
    ),
    "thread": ("-DCUDA_ON_CPU_THREADS", "-g", "-O1", "-fsanitize=thread"),
}

DYNAMIC_SHARED = re.compile(
    r"extern\s+__shared__\s+(?:(?:__align__|alignas)\s*\([^()]*\)\s*)?"
    r"(?P<type>[\w:<>\s]+?)\s+(?P<name>\w+)\s*\[\s*\]\s*;"
)

LAUNCH_BOUNDS = re.compile(
    r"__launch_bounds__\s*\((?P<most>[^(),]+)[^()]*\)\s*(?:void\s+)?(?P<name>\w+)\s*\("
)


@dataclass(frozen=True)
class Source:
    """The text of kernels and how it is to be compiled."""

    code: str
    """CUDA C++, its lines counted from 1 in `kernel.cu` unless it says otherwise (#line)."""
    names: Sequence[str]
    """Names of the exported kernels, template arguments included: `sums<float>`."""
    sanitizer: MaybeSanitizer = ""
    """The sanitizer to instrument for, with threads of the machine instead of fibers."""
    defines: Mapping[str, str] = field(default_factory=dict)
    """Values of macros."""

    @property
    def text(self) -> str:
        """The C++ for the compiler.

        In a namespace without a name, all is of this text alone: else g++ would not put shared variables of
        inline functions, which other texts might have as well, into one section with those of kernels.
        """
        head = ['#include "cuda_on_cpu.h"', "namespace {", '#line 1 "kernel.cu"']
        code = with_dynamic_shared(self.code)
        exports = [
            f"CUDA_ON_CPU_EXPORT(kernel{k}, ({most_threads(self.code, name)}), {name})"
            for k, name in enumerate(self.names)
        ]
        return "\n".join([*head, code, '#line 1 "names"', "}", *exports, ""])

    @property
    def flags(self) -> tuple[str, ...]:
        """Flags of the compiler."""
        defines = (f"-D{name}={value}" for name, value in sorted(self.defines.items()))
        return (*COMPILER_FLAGS, *SANITIZERS[self.sanitizer], *defines)


def with_dynamic_shared(code: str) -> str:
    """Return code in which an array without a size, `extern __shared__ T x[];`, is memory of the launch."""

    def pointer(match: re.Match[str]) -> str:
        kind, name = " ".join(match["type"].split()), match["name"]
        lines = "\n" * match[0].count("\n")  # the lines behind keep their numbers
        return f"{kind}* const {name} = cuda_on_cpu::dynamic_shared<{kind}>();{lines}"

    return DYNAMIC_SHARED.sub(pointer, code)


def most_threads(code: str, name: str) -> str:
    """Return the bound in a kernel's `__launch_bounds__`, as C++, or the bound of all blocks.

    A bound that is an argument of a template is not looked up.
    """
    plain = name.partition("<")[0].strip()
    bounds = [match["most"].strip() for match in LAUNCH_BOUNDS.finditer(code) if match["name"] == plain]
    usable = [most for most in bounds if most.isdigit() or plain == name]
    return usable[0] if usable else str(BLOCK_LIMIT)
