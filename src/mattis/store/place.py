"""A place: where results lie, in a folder of this machine or below a prefix of an object store.

Both are trees of small files that are written whole or not at all. `folders.py` has the one kind,
`buckets.py` the other, and `places.py` tells which of them a user names.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Self


class Place(ABC):
    """A file or a folder, there or not. Each method raises Fault where the machine refuses."""

    @abstractmethod
    def __truediv__(self, name: str) -> Self:
        """Return a place below this one."""

    @abstractmethod
    def __str__(self) -> str:
        """Return what a user would type."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The last part of where it is."""

    @property
    @abstractmethod
    def parent(self) -> Self:
        """The folder that it is in."""

    def with_name(self, name: str) -> Self:
        """Return a place beside this one."""
        return self.parent / name

    @property
    @abstractmethod
    def on_disk(self) -> Path | None:
        """Where it is among the files of this machine, None if it is elsewhere."""

    @abstractmethod
    def exists(self) -> bool:
        """Tell whether something is there."""

    @abstractmethod
    def read_bytes(self, most: int | None = None) -> bytes | None:
        """Return the content of a file, or None if it is not there.

        most  # bytes that it may have: of a longer one, only so many and one more are read
        """

    @abstractmethod
    def write_bytes(self, content: bytes) -> None:
        """Write a file, whole or not at all, and wait for the disk."""

    def write_text(self, text: str) -> None:
        """Write a small text, whole or not at all."""
        self.write_bytes(text.encode())

    @abstractmethod
    def write_together(self, files: Mapping[str, bytes]) -> None:
        """Write files below a folder, each whole or not at all, in this order, and wait for the disk.

        All of them are on disk before the first gets its name; then they follow at once, and with them
        what a reader sees. A power cut leaves files of before or of after, never an empty one. Folders on
        the way are made, but not the one that the folder itself is in: if that has vanished, no part of it
        comes back.
        """

    @abstractmethod
    def write_anew(self, files: Mapping[str, bytes]) -> None:
        """Write a folder of these files and no others; on disk, whole or not at all."""

    @abstractmethod
    def files(self) -> list[str]:
        """Return the names of all files below a folder, relative to it, sorted; none if it is not there.

        Raises UserError for a link among them.
        """

    @abstractmethod
    def names(self) -> list[str]:
        """Return the sorted names of what is in a folder; none if it is not there."""

    @abstractmethod
    def remove(self) -> None:
        """Remove a file, if it is there, and wait for the disk: after a power cut it does not come back."""

    @abstractmethod
    def remove_empty(self) -> None:
        """Remove a folder in which there is nothing any more; object stores have none."""

    @abstractmethod
    def remove_tree(self) -> None:
        """Remove a folder and all that is in it, if it is there, and wait for the disk."""

    @abstractmethod
    def make_folder(self) -> None:
        """Make a folder that can be written to. Raises UserError if that is not possible.

        In an object store, where folders are only prefixes, this writes and removes a probe.
        """

    @abstractmethod
    def make_within(self) -> None:
        """Make a folder in one that is there; if that has vanished, do not bring back a part of it."""

    @abstractmethod
    def check_room(self, needed: int) -> None:
        """Raise Fault if the disk of a folder has less than `needed` bytes left."""

    @abstractmethod
    def refuse_links(self) -> None:
        """Raise UserError for a link below a folder, which may be one itself."""
