"""States with one step of breaking: stationarity, limits, and numbers that others have printed."""

import math

import numpy as np
import pytest
from scipy.optimize import fsolve

from mattis.theory import evaluate, finite, hopfield
from mattis.theory.one_step import ground, retrieval, states
from mattis.theory.one_step.fields import Fields, field_averages
from mattis.theory.one_step.sherrington_kirkpatrick import sherrington_kirkpatrick_glasses


def column(*values: float) -> list[np.ndarray]:
    return [np.array([each]) for each in values]


def free_energy(load: float, heat: float, at: dict[str, float]) -> float:
    """f of any m, q0, C, r0, r1 and mu, from the formula of the module: q1 = 1 - T C, which is 1 at T = 0."""
    m, q0, C, r0, r1, mu = (at[name] for name in ("m", "q0", "C", "r0", "r1", "mu"))
    q1 = 1 - heat * C
    l1 = 1 - C
    l2 = l1 - mu * (q1 - q0)
    a = field_averages(Fields(*column(m, math.sqrt(load * r0), math.sqrt(load * (r1 - r0)), mu, heat)))
    bracket = heat * math.log(l1) + math.log(l2 / l1) / mu - q0 / l2
    bracket += r1 * C + mu * (r1 * q1 - r0 * q0)
    return m * m / 2 + load / 2 * (1 + bracket) - float(a.log[0]) / mu


def parameters(load: float, heat: float, state: states.BrokenStates) -> dict[str, float]:
    """The six parameters of a state, from its order parameters and energy: r1 by e, C by q1 or s."""
    m, q0, q1, mu = (
        float(getattr(state, n)[0]) for n in ("overlap", "between", "edwards_anderson", "break_")
    )
    C = (1 - q1) / heat if heat else zero_slope(load, float(state.entropy[0]))
    l1 = 1 - C
    l2 = l1 - mu * (q1 - q0)
    r0 = q0 / l2**2
    return {"m": m, "q0": q0, "C": C, "r0": r0, "r1": r0 + (q1 - q0) / (l1 * l2), "mu": mu}


def zero_slope(load: float, entropy: float) -> float:
    """C of a state at T = 0, where s = -(alpha/2) [ln(1 - C) + C/(1 - C)]."""

    def excess(C: np.ndarray) -> np.ndarray:
        return np.log(1 - C) + C / (1 - C) + 2 * entropy / load

    return float(fsolve(excess, 0.5, xtol=1e-13)[0])


def slopes(load: float, heat: float, at: dict[str, float]) -> dict[str, float]:
    """d f/d ln of each parameter, by differences of fourth order, small beside q1 - q0."""
    found = {}
    for name, value in at.items():
        h = 2e-3 * (1 - heat * at["C"] - at["q0"]) if value else 0.0
        f = [free_energy(load, heat, {**at, name: value * (1 + k * h)}) for k in (-2, -1, 1, 2)]
        found[name] = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h) if h else 0.0
    return found


GLASSES = [(0.1, 0.0), (0.1, 0.05), (0.1, 0.6), (0.01, 0.3), (2.0, 1.2)]


@pytest.mark.parametrize(("load", "heat"), GLASSES)
def test_the_free_energy_of_glasses_is_stationary_in_all_parameters(load: float, heat: float) -> None:
    state = states.glasses(*column(load, heat))
    at = parameters(load, heat, state)
    assert at["q0"] > 0.1
    assert free_energy(load, heat, at) == pytest.approx(float(state.free_energy[0]), abs=2e-10)
    for name, slope in slopes(load, heat, at).items():
        assert slope == pytest.approx(0, abs=3e-8), name
    shifted = {**at, "q0": at["q0"] * 1.05}
    assert abs(slopes(load, heat, shifted)["r0"]) > 1e-4  # the test can fail


@pytest.mark.parametrize("heat", [0.0, 0.01])
def test_the_free_energy_of_retrieval_is_stationary_in_all_parameters(heat: float) -> None:
    load = float(retrieval._loads(*column(0.967, heat))[0])
    found = states_of_retrieval(0.967, heat)
    at = parameters(load, heat, found)
    assert at["q0"] == pytest.approx(0.9965278 if heat == 0 else 0.99595, abs=1e-5)
    for name, slope in slopes(load, heat, at).items():
        assert slope == pytest.approx(0, abs=3e-7), name


def states_of_retrieval(m: float, heat: float) -> states.BrokenStates:
    """The state at an overlap near the end of the branch, whose load `_loads` finds."""
    kept = []
    load_of = retrieval._load

    def remembering(state: Fields, a: object) -> np.ndarray:
        kept.append((state, a))
        return load_of(state, a)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "_load", remembering)
        retrieval._loads(*column(m, heat))
    state, a = kept[-1]
    return states.states(load_of(state, a), state, a)


def test_the_retrieval_state_of_steffan_and_kuehn() -> None:
    """alpha = 0.138186 at the end, near m = 0.967; what stands there was found by another program."""
    assert evaluate("hopfield.alpha_c", rsb=1) == pytest.approx(0.138186, abs=6e-7)
    state = states_of_retrieval(0.967, 0.0)
    assert state.between[0] == pytest.approx(0.9965278, abs=5e-8)
    assert state.break_[0] == pytest.approx(37.0455, abs=5e-5)
    for m, load in ((0.966, 0.1381795), (0.968, 0.1381698)):
        assert retrieval._loads(*column(m, 0.0))[0] == pytest.approx(load, abs=2e-6)


def test_the_last_retrieval_state_has_the_largest_load() -> None:
    top = hopfield.alpha_M(0.01, 1)
    near = [float(retrieval._loads(*column(m, 0.01))[0]) for m in (0.9664, 0.9668, 0.9672)]
    assert max(near) <= top + 1e-12
    assert top == pytest.approx(0.1381967, abs=1e-7)
    assert hopfield.alpha_M(0.0245, 1) - hopfield.alpha_M(0.0245) < 2e-7
    for heat in (0.025, 0.3):
        assert hopfield.alpha_M(heat, 1) == hopfield.alpha_M(heat)


def test_basins_end_where_stojnic_says() -> None:
    """0.129490 on the first level of lifting, 0.12979 on the second: arXiv 2403.01907."""
    assert evaluate("hopfield.alpha_basin") == pytest.approx(0.129490, abs=5e-7)
    assert evaluate("hopfield.alpha_basin", rsb=1) == pytest.approx(0.12979, abs=5e-6)
    load, state = retrieval.barrier_at(-0.5)
    assert state.energy[0] == pytest.approx(-0.5, abs=1e-12)
    assert state.overlap[0] < 0.96 < hopfield.overlap(load, 0.0)  # the barrier, not the state


def test_the_barrier_without_breaking_is_the_falling_side_of_the_branch() -> None:
    """At load 0.12949 the other solution of the equations of AGS at T = 0 has the energy -1/2."""
    load = hopfield.alpha_basin()

    def excess(y: np.ndarray) -> np.ndarray:
        root = np.vectorize(math.erf)(y) / y - 2 / math.sqrt(math.pi) * np.exp(-y * y)
        return root**2 / 2 - load

    y = float(fsolve(excess, 1.3, xtol=1e-13)[0])
    width = math.sqrt(load) + math.sqrt(2 / math.pi) * math.exp(-y * y)
    energy = -(math.erf(y) ** 2 + load * ((width / math.sqrt(load)) ** 2 - 1)) / 2
    assert energy == pytest.approx(-0.5, abs=1e-9)


def test_groups_that_are_not_alike_have_a_lower_free_energy() -> None:
    """q0 = 0 is stationary too: -0.5628681 at load 0.1 and T = 0, C = 0.606413, mu = 0.186305."""

    def f(C: float, r1: float, mu: float) -> float:
        return free_energy(0.1, 0.0, {"m": 0.0, "q0": 0.0, "C": C, "r0": 1e-12, "r1": r1, "mu": mu})

    C, mu = 0.606413, 0.186305
    r1 = 1 / ((1 - C) * (1 - C - mu))
    assert f(C, r1, mu) == pytest.approx(-0.5628681, abs=1e-7)
    for name, change in (("C", 1e-4), ("r1", 1e-4), ("mu", 1e-4)):
        at = {"C": C, "r1": r1, "mu": mu}
        up, down = (f(**{**at, name: at[name] * (1 + k * change)}) for k in (1, -1))
        assert (up - down) / (2 * change) == pytest.approx(0, abs=1e-6), name
    best = evaluate("hopfield.spin_glass_free_energy", load=0.1, temperature=0, rsb=1)
    assert best == pytest.approx(-0.5607587, abs=1e-7)
    assert f(C, r1, mu) < best


def test_the_glass_is_the_maximum_of_the_free_energy_over_the_break() -> None:
    """f at fixed x, all else stationary, is largest at the break that is found: 5 % more or less lower it."""
    load, heat = 0.1, 0.3
    state = states.glasses(*column(load, heat))
    at = parameters(load, heat, state)

    def stationary(mu: float) -> float:
        def residuals(unknown: np.ndarray) -> list[float]:
            fields = Fields(np.zeros(1), *column(*unknown, mu, heat))
            mismatches = states.mismatches(np.array([load]), fields, field_averages(fields))
            return [float(each[0]) for each in mismatches[:2]]

        start = [math.sqrt(load * at["r0"]), math.sqrt(load * (at["r1"] - at["r0"]))]
        fields = Fields(np.zeros(1), *column(*fsolve(residuals, start, xtol=1e-12), mu, heat))
        return float(states.states(np.array([load]), fields, field_averages(fields)).free_energy[0])

    best = float(state.free_energy[0])
    assert stationary(at["mu"]) == pytest.approx(best, abs=1e-12)
    assert stationary(at["mu"] * 0.95) < best - 1e-9
    assert stationary(at["mu"] * 1.05) < best - 1e-9


LOADS, SHARES = np.geomspace(1e-3, 1e4, 8), np.array([0, 1e-3, 0.04, 0.2, 0.5, 0.8, 0.96, 0.9899])


def test_glasses_are_found_at_all_temperatures_and_loads() -> None:
    load, share = (each.ravel() for each in np.meshgrid(LOADS, SHARES))
    heat = share * (1 + np.sqrt(load))
    found = states.glasses(load, heat)
    assert np.isfinite(found.free_energy).all()
    assert (found.between < found.edwards_anderson).all()
    x = found.break_ * heat
    assert ((x >= 0) & (x < 0.3)).all()
    unit = np.sqrt(load)
    gap = found.energy - heat * found.entropy - found.free_energy  # each by a formula of its own
    assert np.abs(gap / unit).max() < 2e-9
    symmetric = hopfield.spin_glass_free_energy.over(load, heat)
    assert (found.free_energy > symmetric - 1e-11 * unit).all()


def test_a_place_is_solved_by_itself() -> None:
    load, heat = np.array([0.1, 0.02, 0.1]), np.array([0.0, 0.3, 0.7])
    together = states.glasses(load, heat).free_energy
    alone = [states.glasses(*column(*at)).free_energy[0] for at in zip(load, heat, strict=True)]
    assert together.tolist() == alone


def test_glasses_go_over_to_those_at_zero_temperature() -> None:
    zero, cold = (states.glasses(*column(0.1, heat)) for heat in (0.0, 1e-5))
    for name in ("between", "break_", "energy", "entropy"):
        assert getattr(cold, name)[0] == pytest.approx(getattr(zero, name)[0], rel=2e-3), name
    assert cold.free_energy[0] == pytest.approx(zero.free_energy[0] - 1e-5 * zero.entropy[0], abs=1e-9)


def test_close_to_freezing_and_above_it_nothing_breaks() -> None:
    T_g = hopfield.T_g(0.1)
    for share in (0.991, 0.99999, 1.001, 1.3):
        at = {"load": 0.1, "temperature": share * T_g}
        for name in ("", "_energy", "_free_energy", "_entropy"):
            one, none = (evaluate(f"hopfield.spin_glass{name}", **at, rsb=rsb) for rsb in (1, 0))
            assert one == none
    assert evaluate("hopfield.spin_glass", load=0.1, temperature=0.95 * T_g, rsb=1) > 0.0501757
    assert evaluate("hopfield.spin_glass", load=9e-4, temperature=0.3, rsb=1) is None


def test_entropy_is_minus_the_slope_of_the_free_energy() -> None:
    for rsb in (0, 1):
        heat = np.array([0.6 - 1e-4, 0.6 + 1e-4])
        f = evaluate("hopfield.spin_glass_free_energy", load=0.1, temperature=heat, rsb=rsb)
        s = evaluate("hopfield.spin_glass_entropy", load=0.1, temperature=0.6, rsb=rsb)
        assert s == pytest.approx(-(f[1] - f[0]) / 2e-4, abs=1e-8)
    cold = [evaluate("hopfield.spin_glass_entropy", load=0.1, temperature=0, rsb=rsb) for rsb in (0, 1)]
    assert cold[0] < cold[1] < 0
    assert cold[0] == pytest.approx(-0.0631891, abs=1e-7)
    C = math.sqrt(2 / math.pi) / (math.sqrt(0.1) + math.sqrt(2 / math.pi))
    assert cold[0] == pytest.approx(-0.05 * (math.log(1 - C) + C / (1 - C)), rel=1e-9)


def test_sherrington_and_kirkpatrick_with_one_step() -> None:
    """Parisi (1980): e = -0.7652 at T = 0, where s = -0.01; q1 = T_c - T, q0 = q1/3 close to T_c."""
    assert evaluate("sk.energy", temperature=0) == pytest.approx(-0.7979, abs=5e-5)
    assert evaluate("sk.energy", temperature=0, rsb=1) == pytest.approx(-0.76526, abs=5e-6)
    assert evaluate("sk.ground_energy") == -0.76317
    zero = sherrington_kirkpatrick_glasses(*column(0.0, 1.0))
    assert round(float(zero.entropy[0]), 2) == -0.01
    near = sherrington_kirkpatrick_glasses(*column(0.9899, finite.sk_q(0.9899)))
    assert near.edwards_anderson[0] == pytest.approx(0.0101, rel=0.02)
    assert near.between[0] / near.edwards_anderson[0] == pytest.approx(1 / 3, abs=0.002)
    for heat in (1.0, 2.0):
        assert evaluate("sk.energy", temperature=heat, rsb=1) == -1 / (2 * heat)
    close = [evaluate("sk.energy", temperature=0.9999, rsb=rsb) for rsb in (0, 1)]
    assert close[0] == close[1]
    assert evaluate("sk.q", temperature=0.5, rsb=1) == pytest.approx(0.6192009, abs=1e-7)


def test_many_patterns_make_the_glass_of_sherrington_and_kirkpatrick() -> None:
    """e/sqrt(alpha) at T = 0 tends to that of SK."""
    load = 1e8
    found = [
        evaluate("hopfield.spin_glass_energy", load=each, temperature=0, rsb=1) / math.sqrt(each)
        for each in (load / 100, load)
    ]
    limit = found[1] + (found[1] - found[0]) / 9  # corrections fall as 1/sqrt(alpha)
    assert limit == pytest.approx(evaluate("sk.energy", temperature=0, rsb=1), abs=1e-6)


def test_retrieval_and_glass_are_as_deep_on_the_line() -> None:
    heat = np.array([0.0, 0.1, 0.3, 0.7])
    load = hopfield.alpha_1.over(heat, np.ones(4))
    np.testing.assert_allclose(load, [0.0561416, 0.0556718, 0.0457899, 0.0114913], atol=6e-8)
    glass = states.glasses(load, heat).free_energy
    np.testing.assert_allclose(glass, hopfield.free_energy.over(load, heat), atol=1e-12)
    assert (load > hopfield.alpha_1.over(heat)).all()


def test_the_line_is_the_same_along_load_and_temperature() -> None:
    """T_c is the upper temperature: the line turns back below its highest load, at T = 0.0339."""
    load = np.array([0.0012, 0.04, 0.0562, 0.056288])
    heat = hopfield.T_c.over(load, np.ones(4))
    np.testing.assert_allclose(hopfield.alpha_1.over(heat, np.ones(4)), load, rtol=1e-11)
    highest, coolest = ground.highest_equal_load()
    assert (heat > coolest).all()
    assert hopfield.alpha_1(coolest, 1) == pytest.approx(highest, rel=1e-12)
    assert max(hopfield.alpha_1(coolest + d, 1) for d in (-0.01, 0.01)) < highest
    assert math.isnan(hopfield.T_c(0.0563, 1))


def test_at_the_smallest_loads_levels_are_one() -> None:
    for heat in (0.95, 0.9999999, 1.0):
        assert hopfield.alpha_1(heat, 1) == pytest.approx(hopfield.alpha_1(heat), nan_ok=True, abs=0)
    near = hopfield.alpha_1(0.915, 1) / hopfield.alpha_1(0.915) - 1  # the last that is solved
    assert 0 < near < 2e-5


def test_levels_are_broadcast() -> None:
    found = evaluate("hopfield.T_c", load=np.array([[0.03], [0.05]]), rsb=np.array([0, 1]))
    assert found.shape == (2, 2)
    assert found[:, 0].tolist() == evaluate("hopfield.T_c", load=[0.03, 0.05])
    assert found[0, 1] == evaluate("hopfield.T_c", load=0.03, rsb=1)
    assert found[0, 1] == pytest.approx(0.4806477, abs=1e-7)
    assert evaluate("hopfield.alpha_c", rsb=[0, 1])[0] == evaluate("hopfield.alpha_c")
