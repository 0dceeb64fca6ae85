"""Names and keywords of CuPy that a file uses, looked up in the real CuPy, which is imported without a GPU.

Read from the syntax tree: what hangs on `cupy` or on a name that was imported from it, on `xp` (an argument,
a variable or `device.xp`), and on `namespace(array)`. A call must fit the signature, which compiled code
tells in the first line of its documentation.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

LIBRARIES = ("cupy", "cupy_backends")
KEYWORDS_OF_UFUNCS = {"out", "dtype", "casting"}
"""All that CuPy's element-wise functions take beside arrays."""


@dataclass(frozen=True)
class Use:
    """A name that is used, its place, and the call that it is the function of, if any."""

    name: str
    line: int
    root: Any
    path: tuple[str, ...]
    call: ast.Call | None


def uses(code: str) -> list[Use]:
    """Return what a file uses of CuPy, in the order of its lines; of `a.b.c` the longest name only."""
    tree = ast.parse(code)
    known = dict(_imported(tree))
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or (id(node) in inner and id(node) not in called):
            continue
        name, path = _chain(node, known)
        if name and path:
            text = ".".join((name, *path))
            found.append(Use(text, node.lineno, known.get(name), path, called.get(id(node))))
    return sorted(found, key=lambda use: use.line)


def _imported(tree: ast.AST) -> Iterator[tuple[str, Any]]:
    """Yield the names that stand for CuPy, its modules, or what was imported from them."""
    cupy = importlib.import_module("cupy")
    yield from (("xp", cupy), ("cupy", cupy))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] in LIBRARIES:
                    importlib.import_module(alias.name)
                    top = alias.name if alias.asname else alias.name.partition(".")[0]
                    yield alias.asname or top, importlib.import_module(top)
        elif isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in LIBRARIES:
            for alias in node.names:
                yield alias.asname or alias.name, _member(str(node.module), alias.name)


def _member(module: str, name: str) -> Any:
    """Return what `from module import name` would. Raises ImportError."""
    there = importlib.import_module(module)
    return getattr(there, name) if hasattr(there, name) else importlib.import_module(f"{module}.{name}")


def _chain(node: ast.expr, known: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return the known name at the root of a chain of attributes, and the attributes behind it; or ""."""
    path: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            if node.attr == "xp":
                return "xp", tuple(path)
            path.insert(0, node.attr)
            node = node.value
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id == "namespace":
                return "xp", tuple(path)
            path.insert(0, "()")
            node = node.func
        else:
            name = node.id if isinstance(node, ast.Name) else ""
            return (name, tuple(path)) if name in known else ("", ())


def faults(code: str) -> list[str]:
    """Return what is wrong with the names of CuPy that a file uses: line, name, reason."""
    found = (f"{use.line}: {reason}" for use in uses(code) if (reason := _fault(use)))
    return list(dict.fromkeys(found))


def _fault(use: Use) -> str:
    """Return what is wrong with a use, or nothing, also where it depends on what a function returns."""
    here, of_class = use.root, False
    for name in use.path:
        if name == "()":
            if not isinstance(here, type):
                return ""
            of_class = True
        elif hasattr(here, name):
            here, of_class = getattr(here, name), False
        else:
            # An object may have more attributes than its class, unless that has no room for them.
            return "" if of_class and here.__dictoffset__ else f"no {use.name}"
    return f"{use.name}: {reason}" if use.call and (reason := _misfit(here, use.call)) else ""


def _misfit(function: Any, call: ast.Call) -> str:
    """Return why a call does not fit a function, or nothing, also where its signature is not known."""
    if any(isinstance(given, ast.Starred) for given in call.args):
        return ""
    names = [keyword.arg for keyword in call.keywords if keyword.arg]
    if hasattr(function, "nin"):
        return _misfit_of_ufunc(function, len(call.args), names)
    signature = _signature(function)
    if signature is None:
        return ""
    try:
        signature.bind(*call.args, **dict.fromkeys(names))
    except TypeError as error:
        return str(error)
    return ""


def _signature(function: Any) -> inspect.Signature | None:
    """Return a signature, or None; of compiled code the one told as `f(int a, tuple b=(), *, c=None)`."""
    try:
        return inspect.signature(function)
    except ValueError:
        first = next(iter(str(function.__doc__).splitlines()), "")
    told = re.fullmatch(r"\w+\((.*)\)( -> .*)?", first)
    if told is None or "..." in told[1]:
        return None
    kind, parameters = inspect.Parameter.POSITIONAL_OR_KEYWORD, []
    for text in re.split(r", (?![^(]*\))", told[1]) if told[1] else []:
        name = text.partition("=")[0].split()[-1]
        if name == "*":
            kind = inspect.Parameter.KEYWORD_ONLY
        elif name.startswith("*"):
            return None
        elif name != "self":
            default = None if "=" in text else inspect.Parameter.empty
            parameters.append(inspect.Parameter(name, kind, default=default))
    return inspect.Signature(parameters)


def _misfit_of_ufunc(function: Any, given: int, names: list[str]) -> str:
    if strange := sorted(set(names) - KEYWORDS_OF_UFUNCS):
        return f"got an unexpected keyword argument {strange[0]!r}"
    if not function.nin <= given <= function.nin + function.nout:
        return f"takes {function.nin} arrays, got {given}"
    return ""


def numpy_only(code: str) -> list[str]:
    """Return the attributes in a file that NumPy's arrays have and CuPy's lack, with their lines."""
    import cupy
    import numpy as np

    lacking = set(dir(np.ndarray)) - set(dir(cupy.ndarray))
    tree = ast.walk(ast.parse(code))
    nodes = [node for node in tree if isinstance(node, ast.Attribute) and node.attr in lacking]
    return [f"{node.lineno}: {node.attr}" for node in sorted(nodes, key=lambda node: node.lineno)]
