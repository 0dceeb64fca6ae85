"""The workers of a scheduler elsewhere that can compute: those with this version of mattis.

Others may share that scheduler. One that cannot compute is named once, and left out.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mattis.errors import UserError

if TYPE_CHECKING:
    from distributed import Client, Future

PATIENCE = 10.0
"""Seconds that the first workers have to tell their version, if none of them is busy."""

ANSWERED = 10.0
"""Seconds that an answer may take to come here."""

LOOKS = 0.02
"""Seconds between two looks at their answers."""


@dataclass
class Crew:
    """Those workers of a client that are known to be fit, as far as they have answered."""

    client: "Client"
    say: Callable[[str], None]
    place: str
    answers: "dict[str, Future[Any]]" = field(default_factory=dict)
    fit: set[str] = field(default_factory=set)
    unfit: dict[str, str] = field(default_factory=dict)

    def gather(self) -> None:
        """Wait for the first answers. Raises UserError if no worker is fit."""
        begun = time.monotonic()
        self.look()
        while (
            self.answers and time.monotonic() - begun < PATIENCE
        ):  # one may be busy with others' work
            time.sleep(LOOKS)
            self.look()
        if self.unfit and not self.fit and not self.answers:
            worker, got = next(iter(self.unfit.items()))
            raise UserError(
                f"{self.place}: worker {worker} {got}, and no other is fit; expected mattis "
                f"{version('mattis')}, as here; install the same version there"
            )

    def look(self) -> None:
        """Ask new workers for their version, hear the answers, and forget those that are gone."""
        present = self.client.nthreads()
        self.fit &= present.keys()
        self.unfit = {worker: got for worker, got in self.unfit.items() if worker in present}
        for worker in present.keys() - self.answers.keys() - self.unfit.keys() - self.fit:
            self.answers[worker] = self.client.submit(
                version, "mattis", workers=[worker], pure=False, priority=1
            )
        for worker, answer in [*self.answers.items()]:
            if worker not in present:
                del self.answers[worker]
            elif answer.done():
                self._judge(worker, self.answers.pop(worker))

    def _judge(self, worker: str, answer: "Future[Any]") -> None:
        if answer.status not in ("finished", "error"):
            return  # the scheduler was lost, or the worker: it is asked again where it is there
        try:
            found = answer.result(timeout=ANSWERED) if answer.status == "finished" else None
        except TimeoutError:
            return
        if found == version("mattis"):
            self.fit.add(worker)
            return
        got = f"has mattis {found}" if found else "has no mattis"
        self.unfit[worker] = got
        self.say(
            f"worker {worker} {got}, expected {version('mattis')} as here; others compute instead"
        )

    @property
    def chosen(self) -> list[str] | None:
        """The workers to compute on; None for all, as long as none is unfit."""
        return sorted(self.fit) if self.unfit else None

    @property
    def threads(self) -> int:
        """The threads of all workers but the unfit."""
        return sum(n for worker, n in self.client.nthreads().items() if worker not in self.unfit)
