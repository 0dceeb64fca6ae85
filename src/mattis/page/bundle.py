"""Arrays on a page: labelled by their dimensions, side by side in one compressed text."""

import base64
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

NUMBER_KINDS = {"f8": np.float64, "f4": np.float32, "u2": np.uint16, "u1": np.uint8}
"""Types of numbers on a page, by the names that it knows them under; all of them little-endian."""

LEVEL_OF_COMPRESSION = 6
"""Higher ones take twice as long for a hundredth of the size."""


@dataclass
class Bundle:
    """Arrays on their way to a page, and the bytes that they take before they are compressed."""

    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, values: xr.DataArray, kind: str) -> dict[str, Any]:
        """Append an array; return where it is: {kind, dims, shape, start}.

        Bytes of equal weight stand together, for their runs are what compresses.
        """
        numbers = np.ascontiguousarray(values.values, np.dtype(NUMBER_KINDS[kind]).newbyteorder("<"))
        weights = numbers.reshape(-1, 1).view(np.uint8)
        start = self.size
        self.parts.append(np.ascontiguousarray(weights.T).tobytes())
        self.size += numbers.nbytes
        dims = [str(dim) for dim in values.dims]
        return {"kind": kind, "dims": dims, "shape": list(values.shape), "start": start}

    def text(self) -> str:
        """Return all arrays as base64 of a zlib stream."""
        return base64.b64encode(zlib.compress(b"".join(self.parts), LEVEL_OF_COMPRESSION)).decode()
