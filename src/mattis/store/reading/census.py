"""What was found where the digests of all cells of a chunk were compared with their values.

To compare them takes most of the time of a look at a large store, and finds nothing new as long as the chunk
does not change. So who holds the lock of a store keeps beside it, for each chunk, a seal: a hash of the
labels of its cells, of the observables that they have, and of the checksums of all its files, which
every look computes anew. Wherever the seal does not fit, digests are compared as ever.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from mattis.store import cube
from mattis.store.cube import CubeLabels
from mattis.store.layout import Chunk, mapping_of
from mattis.store.observables import Counts
from mattis.store.place import Place

LARGEST_CENSUS = 2**26
"""Bytes of a census at most: that of 10^8 cells has a five-hundredth of it."""

CENSUS_FORMAT = 1


@dataclass(eq=False)
class Census:
    """The seals of chunks: those that are known, and those that were found to be right at this look."""

    known: Mapping[str, str] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)

    def count(self, chunk: Chunk, seals: Mapping[int, str]) -> int | None:
        """Return how many observables the cells of a chunk have; None where digests have to tell.

        seals  # of the chunk as it lies there, if its cells have so many observables; "" for a damaged one
        """
        known = self.known.get(_name(chunk))
        for count, seal in seals.items():
            if seal and seal == known:
                self.seen[_name(chunk)] = seal
                return count
        return None

    def note(self, chunk: Chunk, seals: Mapping[int, str], held: Counts) -> None:
        """Keep what was found of a chunk: of all cells that are there, how many observables they have."""
        count = int(held[0]) if held.size and (held == held[0]).all() else 0
        if seals.get(count):
            self.seen[_name(chunk)] = seals[count]


def _name(chunk: Chunk) -> str:
    return "/".join(map(str, chunk))


def seal_of(labels: CubeLabels, names: Sequence[str], checksums: Sequence[bytes]) -> str:
    """Return the seal of a chunk; "" if one of its files is damaged.

    labels     # of its cells
    names      # of the observables that all of its cells have
    checksums  # of the digests, and of each of these observables; empty for a damaged file
    """
    if not all(checksums):
        return ""
    digest = blake2b(f"{CENSUS_FORMAT} {labels.names} {names}".encode(), digest_size=12)
    for variable in cube.frame(labels).variables.values():
        digest.update(variable.values.tobytes())
    digest.update(b"".join(checksums))
    return digest.hexdigest()


def census_file(path: Place) -> Place:
    """Return where the census of a store lies: beside it, so that the store is what it is without it."""
    return path.with_name("sweep.census")


def read_census(path: Place) -> Census:
    """Return the census of a store, empty if there is none or it cannot be read."""
    content = mapping_of(census_file(path).read_bytes(LARGEST_CENSUS))
    chunks = content.get("chunks")
    if content.get("mattis_census") != CENSUS_FORMAT or not isinstance(chunks, dict):
        return Census()
    return Census({name: seal for name, seal in chunks.items() if isinstance(seal, str)})


def write_census(path: Place, census: Census) -> None:
    """Keep what a look has found. Only who holds the lock of the store may."""
    chunks = {**census.known, **census.seen}
    if chunks != census.known:
        content = {"mattis_census": CENSUS_FORMAT, "chunks": dict(sorted(chunks.items()))}
        census_file(path).write_text(json.dumps(content) + "\n")
