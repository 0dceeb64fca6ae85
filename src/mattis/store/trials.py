"""The chunk shape and the observables of a store whose attributes are lost, by trial.

Shapes of a chunk and lists of observables are tried; the digests of the cells of one chunk decide.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, islice
from typing import NamedTuple

from mattis.store import layout
from mattis.store.cube import CubeLabels
from mattis.store.layout import Chunk
from mattis.store.observables import MOST_OBSERVABLES, Observed, are_observables
from mattis.store.place import Place
from mattis.study.model import Observable

MOST_TRIALS = 4000
"""Shapes, lists and formats that are tried at most."""


class Trial(NamedTuple):
    """The shape of a chunk, a list of observables, and the number of the format."""

    chunks: Chunk
    observed: Observed | None
    number: int = layout.FORMAT


def best(
    path: Place, labels: CubeLabels, chunks: Chunk, lists: Sequence[Observed], files: Sequence[str]
) -> Trial:
    """Return the trial with which most cells of one chunk fit their digests.

    chunks  # the shape, if some metadata still have it
    """
    best_trial, most = Trial(chunks or layout.chunk_shape(labels.shape), None), 0
    name = next(name for name in files if name.startswith("digest/c/"))
    size = len((path / name).read_bytes(8 * layout.CHUNK_CELLS + layout.CHECKSUM) or b"")
    every = _shapes(labels.shape, (size - layout.CHECKSUM) // 8)
    shapes = [chunks] if chunks else [*islice(every, MOST_TRIALS)]
    trials = (
        Trial(shape, observed, number)
        for observed in lists for shape in shapes for number in (layout.FORMAT, 2)
    )  # fmt: skip
    for trial in islice(trials, MOST_TRIALS):
        fits, digests = _fitting(path, labels, trial, name)
        if fits > most:
            best_trial, most = trial, fits
        if 0 < fits == digests:
            break
    return best_trial


def _fitting(path: Place, labels: CubeLabels, trial: Trial, name: str) -> tuple[int, int]:
    """Return the number of cells of a chunk that fit their digests, and the number of digests."""
    assert trial.observed is not None
    forms = layout.forms(labels, trial.observed.observables, trial.chunks, {}, trial.number)
    for chunk in layout.chunks_among([name], "digest", forms["digest"]):
        ds, held = layout.contents(path, labels, trial.observed, forms, chunk)
        return int((held > 0).sum()), int((ds["digest"].values != 0).sum())
    return 0, 0


def lists(
    path: Place, today: Sequence[Observable], labels: CubeLabels, files: Sequence[str]
) -> Iterator[Observed]:
    """Yield possible lists of observables, from the arrays on disk.

    First the model's in their order, then any others. Next, lists in which some neighbours came later: few
    of them and near the end first, as observables are added.
    """
    on_disk = {name.partition("/")[0] for name in files if "/c/" in name}
    names = [observable.name for observable in today if observable.name in on_disk]
    others = [n for n in sorted(on_disk - {*names}) if are_observables([n], labels.names)]
    every = layout.described(path, [*names, *others][:MOST_OBSERVABLES], today) or (*today,)
    yield Observed(every, (len(every),))
    cuts = combinations(range(len(every) + 1), 2)
    for first, last in sorted(cuts, key=lambda cut: (cut[1] - cut[0], -cut[0])):
        early, late = every[:first] + every[last:], every[first:last]
        if early:
            yield Observed(early + late, tuple(range(len(early), len(every) + 1)))


def _shapes(shape: Sequence[int], cells: int) -> Iterator[Chunk]:
    """Yield the shapes of chunks of so many cells within a cube, those long in the last axes first."""
    if not shape:
        if cells == 1:
            yield ()
        return
    for last in range(min(shape[-1], cells), 0, -1):
        if cells % last == 0:
            for before in _shapes(shape[:-1], cells // last):
                yield (*before, last)
