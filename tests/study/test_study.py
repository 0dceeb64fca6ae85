"""Studies: what is accepted, and the one line that everything else gets."""

import json
import math
from pathlib import Path

import jsonschema
import pytest
import yaml
from builders import EVERY_STUDY, ROOT, SMALL, STUDIES, fill, make_study, refused, write_study
from hypothesis import given
from hypothesis import strategies as st

from mattis.errors import UserError
from mattis.networks.registry import load_study, schema
from mattis.store import record
from mattis.store.results import results_of
from mattis.study.axes import patterns_of


def line_of(folder: Path, text: str) -> str:
    """Return the one line that a study of this text is refused with."""
    path = folder / "s.yaml"
    path.write_text(text, encoding="utf-8")
    line = refused(load_study, path)
    assert line.startswith("study s.yaml")
    return line


GOOD = yaml.safe_dump(SMALL)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  load:", "  laod:", "axes.laod: unknown key; expected one of size, seed, load"),
        ("  load:", "  laod:", "did you mean load?"),
        ("cues: 2", "ceus: 2", "did you mean cues?"),
        ("- 0.1\n  - 0.2\n", "- 1.4\n", "axes.load[1]: got 1.4; expected a load in (0, 1]"),
        ("- 0.1\n  - 0.2\n", "- 0\n", "axes.load[1]: got 0; expected a load in (0, 1]"),
        ("- 0.1\n  - 0.2\n", "- -0.1\n", "axes.load[1]: got -0.1"),
        ("- 0.1\n  - 0.2\n", "- 0.05\n", "axes.load[1]: got 0.05, the same as load[0]"),
        ("- 0.1\n  - 0.2\n", "- x\n", "axes.load[1]: got 'x'; expected a valid number"),
        ("- 0.1\n  - 0.2\n", "- 0.001\n", "P = 0 patterns"),
        ("- 60", "- 60.5", "axes.size[0]: got 60.5; expected a valid integer"),
        ("- 60", "- 1", "axes.size[0]: got 1; expected a number of neurons"),
        ("  - 1.2", "  - -1", "axes.temperature[3]: got -1"),
        ("  - 1.2", "  - .nan", "axes.temperature[3]: got nan"),
        ("  - 1.2", "  - .inf", "axes.temperature[3]: got inf"),
        ("seed: 3", "seed: 0", "axes.seed: got 0"),
        ("seed: 3", "seed: [1, 1]", "axes.seed[1]: got 1, the same as seed[0]"),
        ("seed: 3", "seed: [-1]", "axes.seed[0]: got -1"),
        ("seed: 3", "seed: true", "a number of seeds, or a list of them"),
        ("seed: 3", "seed: []", "axes.seed: got no values"),
        ("seed: 3", "seed: 3\n  beta: [2]", "axes.beta: got both"),
        ("cues: 2", "cues: 4", "cues: got 4, but axes.load[0] = 0.05 at size 60 stores P = 3"),
        ("measure: 60", "measure: 1", "sweeps.measure: got 1; expected greater than or equal to 2"),
        ("measure: 60", "measure: 1.5", "sweeps.measure: got 1.5; expected a valid integer"),
        ("model: hopfield", "model: hopfeld", "did you mean hopfield?"),
        ("name: small", "name: ../small", "name: got '../small'"),
        ("name: small", "name: small\nname: other", "the key name is given twice"),
        ("noise:\n  - 0.0\n  - 0.1", "noise: [1.5]", "axes.noise[0]: got 1.5; expected a fraction"),
        ("noise:\n  - 0.0\n  - 0.1", "noise: {from: 0, to: 1}", "axes.noise.count: missing"),
        ("noise:\n  - 0.0\n  - 0.1", "noise: {from: 0, to: 1, cuont: 2}", "did you mean count?"),
        ("cues: 2", "keep: 4", "keep: got 4; expected keys and values: states"),
        ("cues: 2", "refine: boundary", "refine: got 'boundary'; expected keys and values: target, error"),
        ("cues: 2", "figure: {panels: 3}", "figure.panels: got 3; expected a list"),
        ("cues: 2", "figure: {panels: [3]}", "figure.panels[0]: got 3; expected keys and values: quantity,"),
        ("cues: 2", "cues: [", "line "),
        ("cues: 2", "root_seed: -1", "root_seed: got -1"),
        ("seed: 3", "seed: {from: 0, to: 3, count: 4}", "a number of seeds, or a list of them"),
        ("seed: 3", f"seed: [1{'0' * 400}]", "expected a seed in 0"),
        ("seed: 3", "seed: 1000000\n  x: &a [1]", "axes.x: unknown key"),
        ("seed: 3", "seed: &a [1]\ncues: *a", "aliases (*name) are not read"),
        ("cues: 2", "? [a, b]\n: 2", "a key is a single word"),
        ("cues: 2", "cues: !!int ''", "not YAML that can be read"),
        ("cues: 2", "cues: !!timestamp foo", "not YAML that can be read"),
    ],
)
def test_mistake_gets_one_line(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    assert expected in line_of(tmp_path, GOOD.replace(old, new, 1))


def test_yaml_error_has_line_and_column(tmp_path: Path) -> None:
    assert "line 2, column 8:" in line_of(tmp_path, "name: a\naxes: b: c\n")


def test_several_mistakes_are_counted(tmp_path: Path) -> None:
    text = GOOD.replace("cues: 2", "cues: x").replace("measure: 60", "measure: y")
    assert line_of(tmp_path, text).endswith("(and 1 more)")


@pytest.mark.parametrize("text", ["", "- 1\n", "just words\n", "3\n", "!!python/object:os.system {}\n"])
def test_not_a_study(tmp_path: Path, text: str) -> None:
    assert "expected keys and values" in line_of(tmp_path, text) or "line 1" in line_of(tmp_path, text)


def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9t\xe9\n")
    for path in (tmp_path / "missing.yaml", tmp_path, tmp_path / "latin.yaml"):
        with pytest.raises(UserError, match=r"cannot read|not UTF-8"):
            load_study(path)


def test_grids_and_lists_give_the_same_values(tmp_path: Path) -> None:
    listed = make_study(tmp_path, load=[0.05, 0.1, 0.15, 0.2])
    spaced = make_study(tmp_path, load={"from": 0.05, "to": 0.2, "count": 4})
    assert listed.axes.load == spaced.axes.load


def test_temperature_and_beta_are_two_spellings(tmp_path: Path) -> None:
    by_heat = make_study(tmp_path, temperature=[0, 0.2, 0.5])
    by_beta = make_study(tmp_path, beta=[math.inf, 5, 2])
    assert by_heat.axes.betas == by_beta.axes.betas
    assert by_heat.axes.temperatures == by_beta.axes.temperatures


def test_text_of_a_study_reads_back_as_the_same_study(tmp_path: Path) -> None:
    by_beta = make_study(tmp_path, beta=[math.inf, 3.3, 2])
    for k, study in enumerate(
        (make_study(tmp_path), by_beta, make_study(tmp_path).model_copy(update={"name": "1e5"}))
    ):
        path = tmp_path / f"again{k}.yaml"
        path.write_text(study.to_yaml(), encoding="utf-8")
        assert load_study(path) == study


def test_numbers_may_be_written_with_an_exponent(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    path.write_text(path.read_text().replace("- 0.05", "- 5e-2"))
    assert load_study(path).axes.load[0] == 0.05


def test_negative_zero_is_zero(tmp_path: Path) -> None:
    assert str(make_study(tmp_path, noise=[-0.0]).axes.noise[0]) == "0.0"


@given(st.integers(1, 4000), st.integers(2, 4000))
def test_a_load_of_p_over_n_stores_p_patterns(patterns: int, size: int) -> None:
    assert patterns_of(patterns / size, size) == patterns


@pytest.mark.parametrize(
    ("load", "size", "patterns"), [(0.145, 1000, 145), (0.0125, 1000, 13), (0.0015, 1000, 2)]
)
def test_half_patterns_round_up(load: float, size: int, patterns: int) -> None:
    assert patterns_of(load, size) == patterns


def test_schema_file_is_what_the_code_says() -> None:
    """If this fails: .venv/bin/python -m mattis.networks.registry > config/study.schema.json"""
    kept = (ROOT / "config" / "study.schema.json").read_text(encoding="utf-8")
    assert json.loads(kept) == json.loads(schema())


def test_too_many_cells_are_refused_before_they_are_listed(tmp_path: Path) -> None:
    grid = {"from": 0.02, "to": 1.0, "count": 1000}
    with pytest.raises(UserError, match=r"axes: got 2000000000000 cells; expected at most"):
        make_study(tmp_path, load=grid, temperature=dict(grid), seed=10**6, cues=1)


def test_a_grid_of_sizes_is_whole_numbers(tmp_path: Path) -> None:
    assert make_study(tmp_path, size={"from": 100, "to": 300, "count": 3}).axes.size == (100, 200, 300)
    with pytest.raises(UserError, match=r"axes.size\[1\]: got 150.5"):
        make_study(tmp_path, size={"from": 100, "to": 201, "count": 3})


def test_schema_accepts_what_the_code_accepts() -> None:
    kept = json.loads((ROOT / "config" / "study.schema.json").read_text(encoding="utf-8"))
    grids = yaml.safe_load((STUDIES / "hopfield.yaml").read_text())
    for study in (SMALL, grids):
        jsonschema.validate(study, kept)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**SMALL, "ceus": 2}, kept)


@pytest.mark.parametrize("path", EVERY_STUDY, ids=lambda p: p.stem)
def test_studies_of_the_project_are_valid_and_named_as_their_files(path: Path) -> None:
    assert load_study(path).name == path.stem


def test_the_example_of_the_contract_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "name: hopfield\nmodel: hopfield\naxes:\n  size: [1024]\n  load: [0.02, 0.05, 0.08]\n"
        "  temperature: [0, 0.2, 0.5]     # or beta: [.inf, 5, 2]\n  noise: [0.0]\n  seed: 8\n"
        "sweeps: {thermalise: 100, measure: 200}\nroot_seed: 1\n"
    )
    study = load_study(path)
    assert study.axes.seed == tuple(range(8))
    assert study.axes.betas == (math.inf, 5.0, 2.0)


def test_keys_that_are_younger_than_some_stores_change_none_of_them(tmp_path: Path) -> None:
    """A store that was made before the keys holds their defaults; other values are other physics."""
    usual = make_study(tmp_path)
    young = {"update_order": "random", "noise_sharing": "common"}
    assert "update_order: typewriter" in usual.to_yaml()
    other = make_study(tmp_path, **young)
    assert other.physics() == usual.physics() | young
    old = {key: value for key, value in usual.physics().items() if key not in young}
    assert not usual.changes(old)
    assert other.changes(old) == ["noise_sharing: independent → common", "update_order: typewriter → random"]
    fill(usual, tmp_path)
    with pytest.raises(UserError, match="noise_sharing: independent → common"):
        record.read(results_of(other, tmp_path).store, other)


@pytest.mark.parametrize("path", EVERY_STUDY, ids=lambda path: path.stem)
def test_every_axis_says_what_it_means_and_whether_it_is_whole(path: Path) -> None:
    study = load_study(path)
    meanings = study.axes.meanings()
    for name, values in study.labels.items():
        assert meanings[name].long_name
        assert meanings[name].is_whole == all(isinstance(value, int) for value in values), name
    assert "beta" not in study.dimensions or meanings["temperature"].long_name


def test_the_order_of_sites_is_none_of_littles_business(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"update_order: got random; .*remove the key"):
        make_study(tmp_path, model="little", update_order="random")
    with pytest.raises(UserError, match="update_order"):
        make_study(tmp_path, update_order="sideways")
    assert make_study(tmp_path, model="little").protocol.asking.order == "synchronous"


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 300_000},
        {"load": {"from": 0.05, "to": 0.2, "count": 90_000}, "seed": 1},
        {"temperature": {"from": 0.0, "to": 0.9, "count": 90_000}, "seed": 1},
        {"size": {"from": 60, "to": 20_059, "count": 20_000}, "seed": 1, "load": [0.1]},
    ],
)
def test_a_study_with_a_long_axis_reads_back_as_the_same(tmp_path: Path, changes: dict) -> None:
    study = make_study(tmp_path, **changes)
    path = tmp_path / "as-run.yaml"
    path.write_text(study.to_yaml(), encoding="utf-8")
    assert path.stat().st_size < 2000
    assert load_study(path) == study
