"""The other end of `worker.py`: processes that take turns on one core."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from timing import environment

HERE = Path(__file__).parent


class Worker:
    """A process that times kernels; `lacks` says which it does not have, and why."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        told = self.answer()
        self.package: str = told["package"]
        self.lacks: dict[str, str] = told["lacks"]

    def answer(self) -> Any:
        """Return what the process says next."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a process that times kernels ended with {self.process.wait()}")
        return json.loads(line)

    def timed(self, name: str, repeats: int) -> list[float]:
        """Return times of a kernel, in ns per update."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{name} {repeats}\n")
        self.process.stdin.flush()
        answer: list[float] = self.answer()
        return answer


@contextmanager
def working(names: Sequence[str], **variables: str) -> Iterator[Worker]:
    """Start a process with some environment variables and a cache of compiled code of its own."""
    with TemporaryDirectory() as cache:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), *names],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(NUMBA_CACHE_DIR=cache, **variables),
        )
        try:
            yield Worker(process)
        finally:
            process.kill()
            process.communicate()
