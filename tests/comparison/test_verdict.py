"""Theory and simulation: what is counted, what is left out, and which theories are rejected.

The level of a rejection is 10^-4. Tests of right theories ask for a probability above 10^-6, so that of other
random numbers one in a million would fail them.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from artists import imagined, short
from builders import STUDIES, TINY, Command, exit_code, fill, make_of_family, make_study, write_study
from scipy.stats import norm, t

from mattis.comparison.findings import headline, headline_lines
from mattis.comparison.foretold import confronted, flat, foretold
from mattis.comparison.verdict import (
    ERRORS,
    LEVEL,
    Comparison,
    bounds_of,
    compared,
    deviates_of,
    groups_of,
    independent_cells,
    probability_of,
    with_theory,
)
from mattis.errors import UserError
from mattis.figures import compare, estimated
from mattis.networks.registry import study_of
from mattis.statistics.states import EQUILIBRATED, METASTABLE, REMANENT
from mattis.statistics.survival import GIVEN
from mattis.study.base import Study
from mattis.theory import evaluate

Change = Callable[[xr.Dataset], xr.Dataset]

RARE = 1e-6
"""Other random numbers would fail a test of a right theory as rarely as this."""

JUDGED = {
    "size": [300], "load": [0.04, 0.06, 0.08, 0.1], "temperature": [0.1, 0.2, 0.3], "noise": [0.0],
    "sweeps": {"thermalise": 20, "measure": 60}, "cues": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, xr.Dataset]:
    """A study of 12 cells, of seeds that no level or allowance was chosen by, and its estimates."""
    folder = tmp_path_factory.mktemp("judged")
    study = make_study(folder, **JUDGED, seed=[*range(9000, 9016)])
    fill(study, folder)
    return study, estimated(study, folder)


def doubled_beta(estimates: xr.Dataset) -> xr.Dataset:
    return estimates.assign_coords(beta=2 * estimates["beta"])


def doubled_load(estimates: xr.Dataset) -> xr.Dataset:
    load, patterns = 2 * estimates["realised_load"], 2 * estimates["patterns"]
    return estimates.assign(realised_load=load, patterns=patterns)


def made_of_theory(estimates: xr.Dataset, draws: int, spread: float = 0.004) -> xr.Dataset:
    """Return estimates whose overlaps are those of theory, with normal noise of each seed."""
    numbers = np.random.default_rng(draws)
    values = np.vectorize(lambda load, heat: evaluate("hopfield.overlap", load=load, temperature=heat))
    others = (estimates["patterns"] - 1) / estimates["size"]
    exact = xr.apply_ufunc(values, others, estimates["temperature"])
    cells, seeds = estimates["seeds"], int(estimates["seeds"].max())
    whole = exact.broadcast_like(cells).transpose(*cells.dims)
    sets = whole.values[..., None] + spread * numbers.standard_normal((*cells.shape, seeds))
    made = estimates.drop_vars(["edwards_anderson_given_survival", "energy_given_survival"])
    made = made.assign(edwards_anderson=cells * np.nan, energy=cells * np.nan)
    return made.assign(
        overlap_given_survival=cells.copy(data=sets.mean(axis=-1)),
        overlap_given_survival_error=cells.copy(data=sets.std(axis=-1, ddof=1) / seeds**0.5),
        survivors=cells, survived=xr.ones_like(cells, float), state=cells * 0 + METASTABLE,
    )  # fmt: skip


def of_overlap(estimates: xr.Dataset, study: Study) -> Comparison:
    """Compare the overlap alone: nothing is made of the others."""
    kept = estimates.drop_vars(["edwards_anderson", "energy"])
    return compared(kept, study)


def test_the_document_has_what_was_agreed(judged: tuple[Study, xr.Dataset]) -> None:
    study, estimates = judged
    content = json.loads(json.dumps(compared(estimates, study).as_json(), allow_nan=False))
    assert {"cells", "inside", "beyond", "expected", "chi2", "worst", "verdict"} <= {*content}
    assert content["cells"] == 12
    assert 0 < content["inside"] + content["floors"] <= 12
    assert content["degrees"] == content["inside"]
    assert [*content["beyond"]] == [*content["expected"]] == [str(e) for e in ERRORS] == ["2", "3", "4"]
    normal = {"2": 0.0455, "3": 0.0027, "4": 6.33e-5}
    assert content["expected"] == pytest.approx(normal, rel=1e-2)
    assert len(content["worst"]) == 5
    wanted = {"size", "load", "temperature", "observable", "simulation", "error", "theory", "z", "degrees"}
    assert all(wanted <= {*row} for row in content["worst"])
    sizes = [abs(row["z"]) for row in content["worst"]]
    assert sizes == sorted(sizes, reverse=True)
    assert "\n" not in content["verdict"]
    assert [*content["observables"]] == ["overlap", "edwards_anderson", "energy"]


def test_z_is_the_deviate_that_is_as_rare_as_students_t(judged: tuple[Study, xr.Dataset]) -> None:
    study, estimates = judged
    for row in compared(estimates, study).worst:
        pull = (row["simulation"] - row["theory"]) / row["error"]
        assert 3 <= row["degrees"] <= 15
        assert norm.sf(abs(row["z"])) == pytest.approx(t.sf(abs(pull), row["degrees"]), rel=1e-6)
        assert np.sign(row["z"]) == np.sign(pull)


def test_a_right_theory_is_not_rejected_on_held_back_seeds(judged: tuple[Study, xr.Dataset]) -> None:
    study, estimates = judged
    found = compared(estimates, study)
    assert not found.rejected
    assert found.probability is not None
    assert found.probability > RARE
    assert found.verdict.startswith(("agrees", "differs"))


@pytest.mark.parametrize("wrong", [doubled_beta, doubled_load])
def test_a_wrong_theory_is_rejected_on_held_back_seeds(
    judged: tuple[Study, xr.Dataset], wrong: Change
) -> None:
    study, estimates = judged
    found = compared(wrong(estimates), study)
    assert found.rejected
    assert found.probability is not None
    assert found.probability < RARE
    assert found.verdict.startswith("rejected: ")


def test_networks_that_act_on_themselves_are_not_those_of_theory(tmp_path: Path) -> None:
    """J_ii = P/N adds -alpha/2 to the energy, which the theory of the zero diagonal lacks."""
    axes = {**JUDGED, "size": [100], "load": [0.04, 0.06, 0.08], "temperature": [0.1]}
    kept = make_study(tmp_path, **axes, seed=[*range(9100, 9106)], dynamics={"diagonal": "kept"})
    fill(kept, tmp_path)
    plain = study_of({**kept.spelled(), "dynamics": {"diagonal": "zero"}})
    found = compared(estimated(kept, tmp_path), plain)
    assert found.rejected
    with pytest.raises(UserError, match="no theory is known"):
        compare(kept, tmp_path)


@pytest.mark.parametrize("draws", range(5))
def test_estimates_made_of_theory_agree(judged: tuple[Study, xr.Dataset], draws: int) -> None:
    study, estimates = judged
    made = made_of_theory(estimates, draws)
    found = of_overlap(made, study)
    assert (found.inside, found.floors) == (12, 0)
    assert found.probability is not None
    assert found.probability > RARE
    assert of_overlap(doubled_load(made), study).rejected


def test_errors_that_are_floors_are_not_counted(judged: tuple[Study, xr.Dataset]) -> None:
    study, estimates = judged
    made = made_of_theory(estimates, 7)
    before = of_overlap(made, study)
    floor, first = 2 / (300 * 16), made["realised_load"] == made["realised_load"].min()
    for name, value in (("overlap_given_survival", 1.0), ("overlap_given_survival_error", floor)):
        made[name] = xr.where(first, value, made[name]).transpose(*made["seeds"].dims)
    after = of_overlap(made, study)
    assert (after.inside, after.floors, after.degrees) == (9, 3, 9)
    assert after.chi2 < before.chi2
    assert all(row["error"] > floor for row in after.worst)
    assert 0 <= after.apart <= 3
    assert (
        f"; in 3 more cells sets agree to their resolution, {after.apart} of them lie"
        in compared(made, study).verdict
    )
    shown = with_theory(made, study).where(first, drop=True)
    assert (shown["overlap_z_bound"] == 1).all()
    wanted = (1.0 - shown["overlap_theory"]) / floor
    np.testing.assert_allclose(shown["overlap_z"], wanted)  # |z| is at least that: never infinite


def test_agreement_of_all_sets_has_an_upper_bound_as_error(tmp_path: Path) -> None:
    """One spin of one cue of one set, of neurons that are nearly ±1 as well; of fractions Wilson's."""
    study = short(STUDIES / "graded.yaml")
    made = imagined(study, tmp_path)
    made["flag"] = made["flag"] * 0
    for name, value in (("overlap", 0.999), ("overlap_error", 0.0)):
        for end in ("", GIVEN):
            key = f"{name}{end}" if name == "overlap" else f"overlap{end}_error"
            made[key] = xr.full_like(made[key], value)
    made["survived"], made["survivors"] = made["survived"] * 0 + 1, made["seeds"]
    (one,) = confronted(made, study, foretold(study)).values()
    sets = flat(made["seeds"], made["seeds"])
    size = flat(made["size"], made["seeds"])
    assert one.inside.any()
    assert not one.measured[one.inside].any()
    np.testing.assert_allclose(one.bound[one.inside], (2 / (size * sets))[one.inside])
    assert np.isfinite(bounds_of(one)[one.inside]).all()
    assert np.isnan(deviates_of(one)).all()

    study = short(STUDIES / "bit-error.yaml")
    made = imagined(study, tmp_path)
    made["flip_rate"], made["flip_rate_error"] = made["flip_rate"] * 0, made["flip_rate"] * 0
    made["flip_rate_low"], made["flip_rate_high"] = (made["flip_rate"] * 0, made["flip_rate"] * 0 + 0.1)
    (one,) = confronted(made, study, foretold(study)).values()
    np.testing.assert_allclose(one.bound, 0.1 / (2 * 1.959963984540054))


def test_real_networks_that_flip_no_spin_have_floors(tmp_path: Path) -> None:
    study = make_study(tmp_path, **{**JUDGED, "load": [0.01], "temperature": [0.0, 0.05]}, seed=4)
    fill(study, tmp_path)
    found = compare(study, tmp_path)
    assert (found.inside, found.floors, found.chi2) == (0, 2, 0.0)
    assert found.observables["energy"].floors == 0


def test_what_is_not_in_its_state_is_not_inside(judged: tuple[Study, xr.Dataset]) -> None:
    study, estimates = judged
    made = made_of_theory(estimates, 8)
    here = made["temperature"] > 0.25
    made["state"] = xr.where(here, REMANENT, made["state"]).transpose(*made["seeds"].dims)
    assert of_overlap(made, study).inside == 8
    made["survivors"] = xr.where(made["temperature"] < 0.15, 3, made["survivors"])
    assert of_overlap(made, study).inside == 4


def test_a_paramagnet_is_compared_with_zero(judged: tuple[Study, xr.Dataset]) -> None:
    study, estimates = judged
    made = made_of_theory(estimates, 9).assign_coords(beta=estimates["beta"] / 20)
    dims = made["seeds"].dims
    made = made.assign(
        survivors=made["seeds"] * 0, state=made["seeds"] * 0 + EQUILIBRATED,
        overlap=(dims, np.full(made["seeds"].shape, 0.02)),
        overlap_error=(dims, np.full(made["seeds"].shape, 0.01)),
    )  # fmt: skip
    beside = confronted(made, study, foretold(study))["overlap"]
    assert beside.inside.all()
    assert (beside.theory == 0).all()
    assert (beside.simulation == 0.02).all()
    assert (beside.degrees == 15).all()


def test_the_energy_of_a_finite_network_lies_half_a_spin_above() -> None:
    """One pattern that is retrieved without an error: -(1/2N)(N - 1) = -1/2 + 1/(2N)."""
    place = {"size": 100.0, "patterns": 1.0, "load": 0.01, "beta": np.inf, "noise": 0.0}
    study = make_of_family(model="hopfield", noise=[0.0])
    (line,) = (one for one in foretold(study) if one.observable == "energy")
    at = {name: np.array([value]) for name, value in place.items()}
    assert line.expected.values(at) == pytest.approx(-(100 - 1) / 200, abs=1e-9)


def test_cells_of_one_pattern_set_are_one() -> None:
    assert independent_cells(np.array([0, 0, 0, 1, 1, 2])) == 2.0
    assert independent_cells(np.array([])) == 0.0
    assert probability_of(np.array([]), 0.0) is None


@pytest.mark.parametrize("together", [True, False])
def test_probabilities_are_not_too_small(together: bool) -> None:
    """Of 2000 right theories at most 60 have p < 0.01: 20 are expected, and 61 are rarer than 10^-12."""
    numbers = np.random.default_rng(3)
    z = numbers.standard_normal((2000, 4, 1 if together else 10)) * np.ones(10)
    rare = [probability_of(one.ravel(), 4.0) < 0.01 for one in z]  # type: ignore[operator]
    assert sum(rare) <= 60


def test_a_study_without_theory_is_one_line(tmp_path: Path) -> None:
    study = make_study(tmp_path, **TINY, couplings="pseudo_inverse")
    fill(study, tmp_path)
    with pytest.raises(UserError, match=r"^small: no theory is known for .*expected one") as caught:
        compare(study, tmp_path)
    assert "\n" not in str(caught.value)
    content = headline(estimated(study, tmp_path), study)
    assert content["verdict"] is None


def test_too_few_seeds_are_nothing_to_compare(tmp_path: Path, study: Study) -> None:
    fill(study, tmp_path)
    found = compare(study, tmp_path)
    assert (found.inside, found.probability, found.rejected) == (0, None, False)
    assert found.verdict.startswith("nothing to compare: ")


def test_compare_from_end_to_end(tmp_path: Path, mattis: Command) -> None:
    path = write_study(tmp_path, **{**JUDGED, "size": [100]}, seed=6)
    fill(make_study(tmp_path, **{**JUDGED, "size": [100]}, seed=6), tmp_path)

    code, out, _ = mattis("compare", path, "--results", tmp_path, "--json")
    content = json.loads(out)
    assert code == int(content["rejected"]) == 0
    assert content["level"] == LEVEL
    code, out, _ = mattis("compare", path, "--results", tmp_path)
    lines = out.splitlines()
    assert (code, lines[0], lines[-1]) == (0, "small: 12 cells", content["verdict"])
    assert sum(line.startswith("    z = ") for line in lines) == len(content["worst"])


@pytest.mark.usefixtures("cheap_figures")
def test_diagram_ends_with_the_numbers_that_it_is_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    axes = {**JUDGED, "size": [100], "temperature": [0.1, 0.4, 0.7, 1.2]}
    path, study = write_study(tmp_path, **axes, seed=6), make_study(tmp_path, **axes, seed=6)
    fill(study, tmp_path)
    for words in ([], ["--json"]):
        assert exit_code("diagram", path, "--results", tmp_path, *words) == 0
        out = capsys.readouterr().out
        if words:
            content = json.loads(out)
            assert [*content] == ["study", "written", "headline"]
            rows = content["headline"]["boundaries"]
            assert 0 < len(rows) <= 3
            assert rows[0]["theory"] == evaluate("hopfield.T_M", load=rows[0]["load"])
        else:
            told = headline_lines(headline(estimated(study, tmp_path), study))
            assert out.splitlines()[4:] == told  # below four paths: the dataset, two figures, the page
            assert 2 <= len(told) <= 8
            assert "T_M = " in told[0]
            assert "after 80 sweeps" in told[0]


def test_run_ends_with_them_too_and_with_the_end_of_an_endless_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    axes = {**JUDGED, "size": [60, 120], "temperature": [0.1, 0.4, 0.7, 1.2]}
    path, study = write_study(tmp_path, **axes, seed=6), make_study(tmp_path, **axes, seed=6)
    given = ["run", path, "--results", tmp_path, "--pool", "threads", "--workers", 1]
    for shard in (["--shard", "0/2"], []):  # a part of the study has no boundary
        assert exit_code(*given, *shard) == 0
        out = capsys.readouterr().out
        assert bool(out) == (not shard)
    content = headline(estimated(study, tmp_path), study)
    assert out.splitlines() == headline_lines(content)
    (row, *_) = content["boundaries"]
    assert row["extrapolated_error"] > row["error"]
    assert f"; at N → ∞ {row['extrapolated']:.4g} ± " in out


def told_of(tmp_path: Path, **changes: object) -> list[dict[str, object]]:
    """The boundaries in the headline of a small study."""
    keys = {**JUDGED, "size": [60], "load": [0.05], "temperature": [0.1, 0.5, 1.5], "seed": 5, **changes}
    study = make_of_family(**keys)
    fill(study, tmp_path)
    return list(headline(estimated(study, tmp_path), study)["boundaries"])


def test_the_age_of_a_pattern_is_not_that_of_a_boundary(tmp_path: Path) -> None:
    rows = told_of(tmp_path, age=[1, 2])
    assert [(row["age"], row["sweeps"]) for row in rows] == [(1.0, 80), (2.0, 80)]


@pytest.mark.parametrize(
    ("changes", "known"),
    [
        ({}, [True]),
        ({"noise": [0.2]}, [False]),  # the end of a basin, not of a state
        ({"dynamics": {"neurons": "zero_one", "threshold": "balanced"}}, [False]),
        ({"couplings_axis": ["hebb", "clipped"]}, [True, False]),
        ({"model": "little"}, [False]),
    ],
)
def test_only_the_boundary_of_hopfields_network_is_beside_its_theory(
    tmp_path: Path, changes: dict[str, object], known: list[bool]
) -> None:
    rows = told_of(tmp_path, **changes)
    assert [row.get("theory") is not None for row in rows] == known


@pytest.mark.parametrize(
    ("name", "word", "values"),
    [
        ("graded", "gain", [1.5, 2.0, 3.0]),
        ("dense_exponential", "lambda", [0.5, 1.0, 2.0]),
        ("dense_binary_2", None, []),
    ],
)
def test_headlines_of_other_neurons_have_a_gain_and_no_temperature(
    tmp_path: Path, name: str, word: str | None, values: list[float]
) -> None:
    axes = {"size": [60], "load": [0.05, 0.1], "beta": values, "seed": 4}
    changes = {"axes": axes} if name == "graded" else {}
    study = short(STUDIES / f"{name}.yaml", **changes)
    made = imagined(study, tmp_path)
    for place in [name for name in made if str(name).startswith("boundary_")]:
        made[place] = made[place].copy(data=np.full(made[place].shape, 0.3))
    rows = headline(made, study)["boundaries"]
    assert rows
    assert not any("temperature" in row for row in rows)
    if word is not None:
        assert [row[word] for row in rows] == values
        assert f"{word} {values[0]:g}" in headline_lines({"boundaries": rows, "verdict": None})[0]
    if name == "graded":
        assert {row["gain"] for row in compared(made, study).worst} <= {*values}


def test_a_boundary_along_the_gain_is_one_of_the_gain(tmp_path: Path) -> None:
    """The fraction falls along x = 1/beta: at x = 0.4 ± 0.02 it is beta = 2.5 ± 0.125."""
    axes = {"size": [60], "load": [0.05], "beta": [1.5, 2.0, 3.0, 4.0], "seed": 4}
    study = short(STUDIES / "graded.yaml", axes=axes)
    made = imagined(study, tmp_path)
    for end, value in (("", 0.4), ("_error", 0.02)):
        name = f"boundary_temperature{end}"
        made[name] = made[name].copy(data=np.full(made[name].shape, value))
    made = made.drop_vars([n for n in made if str(n).startswith("boundary_load")])
    row = headline(made, study)["boundaries"][0]
    assert (row["boundary"], row["value"]) == ("gain", 2.5)
    assert row["error"] == pytest.approx(0.125)
    assert row["meaning"] == "gain below which less than half of the cues are retrieved"


def test_loads_of_one_number_of_patterns_are_one_set(tmp_path: Path) -> None:
    study = make_study(tmp_path, **{**JUDGED, "size": [60], "load": [0.05, 0.052, 0.08]}, seed=5)
    fill(study, tmp_path)
    groups = groups_of(estimated(study, tmp_path))
    assert groups.reshape(3, -1).tolist() == [[0.0] * 3, [0.0] * 3, [1.0] * 3]


def test_a_spin_glass_is_compared_above_its_transition(tmp_path: Path) -> None:
    keys = {"memories": [1], "load": None, "temperature": [1.3, 2.0], "noise": [0.0]}
    keys |= {"size": [100], "model": "sherrington_kirkpatrick", "seed": 8}
    keys |= {"sweeps": {"thermalise": 100, "measure": 1000}}
    study = make_of_family(**{**JUDGED, **keys})
    fill(study, tmp_path)
    found = compare(study, tmp_path)
    assert found.inside + found.floors == 2


def test_theory_and_deviations_are_variables_of_the_diagram(judged: tuple[Study, xr.Dataset]) -> None:
    """X_theory is the quantity of the other patterns; X_z has the sign of simulation minus theory."""
    study, estimates = judged
    found = with_theory(estimates, study)
    beside = confronted(estimates, study, foretold(study))
    assert {*found} - {*estimates} == {
        f"{name}_{end}"
        for name in ("overlap", "edwards_anderson", "energy")
        for end in ("theory", "z", "z_bound")
    }
    for load, heat in ((0, 1), (2, 0)):
        cell = found.squeeze().isel(load=load, beta=heat)
        others = float(cell["patterns"] - 1) / float(cell["size"])
        at = {"load": others, "temperature": float(cell["temperature"])}
        assert float(cell["overlap_theory"]) == pytest.approx(evaluate("hopfield.overlap", **at))
        assert float(cell["edwards_anderson_theory"]) == pytest.approx(evaluate("hopfield.q", **at))
    one = beside["overlap"]
    away = (one.simulation - one.theory).reshape(found["overlap_z"].shape)
    known = np.isfinite(found["overlap_z"].values)
    assert known.sum() > 4
    assert (np.sign(found["overlap_z"].values)[known] == np.sign(away)[known]).all()
    assert (np.isnan(found["overlap_z"].values) | known).all()
    words = found["overlap_theory"].attrs
    assert words["quantity"] == "hopfield.overlap"
    assert all(words[key] for key in ("equation", "source", "validity", "long_name", "units"))


def test_what_theory_does_not_know_has_no_deviation(tmp_path: Path) -> None:
    study = make_study(tmp_path, **TINY, couplings="pseudo_inverse")
    fill(study, tmp_path)
    estimates = estimated(study, tmp_path)
    assert {*with_theory(estimates, study)} == {*estimates}


def test_the_dataset_and_the_verdict_have_the_same_deviations(judged: tuple[Study, xr.Dataset]) -> None:
    study, estimates = judged
    found, verdict = with_theory(estimates, study), compared(estimates, study)
    z = found["overlap_z"].where(found["overlap_z_bound"] == 0).values
    assert verdict.inside == np.isfinite(z).sum()
    assert verdict.chi2 == pytest.approx(np.nansum(z**2))


def test_spectra_tell_the_theory_of_their_size_from_that_of_infinite_size(tmp_path: Path) -> None:
    """lambda_max of 32 pattern sets: within 4 errors of its size's theory, 5 below the sharp edge."""
    axes = {"size": [40], "load": [0.25, 0.5], "seed": 32}
    study = study_of({"name": "spectra", "model": "tanh_tanh", "axes": axes})
    fill(study, tmp_path)
    found = with_theory(estimated(study, tmp_path), study).squeeze()
    assert (abs(found["lambda_max_z"]) < 4).all()
    assert (abs(found["lambda_min_z"]) < 4).all()
    for k, load in enumerate((0.25, 0.5)):
        edges = evaluate("marchenko_pastur.edges", load=load)
        away = float(found["lambda_max"][k]) - edges[1]
        assert away / float(found["lambda_max_error"][k]) < -5
