"""The parameters of a kernel, from its C++ signature, and the checks of its arguments.

CuPy passes any argument: an int64 to a kernel that reads an int32, or an array of float64 to one that
reads floats, is taken as it lies. So the host is the place where a wrong width is noticed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

HostArray = NDArray[Any]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel."""

    pointer: bool
    """Whether it is a pointer, not a number."""
    read_only: bool
    """Whether it points to constants."""
    element: np.dtype[Any] | None
    """The type of its numbers, None where any will do."""
    size: int
    """Bytes of one element: 16 for uint4."""
    alignment: int
    """The number of bytes that its address must be a multiple of."""

    @property
    def name(self) -> str:
        """Its type in messages."""
        if self.element is None:
            return f"{self.size} bytes" if not self.pointer else "memory"
        many = self.size // self.element.itemsize
        return f"{self.element}" if many == 1 else f"{many} × {self.element}"


def parameters(signature: str) -> tuple[Parameter, ...]:
    """Return the parameters that a signature describes, as launch.h writes it: `*ci4:4:4 f8:8:8`."""
    return tuple(_parameter(word) for word in signature.split())


def _parameter(word: str) -> Parameter:
    kind, size, alignment = word.split(":")
    pointer, read_only = kind.startswith("*"), kind.startswith("*c")
    letters = kind.removeprefix("*").removeprefix("c")
    element = None if letters.startswith("V") else np.dtype("?" if letters == "b1" else letters)
    return Parameter(pointer, read_only, element, int(size), int(alignment))


def checked(value: Any, parameter: Parameter, where: str) -> HostArray:
    """Return the array whose memory is the argument: the numbers that are pointed to, or one number.

    Raises `TypeError` that begins with `where`, unless the argument has the type that the kernel reads.
    """
    return _numbers(value, parameter, where) if parameter.pointer else _number(value, parameter, where)


def _number(value: Any, parameter: Parameter, where: str) -> HostArray:
    if not isinstance(value, np.generic | int | float):
        raise TypeError(f"{where}: {described(value)} for {parameter.name} by value")
    number = np.atleast_1d(np.asarray(value))  # int becomes int64 and float float64, as in CuPy
    same = number.dtype == parameter.element if parameter.element else number.itemsize == parameter.size
    if not same or number.itemsize != parameter.size:
        raise TypeError(f"{where}: {described(value)} is {number.dtype}, the kernel takes {parameter.name}")
    return number


def _numbers(value: Any, parameter: Parameter, where: str) -> HostArray:
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{where}: {described(value)} for a pointer to {parameter.name}")
    if parameter.element is not None and value.dtype != parameter.element:
        raise TypeError(f"{where}: an array of {value.dtype} for a pointer to {parameter.name}")
    if not value.flags.c_contiguous:
        raise TypeError(f"{where}: an array that is not C-contiguous")
    if not value.flags.writeable and not parameter.read_only:
        raise TypeError(f"{where}: a read-only array for a pointer to {parameter.name}, not to const")
    if value.size and value.ctypes.data % parameter.alignment:
        raise TypeError(f"{where}: an address that does not divide by {parameter.alignment}")
    return value


def described(value: Any) -> str:
    """Return a value in the words of a message."""
    return f"an array of {value.dtype}" if isinstance(value, np.ndarray) else repr(value)
