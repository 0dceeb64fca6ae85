"""Theory: what each quantity means, where its equation comes from, and its value at a point.

`QUANTITIES` is a table; each theory file (hopfield, ...) contributes one tuple of rows. Nothing
here knows a model, a store or a simulation: a line cannot be contaminated by what it judges.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from types import MappingProxyType

import numpy as np

from mattis.errors import UserError, nearest
from mattis.theory import consolidation, hopfield

__all__ = ["ARGUMENTS", "QUANTITIES", "Argument", "Quantity", "evaluate"]


@dataclass(frozen=True)
class Argument:
    """A control parameter of the theory and its allowed range."""

    name: str
    meaning: str
    bound: str
    fits: Callable[[float], bool]


@dataclass(frozen=True)
class Quantity:
    """One theoretical quantity: what it is, its equation, its source, and the function for it."""

    name: str
    symbol: str
    units: str  # "1", or "J" for temperatures and energies
    arguments: tuple[str, ...]
    meaning: str
    equation: str
    source: str
    function: Callable[..., float]


_ARGUMENTS = (
    Argument("load", "alpha = P/N, patterns per neuron", "> 0", lambda v: v > 0),
    Argument("temperature", "T = 1/beta, in units of J", ">= 0", lambda v: v >= 0),
    Argument(
        "memories",
        "N_h, memories and patterns",
        "a whole number from 2 to 10^15",
        lambda v: 2 <= v <= 1e15 and v.is_integer(),
    ),
    Argument("kappa", "beta N_v rho, rho = |xi'|^2/N_v", ">= 0", lambda v: v >= 0),
    Argument(
        "presentations", "k, how often the memory's own pattern was shown", ">= 0", lambda v: v >= 0
    ),
    Argument(
        "steps",
        "t, how often any pattern was shown",
        "a whole number from 0 to 10^9",
        lambda v: 0 <= v <= 1e9 and v.is_integer(),
    ),
    Argument("probability", "p, of the memory's own pattern", "in [0, 1]", lambda v: 0 <= v <= 1),
    Argument("tau", "time constant, in presentations", ">= 1", lambda v: v >= 1),
    Argument(
        "overlap", "cosine of memory and pattern at first", "in [-1, 1]", lambda v: abs(v) <= 1
    ),
    Argument("norm_ratio", "|xi'|/|Xi(0)|, of pattern and memory", "> 0", lambda v: v > 0),
)

_AGS85 = "Amit, Gutfreund & Sompolinsky, Phys. Rev. Lett. 55, 1530 (1985)"
_AGS87 = "Amit, Gutfreund & Sompolinsky, Ann. Phys. 173, 30 (1987)"
_STATE = "t = tanh((m + sqrt(alpha r) z)/T), r = q/(1 - C)^2, C = (1 - q)/T, z normal"
_POINT = ("load", "temperature")

_HOPFIELD = (
    Quantity(
        name="hopfield.overlap",
        symbol="m",
        units="1",
        arguments=_POINT,
        meaning="Overlap of the retrieval state with its pattern (replica symmetric).",
        equation=f"m = E t, q = E t^2; {_STATE}",
        source=_AGS87,
        function=hopfield.overlap,
    ),
    Quantity(
        name="hopfield.q",
        symbol="q",
        units="1",
        arguments=_POINT,
        meaning="Edwards-Anderson order parameter of the retrieval state (replica symmetric).",
        equation=f"q = E t^2, m = E t; {_STATE}",
        source=_AGS87,
        function=hopfield.edwards_anderson,
    ),
    Quantity(
        name="hopfield.energy",
        symbol="e",
        units="J",
        arguments=_POINT,
        meaning="Energy per spin of the retrieval state, without self-coupling (J_ii = 0).",
        equation="e = -m^2/2 + (alpha/2) [1 - 1/(1 - C) - C r]",
        source=f"d(beta f)/d beta of the free energy of {_AGS87}",
        function=hopfield.energy,
    ),
    Quantity(
        name="hopfield.free_energy",
        symbol="f",
        units="J",
        arguments=_POINT,
        meaning="Free energy per spin of the retrieval state, without self-coupling (J_ii = 0).",
        equation="f = m^2/2 + (alpha/2) [1 + T ln(1 - C) - q/(1 - C) + C r]"
        " - T E ln 2cosh((m + sqrt(alpha r) z)/T)",
        source=_AGS87,
        function=hopfield.free_energy,
    ),
    Quantity(
        name="hopfield.T_M",
        symbol="T_M",
        units="J",
        arguments=("load",),
        meaning="Largest temperature at which a retrieval state exists.",
        equation="alpha_M(T_M) = alpha, on the falling side of alpha_M(T)",
        source=_AGS87,
        function=hopfield.T_M,
    ),
    Quantity(
        name="hopfield.T_c",
        symbol="T_c",
        units="J",
        arguments=("load",),
        meaning="Temperature below which the retrieval state is the global minimum of f.",
        equation="f(retrieval) = f(spin glass)",
        source=_AGS87,
        function=hopfield.T_c,
    ),
    Quantity(
        name="hopfield.T_g",
        symbol="T_g",
        units="J",
        arguments=("load",),
        meaning="Temperature at which the spin glass freezes out of the paramagnet.",
        equation="T_g = 1 + sqrt(alpha)",
        source=_AGS85,
        function=hopfield.T_g,
    ),
    Quantity(
        name="hopfield.T_AT",
        symbol="T_AT",
        units="J",
        arguments=("load",),
        meaning="Temperature below which the retrieval state breaks replica symmetry.",
        equation="alpha E sech^4((m + sqrt(alpha r) z)/T)/T^2 = (1 - C)^2",
        source=_AGS85,
        function=hopfield.T_AT,
    ),
    Quantity(
        name="hopfield.alpha_M",
        symbol="alpha_M",
        units="1",
        arguments=("temperature",),
        meaning="Largest load at which a retrieval state exists.",
        equation="alpha_M(T) = max over w of w^2 (1 - C)^2/q, w = sqrt(alpha r)",
        source=_AGS87,
        function=hopfield.alpha_M,
    ),
    Quantity(
        name="hopfield.alpha_c",
        symbol="alpha_c",
        units="1",
        arguments=(),
        meaning="Storage capacity: the largest load of a retrieval state at T = 0.",
        equation="alpha_c = max over y of (1/2) (erf(y)/y - (2/sqrt(pi)) exp(-y^2))^2",
        source=_AGS87,
        function=hopfield.alpha_c,
    ),
    Quantity(
        name="hopfield.hysteresis",
        symbol="m_hyst",
        units="1",
        arguments=("load",),
        meaning="Overlap of the T = 0 dynamics started on the pattern: a heuristic upper bracket.",
        equation="m = erf y, sqrt(alpha) = (erf y - sqrt(2) y k)/(sqrt(2) y - k),"
        " k = sqrt(2/pi) exp(-y^2)",
        source="derived for this project (heuristic, no literature value)",
        function=hopfield.hysteresis_overlap,
    ),
)

_LOTITO = "Lotito, Neurocomputing 636, 129865 (2025)"
_DERIVED = "derived for this project (no literature value; agrees with simulations)"
_RANDOM = ("steps", "probability", "tau", "overlap", "norm_ratio")
_SHARE = "x = (1 - e^{-kappa x})/(1 + (N_h - 1) e^{-kappa x})"
_MIXTURE = "[c a + (1 - c) s]/sqrt(c^2 + (1 - c)^2 s^2 + 2 c (1 - c) a s)"

_CONSOLIDATION = (
    Quantity(
        name="consolidation.kappa_s",
        symbol="kappa_s",
        units="1",
        arguments=("memories",),
        meaning="kappa = beta N_v rho below which all memories collapse to the patterns' mean.",
        equation="kappa_s = min over 0 < x < 1 of ln[(1 + (N_h - 1) x)/(1 - x)]/x",
        source=_DERIVED,
        function=consolidation.kappa_s,
    ),
    Quantity(
        name="consolidation.own_share",
        symbol="w",
        units="1",
        arguments=("memories", "kappa"),
        meaning="Share of a memory's own pattern in it, in the end.",
        equation=f"w = (1 + (N_h - 1) x)/N_h, {_SHARE}, the largest x",
        source=_DERIVED,
        function=consolidation.own_share,
    ),
    Quantity(
        name="consolidation.cosine",
        symbol="cos",
        units="1",
        arguments=("memories", "kappa"),
        meaning="Cosine between a memory and its own pattern, in the end.",
        equation="cos = w/sqrt(w^2 + (1 - w)^2/(N_h - 1)), w of consolidation.own_share",
        source=_DERIVED,
        function=consolidation.cosine,
    ),
    Quantity(
        name="consolidation.similarity",
        symbol="sim",
        units="1",
        arguments=("presentations", "tau", "overlap", "norm_ratio"),
        meaning="Cosine between a memory and its pattern after k presentations of it, norms kept.",
        equation=f"{_MIXTURE}, c = (1 - 1/tau)^k",
        source=f"eqs. (12) to (14) of {_LOTITO}, solved for a one-hot softmax",
        function=consolidation.similarity,
    ),
    Quantity(
        name="consolidation.similarity_mean",
        symbol="E sim",
        units="1",
        arguments=_RANDOM,
        meaning="Mean of consolidation.similarity when patterns are shown at random.",
        equation="sum over k of Bin(k; t, p) sim(k)",
        source=_DERIVED,
        function=consolidation.similarity_mean,
    ),
    Quantity(
        name="consolidation.similarity_sd",
        symbol="sd sim",
        units="1",
        arguments=_RANDOM,
        meaning="Standard deviation of consolidation.similarity when patterns are shown at random.",
        equation="sqrt of the sum over k of Bin(k; t, p) [sim(k) - E sim]^2",
        source=_DERIVED,
        function=consolidation.similarity_sd,
    ),
    Quantity(
        name="consolidation.published",
        symbol="sim",
        units="1",
        arguments=("presentations", "tau", "overlap"),
        meaning="consolidation.similarity as published: as if patterns were as long as memories.",
        equation="[e a + 1 - e]/sqrt(e^2 + (1 - e)^2 + 2 e (1 - e) a), e = exp(-k/tau), k = p t",
        source=f"eq. (40) of {_LOTITO}",
        function=consolidation.published,
    ),
)

ARGUMENTS: Mapping[str, Argument] = MappingProxyType({a.name: a for a in _ARGUMENTS})
QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {q.name: q for q in (*_HOPFIELD, *_CONSOLIDATION)}
)


def evaluate(name: str, **at: float | Sequence[float]) -> float | list[float | None] | None:
    """Return a quantity at a point, or along a line where arguments are lists.

    Lists are paired and must have equal lengths; scalars are broadcast. None stands where the
    quantity does not exist. Raises UserError for an unknown quantity, an unknown or missing
    argument, lists of unequal lengths, and a value that is not a finite number in range.
    """
    quantity = _quantity(name)
    _check_names(quantity, at)
    lists = {key: len(at[key]) for key in at if _is_list(at[key])}  # type: ignore[arg-type]
    if len(set(lists.values())) > 1:
        got = ", ".join(f"{key} has {length} values" for key, length in lists.items())
        raise UserError(f"{name}: {got}; lists are paired, so give them equal lengths")
    size = next(iter(lists.values()), 1)
    columns = [_column(name, key, at[key], size) for key in quantity.arguments]
    rows = zip(*columns, strict=True) if columns else [()]
    values = [_or_none(quantity.function(*row)) for row in rows]
    return values if lists else values[0]


def _quantity(name: str) -> Quantity:
    """Return the row of the table, or raise UserError with the nearest name."""
    if name in QUANTITIES:
        return QUANTITIES[name]
    raise UserError(
        f"unknown quantity {name!r}{nearest(str(name), QUANTITIES) or _choice(QUANTITIES)}"
    )


def _check_names(quantity: Quantity, given: Mapping[str, object]) -> None:
    """Raise UserError unless exactly the arguments of the quantity are given."""
    expected = quantity.arguments
    for key in given:
        if key not in expected:
            hint = nearest(key, [e for e in expected if e not in given]) or _choice(expected)
            raise UserError(f"{quantity.name}: unknown argument {key!r}{hint}")
    for key in expected:
        if key not in given:
            raise UserError(f"{quantity.name}: missing argument {key!r} ({ARGUMENTS[key].meaning})")


def _choice(names: Collection[str]) -> str:
    """Return the hint that lists what may be typed instead."""
    return f"; expected one of {', '.join(names)}" if names else "; it takes no arguments"


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes)


def _column(name: str, key: str, value: object, size: int) -> list[float]:
    """Return `value` as `size` checked floats: a list as it is, a scalar repeated."""
    if not _is_list(value):
        return [_number(f"{name}: {key}", value, ARGUMENTS[key])] * size
    values = list(value)  # type: ignore[call-overload]
    return [_number(f"{name}: {key}[{i}]", v, ARGUMENTS[key]) for i, v in enumerate(values)]


def _number(place: str, value: object, argument: Argument) -> float:
    """Return `value` as a float in the range of its argument, or raise UserError."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise UserError(f"{place}={value!r} is not a number; expected {argument.meaning}")
    number = float(value)
    if not math.isfinite(number):
        raise UserError(f"{place}={number} is not finite; expected {argument.meaning}")
    if not argument.fits(number):
        raise UserError(
            f"{place}={number!r} is out of range; expected {argument.bound} ({argument.meaning})"
        )
    return number


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
