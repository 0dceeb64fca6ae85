"""What must hold of results after any accident, and what of that does not."""

import math
import os
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from calls import quick
from reference import Cells, cells_of
from tiny import HERE, Tree, World, plant, shown, store_of, tree_of, valid

from mattis.engine import driver
from mattis.errors import Fault, UserError
from mattis.store.results import read_json, results_of
from mattis.store.verify import verify
from mattis.study.base import Study

KINDS = ("lost", "changed", "leftovers", "messages", "unfinished")
"""What an accident may violate: values that were there, values that are shown, the folder, what is said,
and that the same command goes on to the end."""

Violation = tuple[str, str]


@dataclass(frozen=True)
class Scenario:
    """A command on a folder of results, and what must hold whenever it is interrupted.

    before   # the folder, before the command
    study    # what the command is asked for
    holder   # of this study cells were there; it is asked for at the very end
    safe     # these
    opened   # whether xarray could read the store before
    names    # what an undisturbed command leaves behind
    computed # the cells that it computes
    """

    name: str
    before: Tree
    study: str
    holder: str
    safe: Cells
    opened: bool
    names: frozenset[str]
    computed: int


def scenario(world: World, name: str, before: Tree, study: str, holder: str) -> Scenario:
    """Return a command on a folder, after running it once without disturbance. In a child only."""
    os.fsync = quick
    root = world.work / f"undisturbed-{name}"
    plant(before, root)
    asked, wide = world.studies[study], world.studies[holder]
    opened = readable(store_of(asked, root))
    safe = _there(wide, root)
    outcome = driver.run(asked, root, HERE)
    if outcome.digest != world.reference.digest(asked):
        raise AssertionError(f"{name}: an undisturbed run does not end well: {outcome}")
    return Scenario(name, before, study, holder, safe, opened, _names(tree_of(root)), outcome.computed)


def _there(study: Study, root: Path) -> Cells:
    """Return the cells that exist; none where metadata are too damaged to tell."""
    try:
        return valid(study, root)
    except UserError:
        return frozenset()


def _names(tree: Tree) -> frozenset[str]:
    return frozenset(name for name, content in tree.items() if content is not None)


def readable(path: Path) -> bool:
    """Tell whether xarray alone can read a store."""
    try:
        shown(path)
    except Exception:
        return False
    return True


def judged(world: World, case: Scenario, tree: Tree, root: Path) -> list[Violation]:
    """Return what does not hold of a folder that an accident left; the command is given again."""
    os.fsync = quick
    plant(tree, root)
    found = [*_seen(world, case, root), *_kept(world, case, root), *_receipt(world, case, root)]
    return found + _again(world, case, root)


def _seen(world: World, case: Scenario, root: Path) -> Iterator[Violation]:
    """Yield what a reader without mattis would be told wrong."""
    path = store_of(world.studies[case.study], root)
    try:
        arrays = shown(path)
    except Exception as error:
        if case.opened:
            yield "lost", f"xarray cannot read the store any more: {type(error).__name__}: {error}"
        return
    for name, cells in arrays.items():
        right = world.reference.columns.get(name, {})
        for cell, value in cells.items():
            blank = math.isnan(value) or value == -1
            if not blank and (cell not in right or right[cell] != value):
                yield ("changed", f"xarray shows {name} = {value} at {cell}, not {right.get(cell)}")
                break


def _kept(world: World, case: Scenario, root: Path) -> Iterator[Violation]:
    """Yield which cells that existed do not any more."""
    try:
        lost = case.safe - valid(world.studies[case.holder], root)
    except Exception as error:
        if case.safe:
            yield "lost", f"status refuses: {_line(error)}"
        return
    if lost:
        yield "lost", f"{len(lost)} of {len(case.safe)} cells do not exist any more"


def _receipt(world: World, case: Scenario, root: Path) -> Iterator[Violation]:
    """Yield a receipt that says that all is done while the command has computed some of the rest."""
    study = world.studies[case.study]
    receipt = read_json(results_of(study, root).receipt)
    try:
        there = valid(study, root)
    except Exception:
        return
    if receipt and there < cells_of(study) and there - case.safe:
        yield "leftovers", "the receipt of a complete study is there, and cells are missing"


def _again(world: World, case: Scenario, root: Path) -> list[Violation]:
    """Give the same command again, then ask for all that was there; return what does not hold."""
    study, holder = world.studies[case.study], world.studies[case.holder]
    try:
        outcome = driver.run(study, root, HERE)
    except (Fault, UserError) as error:
        return [("unfinished", f"the same command refuses: {error}"), *said(error)]
    except Exception as error:
        return [("unfinished", _line(error)), ("messages", _line(error))]
    found: list[Violation] = []
    if outcome.computed > case.computed:
        found.append(("lost", f"{outcome.computed} cells computed, of {case.computed} missing"))
    if outcome.digest != world.reference.digest(study):
        found.append(("unfinished", f"it ends with digest {outcome.digest}"))
    tree = tree_of(root)
    extra = [name for name in _names(tree) - case.names if ".lock." not in name]
    if extra:
        found.append(("leftovers", f"left behind: {sorted(extra)[:3]}"))
    try:
        verdict = verify(study, root)
        if not verdict.sound:
            found.append(("unfinished", f"verify: {verdict.findings[:2]}"))
        found += _seen(world, case, root)
        if holder is study:
            return found
        last = driver.run(holder, root, HERE)
        missing = len(cells_of(holder) - case.safe - cells_of(study))
        if last.digest != world.reference.digest(holder):
            found.append(("unfinished", f"what was there ends with digest {last.digest}"))
        if last.computed > missing:
            found.append(("lost", f"{last.computed} cells computed that were there"))
    except Exception as error:
        found.append(("unfinished", f"after the same command: {_line(error)}"))
    return found


def said(error: BaseException) -> list[Violation]:
    """Return what is wrong with a message to the user: it is one line, and never tells to remove results."""
    text = str(error)
    if not isinstance(error, Fault | UserError):
        return [("messages", _line(error))]
    if "\n" in text:
        return [("messages", f"more than a line: {text!r}")]
    if any(word in text.lower() for word in ("remove", "delete", "erase")):
        return [("messages", f"advice to remove results: {text}")]
    return []


def _line(error: BaseException) -> str:
    at = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {at.name}: {' '.join(str(error).split())[:300]}"
