"""Recipes of networks of continuous neurons, and their cues.

The memories of a pattern set, scaled; a generating function for each kind of neuron; one of the two has the
gain beta. A cue has the overlap 1 - 2 noise with its pattern, whatever the patterns are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import gamma, pi, sqrt
from typing import Any, NamedTuple

import numpy as np

from mattis.exact import digits, gaussians, rng
from mattis.exact.arrays import FloatArray
from mattis.exact.patterns import noisy_cue, random_patterns
from mattis.kernels import cpu
from mattis.networks.neurons.generating_functions import FunctionNumbers, Population
from mattis.networks.neurons.network import MEMORIES, NeuronNetwork, closes
from mattis.study.model import PatternSet


class NeuronPoint(NamedTuple):
    """A point of the grid: the gain, the noise of the cue, and the ratio of time constants."""

    beta: float
    noise: float
    separation: float = 0.0
    """tau_h/tau_v; 0 at quasi-equilibrium."""


@dataclass(frozen=True)
class Parts:
    """The generating functions of a network, its gain, its scale, and how its memories couple."""

    visible: str = "quadratic"
    hidden: str = "log_sum_exp"
    coupling: str = MEMORIES
    gain: str = "hidden"
    """The neurons with the gain beta: `visible` or `hidden`."""
    scale: str = "none"
    """Factor of the memories: `none` 1, `sites` 1/√N_v, `memories` 1/√N_h, `bodies` N_v^{-(n-1)/n}."""
    activity: str = "state"
    """The vector whose overlap is taken: the `state` v, or its `activation` g(v)."""
    degree: int = 2
    diagonal: str = "kept"
    """The diagonal of XiᵀXi: `kept`, or `zero`: neurons do not act on themselves."""
    similarity: str = "dot"
    """h = Xi g + b, or by `distance`: less |Xi_mu|²/2, so that linear neurons have (|v|² - |v - Xi|²)/2."""


@dataclass(frozen=True)
class Recipe:
    """The parts, ensemble, cues, external fields and Euler steps of networks: a study without its axes."""

    parts: Parts
    question: str = "recall"
    ensemble: str = "signs"
    cues: int = 1
    retrieved_above: float = 0.5
    field: float = 0.0
    """Strength of I, along the cued pattern."""
    bias: float = 0.0
    """Strength of b, the same for all hidden neurons."""
    dt: float = 1.0
    """Length of an Euler step, in the unit of the time constants."""
    tau_v: float = 1.0
    """Time constant of the visible neurons."""
    tau_h: float = 0.1
    """Time constant of the hidden neurons."""
    steps: int = 1000
    """Euler steps at most."""
    tolerance: float = 1e-9
    """Residual |B(v) - v|/√N_v, root mean square, of a state at rest."""
    duration: float = 5.0
    """Length of trajectories, in tau_v."""
    precision: str = "double"
    binary: bool = False
    """Whether the neurons are binary, of a dense network."""
    rule: str = "difference"
    """Update rule of binary neurons."""
    indices: str = "full"
    """Sets of sites that the energy of binary neurons sums over."""
    classes: int = 10
    """Classes of digits: pattern mu is a digit mu mod `classes`."""
    cue: str = "overlap"
    """How noise changes a pattern: to the `overlap` 1 - 2 noise, or by noise × a `gaussian` vector."""

    @property
    def kind(self) -> Any:
        """The floating point numbers that networks are computed in."""
        return np.float32 if self.precision == "single" else np.float64


def _signs(patterns: PatternSet) -> FloatArray:
    """Return patterns of ±1, those of every model of retrieval."""
    stream = rng.stream(patterns.root_seed, "patterns", patterns.labels)
    return random_patterns(stream, patterns.patterns, patterns.size).astype(np.float64)


def _gaussian(patterns: PatternSet) -> FloatArray:
    """Return patterns whose sites are standard normal."""
    stream = rng.stream(patterns.root_seed, "gaussian patterns", patterns.labels)
    return gaussians.normals(stream, patterns.size, np.arange(patterns.patterns))


def _sphere(patterns: PatternSet) -> FloatArray:
    """Return patterns that are uniform on the sphere |xi|² = N."""
    rows = _gaussian(patterns)
    return np.asarray(rows * (sqrt(patterns.size) / np.sqrt(np.sum(rows * rows, axis=1, keepdims=True))))


def _digits(patterns: PatternSet, classes: int) -> FloatArray:
    """Return handwritten digits of 8 × 8 in black and white, those of `digits` of binary networks."""
    stream = rng.stream(patterns.root_seed, "digits", patterns.labels)
    return digits.signs(stream, patterns.patterns, classes).astype(np.float64)


def _greys(patterns: PatternSet, classes: int) -> FloatArray:
    """Return the same digits in shades of grey, scaled to |xi|² = N."""
    rows = digits.greys(rng.stream(patterns.root_seed, "digits", patterns.labels), patterns.patterns, classes)
    return np.asarray(rows * np.sqrt(patterns.size / np.sum(rows * rows, axis=1, keepdims=True)))


def _uniform(patterns: PatternSet) -> FloatArray:
    """Return patterns whose sites are uniform in [-√3, √3]: their variance is 1."""
    stream = rng.stream(patterns.root_seed, "uniform patterns", patterns.labels)
    words = stream.words(patterns.size, np.arange(patterns.patterns))
    return np.asarray(sqrt(3) * (2 * (words + 0.5) / 2**32 - 1))


def _corners(patterns: PatternSet) -> FloatArray:
    """Return corners of the cube for every seed: bit i of mu is the sign of site i of pattern mu."""
    bits = np.arange(patterns.patterns)[:, None] >> np.arange(patterns.size) & 1
    return 1.0 - 2.0 * bits


NEURON_ENSEMBLES: Mapping[str, Callable[[PatternSet], FloatArray]] = {
    "signs": _signs,
    "sphere": _sphere,
    "gaussian": _gaussian,
    "uniform": _uniform,
    "corners": _corners,
}
"""Ensembles of patterns: each draws those of a pattern set, (P, N)."""

OF_DIGITS: Mapping[str, Callable[[PatternSet, int], FloatArray]] = {"digits": _digits, "grey_digits": _greys}
"""Ensembles of digits: each returns those of a pattern set, of the first so many classes, (P, 64)."""

OF_SIGNS = ("signs", "corners", "digits")
"""Ensembles of ±1."""


def stored(patterns: PatternSet, recipe: Recipe) -> FloatArray:
    """Return the patterns of a set, (P, N)."""
    if recipe.ensemble in OF_DIGITS:
        return OF_DIGITS[recipe.ensemble](patterns, recipe.classes)
    return NEURON_ENSEMBLES[recipe.ensemble](patterns)


def factor(parts: Parts, size: int, patterns: int) -> float:
    """Return the factor between patterns and memories, as `Parts.scale` names it."""
    powers = {"none": 1.0, "sites": size**-0.5, "memories": patterns**-0.5}
    powers["bodies"] = size ** -((parts.degree - 1) / parts.degree)
    return float(powers[parts.scale])


def own_action(parts: Parts, size: int, patterns: int) -> float:
    """Return d, by which a neuron drives itself through the memories: the diagonal of Xiᵀ H_h Xi.

    d = s^n (n - 1) P <M^{n-2}>, s the scale of memories, M normal of variance N: alpha for Hebb's n = 2, and
    as large as alpha N^{n/2-1} beyond, where it would freeze any state. Rectified: the mean over M > 0.
    """
    degree = parts.degree if "polynomial" in parts.hidden else 2
    half = 0.5 if parts.hidden == "rectified_polynomial" else 1.0
    power = degree - 2
    moment = half * (2 * size) ** (power / 2) * gamma((power + 1) / 2) / sqrt(pi)
    return float(factor(parts, size, patterns) ** degree * (degree - 1) * patterns * moment)


def unit_network(xi: FloatArray, recipe: Recipe) -> NeuronNetwork:
    """Return the network of patterns (P, N) with gain 1 and no fields, with Xi Xiᵀ where x = Xi v closes."""
    parts = recipe.parts
    (count, size), scale = xi.shape, factor(parts, xi.shape[1], xi.shape[0])
    scaled = np.ascontiguousarray((xi * scale).astype(recipe.kind))
    removed = own_action(parts, size, count) if parts.diagonal == "zero" else 0.0
    form = FunctionNumbers(1.0, parts.degree, scaled, removed)
    net = NeuronNetwork(
        scaled, Population(parts.visible, form), Population(parts.hidden, form), parts.coupling,
        removed=removed if parts.coupling == MEMORIES else 0.0, tau_v=recipe.tau_v, tau_h=recipe.tau_h,
    )  # fmt: skip
    with cpu.euler.one_thread():
        return replace(net, gram=scaled @ scaled.T) if closes(net) else net


def _with_gain(net: NeuronNetwork, recipe: Recipe, beta: float | FloatArray) -> NeuronNetwork:
    """Return the network with a gain of the neurons that have one."""
    if recipe.parts.gain == "visible":
        return replace(net, visible=net.visible.with_gain(beta))
    return replace(net, hidden=net.hidden.with_gain(beta))


def replica_network(
    net: NeuronNetwork, xi: FloatArray, recipe: Recipe, places: Sequence[NeuronPoint], of: Sequence[int]
) -> NeuronNetwork:
    """Return the network with the gain, field and bias of each replica.

    of  # the pattern of each place, that fields and biases are along
    """
    kind = recipe.kind
    beta = np.array([place.beta for place in places], kind)
    along = np.ascontiguousarray(xi[list(of)].T, kind)  # sums over neurons follow the layout
    return replace(
        _with_gain(net, recipe, beta),
        field=kind(recipe.field) * along if recipe.field else 0.0,
        bias=_bias(recipe, along, net.memories),
    )


def single(
    patterns: PatternSet, xi: FloatArray, recipe: Recipe, place: NeuronPoint, mu: int = 0
) -> tuple[NeuronNetwork, FloatArray]:
    """Return the network of one replica, whose gain is a number, and the cue (N,) that it starts from."""
    net = replica_network(unit_network(xi, recipe), xi, recipe, [place], [mu])
    net = _with_gain(net, recipe, place.beta)
    if place.separation:
        net = replace(net, tau_h=place.separation * net.tau_v)
    return net, cue(patterns, xi, recipe, mu, place.noise)


def _bias(recipe: Recipe, along: FloatArray, memories: FloatArray) -> float | FloatArray:
    """Return b: one for all hidden neurons, or along the pattern where J = 1; of distances less |Xi|²/2."""
    if recipe.parts.similarity == "distance":
        squares = np.sum(memories * memories, axis=1, keepdims=True)
        return np.asarray(recipe.kind(recipe.bias) - squares / 2, recipe.kind)
    if not recipe.bias:
        return 0.0
    if recipe.parts.coupling == MEMORIES:
        return np.full((len(memories), 1), recipe.bias, recipe.kind)
    return np.asarray(recipe.kind(recipe.bias) * along)


def cue(patterns: PatternSet, xi: FloatArray, recipe: Recipe, index: int, noise: float) -> FloatArray:
    """Return a state (N,) with the overlap 1 - 2 noise with pattern `index`, or xi + noise × normal.

    Signs: exactly round(noise N) of them are flipped. Others: cos(t) xi + sin(t) e, e orthogonal to xi and
    as long, uniform; cos(t) = 1 - 2 noise.
    """
    if noise == 0:
        return xi[index].copy()
    stream = rng.stream(patterns.root_seed, "cue", patterns.labels, {"noise": noise, "cue": index})
    if recipe.cue == "overlap" and recipe.ensemble in OF_SIGNS:
        return noisy_cue(xi[index].astype(np.int8), noise, stream).astype(np.float64)
    other = gaussians.normals(stream, len(xi[index]), 0)[0]
    if recipe.cue == "gaussian":
        return np.asarray(xi[index] + noise * other)
    square = np.sum(xi[index] * xi[index])
    other -= xi[index] * (np.sum(other * xi[index]) / square)
    cosine = 1 - 2 * noise
    length = sqrt(square * max(1 - cosine * cosine, 0.0) / np.sum(other * other))
    return np.asarray(cosine * xi[index] + length * other)


def activity(parts: Parts, net: NeuronNetwork, v: FloatArray) -> FloatArray:
    """Return the vector whose overlap with a pattern is taken: v, or g(v)."""
    return v if parts.activity == "state" else net.visible.activation(v)


POLYNOMIALS = ("polynomial", "rectified_polynomial")


def many_body(parts: Parts) -> bool:
    """Tell whether memories call in interactions of `degree` bodies."""
    return parts.hidden in POLYNOMIALS


def is_linear(parts: Parts) -> bool:
    """Tell whether both kinds of neurons are linear."""
    hidden = parts.hidden == "quadratic" or (many_body(parts) and parts.degree == 2)
    return parts.visible == "quadratic" and hidden
