"""A study from arguments is that of the file that says the same, and its YAML leads back to it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from builders import EVERY_STUDY, HERE, SMALL, STUDIES, refused
from hypothesis import given, settings
from hypothesis import strategies as st

import mattis
from mattis.engine.status import digest
from mattis.networks.keywords import UNNAMED
from mattis.networks.registry import load_study, study_of
from mattis.study.base import Study
from mattis.study.document import parsed

PLANE = {"size": 60, "load": [0.05, 0.1], "temperature": [0, 0.3]}


def as_arguments(path: Path) -> dict[str, Any]:
    """Return what a file says as the arguments of a call: axes beside keys."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for key in ("patterns", "couplings"):
        part = content.get(key)
        if isinstance(part, dict) and "file" in part:
            part["file"] = path.parent / part["file"]
    axes = content.pop("axes")
    if "couplings" in axes and "couplings" in content:
        return {**content, "axes": axes}
    return {**content, **axes}


@pytest.mark.parametrize("path", EVERY_STUDY, ids=lambda path: path.stem)
def test_every_shipped_study_can_be_made_in_python(path: Path) -> None:
    made, loaded = mattis.study(**as_arguments(path)), load_study(path)
    assert made == loaded
    assert made.to_yaml() == loaded.to_yaml()
    again = study_of(parsed(made.to_yaml(), "study"))
    assert (again.physics(), again.labels) == (made.physics(), made.labels)


def test_the_same_cells_are_computed_as_from_the_file(tmp_path: Path) -> None:
    content = dict(SMALL)
    axes = content.pop("axes")
    made = mattis.study(**{**content, **axes, "load": np.array([0.05, 0.1, 0.2]), "seed": range(3)})
    file = made.write(tmp_path / "folder" / "small.yaml")
    assert mattis.run(made, tmp_path / "made", HERE).computed == 72
    assert mattis.run(file, tmp_path / "file", HERE).computed == 72
    assert mattis.run(SMALL, tmp_path / "keys", HERE).computed == 72
    found = {digest(SMALL, tmp_path / root) for root in ("made", "file", "keys")}
    assert len(found) == 1
    again = mattis.run(str(file), tmp_path / "made", HERE)
    assert (again.computed, again.found) == (0, 72)


LOADS = st.lists(st.integers(30, 900).map(lambda k: k / 1000), min_size=1, max_size=6, unique=True)
HEATS = st.lists(st.integers(0, 1500).map(lambda k: k / 1000), min_size=1, max_size=6, unique=True)
SEEDS = st.integers(1, 12) | st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5, unique=True)


@settings(max_examples=60, deadline=None)
@given(
    loads=LOADS, heats=HEATS, seed=SEEDS, size=st.integers(40, 500), cold=st.booleans(),
    measure=st.integers(2, 1000), root_seed=st.integers(0, 2**64 - 1),
    update_order=st.sampled_from(["typewriter", "random"]), name=st.none() | st.just("mine"),
)  # fmt: skip
def test_yaml_leads_back_to_the_study(
    loads: list[float], heats: list[float], seed: Any, size: int, cold: bool, name: str | None, **keys: Any
) -> None:
    sweeps = {"thermalise": 10, "measure": keys.pop("measure")}
    # Inverse temperatures are kept to the last digit, infinity included.
    heat = {"beta": [np.inf, *(1 / t for t in heats if t)]} if cold else {"temperature": heats}
    axes = {"load": loads, "seed": seed, "size": [size], **heat}
    as_arrays = {key: np.array(v) if isinstance(v, list) else v for key, v in axes.items()}
    made = mattis.study(name=name, sweeps=sweeps, **as_arrays, **keys)
    assert study_of(parsed(made.to_yaml(), "study")) == made
    content = {"name": made.name, "axes": axes, "sweeps": sweeps, **keys}
    assert load_study(content) == made == mattis.study_of(content)
    assert load_study(made) is made
    assert made.physics() == load_study(content).physics()


def test_a_name_of_its_own_is_shared_by_what_differs_in_values_of_axes_only() -> None:
    first = mattis.study(**PLANE)
    assert first.name.startswith("hopfield-")
    assert UNNAMED not in first.to_yaml()
    assert mattis.study(**{**PLANE, "load": [0.2], "seed": 3}).name == first.name
    others = [
        mattis.study(**PLANE, cues=2),
        mattis.study("little", **PLANE),
        mattis.study(**PLANE, root_seed=2),
        mattis.study(**PLANE, couplings=["hebb", "clipped"]),
    ]
    assert len({first.name, *(one.name for one in others)}) == 5


def test_a_list_of_couplings_is_the_axis_and_a_word_the_rule() -> None:
    axis = mattis.study(**PLANE, couplings=np.array(["hebb", "clipped"]))
    assert axis.labels["couplings"] == (0, 1)
    rule = mattis.study(**PLANE, couplings="clipped")
    assert "couplings" not in rule.labels
    both = mattis.study(**PLANE, couplings={"threshold": 0.5}, axes={"couplings": ["dead_zone", "hebb"]})
    assert both.labels["couplings"] == (2, 0)
    assert study_of(parsed(both.to_yaml(), "study")).physics() == both.physics()


def test_couplings_in_a_file_go_with_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    upper = np.triu(np.random.default_rng(1).choice([-1.0, 1.0], (12, 12)), 1)
    np.save("J.npy", upper + upper.T)
    made = mattis.study(size=12, memories=1, temperature=[0, 0.5], couplings={"file": "J.npy"})
    file = made.write(tmp_path / "elsewhere" / "mine.yaml")
    physics = made.physics()
    (tmp_path / "J.npy").unlink()
    assert load_study(file).physics() == physics


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"load": [0.05, 2]}, "load[1]: got 2; expected a load in (0, 1]; P = round(load × N) must"),
        ({"lod": 0.1}, "lod: unknown key; expected one of size, seed, load, "),
        ({"lod": 0.1}, "; did you mean load?"),
        ({"ceus": 2}, "; did you mean cues?"),
        ({"T": [0.1]}, "T: unknown key; write temperature: [0.1]"),
        ({"rule": "clipped"}, "rule: unknown key; write couplings: clipped"),
        ({"kappa": 3}, "kappa: unknown key; write axes: {kappa: 3} with model: consolidation"),
        ({"model": "hopfeld"}, "model: got 'hopfeld'; expected one of: hopfield, "),
        ({"model": 3}, "model: got 3; expected a valid string"),
        ({"beta": 2}, "beta: got both; expected one of temperature and beta"),
        ({"temperature": "0:1:5"}, "temperature: got '0:1:5'; expected a list; write {from: 0, to: 1,"),
        ({"size": 60.0}, "size[0]: got 60.0; expected a valid integer; write 60"),
        ({"size": np.linspace(60, 90, 2)}, "size[0]: got 60.0; expected a valid integer; write 60"),
        ({"cues": 4}, "cues: got 4, but load[0] = 0.05 at size 60 stores P = 3"),
        ({"sweeps": {"measure": 1}}, "sweeps.measure: got 1; expected greater than or equal to 2"),
        ({"seed": {1, 2}}, "seed: got a set, which has no order"),
        ({"axes": {"load": 0.1}}, "load: got it in axes as well; expected it once; remove one"),
        ({"axes": 3}, "axes: got 3; expected"),
        ({"name": "a b"}, "name: got 'a b'; expected a name of letters, digits, - and _, at most 64"),
    ],
)
def test_an_error_names_the_argument(arguments: dict[str, Any], words: str) -> None:
    line = refused(mattis.study, **{**PLANE, **arguments})
    assert line.startswith("study, ")
    assert words in line
    assert "axes." not in line


def test_messages_are_those_of_a_file_but_for_the_place() -> None:
    for key, value in (("load", [7]), ("temperature", [-1]), ("noise", 2), ("seed", 0), ("size", [1])):
        axes = {**PLANE, key: value}
        of_file = refused(study_of, {"name": "mine", "axes": axes})
        assert refused(mattis.study, **axes) == of_file.replace("study, axes.", "study, ")


def test_what_is_no_study_is_refused_in_one_line() -> None:
    for given_ in (3, None, [1], b"x"):
        assert "expected a study, the path of its file, or its keys" in refused(load_study, given_)
    assert refused(load_study, {}).startswith("study, ")


def test_the_package_is_called_whatever_was_imported_before() -> None:
    script = (
        "import mattis\n{}\nprint(mattis.study(size=60, load=0.1, temperature=0.3, name='x').name)\n"
        "from mattis import study\nprint(study.__name__, 'xarray' in __import__('sys').modules)"
    )
    for before in ("", "import mattis.study.base", "import mattis.networks.registry"):
        done = subprocess.run(
            [sys.executable, "-c", script.format(before)], capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == ["x", "mattis.study", "False"]
    assert isinstance(mattis.study(**PLANE), Study)


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    made = mattis.study(**PLANE)
    assert "cannot write the study" in refused(made.write, tmp_path / "file" / "mine.yaml")
    assert (STUDIES / "hopfield.yaml").exists()
