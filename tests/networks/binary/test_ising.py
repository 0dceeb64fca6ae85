"""A square lattice beside plain loops, Onsager, and exact sums; and the last states of chains."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from builders import cells_of, columns_of, make_of_family, refused
from scipy.integrate import quad

from mattis.networks.binary import family
from mattis.networks.binary.matrix_network import MatrixNetwork
from mattis.networks.binary.study import BinaryStudy
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import PatternSet
from mattis.theory import evaluate


def ising(**changes: Any) -> Study:
    """A small lattice, from the aligned state."""
    usual = {"model": "ising", "size": [16], "load": None, "memories": [1], "temperature": [1.5],
             "noise": [0.0], "seed": 1}  # fmt: skip
    return make_of_family(**{**usual, **changes})


def lattice_of(side: int) -> MatrixNetwork:
    study = ising(size=[side * side])
    assert isinstance(study, BinaryStudy)
    patterns = PatternSet(1, side * side, 1, 0)
    return family.circuit(patterns, family.draw(patterns, study.ensemble), study.protocol)


@pytest.mark.parametrize("side", [3, 4, 7])
def test_each_site_has_four_neighbours_with_bonds_of_1(side):
    circuit = lattice_of(side)
    bonds = np.zeros((side * side, side * side))
    for row, column in product(range(side), repeat=2):
        for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            there = (row + down) % side * side + (column + right) % side
            bonds[row * side + column, there] = 1
    np.testing.assert_array_equal(circuit.made.nj / (circuit.size * circuit.unit), bonds)
    state = np.random.default_rng(3).choice([-1, 1], side * side)
    energy = -sum(state @ bonds[i] * state[i] for i in range(side * side)) / 2 / side**2
    fields = circuit.fields(state.astype(np.int8)).astype(np.int64)
    assert circuit.energy(float(state @ fields)) == pytest.approx(energy, abs=1e-12)


METROPOLIS = {"rate": "metropolis"}
RATES = ({}, {"dynamics": METROPOLIS, "update_order": "random"})
"""Heat bath, and flips that are accepted; each once in a sweep."""


@pytest.mark.parametrize("rate", RATES)
def test_a_small_lattice_has_the_means_of_all_its_states(rate):
    """3 × 3, T = 2.5 and 4: z of |m| and of the energy below 6, of T less by a tenth above 10."""
    states = np.array(list(product((-1, 1), repeat=9)))
    circuit = lattice_of(3)
    energies = -((states @ circuit.made.nj) * states).sum(axis=1) / 2 / 9  # of all bonds
    sizes = np.abs(states.sum(axis=1)) / 9
    for heat in (2.5, 4.0):
        (one,) = cells_of(
            ising(size=[9], temperature=[heat], sweeps={"thermalise": 100, "measure": 60_000}, **rate)
        )
        for colder, is_right in ((1.0, True), (0.9, False)):
            weights = np.exp(-energies / (colder * heat))
            weights /= weights.sum()
            wanted = {"energy": weights @ energies / 9, "magnetisation": weights @ sizes}
            for name, value in wanted.items():
                z = abs(one[name] - value) / one[f"{name}_thermal_error"]
                assert (z < 6) if is_right else (z > 10), (heat, name, z)


def test_onsagers_lines_are_his_integrals():
    """-f/T = ln(2)/2 + (1/2 pi) int_0^pi ln[cosh²(2b) + sqrt(…)] dt; u is its derivative."""

    def log_z(b: float) -> float:
        k = 2 * math.sinh(2 * b) / math.cosh(2 * b) ** 2
        inside = lambda t: math.log((1 + math.sqrt(1 - (k * math.sin(t)) ** 2)) / 2)  # noqa: E731
        area, _ = quad(inside, 0, math.pi / 2, epsabs=1e-13)
        return math.log(2 * math.cosh(2 * b)) + area / math.pi

    for heat in (1.0, 1.8, 2.2, 2.4, 3.5):
        b, step = 1 / heat, 1e-5
        slope = -(log_z(b + step) - log_z(b - step)) / (2 * step)
        assert evaluate("ising.energy", temperature=heat) == pytest.approx(slope, abs=2e-8)
    critical = evaluate("ising.T_c")
    assert critical == pytest.approx(2.269185314, abs=1e-9)
    assert evaluate("ising.energy", temperature=critical) == pytest.approx(-math.sqrt(2), abs=1e-6)
    assert evaluate("ising.energy", temperature=0) == -2
    assert evaluate("ising.energy", temperature=100) == pytest.approx(-0.02, abs=1e-5)
    assert evaluate("ising.magnetisation", temperature=1) == pytest.approx(0.99927575, abs=1e-8)
    assert evaluate("ising.magnetisation", temperature=0) == 1
    assert evaluate("ising.magnetisation", temperature=2.27) == 0
    assert evaluate("ising.correlation_length", temperature=0) == 0
    assert evaluate("ising.correlation_length", temperature=2.5) == pytest.approx(5.962, abs=0.001)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("side", "heat"), [(24, 1.8), (40, 1.0)])
def test_a_large_lattice_has_onsagers_values(side, heat, rate):
    """16 seeds, errors of 15 degrees of freedom: 8 z below 9.5, which a right lattice passes but for 1e-6.

    At T less by a tenth it does not.
    """
    long = {"thermalise": 100, "measure": 300}
    found = cells_of(ising(size=[side**2], temperature=[heat], seed=16, sweeps=long, **rate))
    for name in ("magnetisation", "energy"):
        values = np.array([one[name] for one in found])
        wanted, colder = (evaluate(f"ising.{name}", temperature=t) for t in (heat, 0.9 * heat))
        error = values.std(ddof=1) / 4
        assert abs(values.mean() - wanted) < 9.5 * error
        assert abs(values.mean() - colder) > 9.5 * error


def test_metropolis_orders_a_quench_by_another_course():
    """From one random state with the same words: both lose energy, on other ways; T = 1, 20 sweeps."""
    quench = {"size": [400], "noise": [0.5], "temperature": [1.0], "sweeps": {"thermalise": 0, "measure": 20}}
    (bath,), (moves,) = (cells_of(ising(**quench, **rate)) for rate in RATES)
    assert bath["energy"] != moves["energy"]
    assert max(bath["energy"], moves["energy"]) < -1.2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"update": "synchronous"}, "dynamics.rate: got metropolis; expected glauber with all sites at once"),
        ({"diagonal": "kept"}, "expected glauber with a diagonal that is kept"),
        ({}, "update_order: got typewriter; expected random with rate metropolis"),
        ({"rate": "kawasaki"}, "dynamics.rate: got 'kawasaki'"),
    ],
)
def test_dynamics_that_metropolis_does_not_know_is_refused(changes, said):
    assert said in refused(make_of_family, dynamics={**METROPOLIS, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"couplings": "sequence"}, "couplings: got sequence; expected symmetric couplings"),
        ({"couplings_axis": ["hebb", "asymmetric_dilution"]}, "axes.couplings: got asymmetric_dilution"),
        ({"question": "familiarity"}, "dynamics.rate: got metropolis; expected no rate, for familiarity"),
        ({"question": "landscape", "temperature": [0.0], "noise": [0.0]}, "expected no rate, for landscape"),
    ],
)
def test_networks_that_metropolis_does_not_know_are_refused(changes, said):
    assert said in refused(make_of_family, dynamics=METROPOLIS, update_order="random", **changes)


def test_a_store_of_before_the_rate_is_one_of_heat_bath():
    """It is compared at the default, and Metropolis' rate is another study."""
    bath, moves = ising(update_order="random"), ising(**RATES[1])
    before = bath.physics()
    del before["dynamics"]["rate"]
    assert bath.changes(before) == []
    assert moves.changes(before) == ["dynamics.rate: glauber → metropolis"]


def test_hopfields_network_is_accepted_chain_by_chain():
    """Not in lanes; and it says what it is. Its overlap at T = 0.3 is that of heat bath."""
    usual = {"size": [300], "load": [0.02], "temperature": [0.3], "noise": [0.0], "seed": 8,
             "update_order": "random"}  # fmt: skip
    bath, moves = make_of_family(**usual), make_of_family(**usual, dynamics=METROPOLIS)
    assert isinstance(bath, BinaryStudy)
    assert isinstance(moves, BinaryStudy)
    assert (bath.in_lanes, moves.in_lanes) == (True, False)
    assert "Metropolis' rate" in moves.described_model.summary
    assert "Metropolis" in moves.described_model.source
    one, other = (np.array([cell["overlap"] for cell in cells_of(study)]) for study in (bath, moves))
    assert 0 < np.abs(one - other).max() < 0.05


def test_a_state_and_its_opposite_have_one_magnetisation():
    (up,), (down,) = (cells_of(ising(noise=[noise], temperature=[0.0])) for noise in (0.0, 1.0))
    assert up["magnetisation"] == down["magnetisation"] == 1
    assert up["overlap"] == -down["overlap"] == 1
    assert up["energy"] == -2


def test_what_is_no_lattice_is_refused_in_one_line():
    assert "use size 9" in refused(ising, size=[4])
    assert "use size 100" in refused(ising, size=[110])
    assert "memories: [1]" in refused(ising, memories=[2])


@pytest.mark.parametrize("limit", [0, 3, 60])
def test_a_snapshot_counts_the_wrong_bits_of_the_last_state(limit):
    """Those of the states that are kept of the same chains."""
    long = {"cues": 3, "noise": [0.2], "temperature": [0.4], "load": [0.05, 0.1]}
    counted = make_of_family(question={"name": "snapshot", "wrong_bits": limit}, **long)
    kept = make_of_family(keep={"states": 3}, **long)
    for block, other in zip(plan.blocks(counted), plan.blocks(kept), strict=True):
        found, columns = columns_of(counted, block), columns_of(kept, other)
        patterns, points, asked = plan.task(kept, other)
        xi = family.draw(patterns, asked.ensemble).xi[:3]
        states = family.signs_of(columns["states"], patterns.size)
        wrong = (states != xi).sum(axis=-1)
        assert len(points) == len(wrong)
        np.testing.assert_allclose(found["wrong_bits"], wrong.mean(axis=1))
        np.testing.assert_allclose(found["recalled"], (wrong <= limit).mean(axis=1))
        np.testing.assert_array_equal(found["overlap"], columns["overlap"])
