"""A process in which the kernels of the host run under a sanitizer.

The address sanitizer names accesses beyond an array, misaligned ones, and shifts by too many bits; the
thread sanitizer names two threads that reach the same place with no barrier between them. Each must be in a
process before anything else is, hence a process of its own.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mattis.kernels.host.library import HostError, compiler_path
from mattis.kernels.host.source import Sanitizer

FOUND = 66
"""Exit code of a process in which a sanitizer reported an error."""

RUNTIMES: Mapping[Sanitizer, str] = {"address": "libasan.so", "thread": "libtsan.so"}

SANITIZER_OPTIONS: Mapping[Sanitizer, Mapping[str, str]] = {
    "address": {
        "ASAN_OPTIONS": f"detect_leaks=0:exitcode={FOUND}",  # the interpreter leaks, and may
        "UBSAN_OPTIONS": f"print_stacktrace=1:exitcode={FOUND}",
    },
    # With a shorter history the first access of a pair is forgotten, and its race with it; two kernels may
    # race for the same address of shared memory.
    "thread": {"TSAN_OPTIONS": f"exitcode={FOUND}:history_size=7:suppress_equal_addresses=0"},
}


@dataclass(frozen=True)
class SanitizedRun:
    """How a process under a sanitizer ended."""

    code: int
    """Exit code of the process."""
    text: str
    """Output of the process and of the sanitizer."""

    @property
    def reports_error(self) -> bool:
        """Whether the sanitizer reported an error."""
        return self.code == FOUND


def run(arguments: Sequence[str], kind: Sanitizer, seconds: float = 600) -> SanitizedRun:
    """Run this Python with arguments, in a process where `HostModule(…, sanitize=kind)` works.

    Raises `HostError` where the compiler has no such sanitizer.
    """
    command = [*unshuffled(), sys.executable, *arguments]
    process = subprocess.run(
        command,
        env={**os.environ, **SANITIZER_OPTIONS[kind], "LD_PRELOAD": runtime(kind)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    return SanitizedRun(process.returncode, process.stdout)


def runtime(kind: Sanitizer) -> str:
    """Return the library of a sanitizer, of the compiler that compiles the kernels."""
    compiler = compiler_path()
    command = [compiler, f"-print-file-name={RUNTIMES[kind]}"]
    path = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    if not Path(path).is_absolute():
        raise HostError(f"{compiler} has no {RUNTIMES[kind]}: sanitizers need g++ with its libsanitizer")
    return path


def unshuffled() -> list[str]:
    """Return the command prefix that switches off random addresses, where that is allowed.

    The thread sanitizer requires memory at fixed addresses, and newer kernels shuffle too widely.
    """
    prefix = ["setarch", "-R"]
    try:
        allowed = subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return []
    return prefix if allowed else []
