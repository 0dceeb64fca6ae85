"""The workflow, for real: in a folder with spaces, twice, damaged, and killed."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from builders import HERE, ROOT, undisturbed, write_study
from snakemake_executor_plugin_slurm.utils import set_gres_string

from mattis.engine.driver import run
from mattis.engine.shards import shards
from mattis.engine.status import digest, status
from mattis.networks.registry import KINDS, load_study
from mattis.store.results import results_of
from mattis.study.base import Study

SWEPT = "results/small/sweep.done.json"
SNAKEMAKE = [sys.executable, "-m", "snakemake"]
STUDY = """studies/Bob's "small" $HOME & é #1.yaml"""
STUDIES = json.dumps([STUDY], ensure_ascii=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the workflow in a folder with spaces, with one small study in a file with an odd name."""
    folder = tmp_path / "a folder with spaces"
    for name in ("Snakefile", "environment.yml"):
        folder.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for name in ("workflow", "config"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "studies").mkdir()
    put(folder)
    return folder


def put(folder: Path, **changes: object) -> None:
    """Write the small study, changed or not, to its file."""
    write_study(folder / "studies", **changes).rename(folder / STUDY)


def command(count: str = "1") -> list[str]:
    profile = ["--workflow-profile", "workflow/profiles/default"]
    config = ["--config", f"studies={STUDIES}", f"shards={count}"]
    return [*SNAKEMAKE, "--cores", "2", *profile, *config]


def make(folder: Path, *targets: str) -> tuple[int, str]:
    """Run the workflow as `make diagram` does; return its exit code and what it said."""
    flags = [word for word in targets if word.startswith("--")]
    names = [word for word in targets if word not in flags]
    counts = [flag.partition("=")[2] for flag in flags if flag.startswith("--set-shards")]
    others = [flag for flag in flags if not flag.startswith("--set-shards")]
    words = [*command(*counts), *others, "--", *names]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=600)
    return done.returncode, done.stdout + done.stderr


def study_of(folder: Path) -> Study:
    return load_study(folder / STUDY)


@pytest.mark.slow
def test_from_study_to_report_then_nothing_to_do_then_repair(checkout: Path) -> None:
    code, said = make(checkout)
    assert code == 0, said
    folder = checkout / "results" / "small"
    for name in ("plan.json", "sweep.done.json", "study.yaml", "report.html", "figures/diagram.png",
                 "figures/diagram.svg", "diagram.html", "sweep.zarr/zarr.json", "diagram.zarr/zarr.json",
                 "logs/plan.log", "logs/sweep.log", "logs/diagram.log", "logs/report.log"):  # fmt: skip
        assert (folder / name).exists(), name
    assert "dashboard" not in (folder / "logs" / "sweep.log").read_text()
    assert "data:image/png" in (folder / "report.html").read_text()
    assert "diagram.html" in (folder / "report.html").read_text()
    study, root = study_of(checkout), checkout / "results"
    first = digest(study, root)

    code, said = make(checkout)
    assert code == 0
    assert "Nothing to be done" in said

    chunk = next(p for p in (folder / "sweep.zarr" / "overlap" / "c").rglob("*") if p.is_file())
    chunk.unlink()
    code, said = make(checkout, SWEPT)
    assert code == 0, said
    assert "72 cells in 9 blocks to compute, 0 found" in said
    assert digest(study, root) == first

    assert undisturbed(study, checkout) == first

    shutil.rmtree(folder / "sweep.zarr")
    code, said = make(checkout, "--dry-run", SWEPT)
    assert code == 0
    assert re.search(r"sweep +1\n", said)


@pytest.mark.slow
def test_shards_are_jobs_of_their_own_and_named_by_their_values(checkout: Path) -> None:
    study, root = study_of(checkout), checkout / "results"
    first = {part.id for part in shards(study, 3)}
    code, said = make(checkout, "--set-shards=3", SWEPT)
    assert code == 0, said
    assert len(re.findall(r"rule shard|: shard ", said)) >= 3
    receipts = root / "small" / "shards"
    assert {path.stem for path in receipts.iterdir()} == first
    assert digest(study, root) == undisturbed(study, checkout)

    put(checkout, seed=[0, 1, 2, 7])
    new = {part.id for part in shards(study_of(checkout), 3)} - first
    code, said = make(checkout, "--set-shards=3", "--dry-run", SWEPT)
    assert code == 0, said
    assert int(re.findall(r"shard +(\d)\n", said)[0]) == len(new)


def refined(folder: Path) -> None:
    """Write a small study whose boundary is found by rounds."""
    more = {"load": [0.1], "temperature": [0, 0.3, 0.6, 0.9, 1.2], "noise": [0.0], "seed": 4}
    refine = {"error": 0.08, "ageing": "accept"}
    put(folder, **more, sweeps={"thermalise": 4, "measure": 12}, refine=refine)


def test_shards_and_all_observables_are_computed_where_they_are_asked_for(checkout: Path) -> None:
    refined(checkout)
    code, said = make(checkout, "--dry-run", "--printshellcmds", SWEPT)
    assert code == 0, said
    assert "--round" not in said
    assert "--all-observables" not in said
    path = checkout / "config" / "config.yaml"
    path.write_text(path.read_text().replace("observables: false", "observables: true"))
    code, said = make(checkout, "--set-shards=2", "--dry-run", "--printshellcmds", SWEPT)
    assert code == 0, said
    runs = [line for line in said.splitlines() if "mattis run" in line]
    assert sum("--shard 0/2 --round 0 " in line for line in runs) == 1
    assert sum("--shard 1/2 --round 0 " in line for line in runs) == 1
    assert sum("--results results --round 0 " in line for line in runs) == 1
    assert [line.count("--all-observables") for line in runs] == [1] * 4  # shards, their round, the sweep


@pytest.mark.slow
def test_rounds_are_jobs_and_their_shards_as_well(checkout: Path) -> None:
    refined(checkout)
    study, root = study_of(checkout), checkout / "results"
    code, said = make(checkout, "--set-shards=2", SWEPT)
    assert code == 0, said
    assert re.search(r"shard [0-9a-f]+ of small: part ./2 --round 1", said)
    own = {path.name: path.read_bytes() for path in (root / "small").glob("round_*.json")}
    first = digest(study, root)
    code, said = make(checkout, "--set-shards=2", SWEPT)
    assert code == 0
    assert "Nothing to be done" in said
    assert run(study, checkout / "alone", HERE).digest == first
    alone = (checkout / "alone" / "small").glob("round_*.json")
    assert {path.name: path.read_bytes() for path in alone} == own

    (root / "small" / "round_001.json").unlink()
    code, said = make(checkout, "--set-shards=2", SWEPT)
    assert code == 0, said
    assert digest(study, root) == first


@pytest.mark.slow
def test_a_killed_workflow_goes_on_with_the_same_command(checkout: Path) -> None:
    put(checkout, size=[400], seed=6, sweeps={"thermalise": 100, "measure": 900})
    study, root = study_of(checkout), checkout / "results"
    running = subprocess.Popen(
        command(), cwd=checkout, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and running.poll() is None:
        if results_of(study, root).store.exists() and status(study, root)["cells"]["done"]:
            break
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    found = status(study, root)["cells"]["done"]
    assert 0 < found < 144
    code, said = make(checkout, SWEPT)
    assert code == 0, said
    assert int(re.findall(r"to compute, (\d+) found", said)[0]) == found
    assert digest(study, root) == undisturbed(study, checkout)


@pytest.mark.parametrize(
    ("where", "own"), [([], True), pytest.param(["--directory", "other"], False, marks=pytest.mark.slow)]
)
def test_the_workflow_runs_from_any_folder(checkout: Path, where: list[str], own: bool) -> None:
    home = checkout.parent / "home"
    folder = home / where[1] if where else home
    (folder / "config").mkdir(parents=True)
    if own:
        (folder / "config" / "config.yaml").write_text(f"studies: {STUDIES}\nresults: mine")
    words = ["--snakefile", checkout / "Snakefile", "--cores", "1", "--dry-run", "--printshellcmds"]
    studies = [] if own else ["--config", f"studies={STUDIES}"]
    done = subprocess.run([*SNAKEMAKE, *words, *where, *studies], cwd=home, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert f"--results {'mine' if own else 'results'} " in said
    assert str(checkout / "studies") in said
    assert f"snakemake --snakefile '{checkout / 'Snakefile'}' " in said


def test_a_mistake_in_the_configuration_is_one_line(checkout: Path) -> None:
    words = [*SNAKEMAKE, "--cores", "1", "--config", "plugin=rules.py"]
    done = subprocess.run(words, cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 1
    *_, line = done.stderr.splitlines()
    assert line.startswith("config: plugin: unknown key")
    assert line.endswith("did you mean plugins?")
    assert "common.smk" not in done.stderr


def test_a_bad_study_stops_before_any_job(checkout: Path) -> None:
    path = checkout / STUDY
    path.write_text(path.read_text().replace("load:", "laod:"))
    code, said = make(checkout)
    assert code == 1
    assert "axes.laod: unknown key" in said
    assert "Traceback" not in said
    assert not (checkout / "results").exists()


def test_a_failed_job_is_a_few_lines(checkout: Path) -> None:
    store = checkout / "results" / "small" / "sweep.zarr"
    store.parent.mkdir(parents=True)
    store.write_text("no store")
    code, said = make(checkout, SWEPT)
    assert code == 1
    begin = said.index("mattis: results/small/sweep.zarr: ")
    assert len(said[begin : said.index("Exiting because")].splitlines()) <= 10
    assert "sweep small failed: " in said
    for word in ("Error in rule", "CalledProcessError", "Traceback"):
        assert word not in said


def test_each_attempt_asks_slurm_for_more() -> None:
    profile = yaml.safe_load((ROOT / "workflow/profiles/slurm/config.yaml").read_text())
    for text in (profile["default-resources"][key] for key in ("mem_mb", "runtime")):
        first, second = (eval(text, {"attempt": attempt}) for attempt in (1, 2))
        assert second > first, text


class JobResources(dict):
    """What a job asks for, as Snakemake hands it to its plugins: by key and by name."""

    __getattr__ = dict.get


def test_a_profile_may_ask_for_a_gpu_of_each_shard() -> None:
    """The lines that are comments, without their #, are what the plugin for SLURM makes --gres of."""
    text = (ROOT / "workflow/profiles/slurm/config.yaml").read_text()
    assert "set-resources" not in yaml.safe_load(text)
    profile = yaml.safe_load(re.sub(r"^# (set-resources:|  shard:|    gres:)", r"\1", text, flags=re.M))
    asked = profile["set-resources"]["shard"]
    job = SimpleNamespace(resources=JobResources(asked))
    assert set_gres_string(job) == " --gres=gpu:1"


def test_profiles_hold_no_science() -> None:
    science = {key for kind in KINDS for key in kind.model_fields}
    for path in (ROOT / "workflow" / "profiles").rglob("config.yaml"):
        keys = {line.split(":")[0] for line in path.read_text().splitlines() if ":" in line}
        assert not keys & science, path
