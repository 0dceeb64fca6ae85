"""A sample of all accidents: a death, a refused write and a power cut at calls that change a file.

`make test` has deaths at every step of a fold that deals and of a new observable, `kill -9` inside of each
kind of write of a run, and full disks (`test_folding.py`, `test_observables_of_a_store.py`,
`engine/test_faults.py`). Power is cut here only.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT

pytestmark = pytest.mark.slow

SCRIPT = ROOT / "benchmarks" / "faults.py"
KINDS = ("crashes", "refusals", "cuts")
COMMANDS = ("fresh", "extension", "repair: an empty root")
OTHERS = ("fold of a part", "new observable")
"""Beside these there are deaths at every step in test_folding.py and test_observables_of_a_store.py."""


def tried(folder: Path, *words: str, share: float = 0.002) -> dict[str, Any]:
    """Try a share of some accidents in a process of its own, for it forks; return what was found."""
    kept = folder / "kept.json"
    command = [sys.executable, str(SCRIPT), "--share", str(share), "--json", str(kept)]
    done = subprocess.run([*command, *words], capture_output=True, text=True)
    assert kept.exists(), done.stderr[-3000:]
    rows: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))["rows"]
    assert done.returncode == any(row["violations"] for row in rows.values())
    return rows


def check(rows: dict[str, Any]) -> None:
    """Check that accidents were tried, and that after each of them all is as it must be."""
    assert sum(row["tried"] for row in rows.values()) > 0
    wrong = [(name, one) for name, row in rows.items() for one in row["violations"]]
    assert wrong == []


def on_disk(rows: dict[str, Any]) -> None:
    """Check that the power of real disks was cut, where they can be mounted."""
    notes = {row["note"] for row in rows.values()}
    if not any(row["tried"] for row in rows.values()):
        pytest.skip("; ".join(sorted(notes)))
    check(rows)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a sample of accidents left behind, and power cuts of a real disk: one process starts once."""
    words = ["--only", *KINDS, "real", "--commands", *COMMANDS, "--disks", "ext4"]
    rows = tried(tmp_path_factory.mktemp("accidents"), *words)
    real = {name for name in rows if name.startswith("power cut, ext4")}
    return (
        {name: row for name, row in rows.items() if name not in real},
        {name: rows[name] for name in real},
    )


def test_an_accident_anywhere_costs_nothing_and_the_same_command_goes_on(
    sample: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    check(sample[0])


def test_a_disk_without_power(sample: tuple[dict[str, Any], dict[str, Any]]) -> None:
    on_disk(sample[1])


def test_an_accident_in_other_commands_costs_nothing(tmp_path: Path) -> None:
    check(tried(tmp_path, "--only", *KINDS, "--commands", *OTHERS))


def test_an_accident_in_a_fold_that_deals_costs_nothing(tmp_path: Path) -> None:
    words = ["--crumbs", "--only", *KINDS, "--commands", "fold of a part"]
    check(tried(tmp_path, *words, share=0.001))


@pytest.mark.long
@pytest.mark.parametrize("kind", ["xfs", "ext4", "btrfs"])
def test_disks_without_power(tmp_path: Path, kind: str) -> None:
    words = ["--only", "real", "--commands", "fresh", "extension", "--disks", kind]
    on_disk(tried(tmp_path, *words, share=1.0))


@pytest.mark.long
def test_an_object_store_that_goes_away_and_a_worker_that_hangs(tmp_path: Path) -> None:
    check(tried(tmp_path, "--only", "objects", "hung", "--commands", "fresh", share=0.2))
