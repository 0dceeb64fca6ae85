"""Values of theory beside the results of a study: what its figures evaluated before is read, not solved.

A value is named by a hash of all that it depends on: the quantity, its arguments, and the text of the files
of theory. So another study, another grid and another version find nothing under their names, and a damaged
file is one without values.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from mattis import theory
from mattis.exact.arrays import Reals
from mattis.store.place import Place
from mattis.theory.rows import Formula

LARGEST_MEMORY = 2**26
"""Bytes of a file of values at most: a larger one is not read."""

MARK_BYTES = 32
"""Bytes at the beginning of a file of values, which tell whether the rest is as it was written."""


class Memory:
    """Values of theory by their hashes: those that a file had, and those that were used since."""

    def __init__(self, found: Mapping[str, Reals]) -> None:
        self.found = found
        self.used: dict[str, Reals] = {}

    def value(self, name: str, at: Mapping[str, Any]) -> Reals:
        """Return a quantity over arrays."""
        key = value_name(name, at)
        if key not in self.used:
            known = self.found.get(key)
            self.used[key] = np.asarray(theory.evaluate(name, **at)) if known is None else known
        return self.used[key].copy()


_MEMORY: ContextVar[Memory | None] = ContextVar("memory of theory", default=None)


@contextmanager
def remembered(place: Place) -> Iterator[None]:
    """Read values of theory from a file while a study is drawn, and write there those that it used."""
    memory = Memory(_read(place))
    token = _MEMORY.set(memory)
    try:
        yield
    finally:
        _MEMORY.reset(token)
    if memory.used.keys() != memory.found.keys():
        place.write_bytes(_written(memory.used))


def evaluate(name: str, **at: Any) -> Any:
    """Return what `theory.evaluate` does; of arrays from the memory of the study that is drawn, if any.

    Plugins are not remembered: their text is not that of theory.
    """
    memory, own = _MEMORY.get(), isinstance(theory.QUANTITIES[name].function, Formula)
    arrays = any(isinstance(each, np.ndarray) for each in at.values())
    if memory is None or not (own and arrays):
        return theory.evaluate(name, **at)
    return memory.value(name, at)


def curve(name: str, **at: Any) -> Reals:
    """Return a quantity of theory along a line, by `evaluate`; NaN where it does not exist."""
    return np.asarray(evaluate(name, **at), np.float64)


def value_name(name: str, at: Mapping[str, Any]) -> str:
    """Return the hash of what a value of theory depends on."""
    digest = blake2b(theory_version().encode(), digest_size=16)
    digest.update(name.encode())
    for key, value in sorted(at.items()):
        array = np.asarray(value)
        digest.update(f"|{key} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def theory_version() -> str:
    """Return a hash of the files of theory, and of the packages that they compute with."""
    digest = blake2b(f"{np.__version__} {scipy.__version__}".encode(), digest_size=16)
    for file in sorted(Path(theory.__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _read(place: Place) -> dict[str, Reals]:
    """Return the values in a file; none if it is not there, or not the one that was written."""
    content = place.read_bytes(LARGEST_MEMORY) or b""
    mark, archive = content[:MARK_BYTES], content[MARK_BYTES:]
    if mark != _mark(archive):
        return {}
    with np.load(io.BytesIO(archive), allow_pickle=False) as file:
        return {name: np.asarray(file[name], np.float64) for name in file.files}


def _written(values: Mapping[str, Reals]) -> bytes:
    """Return the file of some values: a mark of its content, and NumPy's archive of them."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **{name: values[name] for name in sorted(values)})
    return _mark(content.getvalue()) + content.getvalue()


def _mark(content: bytes) -> bytes:
    return blake2b(content, digest_size=MARK_BYTES).digest()
