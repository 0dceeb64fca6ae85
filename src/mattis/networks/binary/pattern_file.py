"""Patterns of a user: an array of ±1 (or 0 and 1), an image, or a folder of images, read as data only."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattis.errors import UserError
from mattis.networks.binary.ensembles import Ensemble
from mattis.surroundings import load_matplotlib
from mattis.words import one_line

LARGEST_PATTERN_FILE = 2**27
"""Bytes of a file at most."""

IMAGES = (".png", ".jpg", ".jpeg")

PatternRows = NDArray[Any]


def read(path: Path, most: int) -> Ensemble:
    """Return the patterns of a file or folder, at most so many signs. Raises UserError, one line."""
    try:
        rows = _pictures(path) if path.is_dir() else _file(path)
    except UserError:
        raise
    except (OSError, ValueError) as error:  # a name that no file can have, a folder shut to us
        said = getattr(error, "strerror", None) or error
        raise UserError(f"{str(path)[:200]!r}: cannot read patterns: {said}") from None
    if rows.size > most:
        raise UserError(
            f"{path}: got {rows.size} signs; expected at most {most}, for they travel with the study; "
            "use fewer or smaller patterns"
        )
    return Ensemble("given", given=rows.astype(np.int8).tobytes(), shape=(rows.shape[0], rows.shape[1]))


def _file(path: Path) -> PatternRows:
    """Return the rows of one file."""
    readers: Mapping[str, Callable[[Path], PatternRows]] = {
        ".npy": _array,
        ".csv": lambda file: _table(file, ","),
        ".txt": lambda file: _table(file, None),
        **dict.fromkeys(IMAGES, _picture),
    }
    kind = path.suffix.lower()
    if kind not in readers:
        known = ", ".join(readers)
        raise UserError(
            f"{path}: got {kind or 'no suffix'}; expected a file of patterns: {known}, or a folder"
        )
    rows = _opened(path, readers[kind])
    return rows if kind in IMAGES else _as_signs(path, rows)


def _opened(path: Path, reader: Callable[[Path], PatternRows]) -> PatternRows:
    """Return what a reader makes of a file. Raises UserError for whatever goes wrong."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UserError(f"{path}: cannot read patterns: {error.strerror or error}") from None
    if not path.is_file():
        raise UserError(f"{path}: got what is no file; expected a file of patterns")
    if size > LARGEST_PATTERN_FILE:
        raise UserError(
            f"{path}: got {size} bytes; expected at most {LARGEST_PATTERN_FILE}; use fewer patterns"
        )
    try:
        return reader(path)
    except Exception as error:  # whatever a reader makes of a file that is not what its name says
        said = one_line(error, 120)
        raise UserError(f"{path}: not a {path.suffix} file that can be read: {said}") from None


def _array(path: Path) -> PatternRows:
    """Return an array of numbers; nothing is unpickled."""
    return np.asarray(np.load(path, allow_pickle=False))


def _table(path: Path, delimiter: str | None) -> PatternRows:
    """Return a table of numbers, a pattern in each line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an empty file, which is a mistake of its own
        return np.loadtxt(path, delimiter=delimiter, ndmin=2)


def _picture(path: Path) -> PatternRows:
    """Return an image as one pattern, row by row."""
    return _bright(path).reshape(1, -1)


def _bright(path: Path) -> PatternRows:
    """Return +1 where an image is brighter than its mean, (height, width)."""
    load_matplotlib()
    from matplotlib.image import imread

    image = np.asarray(imread(path), np.float64)
    grey = image if image.ndim == 2 else image[..., :3].mean(axis=2)
    return np.where(grey > grey.mean(), 1, -1)


def _pictures(folder: Path) -> PatternRows:
    """Return the images of a folder, in the order of their names, which must be of one shape."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGES)
    if not files:
        raise UserError(f"{folder}: got a folder without images; expected {', '.join(IMAGES)}")
    images = [_opened(file, _bright) for file in files]
    for file, image in zip(files, images, strict=True):
        if image.shape != images[0].shape:
            got, expected = (" × ".join(map(str, one.shape)) for one in (image, images[0]))
            raise UserError(
                f"{file}: got {got} dots; expected {expected}, as {files[0].name} has; make them alike"
            )
    return np.array([image.ravel() for image in images])


def _as_signs(path: Path, rows: PatternRows) -> PatternRows:
    """Return rows of ±1, or of 0 and 1, as ±1. Raises UserError with the first other number."""
    if rows.ndim != 2 or rows.size == 0 or rows.dtype.kind not in "biuf":
        got = f"an array of shape {rows.shape} and type {rows.dtype}"
        raise UserError(f"{path}: got {got}; expected numbers, a pattern in each row")
    low = -1 if (rows == -1).any() else 0
    wrong = np.argwhere((rows != 1) & (rows != low))
    if len(wrong):
        i, j = wrong[0]
        raise UserError(
            f"{path}, row {i}, column {j}: got {rows[i, j]}; expected {low} or 1; turn it into signs first"
        )
    return np.where(rows == 1, 1, -1)
