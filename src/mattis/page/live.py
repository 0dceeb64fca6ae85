"""The page of a study that is running: it is drawn again from what is there, and says that it is renewed.

A page that is renewed has one element more, `<meta name="run">`. Without it a page is of no run any more.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from mattis.engine.following import MARK_OF_RUN
from mattis.page import page_of_store
from mattis.store.place import Place
from mattis.store.results import Root, results_of
from mattis.study.base import Study

GENERATOR_TAG = '<meta name="generator"'
"""The element before which that of a run stands."""

LATEST, LATE = 3.0, 60.0
"""A page that is not renewed for so many of its pauses, and so many seconds more, is of a killed run."""


@dataclass
class LivePage:
    """The page of a run, and the text of its last drawing.

    command  # what was typed, which goes on with the run after an interruption
    """

    study: Study
    root: Root
    command: str
    text: str = ""

    @property
    def place(self) -> Place:
        """Where the page lies."""
        return results_of(self.study, self.root).page

    def draw(self) -> None:
        """Draw what is in the store; `write` shows it."""
        self.text = page_of_store(self.study, self.root)

    def write(self, left: float | None, pause: float) -> None:
        """Write the page of a run that is alive.

        left   # seconds that the rest takes, None where that is not known
        pause  # seconds until the page is written again, at the least
        """
        late = LATEST * pause + LATE
        times = {"left": None if left is None else round(left), "pause": round(pause), "late": round(late)}
        self.place.write_text(with_run(self.text, {"is": "running", **times, **self._now()}))

    def interrupt(self) -> None:
        """Write that the run was interrupted, on the page of its last drawing, if there was one."""
        if self.text:
            self.place.write_text(with_run(self.text, {"is": "interrupted", **self._now()}))

    def end(self) -> None:
        """Write the page that stays: it is a function of the store, and of no time."""
        self.place.write_text(page_of_store(self.study, self.root))

    def _now(self) -> dict[str, Any]:
        return {"written": round(time.time()), "command": self.command}


def with_run(page: str, run: Mapping[str, Any]) -> str:
    """Return a page with what is said of its run."""
    said = escape(json.dumps(run, ensure_ascii=False))
    return page.replace(GENERATOR_TAG, f'{MARK_OF_RUN} content="{said}">\n{GENERATOR_TAG}', 1)
