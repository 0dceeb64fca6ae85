"""The command: every verb, its JSON, its exit codes, one line for each mistake."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from builders import STUDIES, Command, fill, make_study, write_study

from mattis.engine import status
from mattis.errors import UserError
from mattis.networks.registry import MODELS, load_study
from mattis.theory import QUANTITIES


def test_python_m_mattis_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mattis", "theory", "hopfield.T_M", "--at", "load=0.05", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert answer["name"] == "hopfield.T_M"
    assert answer["at"] == {"load": 0.05}
    assert answer["value"] == pytest.approx(0.542255, rel=1e-6)
    assert done.stderr == ""


def test_theory_lists_null_and_plain_output(mattis: Command) -> None:
    _, out, _ = mattis("theory", "hopfield.T_M", "--at", "load=0.05,0.07,0.2", "--json")
    value = json.loads(out)["value"]
    assert value == [pytest.approx(0.542255, rel=1e-6), pytest.approx(0.448927, rel=1e-6), None]
    code, out, aside = mattis("theory", "hopfield.T_M", "--at", "load=0.2")
    assert (code, out) == (0, "does not exist\n")
    assert aside.startswith("validity: replica symmetric, N -> infinity")
    _, out, _ = mattis("theory", "hopfield.overlap", "--at", "load=0.05", "--at", "temperature=0.5")
    assert float(out) == pytest.approx(0.904106, abs=1e-6)
    _, out, _ = mattis("theory", "hopfield.alpha_c", "--json")
    assert json.loads(out) == {
        "name": "hopfield.alpha_c",
        "at": {},
        "value": pytest.approx(0.1379055665),
        "validity": QUANTITIES["hopfield.alpha_c"].validity,
    }


def test_theory_lists_its_quantities_with_sources(mattis: Command) -> None:
    code, out, _ = mattis("theory")
    assert code == 0
    assert "hopfield.T_M (at load)" in out
    assert "Ann. Phys. 173, 30 (1987)" in out
    assert "exact at any N" in out
    names = {row["name"] for row in json.loads(mattis("theory", "--json")[1])}
    assert names >= {
        f"hopfield.{x}" for x in ("overlap", "q", "T_M", "T_c", "T_g", "T_AT", "alpha_M", "alpha_c")
    }


def test_models(mattis: Command) -> None:
    code, out, _ = mattis("models")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [*MODELS]
    rows = json.loads(mattis("models", "--json")[1])
    assert {"size", "load", "memories", "beta", "noise", "seed"} <= {*rows[0]["axes"]}
    assert rows[0]["observables"]["energy"]["units"] == "J"


def test_one_model(mattis: Command) -> None:
    code, out, _ = mattis("models", "little")
    assert code == 0
    labels = [line.split("  ")[0] for line in out.splitlines() if not line.startswith(" ")]
    assert labels == [
        "name",
        "summary",
        "equation",
        "axes",
        "observables",
        "order parameter",
        "theory",
        "source",
    ]
    assert "two_cycle" in out
    assert "Little, Math. Biosci. 19, 101 (1974)" in out
    assert json.loads(mattis("models", "little", "--json")[1])["name"] == "little"


def test_a_model_that_is_none(mattis: Command) -> None:
    code, _, err = mattis("models", "hopfeld")
    assert code == 2
    assert err.count("\n") == 1
    assert "got the model hopfeld" in err
    assert "hopfield?" in err


def test_plan(mattis: Command, tmp_path: Path) -> None:
    path = write_study(tmp_path)
    code, out, _ = mattis("plan", path)
    assert code == 0
    assert out.startswith("small: 72 cells in 9 blocks")
    assert "N = 60, P = 12: 3 blocks" in out
    assert json.loads(mattis("plan", path, "--json")[1])["blocks"] == 9
    assert list(tmp_path.iterdir()) == [path]


def test_run_status_digest(mattis: Command, tmp_path: Path) -> None:
    path, root = write_study(tmp_path), tmp_path / "some results"
    code, out, _ = mattis("status", path, "--results", root, "--json")
    state = json.loads(out)
    assert (code, state["done"], state["missing"], state["failed"]) == (0, 0, 9, 0)
    assert not root.exists()
    log = tmp_path / "run.log"
    code, out, err = mattis("run", path, "--results", root, "--workers", 2, "--log", log)
    assert (code, out) == (0, "")
    assert "dashboard" not in err
    assert "72 of 72 cells, 100%" in err
    assert log.read_text() == err
    code, out, _ = mattis("digest", path, "--results", root)
    assert code == 0
    assert len(bytes.fromhex(out.strip())) == 32
    code, out, _ = mattis("status", path, "--results", root)
    assert out == "small: 72 of 72 cells done; 9 of 9 blocks whole, 0 with cells missing, 0 failed\n"
    code, _, err = mattis("run", path, "--results", root)
    assert (code, err) == (0, "small: all 72 cells are there, nothing to compute\n")


def test_diagram(mattis: Command, tmp_path: Path) -> None:
    path = write_study(tmp_path)
    fill(make_study(tmp_path), tmp_path)
    code, out, err = mattis("diagram", path, "--results", tmp_path)
    assert (code, err) == (0, "")
    folder = tmp_path / "small"
    assert out.splitlines()[0] == str(folder / "diagram.zarr")
    assert (folder / "figures" / "diagram.png").stat().st_size > 10_000
    assert (folder / "figures" / "diagram.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Usage"),
        (
            ["rn"],
            "unknown verb rn; expected one of new, models, completion, plan, run, status, diagram, "
            "page, figure, trace, compare, theory, claims, verify, digest, gpu-selftest, archive, reproduce; "
            "did you mean run?",
        ),
        (["digset"], "did you mean digest?"),
        (
            ["run"],
            "run: missing argument 'STUDY'; expected mattis run [OPTIONS] STUDY, for example mattis run "
            "mine.yaml; type mattis run --help",
        ),
        (["run", "x.yaml", "--wrokers", "2"], "run: no such option --wrokers; did you mean --workers?"),
        (["run", "x.yaml", "-q"], "run: no such option -q; expected mattis run [OPTIONS] STUDY"),
        (
            ["theory", "hopfield.T_M", "load=1"],
            "(load=1); expected mattis theory [OPTIONS] [NAME], for example",
        ),
        (["--nope"], "no such option --nope; expected mattis [OPTIONS] COMMAND"),
        (["run", "x.yaml", "--workers", "0"], "0 is not in the range"),
        (["run", "x.yaml", "--workers", "two"], "'two' is not a valid integer"),
        (["run", "x.yaml", "--backend", "tpu"], "'tpu' is not one of"),
        (["run", "none/x.yaml"], "cannot read none/x.yaml: No such file or directory"),
        (["digest", "STUDY"], "72 of 72 cells are missing; compute them with mattis run"),
        (["diagram", "STUDY"], "no cell of this study is there"),
        (["run", "STUDY", "--backend", "gpu"], "--backend: got gpu"),
        (
            ["run", "STUDY", "--results", "/dev/null/x"],
            "cannot write there: /dev/null is a file; move it away",
        ),
        (["theory", "hopfield.T_m"], "did you mean hopfield.T_M?"),
        (["theory", "hopfield.T_M"], "load"),
        (["theory", "hopfield.T_M", "--at", "load"], "got load; expected key=value"),
        (["theory", "hopfield.T_M", "--at", "load=x"], "--at load: got x; expected a number"),
        (["theory", "hopfield.T_M", "--at", "load=-1"], "load"),
        (["theory", "hopfield.T_M", "--at", "laod=0.1"], "did you mean load?"),
        (["theory", "hopfield.T_M", "--at", "load=1", "--at", "load=2"], "given twice"),
        (["theory", "hopfield.T_M", "--at", "load=1,load=2"], "given twice"),
        (["theory", "hopfield.T_M", "--at", "0.05,load=0.1"], "--at load=0.05,temperature=0.3"),
        (["theory", "hopfield.T_M", "--at", "load=0.1,"], "expected key=value"),
        (["theory", "hopfield.T_M", "--at", "load=0.1,=2"], "expected key=value"),
        (["theory", "hopfield.overlap", "--at", "load=0.1,temprature=2"], "mean temperature?"),
    ],
)
def test_mistakes_are_one_line_exit_code_2_and_write_nothing(
    mattis: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_study(tmp_path)
    code, out, err = mattis(*(path if word == "STUDY" else word for word in words))
    if not words:
        assert said in out + err
        return
    assert code == 2
    assert out == ""
    assert err.startswith("mattis: ")
    assert err.count("\n") == 1
    assert said in err
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_study_file_is_one_line(mattis: Command, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("name: x\naxes: {load: [0.1}\n")
    for verb in ("plan", "run", "status", "digest", "diagram"):
        code, out, err = mattis(verb, path)
        assert (code, out) == (2, "")
        assert err.startswith("mattis: study bad.yaml, line 2, column 18:")


def test_the_python_api_offers_the_same(tmp_path: Path) -> None:
    import mattis as api

    study = api.load_study(write_study(tmp_path))
    assert api.run(study, tmp_path, api.Settings(workers=1)).computed == 72
    cells = api.open_results(study, tmp_path)
    assert cells["valid"].all()
    assert "overlap_error" in api.aggregate(cells, study)
    assert api.theory.evaluate("hopfield.T_M", load=0.05) == pytest.approx(0.542255, rel=1e-6)
    assert api.digest(study, tmp_path) == api.run(study, tmp_path).digest
    assert dir(api) == sorted(api.__all__)
    for name in api.__all__:
        getattr(api, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = api.nothing


def test_a_study_is_made_of_its_keys_in_python(tmp_path: Path) -> None:
    import mattis as api

    study = api.load_study(write_study(tmp_path))
    again = api.study_of(study.spelled())
    assert again == study
    assert isinstance(again, api.Study)
    assert type(study)(**study.spelled()) == study
    for given in ({}, study.spelled()):
        with pytest.raises(UserError, match=r"mattis.study\(.* or mattis.load_study\(path\)"):
            api.Study(**given)


@pytest.mark.parametrize(
    "at", [["load=0.05,temperature=0.3"], ["temperature=0.3", "load=0.05"], ["load=0.05, temperature=0.3"]]
)
def test_several_keys_stand_in_one_at(mattis: Command, at: list[str]) -> None:
    once = mattis("theory", "hopfield.overlap", *(w for text in at for w in ("--at", text)))
    assert once == mattis("theory", "hopfield.overlap", "--at", "load=0.05", "--at", "temperature=0.3")
    assert once[0] == 0


def test_lists_and_words_stand_in_one_at(mattis: Command) -> None:
    given = "load=0.05,0.06,beta=4,diagonal=kept"
    _, out, _ = mattis("theory", "analog.overlap", "--at", given, "--json")
    found = json.loads(out)
    assert found["at"] == {"load": [0.05, 0.06], "beta": 4.0, "diagonal": "kept"}
    assert len(found["value"]) == 2
    _, out, _ = mattis("theory", "hopfield.T_M", "--at", "load=nan,0.05,-1", "--json")
    found = json.loads(out)
    assert found["at"]["load"] == [None, 0.05, -1.0]
    assert [value is None for value in found["value"]] == [True, False, True]


# Streams that cannot be written


def shell(text: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a line of a shell in which $MATTIS is the command."""
    return subprocess.run(
        ["bash", "-c", f'MATTIS="{sys.executable} -m mattis"; {text}'],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_output_without_a_reader_or_room(tmp_path: Path) -> None:
    piped = shell("$MATTIS models | head -n 1; exit ${PIPESTATUS[0]}", tmp_path)
    assert piped.stdout.split()[0] == "hopfield"
    assert piped.stdout.count("\n") == 1
    assert piped.stderr == ""
    full = shell("$MATTIS models > /dev/full", tmp_path)
    assert full.returncode == 1
    assert full.stderr.startswith("mattis: cannot write its output: no space left on device")
    assert full.stderr.count("\n") == 1
    assert shell("$MATTIS digest nowhere.yaml 2> /dev/full", tmp_path).returncode == 2


def test_a_terminal_without_room_ends_no_run(tmp_path: Path) -> None:
    write_study(tmp_path)
    assert shell("$MATTIS run small.yaml --pool threads 2> /dev/full", tmp_path).returncode == 0
    assert (tmp_path / "results" / "small" / "sweep.done.json").exists()


def test_home_in_every_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mattis: Command) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    fill(make_study(tmp_path), tmp_path / "runs")
    code, out, err = mattis("status", "~/small.yaml", "--results=~/runs")
    assert (code, err) == (0, "")
    assert out.startswith("small: 72 of 72 cells done; 9 of 9 blocks whole")


@pytest.mark.parametrize("form", ["path", "text", "keys"])
def test_a_file_or_keys_stand_for_a_study(tmp_path: Path, form: str) -> None:
    import mattis

    study, path = make_study(tmp_path), write_study(tmp_path)
    fill(study, tmp_path / "runs")
    given = {"path": path, "text": str(path), "keys": study.spelled()}[form]
    root = tmp_path / "runs"
    cells = mattis.open_results(given, root)
    assert mattis.status(given, root)["cells"] == {"total": 72, "done": 72}
    assert mattis.digest(given, root) == mattis.digest(study, root)
    assert mattis.run(given, root).found == 72
    assert mattis.aggregate(cells, given).equals(mattis.aggregate(cells, study))
    with pytest.raises(mattis.UserError, match="study: got int; expected a study, the path of"):
        mattis.open_results(3, root)  # type: ignore[arg-type]


def test_trace_writes_one_cell_and_needs_no_results(mattis: Command, tmp_path: Path) -> None:
    path = write_study(tmp_path)
    at = ("--at", "load=0.1", "--at", "temperature=0.3,noise=0.1", "--at", "seed=2")
    code, out, err = mattis("trace", path, *at, "--cue", 1, "-o", tmp_path / "one.png", "--json")
    assert (code, err) == (0, "")
    names = [str(tmp_path / f"one.{kind}") for kind in ("csv", "png", "svg")]
    assert json.loads(out) == {"study": "small", "written": names}
    lines = Path(names[0]).read_text().splitlines()
    assert lines[0] == "sweep,overlap,energy,q"
    assert len(lines) == 71
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "at load: got nothing; expected one of 0.05, 0.1, 0.2; for example load=0.05"),
        (("--at", "load=0.1,0.2"), "--at load: got 2 values; expected one, for there is one cell"),
        (("--at", "load=0.07"), "at load: got 0.07, which is not on the axis; expected one of 0.05, "
         "0.1, 0.2; the nearest is load=0.05"),
        (("--at", "0.07"), "--at: got 0.07; expected key=value, such as"),
    ],
)  # fmt: skip
def test_mistakes_of_trace_are_one_line(
    mattis: Command, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    code, out, err = mattis("trace", write_study(tmp_path), *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"mattis: {said}")
    assert err.count("\n") == 1


def test_figure_draws_the_letters_that_are_kept(mattis: Command, tmp_path: Path) -> None:
    letters = load_study(STUDIES / "letters.yaml").spelled()
    axes = {"size": [144], "memories": [5], "age": [5, 2], "temperature": [0.0], "noise": [0.3], "seed": 1}
    path = tmp_path / "letters.yaml"
    path.write_text(yaml.safe_dump({**letters, "axes": axes}), encoding="utf-8")
    fill(load_study(path), tmp_path)
    words = ("figure", path, "--results", tmp_path, "--at", "age=5,2", "--steps", "2")
    code, out, err = mattis(*words, "--states", "--json")
    assert (code, err) == (0, "")
    assert [Path(name).name for name in json.loads(out)["written"]] == ["states.png", "states.svg"]
    code, out, err = mattis(*words)
    assert (code, out) == (2, "")
    assert err == "mattis: --at: says which states; expected --states beside it, or no --at\n"
    code, out, err = mattis(*words, "--states", "--panel", "a")
    assert (code, out) == (2, "")
    assert err == "mattis: --panel: got it beside --states, which has no panels; remove one of them\n"


def test_digest_of_states(mattis: Command, tmp_path: Path) -> None:
    path = write_study(tmp_path, keep={"states": 1}, temperature=[0], noise=[0.1], load=[0.1])
    study = load_study(path)
    fill(study, tmp_path)
    code, out, _ = mattis("digest", path, "--results", tmp_path)
    assert (code, out.strip()) == (0, status.digest(study, tmp_path))
    code, out, _ = mattis("digest", path, "--results", tmp_path, "--states")
    assert (code, out.strip()) == (0, status.states_digest(study, tmp_path))
    plain = write_study(tmp_path)
    code, _, err = mattis("digest", plain, "--results", tmp_path, "--states")
    assert code == 2
    assert "got a study that keeps no final states" in err
