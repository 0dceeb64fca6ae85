"""A study made small enough to run in a minute: fewer sizes, seeds and values, all comments kept."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from mattis.errors import UserError
from mattis.networks.registry import study_of
from mattis.study.base import Study
from mattis.study.document import parsed
from mattis.study.spellings import typed

BUDGET = 30.0
"""Seconds of CPU time that a first study may take: a minute on one core, with the start of a process."""

FEWEST_VALUES = (4, 2, 1)
"""Seeds, and values of an axis, that are left at least: fewer only where that is not enough."""

MOST_SHORTENINGS = 60
"""Times that a study is shortened at most."""


class SmallStudy(NamedTuple):
    """A text that is a study, and the CPU seconds that it takes here."""

    text: str
    seconds: float


def shrunk(text: str, folder: Path) -> SmallStudy:
    """Return a study that takes no longer than `BUDGET` here, as measured by its plan.

    folder  # where its files are

    Raises UserError for a text that is no study.
    """
    from mattis.engine.estimate import cost, total_effort

    study = _study(text, folder)
    seconds = cost(study).seconds
    for _ in range(MOST_SHORTENINGS):
        if seconds <= BUDGET:
            break
        rate = seconds / max(total_effort(study), 1)
        found = next(_smaller(text, folder), None)
        if found is None:
            break
        text = found
        study = _study(text, folder)
        seconds = rate * total_effort(study)
        if seconds <= BUDGET:  # by the rate of the larger one
            seconds = cost(study).seconds
    return SmallStudy(text, seconds)


def smaller(before: str, after: str) -> str:
    """Return in words which keys of a study have been shortened."""
    old, new = parsed(before, "study"), parsed(after, "study")
    keys = [f"axes.{key}" for key in old["axes"] if old["axes"][key] != new["axes"][key]]
    keys += [key for key in old if key not in ("name", "axes") and old[key] != new[key]]
    return f", but smaller, to run in less than a minute: {', '.join(keys)}" if keys else ""


def _study(text: str, folder: Path) -> Study:
    return study_of(parsed(text, "study"), "study", folder)


def _smaller(text: str, folder: Path) -> Iterator[str]:
    """Yield the text with one axis shortened, as far as it is still a study: what says least goes first."""
    content = parsed(text, "study")
    for key, value in (pair for least in FEWEST_VALUES for pair in _fewer(content, least)):
        changed = replaced(text, key, value)
        try:
            _study(changed, folder)
        except UserError:
            continue
        yield changed


def _fewer(content: dict[str, Any], least: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield shorter values of keys: without the largest size, half of the seeds, every second value.

    least  # seeds, and values of an axis, that are left
    """
    axes = content["axes"]
    size, seed = axes.get("size"), axes.get("seed", 8)
    if isinstance(size, list) and len(size) > 1:
        yield ("axes", "size"), sorted(size)[:-1]
    seeds = seed if isinstance(seed, int) else len(seed)
    fewer = max(seeds // 2, least)
    if "seed" in axes and fewer < seeds:
        yield ("axes", "seed"), fewer if isinstance(seed, int) else seed[:fewer]
    others = [name for name in axes if name not in ("size", "seed") and _length(axes[name]) > least]
    for name in sorted(others, key=lambda name: -_length(axes[name])):
        yield ("axes", name), _thinned(axes[name], least)
    if isinstance(size, list) and len(size) == 1 and size[0] >= 64:
        yield ("axes", "size"), [size[0] // 2]
    for key, fewest in (("cues", 2), ("sweeps", 20), ("flow", 100)):
        part = content.get(key)
        if isinstance(part, int) and part > fewest:
            yield (key,), max(part // 2, fewest)
        for name in ("measure", "thermalise", "steps"):
            if isinstance(part, dict) and isinstance(part.get(name), int) and part[name] > fewest:
                yield (key, name), max(part[name] // 2, fewest)


def _length(values: Any) -> int:
    """Return how many values an axis has."""
    if isinstance(values, dict):
        return int(values["count"])
    return len(values) if isinstance(values, list) else 1


def _thinned(values: Any, least: int) -> Any:
    """Return about half of the values of an axis, its ends among them."""
    count = max(-(-_length(values) // 2), least)
    if isinstance(values, dict):
        return {**values, "count": count}
    last = len(values) - 1
    return [values[round(k * last / max(count - 1, 1))] for k in range(count)]


def replaced(text: str, keys: Sequence[str], value: Any) -> str:
    """Return a YAML text with another value at a key, and everything else as it is, comments included."""
    node: Any = yaml.compose(text, yaml.SafeLoader)
    for key in keys:
        node = next(v for k, v in node.value if k.value == key)
    start, end = node.start_mark.index, node.end_mark.index
    tail = re.search(r"\s*$", text[start:end])
    new = f"{typed(value)}{tail[0] if tail else ''}"
    comment = re.match(r" +(?=#)", text[end:])
    if comment:  # which stays where it is, below the others
        new = f"{new:<{end - start + len(comment[0]) - 2}}  "
        end += len(comment[0])
    return f"{text[:start]}{new}{text[end:]}"
