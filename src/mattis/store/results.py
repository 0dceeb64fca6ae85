"""The folder of a study's results: its files, and the JSON among them.

results/NAME/   sweep.zarr      the store (never an output of the workflow engine, which deletes those)
                sweep.census    which chunks of the store were found to be as they should be
                sweep.done.json the receipt: all cells exist, and their digest
                shards/         receipts and failures of shards, where a study is cut into them
                failures.json   blocks that raised in the last run
                study.yaml      the study as run
                round_000.json  of a study that is refined: which cells each round asked for, and why
                diagram.zarr    the aggregated dataset
                figures/        diagram.png, diagram.svg
                theory.cache    values of theory that its figures show, by what they depend on
                diagram.html    the page of the diagram
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mattis.store.place import Place
from mattis.store.places import place_of
from mattis.study.base import Study

DEFAULT = Path("results")


Root = Path | str | None
"""Below what results lie: a folder, or a prefix of an object store such as s3://bucket; results/ if None."""


class Below:
    """A place among the results of a study, by its name in their folder."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, results: "Results", _owner: type) -> Place:
        """Return the place of some results."""
        return results.folder / self.name


@dataclass(frozen=True)
class Results:
    """The places of one study's results."""

    folder: Place

    store = Below("sweep.zarr")
    receipt = Below("sweep.done.json")
    failures = Below("failures.json")
    shards = Below("shards")
    study = Below("study.yaml")
    diagram = Below("diagram.zarr")
    figures = Below("figures")
    theory = Below("theory.cache")
    page = Below("diagram.html")

    def round(self, number: int) -> Place:
        """The file of a round of a study that is refined."""
        return self.folder / f"round_{number:03d}.json"


def results_of(study: Study, root: Root = None) -> Results:
    """Return the places of a study's results, below ROOT/NAME, by default results/NAME.

    The root is a folder, or a prefix of an object store such as s3://bucket/results. Both, and NAME, may
    be links; raises UserError for one below NAME, since its target is not the study's.
    """
    folder = place_of(root if root is not None else DEFAULT) / study.name
    folder.refuse_links()
    return Results(folder)


def write_json(place: Place, content: Any) -> None:
    """Write JSON, whole or not at all."""
    place.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_json(place: Place) -> Any:
    """Return the content of a JSON file, None if it is missing or damaged."""
    try:
        return json.loads(place.read_bytes() or b"")
    except ValueError:
        return None


def read_failures(results: Results) -> Mapping[str, str]:
    """Return the message of each block that failed in the last run, or in the last run of a shard."""
    files = [results.failures, *(results.shards / name for name in results.shards.names())]
    failures: dict[str, str] = {}
    for file in files:
        content = read_json(file) if file.name.endswith("failures.json") else None
        if isinstance(content, dict):
            failures |= {str(block): str(message) for block, message in content.items()}
    return failures
