"""The command `mattis` on a machine that breaks in the middle of a write.

    python broken.py '{"bytes": 4096}' run STUDY …
    python broken.py '{"event": "replace", "part": "/c/", "count": 3, "share": 0.5}' run STUDY …

With `bytes`, no file may get larger. Otherwise the process kills itself in the `count`-th call of an event
(`replace` and `unlink` of a path, or `fsync`) on a path that contains `part`, after the file that is being
written was cut to a share of its bytes.
"""

import itertools
import json
import os
import pathlib
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn


def limit(size: int) -> None:
    """Let no file of this process grow beyond so many bytes."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))


def arm(event: str, part: str, count: int, share: float) -> None:
    """Make one call of an event deadly."""
    owner: Any = os if event == "fsync" else pathlib.Path
    setattr(owner, event, deadly(getattr(owner, event), part, count, share))


def deadly(original: Callable[..., Any], part: str, count: int, share: float) -> Callable[..., Any]:
    """Return a function that kills this process in its `count`-th call on such a path."""
    calls = itertools.count(1)

    def step(first: Any, *rest: Any, **more: Any) -> Any:
        path = pathlib.Path(f"/proc/self/fd/{first}").readlink() if isinstance(first, int) else first
        file = str(path)
        if part in str(rest[0] if rest else file) and next(calls) == count:
            die(file, share)
        return original(first, *rest, **more)

    return step


def die(file: str, share: float) -> NoReturn:
    """Tear the file, if it is one that is being written, and be gone."""
    if file.endswith(".partial"):
        os.truncate(file, int(pathlib.Path(file).stat().st_size * share))
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a dead process goes on")


def main() -> None:
    """Break, then be the command."""
    how = json.loads(sys.argv[1])
    if "bytes" in how:
        limit(how["bytes"])
    else:
        arm(**how)
    from mattis.cli.command import main as command

    sys.argv = ["mattis", *sys.argv[2:]]
    command()


if __name__ == "__main__":
    main()
