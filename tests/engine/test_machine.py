"""What a machine has, as containers and batch jobs leave it."""

import os
from pathlib import Path

import psutil
import pytest

from mattis.engine import machine


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder in the place of the groups of processes."""
    monkeypatch.setattr(machine, "CONTROL_GROUPS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    for name in ("SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU", "SLURM_CPUS_ON_NODE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "400000 100000"}, 4),
        ({"cpu.max": "150000 100000"}, 2),  # a part of a core is a core
        ({"cpu.max": "10000 100000"}, 1),
        ({"cpu.max": "max 100000"}, 16),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 16),
        ({}, 16),
    ],
)
def test_cores_of_a_container(groups: Path, files: dict[str, str], cores: int) -> None:
    for name, text in files.items():
        (groups / name).parent.mkdir(exist_ok=True)
        (groups / name).write_text(f"{text}\n")
    assert machine.cores() == cores


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_memory_of_a_container(groups: Path, name: str) -> None:
    whole = psutil.virtual_memory().total
    assert machine.memory() == whole
    (groups / name).parent.mkdir(exist_ok=True)
    (groups / name).write_text(f"{2**29}\n")
    assert machine.memory() == 2**29
    (groups / name).write_text("max\n")
    assert machine.memory() == whole


@pytest.mark.usefixtures("groups")
@pytest.mark.parametrize(
    ("variables", "megabytes"),
    [({"SLURM_MEM_PER_NODE": "512"}, 512), ({"SLURM_MEM_PER_CPU": "200", "SLURM_CPUS_ON_NODE": "3"}, 600)],
)
def test_the_memory_of_a_batch_job_counts(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], megabytes: int
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert machine.memory() == megabytes * 2**20


def test_a_processor_is_known_by_model_and_instructions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processors of one kind are one; a clock, which changes, is no part of it; an instruction is."""
    text = "model name\t: Fast 3000\ncpu MHz\t\t: {}\nflags\t\t: fpu avx2{}\n\n"
    found = []
    for clock, more in (("1800.1", ""), ("3000.2", ""), ("1800.1", " avx512f")):
        file = tmp_path / "cpuinfo"
        file.write_text(2 * text.format(clock, more))
        monkeypatch.setattr(machine, "PROCESSORS", file)
        found.append(machine.processor())
    assert found[0] == found[1] != found[2]
    assert found[0].startswith("Fast 3000 ")
    monkeypatch.setattr(machine, "PROCESSORS", tmp_path / "none")
    assert machine.processor() == machine.platform.processor()
