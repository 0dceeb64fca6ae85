"""The arguments of a launch: arrays in the memory of the device, and numbers as parameters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

from gpu.ptx.memory import DEFINED, GUARD, READ, WRITE, Layout, Space
from gpu.ptx.parse import Kernel, Parameter

Array = NDArray[Any]


class Memory:
    """Global memory and parameters during a launch.

    Arrays are copied to it and, those that may be written, back. A view lies where it does in the array that
    it is of, so that it is aligned, and overlaps with others, as on a GPU.
    """

    def __init__(self, kernel: Kernel, args: Sequence[Any]) -> None:
        if len(args) != len(kernel.parameters):
            expected = len(kernel.parameters)
            raise TypeError(f"{kernel.name}: {len(args)} arguments instead of {expected}")
        arrays = [a for a in args if isinstance(a, np.ndarray)]
        layout, self.symbols = Layout(), dict[str, int]()
        roots = {id(root): (root, layout.place(_extent(root), GUARD)) for root in map(_root, arrays)}
        for variable in kernel.variables:
            if variable.space != "shared":
                self.symbols[variable.name] = layout.place(len(variable.content), variable.align)
        self.everywhere = Space("global", layout)
        for variable in kernel.variables:
            if variable.space != "shared":
                start = self.symbols[variable.name]
                self.everywhere.put(start, variable.content)
                self.everywhere.permit(start, len(variable.content), READ | DEFINED)
        self.placed = [(a, roots[id(_root(a))][1] + _offset(a)) for a in arrays]
        for array, start in self.placed:
            rights = READ | DEFINED | (WRITE if array.flags.writeable else 0)
            self.everywhere.put(start, array.tobytes())
            self.everywhere.permit(start, array.nbytes, rights)
        self.parameters = self._parameters(kernel, args)

    def _parameters(self, kernel: Kernel, args: Sequence[Any]) -> Space:
        """Return the space of parameters, filled."""
        layout = Layout()
        starts = [layout.place(parameter.size, 16) for parameter in kernel.parameters]
        space = Space("parameter", layout)
        addresses = iter([start for _, start in self.placed])
        for k, (parameter, start, arg) in enumerate(zip(kernel.parameters, starts, args, strict=True)):
            _check(f"{kernel.name}, argument {k}", parameter, arg)
            is_array = isinstance(arg, np.ndarray)
            content = np.uint64(next(addresses)) if is_array else arg
            space.put(start, content.tobytes())
            space.permit(start, parameter.size, READ | DEFINED)
            self.symbols[parameter.name] = start
        return space

    def give_back(self) -> None:
        """Copy what the kernel left behind to the arrays that it was given."""
        for array, start in self.placed:
            if array.flags.writeable and array.size:
                octets = self.everywhere.take(start, array.nbytes)
                array[...] = octets.view(array.dtype).reshape(array.shape)


def _root(array: Array) -> Array:
    """Return the array that owns the memory of a view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _extent(array: Array) -> int:
    low, high = byte_bounds(array)
    return high - low


def _offset(array: Array) -> int:
    """Return how many bytes a view begins behind the array that it is of."""
    return byte_bounds(array)[0] - byte_bounds(_root(array))[0]


def _check(name: str, parameter: Parameter, arg: Any) -> None:
    """Refuse what a kernel would misread: CuPy would pass it."""
    wanted = f"a parameter .{parameter.kind} of {parameter.size} bytes"
    if isinstance(arg, np.ndarray):
        if not arg.flags.c_contiguous:
            raise TypeError(f"{name}: the array is not contiguous")
        if parameter.size != 8 or parameter.pointer is False or parameter.kind not in ("u64", "b64"):
            raise TypeError(f"{name}: an array for {wanted}")
    elif not isinstance(arg, np.generic):
        raise TypeError(f"{name}: {type(arg).__name__}; numbers are NumPy's, as np.int32(1)")
    elif parameter.pointer:
        raise TypeError(f"{name}: {arg.dtype} for a pointer")
    elif (arg.nbytes, arg.dtype.kind == "f") != (parameter.size, parameter.kind[0] == "f"):
        raise TypeError(f"{name}: {arg.dtype} for {wanted}")
