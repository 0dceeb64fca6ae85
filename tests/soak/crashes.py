"""Every call that changes a folder is one at which a process may die, or the machine may refuse.

A command runs once while the folder is looked at before each of its calls: that, and the same with the file
at hand cut short, is what a process that dies there leaves behind. Folders that are alike are judged once.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from unittest.mock import patch

from calls import DEAD, REFUSALS, Step, counted, die, refuse, watch
from judge import Scenario, Violation, judged, said, scenario
from tiny import HERE, Died, Tree, World, in_child, plant, store_of, tree_of

from mattis.engine import driver
from mattis.engine.driver import Settings
from mattis.networks.binary.models import BINARY_MODELS
from mattis.networks.registry import MODELS

CUTS = (0.0, 0.5)
"""What is left of the file that was being written."""

BATCH = 12
"""Folders that one child judges: it starts zarr once."""


Found = tuple[str, int, list[Violation]]
"""The first accident that leaves a folder, how many do, and what does not hold of it."""


@dataclass
class Points:
    """Folders that accidents leave behind: each once, with the accidents that do."""

    trees: dict[bytes, Tree] = field(default_factory=dict)
    labels: dict[bytes, list[str]] = field(default_factory=dict)

    def add(self, tree: Tree, label: str) -> None:
        """Take a folder."""
        key = mark(tree)
        self.trees.setdefault(key, dict(tree))
        self.labels.setdefault(key, []).append(label)

    @property
    def tried(self) -> int:
        """How many accidents these are."""
        return sum(len(labels) for labels in self.labels.values())

    def sample(self, share: float, rng: random.Random) -> "Points":
        """Return a share of the folders, at least one."""
        keys = sorted(self.trees)
        some = rng.sample(keys, max(1, round(share * len(keys)))) if share < 1 else keys
        return Points({k: self.trees[k] for k in some}, {k: self.labels[k] for k in some})


def mark(tree: Tree) -> bytes:
    """Return what tells a folder from others; who holds a lock does not."""
    digest = blake2b(digest_size=16)
    for name in sorted(tree):
        content = tree[name]
        digest.update(f"{name}\0{content is None}\0".encode())
        digest.update(b"" if content is None or ".lock." in name else content)
        digest.update(b"\0")
    return digest.digest()


def cases(world: World, only: list[str] | None = None) -> list[Scenario]:
    """Return the commands that are interrupted, or some of them, each after running it undisturbed."""
    every = [case for case in in_child(_befores, world) if not only or case[0] in only]
    return [in_child(scenario, world, *case) for case in every]


def _befores(world: World) -> list[tuple[str, Tree, str, str]]:
    """Return the name, the folder, the study and the holder of each scenario."""
    done, waiting = world.work / "done", world.work / "waiting"
    driver.run(world.studies["small"], done, HERE)
    whole = tree_of(done)
    plant(whole, waiting)
    for part in (0, 1):
        driver.run(world.studies["wide"], waiting, Settings(1, "cpu", None, (part, 2), HERE.where))
    journal = tree_of(waiting)
    model, lean = MODELS["hopfield"], world.work / "lean"
    fewer = tuple(each for each in model.observables if each.name != "flip_fraction")
    with patch.dict(BINARY_MODELS, hopfield=replace(model, observables=fewer)):  # type: ignore[arg-type]
        driver.run(world.studies["small"], lean, HERE)
    found = [
        ("fresh", {}, "small", "small"),
        ("extension", whole, "wide", "small"),
        ("fold", journal, "wide", "wide"),
        ("fold of a part", journal, "wider", "wide"),
        ("new observable", tree_of(lean), "small", "small"),
    ]
    name = str(store_of(world.studies["small"], Path()))
    return found + [(f"repair: {how}", tree, "small", "small") for how, tree in damaged(whole, name)]


def damaged(tree: Tree, store: str) -> Iterator[tuple[str, Tree]]:
    """Yield folders in which a file of the store is damaged."""

    def flipped(content: bytes) -> bytes:
        return content[:8] + bytes([content[8] ^ 4]) + content[9:]

    harms: dict[str, tuple[str, Callable[[bytes], bytes | None]]] = {
        "a flipped bit": (f"{store}/overlap/c/", flipped),
        "a chunk that is gone": (f"{store}/energy/c/", lambda _: None),
        "an empty root": (f"{store}/zarr.json", lambda _: b""),
        "an array without metadata": (f"{store}/energy/zarr.json", lambda _: None),
        "flipped labels": (f"{store}/seed/c/", flipped),
    }
    for how, (start, harm) in harms.items():
        file = next(name for name, at in tree.items() if at is not None and name.startswith(start))
        content = harm(tree[file] or b"")
        after = {name: at for name, at in tree.items() if name != file}
        yield how, after if content is None else {**after, file: content}


def recorded(world: World, case: Scenario, before: Tree | None = None) -> Points:
    """Return what deaths at each call of a command leave behind. In a child only."""
    last = dict(case.before if before is None else before)
    root, points, number = world.work / "recorded", Points(), 0
    plant(last, root)

    def step(event: str, path: str) -> None:
        nonlocal last, number
        number += 1
        tree = tree_of(root)
        label = f"{number}: {event} {path.removeprefix(f'{root}/')}"
        points.add(tree, label)
        for name in written(last, tree):
            for cut in CUTS:
                torn = {**tree, name: (tree[name] or b"")[: int(len(tree[name] or b"") * cut)]}
                points.add(torn, f"{label}, {cut:.0%} of {name}")
        last = tree

    watch(root, step)
    driver.run(world.studies[case.study], root, HERE)
    return points


def written(last: Tree, tree: Tree) -> list[str]:
    """Return the files that were written since the last call; one that was renamed was not."""
    known = {content for content in last.values() if content}
    return [name for name, content in tree.items() if content and content not in known]


def judge_all(world: World, case: Scenario, points: Points) -> list[Found]:
    """Return what does not hold of which folders."""
    keys = sorted(points.trees)
    found: list[Found] = []
    for first in range(0, len(keys), BATCH):
        batch = keys[first : first + BATCH]
        answers = in_child(_judge, world, case, [points.trees[key] for key in batch])
        for key, answer in zip(batch, answers, strict=True):
            if answer:
                labels = points.labels[key]
                found.append((f"{case.name}, {labels[0]}", len(labels), answer))
    return found


def _judge(world: World, case: Scenario, trees: list[Tree]) -> list[list[Violation]]:
    return [judged(world, case, tree, world.work / "judged") for tree in trees]


def pairs(world: World, case: Scenario, tree: Tree, rng: random.Random, count: int) -> Points:
    """Return some of what a second death leaves behind, in the command that is given after the first."""
    try:
        second = in_child(recorded, world, case, tree)
    except RuntimeError:
        return Points()  # it refuses to go on, which the first death has been blamed for
    return second.sample(count / max(1, len(second.trees)), rng)


def interrupted(world: World, case: Scenario, step: Step) -> list[Violation]:
    """Run a command under a step that may refuse calls; return what is wrong with what it says."""
    root = world.work / "interrupted"
    plant(case.before, root)

    def run() -> list[Violation]:
        watch(root, step)
        try:
            driver.run(world.studies[case.study], root, HERE)
        except Exception as error:
            return said(error)
        return []

    found: list[Violation] = in_child(run)
    return found


def refused(world: World, case: Scenario, count: int, code: int, on: bool) -> tuple[Tree, list[Violation]]:
    """Let the machine refuse a call, or all from it `on`; return what is left, and was said."""
    try:
        found = interrupted(world, case, counted(count, refuse(code), on))
    except (RuntimeError, Died) as error:
        found = [("messages", f"no answer: {str(error)[-300:]}")]
    return tree_of(world.work / "interrupted"), found


def killed(world: World, case: Scenario, count: int) -> Tree:
    """Let a process really die at a call; return what it leaves behind."""
    try:
        interrupted(world, case, counted(count, die))
    except Died as end:
        if end.args != (DEAD,):
            raise
    return tree_of(world.work / "interrupted")


def refusals(calls: int, share: float, rng: random.Random) -> list[tuple[int, int, bool]]:
    """Return which call is refused how: each call once and for good, the reasons in turn."""
    every = [
        (call, REFUSALS[(call + on) % len(REFUSALS)], bool(on))
        for call in range(1, calls + 1)
        for on in (0, 1)
    ]
    return every if share >= 1 else rng.sample(every, max(1, round(share * len(every))))
