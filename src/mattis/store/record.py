"""The record of a store: the physics of its cells, their labels along the axes, the shape of its chunks.

It lies there twice, and where neither copy can be read it is rebuilt, from the labels on disk, the study as
run beside them, and the journal. A store may come from a stranger: its claims are believed only as far as its
files bear them out.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mattis import plugins
from mattis.errors import UserError
from mattis.networks.registry import study_of
from mattis.store import cube, journal, layout, rounds, trials
from mattis.store.cube import CubeLabels
from mattis.store.frame import LabelledArray
from mattis.store.journal import Contents, ShardNumber
from mattis.store.layout import FORMAT, ArrayForm, Chunk
from mattis.store.observables import Observed, are_observables, are_prefixes
from mattis.store.place import Place
from mattis.store.results import Results
from mattis.study.axes import Meaning
from mattis.study.base import Study
from mattis.study.document import parsed
from mattis.study.model import FINAL_STATES, Observable, StateShape

FORMATS = range(1, FORMAT + 1)
"""Formats of a store that can be read; the older are rewritten when they are next written to."""

UNBACKED = 256
"""Chunks of labels of networks, of a million, that axes may claim without files to show for it."""

LARGEST_LABEL = 2**53
"""Neurons of a network at most: a larger number is no longer exact where labels are floats."""


@dataclass(frozen=True)
class StoreRecord:
    """The labels, chunk shape and observables of a store, from which follows where each cell lies."""

    labels: CubeLabels
    chunks: Chunk
    """Shape of a chunk; () in format 1, where each array has its own."""
    observed: Observed
    format: int = FORMAT
    kept: StateShape | None = None
    """The final states that the store has room for."""
    older: bool = False
    """Whether its cells are of other random numbers than those of today: they are read, not extended."""


def contents_of(
    study: Study, observables: Sequence[str] | None = None, kept: StateShape | None = None
) -> Contents:
    """Return the physics and columns of a study's journal, with some observables or all of its model.

    kept  # the final states behind its rows
    """
    names = _of_model(study).names if observables is None else observables
    labels, own = (*study.dimensions, "patterns"), physics_of(study, names)

    def are_ours(other: Mapping[str, Any]) -> bool:
        return other == own or not (_plugin_fault(other) or study.changes(other))

    return Contents(own, labels, tuple(names), are_ours, kept)


def physics_of(study: Study, observables: Sequence[str]) -> dict[str, Any]:
    """Return the physics of a study, with the plugins of some observables among those it is made with."""
    physics = study.physics()
    more = plugins.of_rows("observable", observables)
    made_with = {**physics.get("plugins", {}), **{each.name: each.digest for each in more}}
    return physics | ({"plugins": made_with} if made_with else {})


def _plugin_fault(physics: Mapping[str, Any]) -> str | None:
    """Say which plugin of a store is missing or changed, if one is."""
    made_with = physics.get("plugins", {})
    if not isinstance(made_with, dict):
        return "its plugins cannot be read"
    return plugins.differences(made_with)


def _of_model(study: Study) -> Observed:
    """Return the observables of a new store: all of the study's model."""
    observables = study.described_model.observables
    return Observed(observables, (len(observables),))


def journal_of(path: Place) -> Place:
    """Return the folder of a store's journal: within the store, so that both move as one."""
    return path / "journal"


def attributes(
    study: Study, labels: CubeLabels, chunks: Chunk, observed: Observed, kept: StateShape | None = None
) -> dict[str, Any]:
    """Return the attributes of the group: study, physics, labels, chunks and observables."""
    model, lengths = study.described_model, [*observed.prefixes]
    return layout.sealed(
        {
            "Conventions": "CF-1.11",
            "title": f"{study.name}: {model.summary}",
            "source": model.source,
            **({"coordinates": "temperature"} if "beta" in labels.names else {}),  # for xarray
            **({"numbers_are": model.rounding} if model.rounding else {}),
            "mattis_format": FORMAT,
            "model": study.model,
            "physics": json.dumps(physics_of(study, observed.names), sort_keys=True),
            "axes": json.dumps(cube.spelled(labels)),
            "chunks": list(chunks),
            "observables": " ".join(observed.names),
            **({"digests_over": lengths} if len(lengths) > 1 else {}),
            **({FINAL_STATES: [*kept]} if kept else {}),
            "digest_scheme": cube.digest_scheme(labels, lengths),
        }
    )


def read(path: Place, study: Study) -> StoreRecord:
    """Return the record of a store, after checking that it is this study's.

    Raises UserError if it is another study's, of a newer format, or no store.
    """
    try:
        found = layout.attributes(path)
    except LookupError:
        return _recovered(path, study)
    if found["mattis_format"] not in FORMATS:
        raise UserError(
            f"{path}: got store format {found['mattis_format']}; this mattis reads formats 1 to {FORMAT}; "
            "use the mattis that wrote it"
        )
    try:
        physics = json.loads(found["physics"])
        labels = cube.labels_from(json.loads(found["axes"]), study.axes.meanings())
        whole = isinstance(physics, dict) and _are_labels(labels) and _are_listed(found, study)
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise _foreign(path)
    check_physics(path, physics, study)
    older = study.is_older(physics) and study.is_random(labels.values)
    _check_dimensions(path, labels, study)
    _check_backing(path, labels)
    names = _listed(found)
    lengths = found.get("digests_over", [len(names)])
    observed = Observed(layout.described(path, names, study.described_model.observables), tuple(lengths))
    if found["mattis_format"] == 1:
        return StoreRecord(labels, (), observed, 1, older=older)
    kept = journal.states_of(found)
    if not layout.are_chunks(found.get("chunks"), len(labels.names)):
        raise _foreign(path)
    return StoreRecord(labels, tuple(found["chunks"]), observed, found["mattis_format"], kept, older)


def _foreign(path: Place) -> UserError:
    return UserError(
        f"{path}: got something that is no mattis store; expected the store of this study; "
        "give the study another name, or choose another --results"
    )


def _listed(found: Mapping[str, Any]) -> Any:
    """Return the names of observables in attributes: one text, or a list up to format 2."""
    names = found["observables"]
    return names.split(" ") if isinstance(names, str) else names


def _are_listed(found: Mapping[str, Any], study: Study) -> bool:
    """Tell whether attributes list observables, and the numbers of them that digests may run over."""
    names = _listed(found)
    lengths = found.get("digests_over", [len(names)])
    return are_observables(names, study.dimensions) and are_prefixes(lengths, len(names))


def _are_labels(labels: CubeLabels) -> bool:
    """Tell whether these can be the labels of a cube: distinct numbers, whole ones where they count."""
    for name, values in labels.values.items():
        if len({*values}) != len(values) or any(math.isnan(v) for v in values):
            return False
        meaning = labels.meanings.get(name)
        if (
            meaning
            and meaning.is_whole
            and not all(type(v) is int and -LARGEST_LABEL <= v <= LARGEST_LABEL for v in values)
        ):
            return False
    sizes = labels.values.get("size", ())
    heat = labels.values.get("beta", labels.temperatures)
    return all(size > 0 for size in sizes) and len(heat) == len(labels.temperatures)


def _check_dimensions(path: Place, labels: CubeLabels, study: Study) -> None:
    if labels.names != study.dimensions:
        got, expected = (", ".join(names) for names in (labels.names, study.dimensions))
        raise UserError(
            f"{path}: made from a different study: axes {got} → {expected}; "
            "give the study another name, or choose another --results"
        )


def _check_backing(path: Place, labels: CubeLabels) -> None:
    """Raise UserError for axes that claim far more networks than there are files of labels for them."""
    plane = labels.shape[:2]
    claimed = layout.chunk_count(plane, layout.LABELS_PER_CHUNK[2])
    if claimed > UNBACKED and claimed > UNBACKED + len(path.files()):
        raise UserError(
            f"{path}: got axes of {plane[0]} × {plane[1]} networks, without files to show for it; expected "
            "the store of this study; give the study another name, or choose another --results"
        )


def check_physics(path: Place, physics: Mapping[str, Any], study: Study) -> None:
    """Raise UserError, with the difference, if physics are not those of a study."""
    if fault := _plugin_fault(physics):
        raise UserError(f"{path}: {fault}")
    changes = study.changes(physics)
    if changes:
        raise UserError(
            f"{path}: made from a different study: {'; '.join(changes)}; "
            "give the study another name, or choose another --results"
        )


def check_age(path: Place, old: StoreRecord | None) -> None:
    """Raise UserError if the cells of a store are of older random numbers: no store mixes the two."""
    if old and old.older:
        raise _older(path)


def check_recipe(path: Place, study: Study, old: StoreRecord | None) -> None:
    """Raise UserError if cells of a store or of its journal are of older random numbers."""
    check_age(path, old)
    waiting(path, study, extends=True)


def _older(path: Place) -> UserError:
    return UserError(
        f"{path}: its cells are of the random numbers of an older mattis: they can be read, not extended "
        "or computed again; give the study another name, or choose another --results"
    )


def waiting(
    path: Place, study: Study, part: ShardNumber | None = None, extends: bool = False
) -> list[list[str]]:
    """Return the lists of observables of the journal's segments, the shortest first.

    Raises UserError if cells of a different study wait there, or of older random numbers where somebody
    `extends` them. A shard `part` trusts the names of other shards' segments.
    """
    folder, contents, lists = journal_of(path), contents_of(study), list[list[str]]()
    refuses = extends and study.is_random(study.labels)
    for head in journal.heads(folder, journal.segments_for(folder, contents, part)):
        physics = head.get("physics", {})
        check_physics(path, physics, study)
        if refuses and study.is_older(physics):
            raise _older(path)
        lists.append(journal.observables_of(head, contents))
    return sorted((names for names in lists if names), key=lambda names: (len(names), names))


def observed(path: Place, study: Study, old: StoreRecord | None, lists: Sequence[list[str]]) -> Observed:
    """Return the observables of a store: those of its record, and those that only its journal has.

    Of a store that does not exist yet, those of its journal; without a journal, those of the study's model.
    """
    out, today = old.observed if old else None, _of_model(study)
    for names in lists:
        observables = layout.described(path, names, today.observables)
        if out is None:
            out = Observed(observables, (len(names),))
        elif {*names} > {*out.names}:
            out = out.grown(observables)
    return out or today


def _recovered(path: Place, study: Study) -> StoreRecord:
    """Return the record of a store of which both copies of the metadata are damaged.

    Labels are read from their files; in place of damaged ones, the study's are taken. Wherever that is wrong
    the digests of the cells do not fit, and these cells are computed again.
    """
    names = {*cube.frame(cube.labels_of(study)).variables, *contents_of(study).columns, "digest", "journal"}
    if names.isdisjoint(path.names()):
        raise _foreign(path)
    files = path.files()
    as_run = _as_run(path)
    has_cells = any(name.startswith("digest/c/") for name in files)
    if has_cells:  # else there is none to take for that of another study
        _check_origin(path, study, as_run)
    alike = as_run if as_run and as_run.dimensions == study.dimensions else study
    usual = cube.labels_of(alike)
    labels = _labels_on_disk(path, cube.merged(usual, usual), files)  # sorted, as in a store
    today = _of_model(study)
    lies = _form_on_disk(path, labels, today.observables)
    chunks = lies.chunks if lies else layout.chunk_shape(labels.shape)
    lacks_states = has_cells and f"{FINAL_STATES}/zarr.json" not in files
    kept = None if lacks_states else alike.kept_states
    lists = trials.lists(path, today.observables, labels, files)
    if lies is not None and not lies.checksum:
        return StoreRecord(labels, (), next(lists), 1)
    if not has_cells:
        return StoreRecord(labels, chunks, observed(path, study, None, waiting(path, study)), kept=kept)
    found = trials.best(path, labels, lies.chunks if lies else (), [*lists], files)
    return StoreRecord(labels, found.chunks, found.observed or today, found.number, kept)


def _as_run(path: Place) -> Study | None:
    """Return the study that lies beside a store, if it can be read, with the values of its rounds."""
    beside = path.with_name("study.yaml")
    try:
        text = (beside.read_bytes(layout.LARGEST_METADATA) or b"").decode()
        study = study_of(parsed(text, str(beside)), str(beside), Path(str(path)).parent)
        return rounds.asked(study, Results(path.parent)).study
    except (UserError, UnicodeDecodeError):
        return None


def _check_origin(path: Place, study: Study, as_run: Study | None) -> None:
    """Raise UserError unless the study as run, or the journal, says that the cells are of its physics."""
    if as_run is not None:
        return check_physics(path, as_run.physics(), study)
    folder = journal_of(path)
    if any(True for _ in journal.heads(folder, journal.segments(folder))):
        waiting(path, study)
        return None
    raise UserError(
        f"{path}: its metadata cannot be read, and nothing beside it says of which study its cells are; "
        f"put {path.with_name('study.yaml')} back from a copy, or give the study another name"
    )


def _labels_on_disk(path: Place, default: CubeLabels, files: Sequence[str]) -> CubeLabels:
    """Return the labels in the files of a store; of a damaged axis, the default ones."""
    intact = {name: _column(path, name, files, default.meanings) for name in default.names}
    values = {name: intact[name] or default.values[name] for name in default.names}
    labels = CubeLabels(values, (), default.meanings)
    if "beta" not in labels.names:
        return labels
    heat, betas = _column(path, "temperature", files, default.meanings), labels.values["beta"]
    if len(heat) != len(betas):
        spelled = dict(zip(default.values["beta"], default.temperatures, strict=True))
        heat = [spelled.get(beta, 1 / beta if beta else math.inf) for beta in betas]
    return replace(labels, temperatures=heat)


def _column(path: Place, name: str, files: Sequence[str], meanings: Mapping[str, Meaning]) -> Sequence[float]:
    """Return the labels in the files of one axis, without blanks at the end; none if they are damaged."""
    kind = np.int64 if meanings[name].is_whole else np.float64
    count = sum(file.startswith(f"{name}/c/") and file[-1].isdecimal() for file in files)
    blank = np.zeros(count * layout.LABELS_PER_CHUNK[1][0], kind)
    form = layout.label_form(LabelledArray((name,), blank))
    if old := layout.laid(path, name, replace(form, chunks=(), checksum=0)):
        form, count = replace(old, shape=old.chunks), 1
    values: list[float] = []
    for chunk in range(count):
        part = layout.salvaged(path, name, form, (chunk,))
        if part.damage:
            return []
        values += part.values.tolist()
    while values and (values[-1] == form.blank or math.isnan(values[-1])):
        values.pop()
    labels = CubeLabels({name: values}, values if name == "beta" else (), meanings)
    return values if _are_labels(labels) else []


def _form_on_disk(path: Place, labels: CubeLabels, observables: Sequence[Observable]) -> ArrayForm | None:
    """Return the form in the first readable metadata of an array of cells."""
    for name, form in layout.forms(labels, observables, (), {}).items():
        for checksum in (layout.CHECKSUM, 0):
            lies = layout.laid(path, name, replace(form, checksum=checksum))
            if lies is not None:
                return lies
    return None
