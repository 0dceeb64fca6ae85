"""Plugins and given couplings: the examples of docs/extending.md, and every way to get one wrong."""

import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml
from builders import HERE, SECONDS, THREADS, exit_code

import mattis
from mattis import figures, plugins
from mattis.cli.command import guarded, verbs
from mattis.engine.cluster import Where
from mattis.engine.dispatch import Work
from mattis.engine.driver import Settings, run
from mattis.engine.status import digest, status
from mattis.errors import UserError
from mattis.networks.binary import couplings, ensembles, matrix_network
from mattis.networks.binary.couplings import RULES, Rule
from mattis.networks.binary.ensembles import ENSEMBLES, Ensemble
from mattis.networks.registry import load_study, study_of
from mattis.store.results import results_of
from mattis.store.verify import verify
from mattis.study import plan

PAGE = (Path(__file__).parents[1] / "docs" / "extending.md").read_text()
COMMAND = (sys.executable, "-m", "mattis")


def examples() -> dict[str, tuple[str, str]]:
    """The plugin and the study of each section of the page; couplings of a file need no plugin."""
    found = {}
    for section in PAGE.split("\n## ")[1:]:
        blocks = dict(re.findall(r"```(python|yaml)\n(.*?)```", section, re.DOTALL))
        if "yaml" in blocks:
            name = yaml.safe_load(blocks["yaml"])["name"]
            found[name] = (blocks.get("python", ""), blocks["yaml"])
    return found


EXAMPLES = examples()


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    """No plugin of a test is there in the next."""
    yield
    plugins.forget([plugin.name for plugin in plugins.loaded()])


def written(folder: Path, name: str) -> tuple[Path, Path]:
    """Write an example; return the plugin and the study."""
    text, study = EXAMPLES[name]
    (folder / "mine.py").write_text(text)
    (folder / "study.yaml").write_text(study)
    return folder / "mine.py", folder / "study.yaml"


def refused(*words: object) -> str:
    """What the command says, in one line, when it refuses something."""
    done = subprocess.run([*COMMAND, *map(str, words)], capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    return line.removeprefix("mattis: ")


@pytest.mark.parametrize("name", [name for name, (text, _) in EXAMPLES.items() if text])
def test_every_example_of_the_page_runs_and_is_drawn(tmp_path: Path, name: str) -> None:
    plugin, path = written(tmp_path, name)
    mattis.load_plugins(plugin)
    study = load_study(path)
    outcome = run(study, tmp_path, HERE)
    assert not outcome.failures
    assert outcome.digest
    assert verify(study, tmp_path, recompute=1).sound
    assert any(str(file).endswith("diagram.svg") for file in figures.diagram(study, tmp_path))


def test_the_page_has_an_example_of_each_kind_of_row() -> None:
    whole = "\n".join(text for text, _ in EXAMPLES.values())
    decorators = (
        "coupling_rule(",
        "ensemble(",
        "generating_function(",
        "observable(",
        "theory_line(",
        "model(",
    )
    assert all(decorator in whole for decorator in decorators)


def test_what_an_example_computes_is_what_it_says(tmp_path: Path) -> None:
    """The ring against a plain loop, and theory of a plugin in the table and in the model of the study."""
    plugin, path = written(tmp_path, "ring")
    mattis.load_plugins(plugin)
    stored = ensembles.drawn(Ensemble(), 1, {"size": 12, "patterns": 3, "seed": 0}, 3, 12)
    learnt = matrix_network.learnt(Rule("ring", reach=2), stored, False, 1, {"seed": 0})
    for i in range(12):
        for j in range(12):
            near = 0 < min(abs(i - j), 12 - abs(i - j)) <= 2
            expected = sum(xi[i] * xi[j] for xi in stored.xi.astype(int)) if near else 0
            assert learnt.nj[i, j] == expected
    assert (learnt.unit, learnt.symmetric) == (1.0, True)
    plugin, path = written(tmp_path, "thinned")
    mattis.load_plugins(plugin)
    assert "thinned.first_step" in load_study(path).described_model.theory
    assert mattis.theory.evaluate("thinned.first_step", load=0.1, share=0.5) == pytest.approx(0.974653, 1e-6)


def test_a_plugin_reaches_processes_and_shards_and_gives_the_same_bits(tmp_path: Path) -> None:
    plugin, path = written(tmp_path, "ring")
    tail = ["--plugin", str(plugin)]
    assert exit_code("run", path, "--results", tmp_path / "whole", "--workers", "2", *tail) == 0
    for words in (["--shard", "0/2"], ["--shard", "1/2"], []):
        assert exit_code("run", path, "--results", tmp_path / "parts", *THREADS, *words, *tail) == 0
    study = load_study(path)
    assert digest(study, tmp_path / "whole") == digest(study, tmp_path / "parts")


def test_a_worker_of_a_scheduler_elsewhere_gets_the_file(tmp_path: Path) -> None:
    """What is sent to a worker is enough to load a plugin in a process that never saw the file."""
    plugin, path = written(tmp_path, "ring")
    mattis.load_plugins(plugin)
    study = load_study(path)
    tasks = [plan.task(study, block) for block in plan.blocks(study)[:1]]
    work = Work(study.described_model.simulate, None, "cpu", tuple(plugins.loaded()))
    here = work(tasks).each[0][0]
    (tmp_path / "work").write_bytes(pickle.dumps((work, tasks)))
    plugin.unlink()
    code = (
        "import pickle, sys\n"
        "work, tasks = pickle.load(open(sys.argv[1], 'rb'))\n"
        "(columns, message), = work(tasks).each\n"
        "print(message or columns['overlap'].tobytes().hex())"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "work")]
    found = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS).stdout.strip()
    assert here is not None
    assert found == here["overlap"].tobytes().hex()


def test_a_store_names_its_plugins_and_is_refused_without_them(tmp_path: Path) -> None:
    plugin, path = written(tmp_path, "stripes")
    mattis.load_plugins(plugin)
    study = load_study(path)
    run(study, tmp_path, HERE)
    physics = xr.open_zarr(str(results_of(study, tmp_path).store)).attrs["physics"]
    assert plugins.loaded()[0].digest in physics
    said = refused("status", path, "--results", tmp_path)
    assert "patterns.ensemble" in said
    assert "--plugin FILE" in said
    plugin.write_text(plugin.read_text().replace("< 2**31", "<= 2**31"))
    said = refused("status", path, "--results", tmp_path, "--plugin", plugin)
    assert "made with plugin mine" in said
    assert "which has changed since" in said


def test_an_observable_is_added_to_a_store_of_before_and_then_asks_for_its_plugin(tmp_path: Path) -> None:
    plugin, path = written(tmp_path, "frozen")
    study = load_study(path)
    before = run(study, tmp_path, HERE)
    mattis.load_plugins(plugin)
    assert status(study, tmp_path)["lacks"] == ["frozen"]
    assert verify(study, tmp_path).sound
    more = Settings(1, where=Where(pool="threads"), all_observables=True)
    assert run(study, tmp_path, more).computed == before.computed
    assert status(study, tmp_path)["lacks"] == []
    cells = mattis.open_results(study, tmp_path)
    assert ((cells["frozen"] >= 0) & (cells["frozen"] <= 1)).all()
    plugins.forget(["mine"])
    with pytest.raises(UserError, match=r"made with plugin mine .* which is not loaded: add --plugin FILE"):
        status(study, tmp_path)


def test_an_installed_package_is_loaded_by_its_entry_point(tmp_path: Path) -> None:
    text, _ = EXAMPLES["ring"]
    _, path = written(tmp_path, "ring")
    site = tmp_path / "site"
    (site / "ring_rules-1.0.dist-info").mkdir(parents=True)
    (site / "ring_rules.py").write_text(text)
    (site / "ring_rules-1.0.dist-info" / "METADATA").write_text("Name: ring-rules\nVersion: 1.0\n")
    points = "[mattis.plugins]\nring_rules = ring_rules\n"
    (site / "ring_rules-1.0.dist-info" / "entry_points.txt").write_text(points)
    command = [*COMMAND, "run", str(path), "--results", str(tmp_path), "--workers", "1"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    assert "couplings.rule" in refused("status", path, "--results", tmp_path)


HEAD = "import numpy as np\nfrom mattis.extend import *\n"
RULE = HEAD + "@coupling_rule({})\ndef mine(lesson{}):\n    xi = lesson.xi.astype(int)\n    return {}\n"

WRONG = {
    "no rows": ("x = 1\n", "got no rows; expected a function under a decorator of mattis.extend"),
    "syntax": ("def f(:\n", "line 1: invalid syntax"),
    "raises": ("\nx = 1 / 0\n", "line 2: ZeroDivisionError: division by zero"),
    "shadows": (RULE.format("'clipped'", "", "xi.T @ xi"), "coupling rule clipped is one of mattis already"),
    "no default": (RULE.format("", ", a: float", "xi.T @ xi"), "its number a has no type or no default"),
    "no type": (RULE.format("", ", a=1.0", "xi.T @ xi"), "its number a has no type or no default"),
    "many": (RULE.format("", ", *rest", "xi.T @ xi"), "its argument *rest is no number"),
    "model without observables": (
        HEAD + "@model([])\ndef mine(cell):\n    return {}\n", "got no observables"
    ),
    "gradient": (
        HEAD + "mine = generating_function('mine', value=lambda x, f: (x**2).sum(axis=0), "
        "gradient=lambda x, f: x, curved=lambda x, d, f: d)\n", "gradient is not that of value",
    ),
    "not convex": (
        HEAD + "mine = generating_function('mine', value=lambda x, f: -(x**2).sum(axis=0) / 2, "
        "gradient=lambda x, f: -x, curved=lambda x, d, f: -d)\n", "value is not convex",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_plugin_that_makes_no_rows_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    text, said = WRONG[name]
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(UserError) as caught:
        mattis.load_plugins(tmp_path / "mine.py")
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"plugin {tmp_path / 'mine.py'}")
    assert not plugins.loaded()


AXES = {"size": [20], "memories": [3], "temperature": [0.0], "seed": 1}

WRONG_NUMBERS = {
    "raises": ("", "", "xi[9, 9]", "mine.py, line 7: coupling rule mine raised IndexError"),
    "shape": ("", "", "xi", "got shape (3, 20); expected (20, 20), N × N"),
    "not whole": ("", "", "0.5 * (xi.T @ xi + np.eye(20))", "expected whole numbers nj = unit × N J"),
    "not symmetric": ("", "", "np.triu(xi.T @ xi)", "expected a symmetric matrix, or symmetric=False"),
    "not finite": ("", "", "xi.T @ xi * np.nan", "float64 or not finite"),
    "too large": ("", "", "xi.T @ xi * 2**30", "a row whose sum is above 2^31"),
    "no matrix": ("", "", "'a'", "got shape ()"),
}


@pytest.mark.parametrize("name", WRONG_NUMBERS)
def test_a_rule_that_returns_no_couplings_is_refused_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    decorated, numbers, returned, said = WRONG_NUMBERS[name]
    (tmp_path / "mine.py").write_text("\n" + RULE.format(decorated, numbers, returned))
    mattis.load_plugins(tmp_path / "mine.py")
    study = study_of(
        {
            "name": "wrong",
            "couplings": "mine",
            "axes": {"size": [20], "memories": [3], "temperature": [0.0], "seed": 1},
        }
    )
    with pytest.raises(UserError) as caught:
        run(study, tmp_path / "results", HERE)
    assert said in str(caught.value)
    assert not (tmp_path / "results").exists()


ROWS = {
    "ensemble": ("@ensemble()\ndef mine(draw):\n    return np.zeros((draw.count, draw.size))\n",
                 {"patterns": "mine"}, "xi[0, 0] = 0.0; expected patterns of -1 and 1"),
    "ensemble shape": ("@ensemble()\ndef mine(draw):\n    return np.ones((draw.size, draw.count))\n",
                       {"patterns": "mine"}, "got shape (20, 3); expected (3, 20), P × N"),
    "observable": ("@observable('x')\ndef mine(chain):\n    return 'x'\n", {}, "observable mine: got str"),
    "observable name": ("@observable('x')\ndef energy(chain):\n    return 1.0\n", {},
                        "got the name of an observable of mattis; expected another name"),
    "model": ("@model(['m'])\ndef mine(cell):\n    return {'n': 1.0}\n", {"model": "mine"},
              "model mine: got n; expected a dict of m"),
    "model value": ("@model(['m'])\ndef mine(cell):\n    return {'m': 'x'}\n", {"model": "mine"},
                    "got m = 'x'; expected a number"),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_other_rows_that_return_nonsense_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    text, keys, said = ROWS[name]
    (tmp_path / "mine.py").write_text(HEAD + text)
    mattis.load_plugins(tmp_path / "mine.py")
    axes = {"size": [20], "memories": [3], "seed": 1}
    axes |= {} if "model" in keys else {"temperature": [0.0]}
    with pytest.raises(UserError) as caught:
        run(study_of({"name": "wrong", **keys, "axes": axes}), tmp_path / "results", HERE)
    assert said in str(caught.value)


def test_two_plugins_of_one_row_are_refused_and_a_changed_file_replaces_the_old(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / f"{name}.py").write_text(EXAMPLES["ring"][0])
    with pytest.raises(UserError, match=r"coupling rule ring is one of plugin .*first.py already"):
        mattis.load_plugins(tmp_path / "first.py", tmp_path / "second.py")
    (tmp_path / "first.py").write_text(EXAMPLES["stripes"][0])
    mattis.load_plugins(tmp_path / "first.py")
    assert "ring" not in RULES
    assert "stripes" in ENSEMBLES


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("missing.py", "cannot read it: No such file or directory"),
        ("study.yaml", "got .yaml; expected a Python file, such as my_rules.py"),
        ("bytes.py", "not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_plugin_is_refused(tmp_path: Path, file: str, said: str) -> None:
    (tmp_path / "bytes.py").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError) as caught:
        mattis.load_plugins(tmp_path / file)
    assert str(caught.value) == f"--plugin {tmp_path / file}: {said}"


def test_numbers_of_a_plugin_are_checked_like_those_of_mattis(tmp_path: Path) -> None:
    plugin, _ = written(tmp_path, "ring")
    mattis.load_plugins(plugin)
    axes = {"size": [20], "memories": [3], "temperature": [0.0], "seed": 1}
    for keys, said in (
        ({"rule": "ring", "reach": 0}, "couplings.reach: got 0; expected greater than or equal to 1"),
        ({"rule": "ring", "reach": 1.5}, "couplings.reach: got 1.5; expected"),
        ({"rule": "ring", "rech": 3}, "couplings.rech: unknown key; expected one of rule"),
        ({"rule": "clipped", "reach": 3}, "couplings.reach: got 3; expected no such number, for clipped"),
    ):
        with pytest.raises(UserError) as caught:
            study_of({"name": "x", "couplings": keys, "axes": axes})
        assert said in str(caught.value)


def test_a_rule_of_a_plugin_stands_on_an_axis_beside_others(tmp_path: Path) -> None:
    plugin, _ = written(tmp_path, "ring")
    mattis.load_plugins(plugin)
    axes = {"size": [30], "memories": [2], "temperature": [0.0], "seed": 2, "couplings": ["hebb", "ring"]}
    study = study_of({"name": "both", "axes": axes, "sweeps": {"thermalise": 2, "measure": 4}})
    assert run(study, tmp_path, HERE).digest
    one_rule = {key: values for key, values in axes.items() if key != "couplings"}
    content = {"name": "one", "couplings": "ring", "axes": one_rule}
    alone = study_of({**content, "sweeps": {"thermalise": 2, "measure": 4}})
    run(alone, tmp_path, HERE)
    both, one = mattis.open_results(study, tmp_path), mattis.open_results(alone, tmp_path)
    np.testing.assert_array_equal(both["energy"].isel(couplings=1).values, one["energy"].values)


# Couplings of a user


def given(**changes: object) -> dict[str, object]:
    content = yaml.safe_load(EXAMPLES["given"][1])
    return {**content, **changes}


def test_hebbs_matrix_of_a_file_gives_the_numbers_of_hebbs_rule(tmp_path: Path) -> None:
    content = given()
    for seed in (0, 1):
        xi = ensembles.drawn(Ensemble(), 1, {"size": 60, "patterns": 3, "seed": seed}, 3, 60).xi
        np.save(tmp_path / f"J_{seed}.npy", couplings.hebb_matrix(xi) / 60)
    study = study_of(content, folder=tmp_path)
    run(study, tmp_path, HERE)
    hebb = study_of({**content, "name": "hebb", "couplings": "hebb"})
    run(hebb, tmp_path, HERE)
    found, expected = mattis.open_results(study, tmp_path), mattis.open_results(hebb, tmp_path)
    for name in ("overlap", "edwards_anderson", "flip_fraction", "retrieved"):
        np.testing.assert_array_equal(found[name].values, expected[name].values)
    # The results hold copies, so that the study as run is whole without the files.
    for seed in (0, 1):
        (tmp_path / f"J_{seed}.npy").unlink()
    again = load_study(tmp_path / "given" / "study.yaml")
    assert status(again, tmp_path)["missing"] == 0
    assert verify(again, tmp_path, recompute=1).sound


def test_the_hash_of_a_file_is_part_of_the_study(tmp_path: Path) -> None:
    for seed in (0, 1):
        np.save(tmp_path / f"J_{seed}.npy", np.zeros((60, 60)))
    run(study_of(given(), folder=tmp_path), tmp_path, HERE)
    np.save(tmp_path / "J_1.npy", np.eye(60))
    with pytest.raises(UserError, match=r"made from a different study: couplings.sha256.seed=1: .* → "):
        status(study_of(given(), folder=tmp_path), tmp_path)


FILES = {
    "shape": (np.zeros((59, 60)), "got shape (59, 60); expected (60, 60), N × N at size 60"),
    "not finite": (np.full((60, 60), np.nan), "values that are not finite; expected real numbers J_ij"),
    "complex": (np.zeros((60, 60), complex), "got complex128 or values"),
    "huge": (np.full((60, 60), 1e9), "a row of N |J| sums to more than 2^30/1"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_matrix_of_the_network_is_refused(tmp_path: Path, name: str) -> None:
    values, said = FILES[name]
    np.save(tmp_path / "J_0.npy", values)
    with pytest.raises(UserError) as caught:
        study_of(given(), folder=tmp_path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"study, {tmp_path / 'J_0.npy'}: ")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"file": "none.npy"}, "cannot read couplings: No such file"),
        ({"file": "none.dat"}, "got .dat; expected a matrix in .npy, .csv, .txt"),
        (
            {"file": "J_{sede}.npy"},
            "couplings.file: got J_{sede}.npy; expected a file, with {size} and {seed}",
        ),
        ({"file": ""}, "couplings.file: got nothing; expected the name of a file"),
        (
            {"file": "J.npy", "rule": "clipped"},
            "couplings.rule: got 'clipped'; expected no rule beside a file",
        ),
        ("given", "couplings.file: got nothing; expected a file of couplings"),
    ],
)
def test_couplings_of_a_file_that_cannot_be_are_refused(tmp_path: Path, keys: object, said: str) -> None:
    np.save(tmp_path / "J.npy", np.zeros((60, 60)))
    with pytest.raises(UserError) as caught:
        study_of(given(couplings=keys), folder=tmp_path)
    assert said in str(caught.value)


def test_couplings_that_are_not_symmetric_are_taken_as_they_are(tmp_path: Path) -> None:
    """S_j acts on site i by J_ij: a shift matrix moves a pattern along, all sites at once at T = 0."""
    np.save(tmp_path / "J.npy", np.roll(np.eye(60), 1, axis=0))
    content = given(couplings={"file": "J.npy"}, dynamics="synchronous")
    study = study_of(content, folder=tmp_path)
    rule, labels = study.rule_for(60, 0), {"size": 60, "patterns": 3, "seed": 0}
    stored = ensembles.drawn(Ensemble(), 1, labels, 3, 60)
    learnt = matrix_network.learnt(rule, stored, True, 1, labels)
    assert (learnt.unit, learnt.symmetric) == (1.0, False)
    np.testing.assert_array_equal(learnt.nj @ stored.xi[0], 60 * np.roll(stored.xi[0], 1))


def test_verbs_take_a_plugin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin, path = written(tmp_path, "hearsay")
    for words in (
        ["plan", str(path)], ["run", str(path), "--results", str(tmp_path), "--pool", "threads"],
        ["status", str(path), "--results", str(tmp_path)], ["digest", str(path), "--results", str(tmp_path)],
        ["verify", str(path), "--results", str(tmp_path)], ["diagram", str(path), "--results", str(tmp_path)],
        ["models"], ["theory"],
    ):  # fmt: skip
        words = [*words, "--plugin", str(plugin)]
        assert guarded(lambda words=words: verbs.main(words, "mattis", standalone_mode=False)) == 0, words
    assert "hearsay" in capsys.readouterr().out


def test_a_plugin_may_observe_by_names_that_other_models_have(tmp_path: Path) -> None:
    """They are its own: no rate is made of them, and no fraction of survivors."""
    (tmp_path / "mine.py").write_text(
        HEAD + "@model(['survival_time', 'survived', 'transition_rate', 'reached_after'])\n"
        "def counted(cell):\n"
        "    return {'survival_time': 3.0, 'survived': 19.0, 'transition_rate': 2.0, 'reached_after': 1.0}\n"
    )
    mattis.load_plugins(tmp_path / "mine.py")
    study = study_of(
        {"name": "counted", "model": "counted", "axes": {"size": [40], "load": [0.1], "seed": 4}}
    )
    mattis.run(study, tmp_path, HERE)
    out = mattis.aggregate(mattis.open_results(study, tmp_path), study)
    assert out["survived"].item() == 19.0
    assert not {"survived_low", "escape_rate", "transitions", "reached_after_median"} & {*out}
    assert mattis.diagram(study, tmp_path)
