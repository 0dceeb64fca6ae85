"""The hour on a GPU, up to what needs one: steps on the simulated device, its deadline, JSON and page."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gpu.hour import __main__ as command
from gpu.hour import steps
from gpu.hour.page import page
from gpu.hour.steps import STEPS, Answer, Step

pytestmark = pytest.mark.gpu_host

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["hardware", "kernels", "same_bits_twice", "little_memory", "lost_device"])
def test_a_step_finds_no_fault_in_the_simulated_device(name: str) -> None:
    answer = STEPS[name].ask("simulated")
    assert (answer.faults, bool(answer.facts)) == ([], True)


def test_whole_runs_have_the_digest_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: {**axes} for name, axes in steps.WHOLE_RUNS.items() if name != "clipped"}
    few["hopfield"] |= {"size": 60}
    few["little"] |= {"size": 60}
    monkeypatch.setattr(steps, "WHOLE_RUNS", few)
    answer = steps.whole_runs("simulated")
    assert answer.faults == []
    assert list(answer.facts.values()) == ["equal"] * 5  # hopfield on one, and on two


def test_large_kernels_are_those_of_the_cpu_also_where_they_are_small() -> None:
    """At the size of a GPU, 60 000 sites, an index has more than 32 bits."""
    device = steps.device_of("simulated")
    assert steps.large_circuit(301).faults(device) == []


def test_a_wrong_kernel_and_a_wrong_digest_are_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = steps.replace(steps.CASES["present_many"], expected=steps.CASES["align_by_reals"].expected)
    monkeypatch.setattr(steps, "CASES", {"wrong": wrong})
    (fault,) = steps.kernels("simulated").faults
    assert fault.startswith("wrong: ")


PROGRAM = """#!/bin/sh
case $4 in
    dies) echo "half of an answer"; echo "the driver is gone" >&2; exit 5 ;;
    hangs) exec sleep 60 ;;
    *) echo "a line of a library"; echo '{"facts": {"sum": 2}, "faults": []}' ;;
esac
"""
"""What stands for the process of a step."""


def test_no_step_hides_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that dies, one that hangs: each is a row with its reason, and what comes after is asked."""
    program = tmp_path / "program"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    limits = {"dies": 60.0, "hangs": 1.0, "fine": 60.0}
    broken = {n: Step("abc"[k], lambda _: Answer(), limits[n]) for k, n in enumerate(limits)}
    monkeypatch.setattr(command, "STEPS", broken)
    monkeypatch.setattr(command.sys, "executable", str(program))
    found = command.hour("gpu", "abc")
    assert [(row["step"], row["faults"]) for row in found["steps"]] == [
        ("a", ["the process ended with 5: the driver is gone"]),
        ("b", ["not done after 1 s"]),
        ("c", []),
    ]
    assert found["steps"][2]["facts"] == {"sum": 2}
    monkeypatch.setattr(command, "BUDGET", 0.0)
    late = command.hour("gpu", "c")["steps"]
    assert [row["faults"] for row in late] == [["left out: no time was left"]]


def test_the_command_writes_json_and_page(tmp_path: Path) -> None:
    out, there = tmp_path / "new" / "hour.json", tmp_path / "page.md"
    words = ["--backend", "simulated", "--steps", "ac", "--out", str(out), "--page", str(there)]
    done = subprocess.run([sys.executable, "-m", "gpu.hour", *words], cwd=TESTS, capture_output=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert [row["name"] for row in found["steps"]] == ["hardware", "same_bits_twice"]
    assert there.read_text() == page(found)


def test_the_page_tells_rates_faults_and_turns() -> None:
    rate = {"kernel": "glauber_groups", "sets": 51, "replicas": 40, "temperature": "hot",
            "proposals_per_s": 3.21e9, "share": 0.25}  # fmt: skip
    turn = {"replicas": 64, "popcounts": 1e9, "products": 2e9, "chosen": "products"}
    known = {"copied_gb_per_s": 3000.0, "products_t_per_s": 900.0, "rates": [rate], "turns": [turn]}
    rows: list[dict[str, Any]] = [
        {"step": "a", "name": "hardware", "seconds": 2.0, "facts": {"title": "H100"}, "faults": []},
        {"step": "d", "name": "large_kernels", "seconds": 9.0, "facts": {}, "faults": ["a|b\nc"]},
        {"step": "h", "name": "rates", "seconds": 50.0, "facts": known, "faults": []},
    ]
    text = page({"here": "Python 3.12.3", "seconds": 61.0, "steps": rows})
    for line in (
        "H100. Python 3.12.3; 61 s in all.",
        "| (a) Hardware | no fault | 2.0 |",
        "| (d) Large kernels | a\\|b c | 9.0 |",
        "| `glauber_groups` | 51 × 40 | hot | 3.21e+09 | 0.25 |",
        "| 64 | 1e+09 | 2e+09 | products |",
    ):
        assert f"{line}\n" in text
