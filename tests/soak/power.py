"""Power cuts: what a disk holds of a folder at each call, in theory and on real file systems.

In theory a file is on disk as it was when it was last synced, and a name (made, changed, removed) once its
folder is. The rest is in doubt, and the worst of it is assumed, in two ways: names that were not synced are
lost; or they are kept, and files that were not synced are empty.
"""

import contextlib
import fcntl
import os
import resource
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from calls import DEAD, Step, counted, watch
from crashes import Points
from judge import Scenario
from reference import cells_of
from tiny import HERE, Died, Tree, World, in_child, plant, tree_of

from mattis.engine import driver

LOST, KEPT, AT_END = "names lost", "names kept", "after the end"

SHUTDOWN = 0x8004587D
"""What tells XFS and ext4 to go down at once."""

FLAGS = {KEPT: 1, LOST: 2}
"""Whether the log, which holds the names, is flushed before, or is lost."""

SIZE = 400 << 20


@dataclass
class Disk:
    """What is certainly on disk of a folder.

    open     # files and folders that are known, held open so that their numbers are not used again
    content  # of a file, as it was last synced
    entries  # of a folder, as they were last synced: the number of what has a name
    """

    root: Path
    open: dict[int, int] = field(default_factory=dict)
    content: dict[int, bytes] = field(default_factory=dict)
    entries: dict[int, dict[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.top = self._know(self.root)
        for number in [self.top, *self.look().values()]:
            self.sync(self.open[number])

    def _know(self, path: Path) -> int:
        """Return the number of a file or folder, which is held open from now on."""
        number = path.lstat().st_ino
        if number not in self.open:
            self.open[number] = os.open(path, os.O_RDONLY)
        return number

    def look(self) -> dict[str, int]:
        """Return the number of everything that is in the folder just now."""
        found: dict[str, int] = {}
        for path in sorted(self.root.rglob("*")):
            with contextlib.suppress(FileNotFoundError):
                found[str(path.relative_to(self.root))] = self._know(path)
        return found

    def sync(self, opened: int) -> None:
        """Take note that a file or a folder is on disk as it is now."""
        number = os.fstat(opened).st_ino
        path = Path(f"/proc/self/fd/{opened}")
        if path.is_dir():
            self.entries[number] = {one.name: self._know(one) for one in path.readlink().iterdir()}
        else:
            self.content[number] = path.read_bytes()

    def after(self, names: str) -> Tree:
        """Return what is found after a cut just now."""
        if names == LOST:
            return dict(self._durable(self.top, ""))
        tree: Tree = tree_of(self.root)
        for name, number in self.look().items():
            if tree.get(name) is not None and tree[name] != self.content.get(number):
                tree[name] = b""
        return tree

    def _durable(self, folder: int, inside: str) -> Iterator[tuple[str, bytes | None]]:
        for name, number in self.entries.get(folder, {}).items():
            if Path(f"/proc/self/fd/{self.open[number]}").is_dir():
                yield f"{inside}{name}", None
                yield from self._durable(number, f"{inside}{name}/")
            else:
                yield f"{inside}{name}", self.content.get(number, b"")


def cuts(world: World, case: Scenario) -> dict[str, Points]:
    """Return what simulated cuts at each call of a command leave behind. In a child only."""
    root = world.work / "powered"
    plant(case.before, root)
    disk, points, number = Disk(root), {LOST: Points(), KEPT: Points()}, 0

    def step(event: str, path: str) -> None:
        nonlocal number
        number += 1
        disk.look()
        for names, kept in points.items():
            kept.add(disk.after(names), f"{number}: {event} {path.removeprefix(f'{root}/')}")

    watch(root, step, disk.sync)
    driver.run(world.studies[case.study], root, HERE)
    return points | {f"{names}, {AT_END}": ended(disk, names) for names in (LOST, KEPT)}


def ended(disk: Disk, names: str) -> Points:
    """Return what is left if the power is cut once the command has said that all is done."""
    disk.look()
    points = Points()
    points.add(disk.after(names), AT_END)
    return points


def promised(world: World, case: Scenario) -> Scenario:
    """Return a command of which all that it said it has done must be there."""
    done, safe = cells_of(world.studies[case.study]), case.safe
    holder = case.holder if done <= cells_of(world.studies[case.holder]) else case.study
    return replace(case, holder=holder, safe=safe | done, computed=0, opened=True)


@dataclass
class Image:
    """A real file system in a file, which can be cut off its power."""

    kind: str
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / f"{self.kind}.img"

    @property
    def mount(self) -> Path:
        return self.folder / f"{self.kind}.mounted"

    def up(self) -> None:
        """Make its files accessible, mending what the cut left."""
        _do("mount", "-o", "loop", str(self.file), str(self.mount))

    def down(self) -> None:
        """Take it away."""
        _do("umount", str(self.mount))

    def cut(self, names: str) -> None:
        """Cut the power. What btrfs, which cannot go down, has given to its disk by now is kept aside."""
        if self.kind == "btrfs":
            _do("cp", "--sparse=always", str(self.file), f"{self.file}.cut")
        else:
            opened = os.open(self.mount, os.O_RDONLY)
            fcntl.ioctl(opened, SHUTDOWN, struct.pack("I", FLAGS[names]))
        os._exit(DEAD)

    def again(self) -> None:
        """Return from a cut."""
        self.down()
        kept = Path(f"{self.file}.cut")
        if kept.exists():
            kept.replace(self.file)
        self.up()


def _do(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def lacking(kind: str) -> str:
    """Say why no real disk of a kind can be cut off here, or nothing."""
    if os.geteuid() != 0:
        return "only root may mount"
    if shutil.which(f"mkfs.{kind}") is None:
        return f"there is no mkfs.{kind}"
    return ""


@contextlib.contextmanager
def mounted(kind: str, folder: Path) -> Iterator[Image]:
    """Yield a mounted file system of a kind. Raises CalledProcessError where that is not possible."""
    image = Image(kind, folder)
    image.mount.mkdir(exist_ok=True)
    with image.file.open("wb") as file:
        file.truncate(SIZE)
    _do(f"mkfs.{kind}", "-q", str(image.file))
    image.up()
    try:
        yield image
    finally:
        image.down()
        image.file.unlink()


def calls_of(world: World, case: Scenario) -> int:
    """Return how many calls a command makes. In a child only."""
    root, seen = world.work / "counted", 0

    def step(*_: str) -> None:
        nonlocal seen
        seen += 1

    plant(case.before, root)
    watch(root, step)
    driver.run(world.studies[case.study], root, HERE)
    return seen


def cut_off(world: World, case: Scenario, image: Image, names: str, call: int) -> Tree | None:
    """Cut the power of a real file system at a call; return what is there after, None if it came too late."""
    root = image.mount / "results"
    plant(case.before, root)
    _do("sync", "-f", str(image.mount))

    def run() -> None:
        step: Step = counted(call, lambda *_: image.cut(names))
        watch(root, step, real=True)
        driver.run(world.studies[case.study], root, HERE)

    try:
        in_child(run)
        return None
    except Died:
        image.again()
    return tree_of(root)
