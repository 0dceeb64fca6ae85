"""Generating functions: one convex function of a population's state gives its activation and its energy.

L(x) convex; the activation is its gradient, the metric of the dynamics its Hessian, the energy its Legendre
transform (D. Krotov and J. J. Hopfield, "Large associative memory problem in neurobiology and machine
learning", ICLR 2021; D. Lotito, Neurocomputing 636, 129865 (2025), section 3). A new network is one row of
`GENERATING`, or two rows that are there, put together.

States are (n, R): n neurons, R replicas side by side; on a device (S, n, R), replicas of S networks, with
gains (S, R): whose array, whose functions.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from mattis.exact.arrays import FloatArray
from mattis.kernels import cpu
from mattis.kernels.cuda import euler
from mattis.kernels.cuda.euler import gains, namespace, total
from mattis.plugins import Row, Table

NATURAL_LOG_OF_2 = 0.6931471805599453


@dataclass(frozen=True, eq=False)
class FunctionNumbers:
    """The numbers that a generating function takes.

    beta    # gain, or inverse temperature: a number, or one for each replica (R,)
    degree  # n of the polynomials
    memories, removed  # of the memory-dependent function: Xi (N_h, N_v), and d, which its diagonal lacks:
                       # with d > 0 its Hessian beta (XiᵀXi - d) is not positive, and the energy (3) may rise
    transposed  # Xiᵀ, where somebody made it already
    """

    beta: float | FloatArray = 1.0
    degree: int = 2
    memories: FloatArray | None = None
    removed: float = 0.0
    transposed: FloatArray | None = None


@dataclass(frozen=True)
class Generating(Row):
    """One row of the table of generating functions."""

    table: ClassVar[str] = "generating function"

    name: str
    equation: str
    source: str
    value: Callable[[FloatArray, FunctionNumbers], FloatArray]
    """L: (n, R) -> (R,)."""

    gradient: Callable[[FloatArray, FunctionNumbers], FloatArray]
    """Its gradient, the activation: (n, R) -> (n, R)."""

    curved: Callable[[FloatArray, FloatArray, FunctionNumbers], FloatArray]
    """Its Hessian at x times a direction: two of (n, R) -> (n, R)."""

    fault: Callable[[FunctionNumbers], str | None] = lambda _: None
    """What is wrong with a degree, where L would not be convex or not exist."""

    linear: bool = False
    """Whether the gradient is x itself."""


def generating_function(
    name: str,
    *,
    value: Callable[[FloatArray, FunctionNumbers], FloatArray],
    gradient: Callable[[FloatArray, FunctionNumbers], FloatArray],
    curved: Callable[[FloatArray, FloatArray, FunctionNumbers], FloatArray],
    equation: str = "",
    source: str = "",
) -> Generating:
    """Return a row of the table of generating functions, after trying what it says.

    value     # L: (n, R) -> (R,), convex; R states of n neurons side by side
    gradient  # (n, R) -> (n, R); curved  # Hessian at x times a direction: (n, R), (n, R) -> (n, R)
    Each takes `form` last, whose `beta` is the gain, (R,) or a number. Raises ValueError where a shape is
    wrong, where gradient and Hessian are not those of L, or where L is not convex, at random states.
    """
    row = Generating(name, equation, source, value, gradient, curved)
    for beta in (1.0, np.array([0.5, 2.0, 1.0])):
        _try(row, FunctionNumbers(beta))
    return row


DIFFERENCE = 1e-5
"""Width of the differences by which a gradient is tried."""


def _try(row: Generating, form: FunctionNumbers) -> None:
    """Raise ValueError unless value, gradient and Hessian of a function fit each other and L is convex."""
    x = np.random.default_rng(1).normal(size=(4, 3))
    direction = np.random.default_rng(2).normal(size=(4, 3))

    def slope(function: Callable[[FloatArray], FloatArray], shape: tuple[int, ...]) -> FloatArray:
        found = [np.asarray(function(x + sign * DIFFERENCE * direction)) for sign in (1, -1)]
        if found[0].shape != shape or found[0].dtype.kind != "f":
            raise ValueError(f"got {found[0].dtype} of shape {found[0].shape}; expected floats of {shape}")
        return (found[0] - found[1]) / (2 * DIFFERENCE)

    gradient, curved = row.gradient(x, form), row.curved(x, direction, form)
    along = (gradient * direction).sum(axis=0)
    if not np.allclose(slope(lambda y: row.value(y, form), (3,)), along, 1e-5, 1e-6):
        raise ValueError(f"{row.name}: gradient is not that of value")
    if not np.allclose(slope(lambda y: row.gradient(y, form), (4, 3)), curved, 1e-5, 1e-6):
        raise ValueError(f"{row.name}: curved is not the slope of gradient")
    if ((direction * curved).sum(axis=0) < -1e-9).any():
        raise ValueError(f"{row.name}: value is not convex")


def on_device(x: FloatArray) -> bool:
    """Tell whether states are a device's: (S, n, R), S networks of one shape, or no arrays of NumPy."""
    return x.ndim > 2 or not isinstance(x, np.ndarray)


def _flow(x: FloatArray) -> Any:
    """Return the kernels that move such states."""
    return euler if on_device(x) else cpu.euler


def _ones(where: FloatArray, x: FloatArray) -> FloatArray:
    """Return 1 where something holds, else 0, as numbers of the kind of x."""
    return namespace(x).astype(where, x.dtype)


def _half_square(x: FloatArray, _: FunctionNumbers) -> FloatArray:
    return total(x * x) / 2


def _log_cosh(x: FloatArray, form: FunctionNumbers) -> FloatArray:
    """ln cosh y = |y| + ln(1 + e^{-2|y|}) - ln 2, which does not overflow."""
    xp, y = namespace(x), abs(gains(form.beta) * x)
    return total(y + xp.log1p(xp.exp(-2 * y)) - NATURAL_LOG_OF_2) / form.beta


def _tanh(x: FloatArray, form: FunctionNumbers) -> FloatArray:
    return _flow(x).tanh(x, form.beta)


def _tanh_curved(x: FloatArray, direction: FloatArray, form: FunctionNumbers) -> FloatArray:
    t = _tanh(x, form)
    return gains(form.beta) * (1 - t * t) * direction


def _log_sum_exp(x: FloatArray, form: FunctionNumbers) -> FloatArray:
    xp, y = namespace(x), gains(form.beta) * x
    top = xp.max(y, axis=-2, keepdims=True)
    return (xp.log(total(xp.exp(y - top))) + top[..., 0, :]) / form.beta


def _softmax(x: FloatArray, form: FunctionNumbers) -> FloatArray:
    return _flow(x).softmax(x, form.beta)


def _softmax_curved(x: FloatArray, direction: FloatArray, form: FunctionNumbers) -> FloatArray:
    p = _softmax(x, form)
    return gains(form.beta) * p * (direction - total(p * direction)[..., None, :])


def smallest(beta: float | FloatArray) -> float:
    """Return a number, or the smallest of them."""
    least: Any = namespace(beta).min(beta) if np.ndim(beta) else beta
    return float(least)


def power(x: FloatArray, exponent: int) -> FloatArray:
    """Return x^k by squaring: a fixed order of products, not the machine's pow."""
    out, square = None, x
    while exponent:
        if exponent & 1:
            out = square if out is None else out * square
        exponent >>= 1
        square = square * square if exponent else square
    return x * 0 + 1 if out is None else out


def _polynomial(x: FloatArray, form: FunctionNumbers) -> FloatArray:
    return form.beta * total(power(x, form.degree)) / form.degree


def _polynomial_slope(x: FloatArray, form: FunctionNumbers) -> FloatArray:
    return gains(form.beta) * power(x, form.degree - 1)


def _polynomial_curved(x: FloatArray, direction: FloatArray, form: FunctionNumbers) -> FloatArray:
    return gains(form.beta) * (form.degree - 1) * power(x, form.degree - 2) * direction


def _cut(x: FloatArray) -> FloatArray:
    return x * _ones(x > 0, x)


def _rectified_curved(x: FloatArray, direction: FloatArray, form: FunctionNumbers) -> FloatArray:
    return _ones(x > 0, x) * _polynomial_curved(x, direction, form)


def _exp_sum(x: FloatArray, form: FunctionNumbers) -> FloatArray:
    return total(namespace(x).exp(gains(form.beta) * x)) / form.beta


def _exp(x: FloatArray, form: FunctionNumbers) -> FloatArray:
    return namespace(x).exp(gains(form.beta) * x)


def length(x: FloatArray) -> FloatArray:
    """Return |x| over neurons, (n, R) -> (1, R)."""
    return namespace(x).sqrt(total(x * x))[..., None, :]


def _divisor(norm: FloatArray) -> FloatArray:
    return norm + _ones(norm == 0, norm)


def _direction(x: FloatArray, _: FunctionNumbers) -> FloatArray:
    """x/|x|; 0 at the origin, where |x| has no gradient but the smallest of its subgradients is 0."""
    return x / _divisor(length(x))


def _direction_curved(x: FloatArray, direction: FloatArray, form: FunctionNumbers) -> FloatArray:
    unit, norm = _direction(x, form), length(x)
    return (direction - unit * total(unit * direction)[..., None, :]) / _divisor(norm)


def _through(x: FloatArray, form: FunctionNumbers) -> FloatArray:
    """Return beta (XiᵀXi - d) x."""
    assert form.memories is not None, "the memory-dependent generating function needs memories"
    xi = form.memories
    back = xi.mT if form.transposed is None else form.transposed
    return gains(form.beta) * (back @ (xi @ x) - form.removed * x)


def _even(form: FunctionNumbers) -> str | None:
    if form.degree < 2:
        return f"degree {form.degree}: expected 2 or more, where the activation is not constant"
    if form.degree % 2:
        return f"degree {form.degree}: x^n is not convex for odd n; use rectified_polynomial"
    return None


def _steep(form: FunctionNumbers) -> str | None:
    return None if form.degree >= 2 else f"degree {form.degree}: expected 2 or more"


KH16 = "Krotov & Hopfield, NIPS 29, 1172 (2016)"
KH21 = "Krotov & Hopfield, ICLR (2021)"

GENERATING_ROWS = (
    Generating(
        "quadratic", "L = |x|²/2, x", f"{KH21}; Lotito (2025), sec. 5.4",
        _half_square, lambda x, _: x, lambda _x, direction, _: direction, linear=True,
    ),
    Generating(
        "ln_cosh", "L = (1/beta) sum ln cosh(beta x), tanh(beta x)",
        "Hopfield, PNAS 81, 3088 (1984); Lotito (2025), eq. (27)", _log_cosh, _tanh, _tanh_curved,
    ),
    Generating(
        "log_sum_exp", "L = (1/beta) ln sum exp(beta x), softmax(beta x)",
        f"Ramsauer et al., ICLR (2021); {KH21}", _log_sum_exp, _softmax, _softmax_curved,
    ),
    Generating(
        "polynomial", "L = (beta/n) sum x^n, beta x^{n-1}; n even", KH16,
        _polynomial, _polynomial_slope, _polynomial_curved, _even,
    ),
    Generating(
        "rectified_polynomial", "L = (beta/n) sum max(x, 0)^n, beta max(x, 0)^{n-1}", KH16,
        lambda x, form: _polynomial(_cut(x), form), lambda x, form: _polynomial_slope(_cut(x), form),
        _rectified_curved, _steep,
    ),
    Generating(
        "exponential", "L = (1/beta) sum exp(beta x), exp(beta x)",
        "Demircigil et al., J. Stat. Phys. 168, 288 (2017)", _exp_sum, _exp,
        lambda x, direction, form: gains(form.beta) * _exp(x, form) * direction,
    ),
    Generating(
        "spherical", "L = |x|, x/|x|", f"{KH21}, model C", lambda x, _: length(x)[..., 0, :],
        _direction, _direction_curved,
    ),
    Generating(
        "memories", "L = (beta/2) |Xi x|², beta XiᵀXi x", "Lotito (2025), eqs. (20), (21)",
        lambda x, form: total(x * _through(x, form)) / 2, _through,
        lambda _, direction, form: _through(direction, form),
    ),
)  # fmt: skip

GENERATING = Table(Generating, GENERATING_ROWS)
"""The table: L, its gradient and its Hessian, each with its source; those of plugins run on the CPU only."""


@dataclass(frozen=True, eq=False)
class Population:
    """A generating function with its numbers: what neurons of one kind are."""

    name: str
    form: FunctionNumbers = FunctionNumbers()

    @property
    def row(self) -> Generating:
        """The row of the table."""
        return GENERATING[self.name]

    def value(self, x: FloatArray) -> FloatArray:
        """Return L, (n, R) -> (R,)."""
        return self.row.value(x, self.form)

    def activation(self, x: FloatArray) -> FloatArray:
        """Return the gradient of L, (n, R)."""
        return self.row.gradient(x, self.form)

    def curved(self, x: FloatArray, direction: FloatArray) -> FloatArray:
        """Return the Hessian of L at x times a direction, (n, R)."""
        return self.row.curved(x, direction, self.form)

    def hessian(self, x: FloatArray) -> FloatArray:
        """Return the Hessian of L at one state, (n,) -> (n, n)."""
        return self.curved(np.repeat(x[:, None], len(x), axis=1), np.eye(len(x), dtype=x.dtype))

    def with_gain(self, beta: float | FloatArray) -> "Population":
        """Return the population with another beta."""
        return replace(self, form=replace(self.form, beta=beta))

    @property
    def fault(self) -> str | None:
        """What is wrong with the numbers, if anything: a generating function is convex."""
        least = smallest(self.form.beta)
        if not least > 0:
            return f"beta {least:g}: L is convex for beta > 0 only"
        return self.row.fault(self.form)
