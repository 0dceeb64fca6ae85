"""The two errors that reach a user as one line: a mistake of theirs, and a fault of the machine."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """A mistake in what the user gave: its text is one line, which the command prints before exit code 2.

    The text says where, what was got, what was expected, and what to type instead.
    """


class Fault(RuntimeError):
    """What the machine refused: a full disk, a lost scheduler. One line, exit code 1.

    The text says where, what is needed, and that the same command goes on from there. `reason` is
    the part of it that tells what was refused.
    """

    def __init__(self, text: str, reason: str = "") -> None:
        super().__init__(text)
        self.reason = reason or text


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean X?`` for the known word nearest to `word`, or nothing."""
    lower = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), lower, n=1, cutoff=0.5)
    return f"; did you mean {lower[close[0]]}?" if close else ""
