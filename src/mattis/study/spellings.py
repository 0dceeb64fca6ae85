"""Numbers as people spell them elsewhere (5%, 1/20, 1k, inf, 0.01:0.2:20), and as a study has them.

Nothing is accepted so: a reading is what a message advises to type.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

LONGEST_TEXT = 80
"""Characters of what may be a number, or some of them."""

MOST_WRITTEN = 50
"""Numbers that are advised one by one at most."""

INFINITE = ("inf", "infinity", "infinite", "∞", "oo")
FACTORS = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "%": 1e-2, "‰": 1e-3}
AS_PYTHON = str.maketrans({"^": "**", "×": "*", "·": "*", "−": "-", "’": "'"})
THOUSANDS = re.compile(r"[1-9]\d{0,2}([ ,_'\u00a0\u202f]\d{3})+")
OPERATORS: Mapping[type, Callable[[float, float], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.Pow: operator.pow,
}  # fmt: skip
FUNCTIONS = {"sqrt": math.sqrt, "exp": math.exp, "log": math.log, "pi": math.pi, "e": math.e}


def typed(value: Any, depth: int = 0) -> str:
    """Return a number, a list or a grid as it is typed in a study."""
    if depth > 4:
        return "…"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {typed(v, depth + 1)}" for key, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(typed(v, depth + 1) for v in value[:LONGEST_TEXT])}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
    return repr(value) if isinstance(value, int | float) else str(value)


def readings(value: Any) -> list[Any]:
    """Return what may be meant by a value that is no number, or no list of them: the likeliest first."""
    if isinstance(value, float):
        return [int(value)] if value.is_integer() and abs(value) < 2**64 else []
    if isinstance(value, list):
        return value if len(value) == 1 and isinstance(value[0], int | float) else []
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        return []
    text = value.strip()
    number = _number(text)
    found: list[Any] = [] if number is None else [number]
    for meant in (*_grids(text), *_lists(text)):
        found += [] if meant in found else [meant]
    return found


def rounded(value: float) -> float:
    """Return a value to 12 digits: 0.30000000000000004, as NumPy's arange has it, is 0.3."""
    return value if isinstance(value, int) else float(f"{value:.12g}")


def _plain(value: float) -> int | float:
    """Return a number of 12 digits, whole where it is."""
    short = rounded(value)
    return int(short) if float(short).is_integer() and abs(short) < 2**64 else short


def _number(text: str) -> int | float | None:
    """Return the number that a text is, if it is one."""
    text = re.sub(r"^[^\W\d]*\s*[=≈~]\s*", "", text.translate(AS_PYTHON)).strip()  # T = 0.3
    sign, word = (-1, text[1:]) if text.startswith("-") else (1, text.lstrip("+"))
    if word.strip(". ").lower() in INFINITE:
        return sign * math.inf
    if THOUSANDS.fullmatch(word):
        return sign * int(re.sub(r"\D", "", word))
    if re.fullmatch(r"\d+,\d+([eE][+-]?\d+)?", word):
        word = word.replace(",", ".")
    word = re.sub(r"(?<=\d)[dD](?=[+-]?\d)", "e", word)  # 1d-3
    word = re.sub(r"(?<=[\d.]) +[^\W\d]+$", "", word)  # 300 sweeps
    factor = FACTORS.get(word[-1:], 1.0)
    found = _computed(word[:-1] if factor != 1 else word)
    return None if found is None or not math.isfinite(found) else _plain(sign * found * factor)


def _computed(text: str) -> float | None:
    """Return the value of simple arithmetic: 1/20, 2**10, sqrt(2)."""
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, TypeError, KeyError, RecursionError):
        return None


def _value(node: ast.AST) -> float:
    """Return the value of a node of arithmetic, in floats. Raises what is no arithmetic."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.BinOp):
        return float(OPERATORS[type(node.op)](_value(node.left), _value(node.right)))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.Call) and len(node.args) == 1:
        name: Any = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
        function: Any = FUNCTIONS[name.id if isinstance(name, ast.Name) else name]
        return float(function(_value(node.args[0])))
    if isinstance(node, ast.Name | ast.Attribute):
        constant: Any = FUNCTIONS[node.id if isinstance(node, ast.Name) else node.attr]
        return float(constant)
    raise ValueError("no arithmetic")


def _numbers(texts: list[str]) -> list[int | float]:
    """Return the numbers that some texts are, or nothing if any is none."""
    found = [_number(text.strip()) for text in texts]
    return [] if None in found else [number for number in found if number is not None]


def _grids(text: str) -> Iterator[Any]:
    """Yield the grid that a:b:n, a..b or a call of NumPy's is."""
    text = text.strip("[]")
    parts = _numbers(re.split(r"\s*(?::|…|\.\.+|\bto\b)\s*", text))
    if len(parts) == 2:
        start, stop = parts
        whole = isinstance(start, int) and isinstance(stop, int) and stop > start + 1
        yield _grid(start, stop, int(stop - start) + 1 if whole else 11)
    elif len(parts) == 3:
        if isinstance(parts[2], int) and parts[2] > 1:
            yield _grid(*parts)
        yield from _stepped(parts[0], parts[2], parts[1])
    call = re.fullmatch(r"(?:\w+\.)*(linspace|arange|range|logspace|geomspace)\s*\((.*?)\)?", text)
    if call:
        words = [re.sub(r"^\s*\w+\s*=", "", word) for word in call[2].split(",")]
        yield from _called(call[1], _numbers(words))


def _grid(start: float, stop: float, count: float) -> dict[str, int | float]:
    return {"from": start, "to": stop, "count": int(count) if math.isfinite(count) else 0}


def _stepped(start: float, stop: float, step: float) -> Iterator[Any]:
    """Yield the grid of some steps, both ends included."""
    if step and math.isfinite(start + stop + step) and 1 <= (stop - start) / step < 1e6:
        steps = math.floor((stop - start) / step + 1e-9)
        yield _grid(start, _plain(start + steps * step), steps + 1)


def _called(name: str, given: list[int | float]) -> Iterator[Any]:
    """Yield what a call of one of NumPy's functions returns."""
    if name == "linspace" and len(given) in (2, 3):
        yield _grid(given[0], given[1], given[2] if len(given) == 3 else 50)
    elif name in ("arange", "range") and 1 <= len(given) <= 3:
        start, stop, step = {1: (0, given[0], 1), 2: (*given, 1), 3: given}[len(given)]
        steps = (stop - start) / step if step else 0
        count = math.ceil(steps - 1e-9) if math.isfinite(steps) else 0
        yield _grid(start, _plain(start + (count - 1) * step), count) if count > 1 else [start]
    elif name == "geomspace" and min(given[:2], default=0) > 0:
        yield from _called("logspace", [*map(math.log10, given[:2]), *given[2:]])
    elif name == "logspace" and len(given) == 3 and 1 < given[2] <= MOST_WRITTEN:
        low, high, most = given[0], given[1], int(given[2])
        if max(abs(low), abs(high)) < 300:
            width = (high - low) / (most - 1)
            yield [_plain(10 ** (low + k * width)) for k in range(most)]


def _lists(text: str) -> Iterator[list[Any]]:
    """Yield the numbers that stand in one text, between commas, semicolons or spaces."""
    for between in (r"\s*[;,]\s*", r"[\s;,]+"):
        numbers = _numbers(re.split(between, text.strip("[](){} ")))
        if len(numbers) > 1 or (numbers and text[0] in "[("):
            yield [*numbers]
