"""What short chains measured is remembered for as long as it is true, and never read when it is not."""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from builders import make_study

from mattis.cli import command
from mattis.engine import estimate, machine, rates
from mattis.engine.rates import OLDEST, MeasuredRate, remember, remembered
from mattis.study.base import Study
from mattis.surroundings import cache_folder

RATE = MeasuredRate(0.25, 1.5, time.time() - 100.0)


class Calibration:
    """Stands for short chains, and counts how often they are asked."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, _: Study) -> MeasuredRate:
        self.count += 1
        return replace(RATE, measured=time.time())


@pytest.fixture
def calibrated(monkeypatch: pytest.MonkeyPatch) -> Calibration:
    chains = Calibration()
    monkeypatch.setattr(estimate, "calibrate", chains)
    return chains


def test_short_chains_are_asked_once(study: Study, calibrated: Calibration) -> None:
    first, second = estimate.cost(study), estimate.cost(study)
    assert calibrated.count == 1
    assert (first.seconds, first.compiling) == (9 * 0.25, 1.5)
    assert (second.seconds, second.compiling, second.measured) == (9 * 0.25, 1.5, first.measured)
    assert second.age == pytest.approx(0.0, abs=60.0)


def test_a_rate_is_that_of_a_block(study: Study, tmp_path: Path, calibrated: Calibration) -> None:
    """More seeds, another name, another root seed: the same networks, more of them."""
    estimate.cost(study)
    more = make_study(tmp_path, name="other", seed=30, root_seed=7)
    assert estimate.cost(more).seconds == 0.25 * estimate.count(more) == 0.25 * 90
    assert calibrated.count == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"load": [0.1, 0.2]},
        {"size": [70]},
        {"temperature": [0.1, 0.2, 0.3]},
        {"sweeps": {"thermalise": 20, "measure": 51}},
        {"couplings": "pseudo_inverse"},
    ],
)
def test_another_study_has_another_rate(study: Study, tmp_path: Path, changes: dict[str, object]) -> None:
    remember(study, RATE)
    assert remembered(make_study(tmp_path, **changes)) is None
    assert remembered(study) == RATE


@pytest.mark.parametrize(
    ("place", "name", "other"),
    [
        (machine, "processor", lambda: "another processor"),
        (machine, "cores", lambda: 3),
        (rates, "kernels_digest", lambda: "other kernels"),
        (rates, "version", lambda name: f"another {name}"),
        (rates.platform, "python_version", lambda: "3.9.1"),
        (rates.platform, "machine", lambda: "abacus"),
    ],
)
def test_another_machine_or_program_has_another_rate(
    study: Study, monkeypatch: pytest.MonkeyPatch, place: object, name: str, other: object
) -> None:
    remember(study, RATE)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(place, name, other)
        assert remembered(study) is None
    assert remembered(study) == RATE


@pytest.mark.parametrize("variable", ["OPENBLAS_NUM_THREADS", "NUMBA_DISABLE_JIT"])
def test_other_threads_and_compilers_have_another_rate(
    study: Study, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv(variable, raising=False)
    remember(study, RATE)
    monkeypatch.setenv(variable, "1")
    assert remembered(study) is None


def test_where_kernels_are_kept_changes_no_rate(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(study, RATE)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/elsewhere")
    assert remembered(study) == RATE


def test_another_kernel_is_another_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By content: a file that moved, or one byte in it."""
    found = set()
    for number, (name, text) in enumerate([("a.py", "x"), ("a.py", "y"), ("b.py", "x")]):
        package = tmp_path / str(number)
        file = package / "kernels" / name
        file.parent.mkdir(parents=True)
        file.write_text(text)
        monkeypatch.setattr(rates, "__file__", str(package / "engine" / "rates.py"))
        found.add(rates.kernels_digest.__wrapped__())
    assert len(found) == 3


@pytest.mark.parametrize("age", [OLDEST + 60.0, -60.0])
def test_a_rate_that_is_too_old_or_of_tomorrow_is_measured_anew(
    study: Study, calibrated: Calibration, age: float
) -> None:
    remember(study, replace(RATE, measured=time.time() - age))
    assert estimate.cost(study).age == pytest.approx(0.0, abs=50.0)
    assert calibrated.count == 1
    assert remembered(study) is not None


DAMAGE = [b"", b"{", b"\x80\x04", b"null", b"[]", b'{"rate": []}', b'{"rate": {"block_seconds": 1}}']


@pytest.mark.parametrize("content", DAMAGE)
def test_a_damaged_file_is_measured_anew(study: Study, calibrated: Calibration, content: bytes) -> None:
    remember(study, RATE)
    rates.measured_rate_of(study).write_bytes(content)
    assert estimate.cost(study).seconds == 9 * 0.25
    assert calibrated.count == 1
    assert remembered(study) is not None  # whole again


@pytest.mark.parametrize(
    "values",
    [
        {"block_seconds": 0.0},
        {"block_seconds": -1.0},
        {"block_seconds": float("nan")},
        {"block_seconds": float("inf")},
        {"block_seconds": "fast"},
        {"block_seconds": None},
        {"compiling": -1.0},
        {"measured": float("nan")},
        {"colour": 3.0},
    ],
)
def test_impossible_numbers_are_measured_anew(study: Study, values: dict[str, object]) -> None:
    remember(study, RATE)
    file = rates.measured_rate_of(study)
    content = json.loads(file.read_bytes())
    file.write_text(json.dumps(content | {"rate": asdict(RATE) | values}))
    assert remembered(study) is None


def test_a_file_of_another_study_is_not_believed(study: Study, tmp_path: Path) -> None:
    other = make_study(tmp_path, size=[70])
    remember(other, RATE)
    rates.measured_rate_of(other).rename(rates.measured_rate_of(study))
    assert remembered(study) is None


def test_nowhere_to_write_costs_a_measurement(study: Study, calibrated: Calibration, no_rates: Path) -> None:
    no_rates.write_text("a file, where the folder should be")
    assert estimate.cost(study).seconds == estimate.cost(study).seconds == 9 * 0.25
    assert calibrated.count == 2


def test_a_full_disk_leaves_nothing_behind(
    study: Study, no_rates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(json, "dump", refuse)
    remember(study, RATE)
    assert [*(no_rates / "rates").iterdir()] == []


def test_what_is_too_old_goes(study: Study, no_rates: Path) -> None:
    remember(study, RATE)
    old, young = no_rates / "rates" / "old.json", no_rates / "rates" / "young.partial"
    for file in (old, young):
        file.touch()
    os.utime(old, (0, 0))
    remember(study, RATE)
    assert not old.exists()
    assert young.exists()


WRITER = """
import sys
from pathlib import Path
from mattis.engine import rates
from mattis.networks.registry import load_study
rates.cache_folder = lambda: Path(sys.argv[2])
study = load_study(sys.argv[1])
for _ in range(200):
    rates.remember(study, rates.MeasuredRate(float(sys.argv[3]), 0.0, rates.time.time()))
"""


def test_writers_at_the_same_time_leave_one_whole_file(study: Study, tmp_path: Path, no_rates: Path) -> None:
    """Two processes write 200 times each while this one reads: each time the rate of one of them."""
    remember(study, replace(RATE, block_seconds=1.0))
    path = tmp_path / "study.yaml"
    path.write_text(study.to_yaml())
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(no_rates), seconds])
        for seconds in ("1", "2")
    ]
    reads = 0
    while any(writer.poll() is None for writer in writers):
        found = remembered(study)
        assert found is not None
        assert found.block_seconds in (1.0, 2.0)
        reads += 1
        time.sleep(0.002)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert reads > 10
    assert [file.suffix for file in (no_rates / "rates").iterdir()] == [".json"]


@pytest.mark.parametrize(
    ("named", "folder"),
    [
        ("/tmp/caches", "/tmp/caches/mattis"),
        ("relative", "/home/u/.cache/mattis"),
        ("", "/home/u/.cache/mattis"),
        (None, "/home/u/.cache/mattis"),
    ],
)
def test_the_cache_folder_is_where_users_have_it(
    monkeypatch: pytest.MonkeyPatch, named: str | None, folder: str
) -> None:
    monkeypatch.setenv("HOME", "/home/u")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if named is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", named)
    assert cache_folder() == Path(folder)


@pytest.mark.parametrize(
    ("age", "words"), [(0.0, "by short chains, just now"), (300.0, "by short chains, 5 min 00 s ago")]
)
def test_the_command_says_how_old_a_rate_is(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str], age: float, words: str
) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(study.to_yaml())
    remember(study, replace(RATE, measured=time.time() - age))
    arguments = ["plan", str(path), "--results", str(tmp_path)]
    command.verbs.main(arguments, "mattis", standalone_mode=False)
    assert f"CPU time {words}, " in capsys.readouterr().out
    command.verbs.main([*arguments, "--json"], "mattis", standalone_mode=False)
    content = json.loads(capsys.readouterr().out)
    assert content["learnt"] is False
    assert content["rate_age_seconds"] == pytest.approx(age, abs=30.0)
