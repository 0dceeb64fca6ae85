"""Couplings of a network, as exact integers N J, and the table of rules that make them.

What is kept is nj = unit × N J, integers; nj[i, j] is what S_j does to site i.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mattis.exact.arrays import Signs
from mattis.exact.rng import Labels
from mattis.networks.binary import rules
from mattis.networks.binary.ensembles import Stored
from mattis.networks.binary.rules import Lesson, Rule

CouplingMatrix = NDArray[np.signedinteger]


def hebb(xi: Signs) -> CouplingMatrix:
    """Return N J of the Hebb rule: N J_ij = sum_mu xi_i^mu xi_j^mu, J_ii = 0.

    Hopfield, PNAS 79, 2554 (1982), eq. (2). The product is a float32 matrix product, exact because
    every partial sum is an integer below 2^24; the result has the narrowest integer type that holds it.
    xi  # (P, N) int8; returns (N, N), symmetric, zero diagonal
    """
    assert xi.shape[0] < 2**24, "sums of P signs must be exact in float32"
    signs = xi.astype(np.float32)
    product = signs.T @ signs
    np.fill_diagonal(product, 0.0)
    return product.astype(narrowest(int(max(product.max(), -product.min()))))


def narrowest(bound: int) -> type[np.signedinteger]:
    """Return the narrowest signed integer type that holds -bound … bound."""
    for kind in (np.int8, np.int16, np.int32):
        if bound <= np.iinfo(kind).max:
            return kind
    return np.int64


def row_bound(nj: CouplingMatrix) -> int:
    """Return max_i sum_j |N J_ij|: no state of the network has a field |N h| above it."""
    return int(np.abs(nj).sum(axis=1, dtype=np.int64).max(initial=0))


@dataclass(frozen=True, eq=False)
class Couplings:
    """The couplings of a network: nj = unit × N J, (N, N)."""

    nj: CouplingMatrix
    unit: float
    symmetric: bool


def made(rule: Rule, stored: Stored, kept: bool, root_seed: int, labels: Labels) -> Couplings:
    """Return the couplings of patterns by a rule. kept  # whether J_ii is what the rule makes it, or 0"""
    row = RULES[rule.name]
    nj = row.build(Lesson(rule, stored, root_seed, labels))
    if not kept:
        np.fill_diagonal(nj, 0)
    largest = int(max(nj.max(), -nj.min()))
    return Couplings(
        nj.astype(narrowest(largest)), unit_of(rule, stored.unit, len(stored.xi)), row.symmetric
    )


def unit_of(rule: Rule, base: int, count: int) -> float:
    """Return nj/(N J). base  # the unit in which patterns are kept; count  # P"""
    return RULES[rule.name].unit(rule, base, count)


def check(rule: Rule, size: int, count: int) -> str | None:
    """Tell what is wrong with a rule for P patterns of N sites, if anything."""
    if rule.name == "van_hemmen" and count != 2:
        return "van Hemmen's couplings cross 2 patterns: use memories: [2]"
    if rule.name == "weighted" and len(rule.weights) != count:
        return (
            f"{len(rule.weights)} weights of {count} patterns: give couplings.weights one for each"
        )
    for number in _decimal_numbers(rule):
        if not float(f"{number * rules.DECIMAL:.9g}").is_integer():
            return f"{number!r} has more than 3 decimals, which are kept exactly: use {number:.3f}"
    if rule.name == "sequence" and not (rule.strength or rule.hebbian):
        return "strength and hebbian are both 0: give couplings.strength a number"
    if rule.name == "weighted" and not all(abs(p) <= rules.LARGEST_WEIGHT for p in rule.weights):
        return f"weights are numbers from -{rules.LARGEST_WEIGHT} to {rules.LARGEST_WEIGHT}: use smaller ones"
    if rule.name == "pseudo_inverse" and count > size:
        return f"at most {size} patterns of {size} sites can be projected on: use fewer"
    return None


def _decimal_numbers(rule: Rule) -> tuple[float, ...]:
    """Return the numbers that couplings are multiples of."""
    finite = tuple(p for p in rule.weights if math.isfinite(p))
    numbers = {"sequence": (rule.strength, rule.hebbian), "weighted": finite}
    return numbers.get(rule.name, ())


def memory(rule: Rule, size: int, count: int) -> int:
    """Return the bytes that making couplings takes at its peak."""
    row = RULES[rule.name]
    return (
        row.bytes_each * size * size
        + 24 * size * count
        + row.bytes_past * size * rules.past(rule, size)
    )


@dataclass(frozen=True)
class CouplingRule:
    """One row of the table of rules.

    unit        # (rule, unit of the patterns, P) -> nj/(N J)
    parameters  # the numbers of a Rule that it takes
    exact       # whether couplings are integers or rational, or were rounded
    theory      # quantities that a figure or a reader compares with, that of the overlap first
    bytes_each  # memory at the peak, per coupling; bytes_past  # per sign of the patterns before the set's
    """

    build: Callable[[Lesson], NDArray[np.number]]
    unit: Callable[[Rule, int, int], float] = rules.square
    parameters: tuple[str, ...] = ()
    symmetric: bool = True
    exact: bool = True
    theory: tuple[str, ...] = ()
    bytes_each: int = 20
    bytes_past: int = 0


RULES: Mapping[str, CouplingRule] = {
    "hebb": CouplingRule(rules.hebb, theory=("hopfield.overlap", "little.overlap")),
    "clipped": CouplingRule(
        rules.clipped, rules.clipped_unit, theory=("clipped.overlap", "clipped.alpha_c")
    ),
    "dead_zone": CouplingRule(
        rules.dead_zone,
        rules.clipped_unit,
        ("threshold",),
        theory=("dead_zone.overlap", "dead_zone.alpha_c"),
    ),
    "dilution": CouplingRule(
        rules.dilution,
        lambda rule, base, _: base**2 * rule.connectivity,
        ("connectivity",),
        theory=("dilution.overlap", "dilution.alpha_c"),
    ),
    "asymmetric_dilution": CouplingRule(
        rules.dilution,
        lambda rule, base, _: base**2 * rule.connectivity,
        ("connectivity",),
        symmetric=False,
        theory=("dilute.overlap", "dilute.T_c"),
    ),
    "sequence": CouplingRule(
        rules.sequence,
        lambda rule, base, _: float(base**2 * rules.sequence_unit(rule)),
        ("strength", "hebbian"),
        symmetric=False,
        theory=("sequence.overlap", "sequence.alpha_c"),
        bytes_each=32,
    ),
    "palimpsest": CouplingRule(
        rules.palimpsest,
        rules.plain(1),
        ("bound",),
        theory=("bounded.overlap", "bounded.alpha_c"),
        bytes_each=12,
        bytes_past=8,
    ),
    "marginalist": CouplingRule(
        rules.marginalist,
        rules.plain(rules.FADING_UNIT),
        ("epsilon",),
        exact=False,
        theory=("palimpsest.overlap", "palimpsest.alpha_c"),
        bytes_each=32,
        bytes_past=24,
    ),
    "pseudo_inverse": CouplingRule(
        rules.pseudo_inverse, rules.plain(rules.REAL_UNIT), exact=False, bytes_each=32
    ),
    "weighted": CouplingRule(
        rules.weighted,
        lambda _, base, __: float(base**2 * rules.DECIMAL),
        ("weights",),
        theory=("mixture.overlap",),
        bytes_each=32,
    ),
    "sherrington_kirkpatrick": CouplingRule(
        rules.spin_glass,
        rules.plain(rules.REAL_UNIT),
        exact=False,
        theory=("sk.q",),
        bytes_each=40,
    ),
    "van_hemmen": CouplingRule(rules.crossed, theory=("van_hemmen.q",)),
}
"""The rules of couplings, in an order that is never changed: their numbers are labels of cubes."""
