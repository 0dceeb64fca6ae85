"""Small studies that run in a second, and a way to compute them in this process."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from mattis import plan, store
from mattis.plan import Block
from mattis.results import results_of
from mattis.study import Study, load_study

SMALL = {
    "name": "small",
    "model": "hopfield",
    "axes": {
        "size": [60],
        "load": [0.05, 0.1, 0.2],
        "temperature": [0, 0.3, 0.6, 1.2],
        "noise": [0.0, 0.1],
        "seed": 3,
    },
    "sweeps": {"thermalise": 10, "measure": 60},
    "cues": 2,
}


def write_study(folder: Path, **changes: object) -> Path:
    """Write the small study, with changed axes or other keys, and return its path."""
    content = {**SMALL, "axes": dict(SMALL["axes"])}
    for key, value in changes.items():
        place = (
            content["axes"]
            if key in ("size", "load", "temperature", "beta", "noise", "seed")
            else content
        )
        place[key] = value
    if "beta" in changes:
        del content["axes"]["temperature"]
    path = folder / f"{content['name']}.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def make_study(folder: Path, **changes: object) -> Study:
    """Return the small study, with changed axes or other keys."""
    return load_study(write_study(folder, **changes))


def fill(study: Study, root: Path, blocks: Sequence[Block] | None = None) -> int:
    """Compute the blocks (by default those that are missing) in this process; return their cells."""
    results = results_of(study, root)
    results.folder.mkdir(parents=True, exist_ok=True)
    opened = store.create_or_extend(results.store, study)
    if blocks is None:
        blocks = plan.blocks(study, ~store.valid_cells(results.store, study))
    for block in blocks:
        columns = study.described_model.simulate(*plan.task(study, block))
        store.write(opened, study, block, columns)
    return sum(len(block.points) for block in blocks)
