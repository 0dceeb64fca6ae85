"""The family of binary networks at large N, against its theory: numbers of catalogue and equations.

Each demand is what direct simulation may honestly be asked for: |m_sim - m_theory| below a systematic part,
known from larger runs, and 5 standard errors over pattern sets (false alarms below 1e-6 per comparison).
"""

import resource
import subprocess
import sys

import numpy as np
import pytest

from mattis.networks.registry import study_of
from mattis.study import plan
from mattis.theory import evaluate

pytestmark = pytest.mark.long


def cells(name: str, model: str, axes: dict[str, object], **keys) -> list[dict[str, np.ndarray]]:
    """The columns of every pattern set of a study of one network."""
    axes = {"temperature": [0.0], **axes}
    study = study_of({"name": name, "model": model, "axes": axes, **keys})
    simulate = study.described_model.simulate
    return [simulate(*plan.task(study, block)) for block in plan.blocks(study)]


def mean_and_error(rows: list[dict[str, np.ndarray]], observable: str) -> tuple[np.ndarray, np.ndarray]:
    values = np.array([row[observable] for row in rows])
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(rows))


COLD = {"thermalise": 150, "measure": 10}


@pytest.mark.parametrize(
    ("model", "load", "systematic", "keys"),
    [
        ("clipped", 0.05, 0.0012, {}),
        ("clipped", 0.08, 0.0025, {}),
        ("dead_zone", 0.08, 0.0015, {"couplings": {"threshold": 0.6}}),
        ("dilution", 0.06, 0.0015, {"couplings": {"connectivity": 0.5}}),
        ("zero_one", 0.04, 0.001, {}),
        ("zero_one", 0.055, 0.0015, {}),
        ("sequence", 0.1, 0.001, {}),
        ("sequence", 0.2, 0.001, {}),
        ("hopfield", 0.08, 0.001, {"question": "recall"}),
        ("zero_one", 0.08, 0.001, {"dynamics": {"threshold": "balanced"}}),
    ],
)
def test_overlaps_at_zero_temperature(model, load, systematic, keys):
    """Catalogue 3.1, 3.5: N = 3000, from the pattern."""
    theory = {"hopfield": ("hopfield.overlap", {"temperature": 0}), "zero_one": ("zero_one.overlap", {}),
              "dead_zone": ("dead_zone.overlap", {"threshold": 0.6}),
              "dilution": ("dilution.overlap", {"connectivity": 0.5})}  # fmt: skip
    name, at = theory.get(model, (f"{model}.overlap", {}))
    if "dynamics" in keys:
        name, at = theory["hopfield"]
    rows = cells("cold", model, {"size": [3000], "load": [load], "seed": 8}, sweeps=COLD, **keys)
    mean, error = mean_and_error(rows, "overlap")
    assert abs(mean[0] - evaluate(name, load=load, **at)) < systematic + 5 * error[0]


def test_a_wrong_line_is_rejected():
    """Hebb's own theory does not pass for clipped couplings."""
    rows = cells("cold", "clipped", {"size": [3000], "load": [0.09], "seed": 8}, sweeps=COLD)
    mean, error = mean_and_error(rows, "overlap")
    wrong = evaluate("hopfield.overlap", load=0.09, temperature=0)
    assert abs(mean[0] - wrong) > 0.001 + 5 * error[0]


def test_saturating_couplings_keep_the_young():
    """N = 2000, bound 0.35: m of the age-th newest; the end is at 81 patterns in theory."""
    ages = [16, 48, 60]
    axes = {"size": [2000], "memories": [64], "age": ages, "seed": 16}
    mean, error = mean_and_error(cells("old", "palimpsest", axes, sweeps=COLD), "overlap")
    for k, age in enumerate(ages):
        expected = evaluate("bounded.overlap", load=age / 2000, bound=0.35)
        assert abs(mean[k] - expected) < 0.002 + 5 * error[k]


def test_marginalist_learning_forgets_in_time():
    axes = {"size": [2000], "memories": [140], "age": [40, 70, 140], "seed": 8}
    mean, error = mean_and_error(cells("old", "marginalist", axes, sweeps=COLD), "overlap")
    for k, age in enumerate((40, 70)):
        expected = evaluate("palimpsest.overlap", load=age / 2000, epsilon=4.108)
        assert abs(mean[k] - expected) < 0.002 + 5 * error[k]
    assert mean[2] < 0.3


def test_few_directed_bonds_are_those_of_derrida_gardner_and_zippelius():
    """N = 8000, C = 50: within 0.02 at (P - 1)/C (catalogue 3.5: 0.01 at N = 40000, C = 100)."""
    axes = {"size": [8000], "memories": [6, 16], "temperature": [0.0, 0.4], "seed": 4}
    sweeps = {"thermalise": 40, "measure": 40}
    rows = cells("few", "dilute", axes, couplings={"connectivity": 0.00625}, sweeps=sweeps)
    for k, patterns in enumerate((6, 16)):
        of_load = rows[4 * k : 4 * k + 4]
        mean, error = mean_and_error(of_load, "overlap")
        for j, heat in enumerate((0.0, 0.4)):
            expected = evaluate("dilute.overlap", load=(patterns - 1) / 50, temperature=heat)
            assert abs(mean[j] - expected) < 0.02 + 5 * error[j]


@pytest.mark.parametrize("diagonal", ["zero", "kept"])
def test_little_at_a_temperature(diagonal):
    """N = 3000, T = 0.5, load 0.05: 0.9080, and 0.9315 with the diagonal: within 0.004 (catalogue 3.5)."""
    axes = {"size": [3000], "load": [0.05], "temperature": [0.5], "seed": 8}
    sweeps = {"thermalise": 100, "measure": 200}
    rows = cells("warm", "little", axes, dynamics={"diagonal": diagonal}, sweeps=sweeps)
    mean, error = mean_and_error(rows, "overlap")
    expected = evaluate("little.overlap", load=0.05, temperature=0.5, diagonal=diagonal)
    assert abs(mean[0] - expected) < 0.004 + 5 * error[0]


def test_two_steps_of_all_sites():
    """N = 4000, exact for a zero diagonal: the mean of both steps within 0.003 (catalogue 3.5)."""
    for load, start in ((0.1, 0.3), (0.1, 0.7), (0.2, 0.5)):
        noise = (1 - start) / 2
        axes = {"size": [4000], "load": [load], "noise": [noise], "seed": 8}
        sweeps = {"thermalise": 0, "measure": 2}
        rows = cells("two", "little", axes, question="recall", sweeps=sweeps)
        mean, error = mean_and_error(rows, "overlap")
        first = evaluate("parallel.one_step", load=load, overlap=start)
        second = evaluate("parallel.two_steps", load=load, overlap=start)
        assert abs(mean[0] - (first + second) / 2) < 0.003 + 5 * error[0]


def test_finitely_many_patterns_at_a_temperature():
    """N = 3000, T well below the transitions. A state of axes turns to where their sample is longest, which
    makes it longer by order 1/sqrt(N) = 0.018 near T_c = 1/3.
    """
    warm = {"thermalise": 200, "measure": 400}
    for model, memories, heat, observable, name, at, systematic in (
        ("van_hemmen", 2, 0.5, "overlap", "van_hemmen.q", {}, 0.004),
        ("gaussian", 3, 0.5, "overlap_length", "gaussian.overlap", {}, 0.006),
        ("random_axis", 3, 0.1, "overlap_length", "random_axis.overlap", {"dimension": 3}, 0.018),
    ):
        axes = {"size": [3000], "memories": [memories], "temperature": [heat], "seed": 8}
        mean, error = mean_and_error(cells("few", model, axes, sweeps=warm), observable)
        assert abs(mean[0] - evaluate(name, temperature=heat, **at)) < systematic + 5 * error[0], model
    axes = {"size": [3000], "memories": [2], "age": [1, 2], "temperature": [0.5], "seed": 8}
    keys = {"couplings": {"weights": [1.5, 0.75]}, "sweeps": warm}
    mean, error = mean_and_error(cells("two", "weighted", axes, **keys), "overlap")
    for k, weight in enumerate((0.75, 1.5)):
        expected = evaluate("mixture.overlap", n=1, temperature=0.5 / weight)
        assert abs(mean[k] - expected) < 0.004 + 5 * error[k]


def test_a_spin_glass_is_frozen_below_its_temperature_only():
    """N = 1000: q = 0 above T = 1 within 0.02, the replica-symmetric 0.53 at T = 0.5 within 0.06."""
    axes = {"size": [1000], "memories": [1], "temperature": [0.5, 1.5], "seed": 8}
    sweeps = {"thermalise": 1000, "measure": 2000}
    mean, error = mean_and_error(
        cells("glass", "sherrington_kirkpatrick", axes, sweeps=sweeps), "edwards_anderson"
    )
    assert abs(mean[0] - evaluate("sk.q", temperature=0.5)) < 0.06 + 5 * error[0]
    assert abs(mean[1]) < 0.02


CYCLES_FROM_ANYWHERE = {0.1: 0.41, 0.3: 0.66}


@pytest.mark.parametrize("load", CYCLES_FROM_ANYWHERE)
def test_random_starts_of_all_sites_at_once_end_in_cycles_of_two_states(load):
    """Little's network, N = 1000, T = 0: an independent program found these shares, ± 0.03.

    Within 5 errors of both together: false alarms below 1e-6. Cues of one network share its patterns, and the
    error is that over networks.
    """
    axes = {"size": [1000], "load": [load], "noise": [0.5], "seed": 32}
    keys = {"cues": 10, "sweeps": {"thermalise": 400, "measure": 2}, "question": "recall"}
    mean, error = mean_and_error(cells("random", "little", axes, **keys), "two_cycle")
    assert error[0] < 0.03
    assert abs(mean[0] - CYCLES_FROM_ANYWHERE[load]) < 5 * np.hypot(error[0], 0.03)


BASINS = {0.02: 0.089, 0.05: 0.183, 0.08: 0.287, 0.1: 0.373, 0.12: 0.479}


@pytest.mark.parametrize("load", BASINS)
def test_edges_of_basins(load):
    """Catalogue 3.4, one site after the other: within 0.03 of its table; N = 2000, 8 sets × 4 cues."""
    grid = np.linspace(BASINS[load] - 0.12, BASINS[load] + 0.12, 25).clip(0.0, 1.0)
    noise = sorted(float(f"{(1 - m) / 2:.6g}") for m in grid)
    axes = {"size": [2000], "load": [load], "noise": sorted(set(noise)), "seed": 8}
    keys = {"cues": 4, "retrieved_above": 0.85, "sweeps": {"thermalise": 100, "measure": 4}}
    rows = cells("edge", "hopfield", axes, question="recall", **keys)
    share = np.array([row["retrieved"] for row in rows]).mean(axis=0)
    place = np.interp(-0.5, -np.minimum.accumulate(share), axes["noise"])
    assert abs(1 - 2 * place - BASINS[load]) < 0.03


def test_a_large_network_fits_a_small_machine(tmp_path):
    """N = 10^5, P = 10^3: in a process of its own, below 8 GB."""
    path = tmp_path / "large.yaml"
    path.write_text(
        "name: large\nmodel: hopfield\n"
        "axes: {size: [100000], load: [0.01], temperature: [0.0, 0.2], seed: 1}\n"
        "sweeps: {thermalise: 3, measure: 3}\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "mattis", "run", str(path), "--results", str(tmp_path), "--workers", "1"]
    subprocess.run([*command, "--pool", "threads"], check=True)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < 8e9
