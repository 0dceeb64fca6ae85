"""Couplings of a user: a matrix J, or one for each size or pattern set, read as data only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from string import Formatter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattis.errors import UserError
from mattis.words import one_line

LARGEST_COUPLING_FILE = 2**29
"""Bytes of a file at most."""

ROUNDED_UNIT = 256
"""Given couplings that are no multiples of 1/N are rounded to multiples of 1/(256 N)."""

LARGEST_ROW_SUM = 2.0**30
"""Fields N h × unit stay below this."""


@dataclass(frozen=True)
class GivenCouplings:
    """A matrix as it travels: nj = unit × N J, whole numbers row by row."""

    content: bytes = b""
    kind: str = "int8"
    size: int = 0
    unit: float = 1.0
    symmetric: bool = True
    digest: str = ""
    """SHA-256 of shape and values of J."""

    @property
    def nj(self) -> NDArray[np.signedinteger]:
        """The whole numbers, (N, N)."""
        return np.frombuffer(self.content, self.kind).reshape(self.size, self.size).copy()


NOT_GIVEN = GivenCouplings()
"""The couplings of networks that learn theirs."""


def fields_of(template: str) -> set[str]:
    """Return which of {size} and {seed} are in a name. Raises UserError for anything else in braces."""
    try:
        fields = {field for _, field, _, _ in Formatter().parse(template) if field is not None}
    except ValueError:
        fields = {"?"}
    if fields - {"size", "seed"}:
        raise UserError(
            f"got {template}; expected a file, with {{size}} and {{seed}} where there are several"
        )
    return fields


def key_of(template: str, size: int, seed: int) -> str:
    """Return how a matrix is called among those of a study."""
    values = {"size": size, "seed": seed}
    return ",".join(f"{name}={values[name]}" for name in ("size", "seed") if name in fields_of(template))


@lru_cache(maxsize=16)
def read(path: Path, size: int, changed: int) -> GivenCouplings:  # noqa: ARG001
    """Return the couplings in a file. Raises UserError, one line, where they are none of a network of N.

    changed  # when the file was last written, so that a new one is read again
    """
    j = _matrix(path)
    if j.shape != (size, size):
        raise UserError(f"{path}: got shape {j.shape}; expected ({size}, {size}), N × N at size {size}")
    if j.dtype.kind not in "biuf" or not np.isfinite(j).all():
        raise UserError(f"{path}: got {j.dtype} or values that are not finite; expected real numbers J_ij")
    real = j.astype(np.float64)
    whole = np.rint(real * size)
    exact = bool(np.allclose(whole, real * size, rtol=0, atol=1e-9))
    unit = 1.0 if exact else float(ROUNDED_UNIT)
    nj = whole if exact else np.rint(real * size * unit)
    if np.abs(nj).sum(axis=1).max() >= LARGEST_ROW_SUM:
        raise UserError(
            f"{path}: a row of N |J| sums to more than 2^30/{unit:g}; expected J of order 1/N; divide it"
        )
    kind = next(k for k in ("int8", "int16", "int32") if np.abs(nj).max() <= np.iinfo(k).max)
    digest = sha256(f"{size}".encode() + np.ascontiguousarray(real, "<f8").tobytes()).hexdigest()
    return GivenCouplings(nj.astype(kind).tobytes(), kind, size, unit, bool((nj == nj.T).all()), digest)


def _matrix(path: Path) -> NDArray[np.generic]:
    """Return the numbers in a file. Raises UserError for whatever goes wrong; nothing is unpickled."""
    readers: Mapping[str, Callable[[], Any]] = {
        ".npy": lambda: np.load(path, allow_pickle=False),
        ".csv": lambda: np.loadtxt(path, delimiter=",", ndmin=2),
        ".txt": lambda: np.loadtxt(path, ndmin=2),
    }
    if path.suffix not in readers:
        raise UserError(
            f"{path}: got {path.suffix or 'no suffix'}; expected a matrix in {', '.join(readers)}"
        )
    try:
        if path.stat().st_size > LARGEST_COUPLING_FILE:
            raise UserError(f"{path}: got more than {LARGEST_COUPLING_FILE} bytes; expected a smaller matrix")
        return np.asarray(readers[path.suffix]())
    except OSError as error:
        raise UserError(f"{path}: cannot read couplings: {error.strerror or error}") from None
    except (ValueError, EOFError) as error:
        said = one_line(error, 120)
        raise UserError(f"{path}: not a {path.suffix} file that can be read: {said}") from None
