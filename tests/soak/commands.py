"""Commands that are started to be broken: their processes, what they say, and what they leave behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from builders import is_worker

SECONDS = 300
"""How long one command may take on a busy machine."""

OUTLIVING = 60
"""How long the processes below a command may outlive it."""


class Violation(Exception):
    """Something that must hold did not."""


def expect(holds: object, text: str) -> None:
    """Raise Violation unless something holds."""
    if not holds:
        raise Violation(text)


@dataclass
class Run:
    """A command that was started, the file with what it says, and the cells that were safe before it."""

    process: psutil.Popen
    said: Path
    safe: frozenset[tuple[float, ...]] = frozenset()
    family: list[psutil.Process] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What the command has said so far."""
        return self.said.read_text(encoding="utf-8", errors="replace")

    @property
    def code(self) -> int | None:
        """The exit code, or None while it runs."""
        code: int | None = self.process.poll()
        return code

    def children(self) -> list[psutil.Process]:
        """Return all processes below the command, and remember them."""
        for known in [self.process, *self.living()]:
            with contextlib.suppress(psutil.NoSuchProcess):
                below = known.children(recursive=True)
                self.family += [child for child in below if child not in self.family]
        return self.living()

    def living(self) -> list[psutil.Process]:
        """Return the processes below the command that are still there."""
        found = []
        for one in self.family:
            with contextlib.suppress(psutil.NoSuchProcess):
                found += [one] if one.status() != psutil.STATUS_ZOMBIE else []
        return found

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes."""
        return [one for one in self.children() if is_worker(one)]

    def send(self, number: signal.Signals, group: bool = False) -> bool:
        """Send a signal to the process, or to its whole group; tell whether it was still running."""
        self.children()
        alive = self.code is None
        with contextlib.suppress(ProcessLookupError):
            if group:
                os.killpg(self.process.pid, number)
            elif alive:
                os.kill(self.process.pid, number)
        return alive

    def wait(self, patience: float = OUTLIVING) -> int:
        """Return the exit code; nothing that the command started may outlive it for long."""
        try:
            code: int = self.process.wait(SECONDS)
        except psutil.TimeoutExpired:
            raise Violation(f"it hangs: {self.text[-500:]!r}") from None
        deadline = time.monotonic() + patience
        while (left := self.children()) and time.monotonic() < deadline:
            time.sleep(0.1)
        names = [" ".join(one.cmdline())[-80:] for one in left]
        expect(not names, f"outlive their run by {patience:.0f} s: {names}")
        return code

    def bury(self) -> None:
        """Kill what is left of the command, by the numbers of its processes."""
        self.children()
        for one in [self.process] * (self.code is None) + self.living():
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait()


@contextlib.contextmanager
def commanded(words: list[str], folder: Path, said: Path) -> Iterator[Run]:
    """Start a command of this Python, in a group of its own that does not outlive the block."""
    with said.open("wb") as file:
        process = psutil.Popen(
            [sys.executable, *words],
            cwd=folder, start_new_session=True, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
        )  # fmt: skip
    run = Run(process, said)
    try:
        yield run
    finally:
        run.bury()
