"""The folder of a study's results: what lies where, who may write, and what is said about it.

results/NAME/   sweep.zarr      the store (never an output of the workflow engine, which deletes those)
                sweep.done.json the receipt: all cells exist, and their digest
                failures.json   blocks that raised in the last run
                study.yaml      the study as run
                diagram.zarr    the aggregated dataset
                figures/        diagram.png, diagram.svg
"""

import fcntl
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mattis.errors import UserError
from mattis.study import Study

DEFAULT = Path("results")


@dataclass(frozen=True)
class Results:
    """The paths of one study's results."""

    folder: Path

    @property
    def store(self) -> Path:
        return self.folder / "sweep.zarr"

    @property
    def receipt(self) -> Path:
        return self.folder / "sweep.done.json"

    @property
    def failures(self) -> Path:
        return self.folder / "failures.json"

    @property
    def study(self) -> Path:
        return self.folder / "study.yaml"

    @property
    def diagram(self) -> Path:
        return self.folder / "diagram.zarr"

    @property
    def figures(self) -> Path:
        return self.folder / "figures"


def results_of(study: Study, root: Path | str | None = None) -> Results:
    """Return where the results of a study are: ROOT/NAME, by default results/NAME."""
    return Results(Path(root if root is not None else DEFAULT) / study.name)


def make_folder(folder: Path) -> None:
    """Make a folder that can be written to. Raises UserError if that is not possible."""
    probe = folder / f".writable.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"results folder {folder}: cannot write there: {error.strerror}; "
            "make it writable, or choose another --results"
        ) from None


def write_text(path: Path, text: str) -> None:
    """Write a small file, whole or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.partial")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_failures(results: Results) -> Mapping[str, str]:
    """Return the message of each block that failed in the last run."""
    content = read_json(results.failures)
    if not isinstance(content, dict):
        return {}
    return {str(block): str(message) for block, message in content.items()}


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, None if it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


@contextmanager
def held(results: Results) -> Iterator[None]:
    """Hold the results for one writer. Raises UserError that says who holds them, and since when.

    The lock belongs to the process: it is gone with it, however it dies.
    """
    with (results.folder / ".lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise UserError(
                f"{results.store}: another run is writing there ({lock.read().strip()}); "
                "wait for it, or choose another --results"
            ) from None
        lock.truncate(0)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        lock.write(f"process {os.getpid()} on {socket.gethostname()} since {since}\n")
        lock.flush()
        yield
