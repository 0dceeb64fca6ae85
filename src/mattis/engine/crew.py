"""The workers of a scheduler elsewhere that compute: those that are known to have this version of mattis.

Others may share that scheduler. A worker that cannot compute is named once, and left out.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mattis.engine.watch import why_stalled
from mattis.errors import Fault, UserError

if TYPE_CHECKING:
    from distributed import Client, Future

PATIENCE = 60.0
"""Seconds that are waited for a first worker."""

SETTLED = 1.0
"""Seconds that are waited for others, once there is one."""

ANSWERED = 10.0
"""Seconds that an answer may take to come here."""

LOOKS = 0.02
"""Seconds between two looks at workers that are waited for."""


@dataclass
class Crew:
    """Those workers of a client that are fit, as far as they have told their version."""

    client: "Client"
    say: Callable[[str], None]
    answers: "dict[str, Future[Any]]" = field(default_factory=dict)
    fit: set[str] = field(default_factory=set)
    unfit: dict[str, str] = field(default_factory=dict)
    threads: int = 0
    """The threads of those that are fit."""

    def gather(self, place: str) -> None:
        """Wait for a first worker that is fit.

        Raises UserError if there are only others, and Fault if none comes, or computes.
        """
        begun = time.monotonic()
        while not self.fit or (self.answers and time.monotonic() - begun < SETTLED):
            self.look()
            if self.unfit and not self.fit and not self.answers:
                worker, got = next(iter(self.unfit.items()))
                raise UserError(
                    f"{place}: worker {worker} {got}, and no other is fit; expected mattis "
                    f"{version('mattis')}, as here; install the same version there"
                )
            if not self.fit and time.monotonic() - begun > PATIENCE:
                raise Fault(
                    f"{place}: in {PATIENCE:.0f} s {self.why_stalled() or 'nothing happened'}; "
                    "then give the same command again"
                )
            time.sleep(LOOKS)

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
        self.threads = sum(present[worker] for worker in self.fit)

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
        self.say(f"worker {worker} {got}, expected {version('mattis')} as here; others compute instead")

    def why_stalled(self) -> str:
        """Return why no worker computes, "" if one does or might."""
        workers = self.client.scheduler_info(n_workers=-1)["workers"]
        reason = why_stalled({w: state for w, state in workers.items() if w not in self.unfit})
        if reason or self.fit:
            return reason
        return "no worker has told its version; they may be busy with other work"
