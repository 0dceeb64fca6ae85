"""Lines of theory and marks along an axis, as data: of which quantity, where, how far, and whether stable.

Which theory is drawn does not depend on what was simulated: cells are places without numbers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import xarray as xr
from builders import EVERY_STUDY, STUDIES, make_of_family

from mattis import theory
from mattis.comparison import lines as room
from mattis.comparison import neurons, tracing
from mattis.comparison.lines import boundary_lines, lines, marks
from mattis.comparison.tracing import TheoryLine, traced
from mattis.comparison.view import position, view
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.neurons.study import NeuronStudy
from mattis.networks.registry import load_study, study_of
from mattis.study.base import Study
from mattis.study.figure import PanelBlock
from mattis.theory import static


def empty_cells(study: Study) -> xr.Dataset:
    """The places of the cells of a study, with the patterns that they store."""
    shape = {name: list(values) for name, values in study.labels.items() if name != "seed"}
    counts = study.counts(study.labels[study.stored], study.axes.size)
    patterns = xr.DataArray(counts, dims=("size", study.stored), coords={"size": shape["size"]})
    cells = xr.Dataset(coords=shape).assign(patterns=patterns)
    cells["realised_load"] = patterns / cells["size"]
    if isinstance(study, BinaryStudy):
        heat = [0.0 if np.isinf(beta) else 1 / beta for beta in shape["beta"]]
        cells = cells.assign_coords(temperature=("beta", heat))
    return cells


def curves(study: Study, **panel: str) -> list[tuple[Any, xr.Dataset]]:
    """The roles of the axes and the cells of each curve of a panel, at the first place of the others."""
    seen = view(study, PanelBlock(quantity=["overlap"], **panel))
    cells = empty_cells(study).isel(dict.fromkeys(seen.rest, 0)).sortby(seen.across)
    if seen.curves is None:
        return [(seen, cells)]
    return [(seen, cells.isel({seen.curves: k})) for k in range(cells.sizes[seen.curves])]


def lined(study: Study, observable: str = "overlap", **panel: str) -> list[list[TheoryLine]]:
    """The lines of an observable, curve by curve."""
    return [lines(study, *one, observable) for one in curves(study, **panel)]


def marked(study: Study, named: Sequence[str] | None = None, **panel: str) -> list[dict[str, float]]:
    """The marks of each curve, by quantity."""
    found = [marks(study, *one, named) for one in curves(study, **panel)]
    return [{mark.quantity: mark.value for mark in some} for some in found]


def make(**content: Any) -> NeuronStudy:
    """A study of neurons of these keys."""
    study = study_of({"name": "some", **content, "axes": {"seed": 2, **content["axes"]}})
    assert isinstance(study, NeuronStudy)
    return study


def known(name: str, line: TheoryLine, argument: str, **at: Any) -> np.ndarray:
    """A quantity of theory at the places of a line, one after the other."""
    places = [{argument: float(x), **at} for x in line.x]
    return np.array([theory.evaluate(name, **place) for place in places], float)


def end_of(line: TheoryLine, stable: bool = True) -> float:
    """The largest abscissa at which a line is above 0, and stable."""
    there = np.isfinite(line.y) & (line.y > 1e-9) & (line.stable | (not stable))
    return float(line.x[there].max())


@pytest.fixture
def few_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of few places."""
    monkeypatch.setattr(room, "LINE_PLACES", 9)
    monkeypatch.setattr(neurons, "PLACES_OF_ANALOG", 3)
    monkeypatch.setattr(neurons, "PLACES_OF_NEURONS", 9)


# Ends of lines


@pytest.mark.parametrize("model", ["hopfield", "sequence", "clipped"])
def test_a_line_along_the_load_ends_at_the_capacity(model: str) -> None:
    """Within 1e-5 of X.alpha_c, which is marked; beyond there is no overlap of the pattern's own."""
    study = make_of_family(
        model=model, size=[10**4], load=[0.01, 0.1, 0.2, 0.35], temperature=[0.0], noise=[0.0]
    )
    ((line,),) = lined(study)
    end = theory.evaluate(f"{model}.alpha_c")
    assert isinstance(end, float)
    own = 1e-4 if model == "hopfield" else 0.0  # a pattern does not disturb itself
    if model == "clipped":  # of so many patterns some sums are 0
        load_of = static._noisy(static._signs(2 * round(end_of(line) * 10**4 / 2)))
        own = load_of(static._end(load_of)) - end
        assert own > 0.001
    assert end_of(line) == pytest.approx(end + own, abs=1e-5)
    assert not (line.y[line.x > end + own + 1e-5] > 0.01).any()
    assert line.stable.all()
    assert marked(study) == [{f"{model}.alpha_c": end}]


def test_a_line_that_vanishes_continuously_is_steep_at_its_end() -> None:
    """m ~ sqrt(end - x): places approach the end, where a step of the axis would cut the corner."""
    x = np.linspace(0.0, 1.0, 11)
    found = traced("overlap", "dilute.overlap", x, lambda at: np.sqrt(np.maximum(0.437 - at, 0.0)))
    last = found.x[found.y > 1e-9].max()
    assert last == pytest.approx(0.437, abs=1e-6)
    near = found.y[(found.x > 0.436) & (found.x < 0.437)]
    assert near.size >= 2
    assert (near < 0.04).all()
    assert (found.y[found.x > 0.4371] == 0).all()  # and nothing beyond is left out


def test_a_line_of_theory_is_of_the_other_patterns() -> None:
    """At P of N the load of theory is (P - 1)/N."""
    study = make_of_family(size=[100], load=[0.05, 0.1], temperature=[0.0], noise=[0.0])
    ((line,),) = lined(study)
    for x, y in zip(line.x, line.y, strict=True):
        if x > 0.011:
            others = theory.evaluate("hopfield.overlap", load=x - 0.01, temperature=0.0)
            assert y == pytest.approx(others, abs=1e-9)


def test_a_line_along_the_temperature_ends_at_T_M() -> None:
    study = make_of_family(size=[100], load=[0.05], temperature=[0.0, 0.3, 0.6, 1.2], noise=[0.0])
    ((line,),) = lined(study)
    end = theory.evaluate("hopfield.T_M", load=0.04)
    assert end_of(line) == pytest.approx(end, abs=1e-5)
    assert line.x.min() == 0
    assert line.x.max() == pytest.approx(1.2)


MIXTURES = {1: 1.0, 3: 0.460, 5: 0.385, 7: 0.344}


def test_mixtures_are_stable_up_to_the_published_temperatures() -> None:
    """Amit, Gutfreund and Sompolinsky 1985: n = 3, 5, 7 to T = 0.460, 0.385, 0.344; and exist up to 1."""
    study = make_of_family(
        question="mixture", load=None, memories=[7], mixture=list(MIXTURES), size=[4000],
        temperature=[0.0, 0.2, 0.4, 0.6, 1.0], noise=None,
    )  # fmt: skip
    found = lined(study, "overlap_mixed")
    for (n, end), (line,) in zip(MIXTURES.items(), found, strict=True):
        exact = theory.evaluate("mixture.T_n", n=n) if "mixture.T_n" in theory.QUANTITIES else end
        assert exact == pytest.approx(end, abs=6e-4)
        step = 1.0 / 80
        assert end_of(line) == pytest.approx(end, abs=step)
        beyond = (line.x > end + step) & (line.x < 0.99)
        assert not line.stable[beyond & np.isfinite(line.y)].any()
        assert np.isfinite(line.y[line.x < 0.9]).all()
        inside = line.x < end - step
        assert line.stable[inside].all()


WEIGHTS = {0.5: 0.31, 0.75: 0.55, 1.0: 0.83, 1.25: 1.15, 1.5: 1.5}


def test_a_weighted_pattern_is_stable_as_long_as_no_heavier_one_grows_in_it() -> None:
    """Beside weight 1.5 a state of weight p is stable to T = 0.31, 0.55, 0.83, 1.15; and exists up to p."""
    study = make_of_family(
        model="weighted", couplings={"weights": [1.5, 1.25, 1.0, 0.75, 0.5]}, load=None, memories=[5],
        age=[5, 4, 3, 2, 1], temperature=[0.05, 0.3, 0.6, 0.9, 1.3, 1.65], noise=[0.0], size=[2000],
    )  # fmt: skip
    found = lined(study)
    assert len(found) == 5
    for (weight, end), (line,) in zip(reversed(WEIGHTS.items()), found, strict=True):
        step = 1.65 / 80
        assert end_of(line) == pytest.approx(end, abs=step + 0.006)
        assert end_of(line, stable=False) == pytest.approx(weight, abs=step)
        scaled = [theory.evaluate("mixture.overlap", n=1, temperature=t / weight) for t in line.x]
        np.testing.assert_allclose(line.y, np.array(scaled, float), atol=1e-9)
        before, after = line.x < end - step, (line.x > end + step) & (line.y > 1e-6)
        assert line.stable[before].all()
        assert not line.stable[after].any()


@pytest.mark.parametrize("rising", [False, True])
def test_a_trace_approaches_the_end_of_its_domain(rising: bool) -> None:
    """To a millionth of a step, from both sides; nothing beyond."""
    end = 0.437219

    def value(x: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return np.sqrt(x - end if rising else end - x)

    line = traced("overlap", "hopfield.overlap", np.linspace(0, 1, 11), value)
    there = line.x[np.isfinite(line.y)]
    closest = there.min() if rising else there.max()
    assert abs(closest - end) < 1e-6
    assert np.isnan(line.y[line.x < end if rising else line.x > end]).all()
    assert (np.diff(line.x) >= 0).all()
    assert line.y[np.isfinite(line.y)].min() < 2e-3


def test_a_limit_is_never_full() -> None:
    line = traced("x", "hopfield.overlap", np.linspace(0, 1, 5), lambda x: x, limit="N → ∞")
    assert not line.stable.any()


def test_theory_of_clean_cues_is_no_line_along_noise_nor_of_random_states() -> None:
    axes = {"size": [100], "load": [0.05], "temperature": [0.0]}
    noisy = make_of_family(**axes, noise=[0.0, 0.1, 0.2])
    assert lined(noisy) == [[]]
    assert marked(noisy) == [{}]
    random = make_of_family(**{**axes, "load": [0.05, 0.1, 0.2]}, noise=[0.5])
    assert lined(random) == [[]]
    assert marked(random) == [{}]


def test_no_capacity_is_marked_where_networks_are_warm() -> None:
    warm = make_of_family(size=[100], load=[0.05, 0.1, 0.2], temperature=[0.3], noise=[0.0])
    assert marked(warm) == [{}]
    ((line,),) = lined(warm)
    assert end_of(line) == pytest.approx(
        float(theory.evaluate("hopfield.alpha_M", temperature=0.3)) + 0.01, abs=1e-5
    )


def test_each_rule_has_its_own_line_and_its_own_mark() -> None:
    study = make_of_family(
        size=[1000], load=[0.02, 0.1, 0.2, 0.3], couplings_axis=["hebb", "clipped", "pseudo_inverse"],
        temperature=[0.0], noise=[0.0],
    )  # fmt: skip
    found = [[line.quantity for line in some] for some in lined(study)]
    assert found == [["hopfield.overlap"], ["clipped.overlap_finite"], []]
    ends = [{f"{n}.alpha_c": theory.evaluate(f"{n}.alpha_c")} for n in ("hopfield", "clipped")]
    assert marked(study) == [*ends, {}]


def test_few_bonds_are_drawn_over_patterns_per_bond() -> None:
    """The abscissa is P/C: at P/N = 0.002 and a hundredth of the bonds it is 0.2."""
    study = make_of_family(
        model="dilute", couplings={"connectivity": 0.01}, size=[10**5], load=[0.001, 0.002, 0.005],
        temperature=[0.0], noise=[0.0],
    )  # fmt: skip
    ((seen, cells),) = curves(study)
    np.testing.assert_allclose(position(cells, seen), [0.1, 0.2, 0.5])
    ((line,),) = lined(study)
    assert (line.x.min(), line.x.max()) == (pytest.approx(1e-6), pytest.approx(0.5))
    wanted = known("dilute.overlap", line, "load", temperature=0.0)
    np.testing.assert_allclose(line.y[5:], wanted[5:], atol=1e-12)
    (found,) = marked(study)
    assert found == {"dilute.alpha_c": theory.evaluate("dilute.alpha_c")}


def test_marks_that_a_study_names_are_evaluated_at_its_labels() -> None:
    study = make_of_family(size=[100], load=[0.05], temperature=[0.0, 0.3, 0.6], noise=[0.0])
    (found,) = marked(study, ["hopfield.T_M", "hopfield.T_c"])
    at = {"load": 0.05}
    assert found == {f"hopfield.{n}": theory.evaluate(f"hopfield.{n}", **at) for n in ("T_M", "T_c")}


# Networks from generating functions


@pytest.mark.usefixtures("few_places")
def test_attention_has_the_end_of_retrieval_of_each_gain() -> None:
    axes = {"size": [10], "exponent": [0.2, 0.4, 0.6], "beta": [0.5, 2.0]}
    study = make(model="attention", axes=axes)
    ends = [theory.evaluate("exponential.alpha_sphere", **{"lambda": beta}) for beta in (0.5, 2.0)]
    found = [one["exponential.alpha_sphere"] for one in marked(study)]
    assert found == pytest.approx(ends, rel=0.01)
    assert lined(study) == [[], []]


def test_signs_and_noisy_cues_have_thresholds_of_their_own() -> None:
    """Signs: exponential.alpha_sign at beta/2; along the noise, exponential.cue_sphere is 1 - 2 noise."""
    axes = {"size": [8], "exponent": [0.2, 0.4, 0.6], "beta": [1.0]}
    end = theory.evaluate("exponential.alpha_sign", **{"lambda": 0.5})
    signs = marked(make(model="attention", patterns="signs", axes=axes))
    assert signs == [{"exponential.alpha_sign": end}]
    noises = {"size": [10], "exponent": [0.3], "noise": [0.0, 0.2, 0.4], "beta": [1.0]}
    cue = theory.evaluate("exponential.cue_sphere", **{"lambda": 1.0, "load": 0.3})
    assert isinstance(cue, float)
    found = marked(make(model="attention", axes=noises))
    assert found == [{"exponential.cue_sphere": (1 - cue) / 2}]


POLYNOMIAL = {"model": "dense", "hidden": "polynomial"}
SQUARE = {**POLYNOMIAL, "degree": 2}
DENSE: list[tuple[Mapping[str, Any], int, float, str]] = [
    ({"model": "dense_binary"}, 3, 1.0, "full"),
    ({"model": "dense_binary", "indices": "distinct"}, 3, 1.0, "distinct"),
    ({"model": "dense_binary", "degree": 4}, 4, 1.0, "full"),
    ({"model": "dense_binary", "degree": 2}, 2, 1.0, "full"),
    ({"model": "dense_binary", "rule": "field"}, 3, 1.0, "full"),
    ({"model": "dense"}, 3, 0.5, "full"),
    ({**POLYNOMIAL, "degree": 4}, 4, 1.0, "full"),
]


@pytest.mark.usefixtures("few_places")
@pytest.mark.parametrize(("keys", "degree", "share", "indices"), DENSE)
def test_dense_memories_are_drawn_over_theory_of_their_degree(
    keys: Mapping[str, Any], degree: int, share: float, indices: str
) -> None:
    """dense.overlap at P/N^{n-1}, of half the load where activations are rectified; gone beyond alpha_c."""
    ends = {2: [0.05, 0.2], 3: [0.02, 0.3], 4: [0.002, 0.05]}
    study = make(**keys, axes={"size": [16], "load": ends[degree]})
    ((line,),) = lined(study)
    at = {"degree": degree, "indices": indices}
    wanted = [theory.evaluate("dense.overlap", load=share * x, **at) for x in line.x]
    np.testing.assert_array_equal(line.y, np.array(wanted, float))
    end = theory.evaluate("dense.alpha_c", **at)
    assert isinstance(end, float)
    np.testing.assert_array_equal(np.isnan(line.y), line.x * share > end)
    if line.x.max() * share > end:
        assert end_of(line, stable=False) == pytest.approx(end / share, abs=1e-5)
    ((seen, cells),) = curves(study)
    stored = study.counts(study.labels[study.stored], [16])[0]
    np.testing.assert_allclose(position(cells, seen), stored / 16 ** (degree - 1))
    binary = study.member.binary
    assert line.limit == ("" if binary else r"$\beta \to \infty$")
    assert line.stable.all() == binary
    assert marked(study) == [{"dense.alpha_c": end / share} if binary else {}]


UNKNOWN = [
    {"model": "dense_binary", "rule": "field", "degree": 4, "axes": {"load": [0.01, 0.02]}},
    {"model": "dense", "diagonal": "kept"}, {"model": "dense", "degree": 2}, {**SQUARE, "scale": "none"},
    {"model": "dense", "field": 0.1}, {"model": "graded", "bias": 0.1}, {"model": "graded", "scale": "none"},
    {"model": "graded", "patterns": "gaussian"}, {"model": "graded", "hidden": "ln_cosh"},
    {"model": "graded", "axes": {"noise": [0.1]}},
]  # fmt: skip


@pytest.mark.parametrize("keys", UNKNOWN)
def test_networks_that_no_theory_knows_have_no_line(keys: Mapping[str, Any]) -> None:
    """Those that act on themselves, with fields, of other parts or patterns."""
    axes = {"size": [20], "load": [0.05, 0.1], **keys.get("axes", {})}
    study = make(**{**keys, "axes": axes})
    assert lined(study) == [[]]
    assert marked(study) == [{}]


@pytest.mark.usefixtures("few_places")
@pytest.mark.parametrize("diagonal", ["kept", "zero"])
def test_two_networks_are_drawn_over_one_theory(diagonal: str) -> None:
    """Hebbian tanh and graded response: analog.overlap of the study's diagonal."""
    axes = {"size": [60], "load": [0.02, 0.05], "beta": [2.0]}
    study = make(model="hebbian_tanh", question="equivalence", diagonal=diagonal, axes=axes)
    ((line,),) = lined(study)
    wanted = known("analog.overlap", line, "load", beta=2.0, diagonal=diagonal)
    np.testing.assert_array_equal(line.y, wanted)
    assert ((wanted > 0.9) & (wanted < 0.96)).all()


@pytest.mark.usefixtures("few_places")
def test_dense_memories_of_large_gain_are_drawn_over_signs_and_those_of_degree_2_over_their_gain() -> None:
    axes = {"size": [20], "load": [0.05, 0.07, 0.1], "beta": [2.0, 20.0]}
    small, large = lined(make(model="dense", axes=axes))
    assert small == []
    assert [line.limit for line in large] == [r"$\beta \to \infty$"]
    for diagonal in ("kept", "zero"):
        study = make(**SQUARE, diagonal=diagonal, axes={**axes, "load": [0.05, 0.06, 0.1]})
        found = lined(study)
        for (line,), beta in zip(found, (2.0, 20.0), strict=True):
            wanted = known("analog.overlap", line, "load", beta=beta, diagonal=diagonal)
            np.testing.assert_array_equal(line.y, wanted)
            assert line.stable.all()


@pytest.mark.usefixtures("few_places")
def test_graded_response_is_drawn_along_its_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    study = make(model="graded", axes={"size": [100], "load": [0.03], "beta": [1.0, 2.0]})
    monkeypatch.setattr(tracing, "BISECTIONS", 1)
    ((line,),) = lined(study)
    wanted = known("analog.overlap", line, "beta", load=0.03, diagonal="kept")
    np.testing.assert_array_equal(line.y, wanted)
    assert np.isnan(wanted[0])  # only m = 0 is left at beta = 1


@pytest.mark.parametrize("part", [0, 1])
def test_edges_of_a_spectrum_are_guides_and_those_of_its_size_full(part: int) -> None:
    """marchenko_pastur.edges of an infinite network; marchenko_pastur.finite_edges of whole patterns."""
    study = make(model="tanh_tanh", axes={"size": [20, 40], "load": [0.1, 0.25, 0.5]})
    for size, (sharp, finite) in zip((20, 40), lined(study, ("lambda_min", "lambda_max")[part]), strict=True):
        edges = known("marchenko_pastur.edges", sharp, "load")
        np.testing.assert_array_equal(sharp.y, edges[:, part])
        assert (sharp.limit, sharp.stable.any()) == (r"$N \to \infty$", False)
        counts = finite.x * size
        np.testing.assert_allclose(counts, counts.round(), atol=1e-9)
        at = [{"memories": round(x), "size": size} for x in counts]
        wanted = [theory.evaluate("marchenko_pastur.finite_edges", **place) for place in at]
        np.testing.assert_allclose(finite.y, np.array(wanted, float)[:, part])
        assert finite.stable.all()


@pytest.mark.usefixtures("few_places")
def test_the_rate_of_a_linear_network_is_drawn_over_the_edge_of_its_size() -> None:
    axes = {"size": [40], "load": [0.5], "beta": [0.05, 0.1, 0.5]}
    ((line,),) = lined(make(model="linear", axes=axes), "growth_rate")
    edges = theory.evaluate("marchenko_pastur.finite_edges", memories=20, size=40)
    assert isinstance(edges, list)
    np.testing.assert_allclose(line.y, line.x * edges[1] - 1)


# The studies of the folder

SPHERE, CUE, SIGN = (f"exponential.{name}" for name in ("alpha_sphere", "cue_sphere", "alpha_sign"))
DENSE_ENDS = {"dense.overlap", "dense.alpha_c"}
EDGES = {"marchenko_pastur.edges", "marchenko_pastur.finite_edges"}
OF_NEURONS: Mapping[str, set[str]] = {
    "attention": {SPHERE}, "attention_cue": {CUE}, "attention_signs": {SIGN}, "dense_exponential": {SIGN},
    **{f"dense_{n}": {"dense.overlap"} for n in (3, 4, 5)},
    **{f"dense_{n}": DENSE_ENDS for n in ("distinct", "field")},
    **{f"dense_binary_{n}": DENSE_ENDS for n in (2, 3, 4, 5)},
    **{name: {"analog.overlap"} for name in ("hebbian_tanh", "hebbian_tanh_zero", "graded", "dense_2")},
    "tanh_tanh": EDGES, "linear": {"marchenko_pastur.finite_edges"}, "fixed_points": set(),
    "fast_slow": set(), "rotation": set(), "descent": set(), "jacobian": set(), "digits-attention": set(),
    "attractors": {"attractors.coordinate", "attractors.cue_entropy", "attractors.rest_entropy"},
}  # fmt: skip
"""What lines and marks of each study of networks from generating functions are of."""


@pytest.mark.usefixtures("few_places")
@pytest.mark.parametrize("path", EVERY_STUDY, ids=lambda path: path.stem)
def test_each_study_of_neurons_is_drawn_over_its_own_theory(
    path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = load_study(path)
    if not isinstance(study, NeuronStudy):
        assert path.stem not in OF_NEURONS
        return
    monkeypatch.setattr(tracing, "BISECTIONS", 1)
    monkeypatch.setattr(tracing, "BISECTION_PARTS", 2)
    seen, cells = curves(study)[-1]
    names = [one.name for one in study.described_model.observables]
    found = {line.quantity for name in names for line in lines(study, seen, cells, name)}
    found |= {mark.quantity for mark in marks(study, seen, cells)}
    assert found == OF_NEURONS[path.stem]


def test_every_study_of_the_table_is_there() -> None:
    assert {*OF_NEURONS} - {"rotation"} <= {path.stem for path in STUDIES.glob("*.yaml")}


def test_a_boundary_has_the_lines_that_its_panel_names() -> None:
    """T_c along the load beside the simulated one; none that is not of this axis, none of neurons 0, 1."""
    keys = {"protocol": "exchange", "size": [100], "load": [0.01, 0.03], "temperature": [0.3, 1.2]}
    named = ["hopfield.T_c", "sk.energy"]
    panel = {"across": "load"}
    study = make_of_family(**keys)
    (one,) = curves(study, **panel)[:1]
    (line,) = boundary_lines(study, *one, "boundary_equal_free_energy", named)
    assert line.quantity == "hopfield.T_c"
    here = np.interp(0.02, line.x, line.y)
    assert here == pytest.approx(theory.evaluate("hopfield.T_c", load=0.02), abs=1e-3)
    assert line.x.max() == pytest.approx(0.03)
    one_sided = make_of_family(**keys, dynamics={"neurons": "zero_one"})
    assert boundary_lines(one_sided, *one, "boundary_equal_free_energy", named) == []
