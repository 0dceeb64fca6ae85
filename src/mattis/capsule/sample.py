"""A random sample of the cells of a study: the same for the same seed, on every machine."""

import re
from hashlib import sha256
from heapq import nsmallest
from math import ceil

import numpy as np

from mattis.errors import UserError
from mattis.exact.arrays import Mask

_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")

SEEDS_UP_TO = 2**32
"""Seeds of samples are below: numbers that can be typed."""


def sample_size(text: str, cells: int) -> int:
    """Return how many of some cells `5%`, `20` or `all` are: one at least, all at most.

    Raises UserError for anything else.
    """
    word = text.strip().lower()
    if word == "all":
        return cells
    share = _SHARE.fullmatch(word)
    if share and 0 < float(share[1]) <= 100:
        return min(ceil(cells * float(share[1]) / 100), cells)
    if word.isascii() and word.isdecimal() and int(word) > 0:
        return min(int(word), cells)
    raise UserError(f"--sample: got {text!r:.40}; expected a share such as 5%, a number of cells, or all")


def chosen_cells(cells: Mask, count: int, seed: int) -> Mask:
    """Return a mask of so many random ones of some cells of a cube: with the least SHA-256 of `seed:index`.

    Each set of `count` cells is as likely as any other, as far as SHA-256 is random.
    """
    every = np.flatnonzero(cells).tolist()
    order = (
        every
        if count >= len(every)
        else nsmallest(count, every, key=lambda at: sha256(f"{seed}:{at}".encode()).digest())
    )
    chosen = np.zeros(cells.size, bool)
    chosen[order] = True
    return chosen.reshape(cells.shape)
