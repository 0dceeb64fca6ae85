"""Where the seconds of `make diagram` go: each process of the workflow, and what of it is kernels.

    python benchmarks/rules.py                          # this checkout: two minutes on idle cores
    python benchmarks/rules.py before=../old now=.      # two of them, each with its own .venv, in turns

writes rules.json and rules.md beside this file. Processes are looked at twenty times a second; CPU seconds
are those at the last look. Each checkout runs twice, and the second time, when all is compiled, counts.
Seconds of the wall depend on whoever else uses the machine, CPU seconds hardly: trust these.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

HERE = Path(__file__)
CHECKOUT = HERE.parents[1]
CORES = 2
LOOK = 0.05
"""Seconds between two looks."""

STUDY: dict[str, Any] = {
    "name": "rules",
    "model": "hopfield",
    "axes": {
        "size": [500, 2000],
        "load": {"from": 0.01, "to": 0.194, "count": 12},
        "temperature": {"from": 0, "to": 1.24, "count": 32},
        "noise": [0.0],
        "seed": 4,
    },
    "sweeps": {"thermalise": 100, "measure": 500},
}

KERNELS = """
import sys, time
from mattis.networks.registry import load_study
from mattis.study import plan
study = load_study(sys.argv[1])
tasks = [plan.task(study, block) for block in plan.blocks(study)]
study.described_model.simulate(*tasks[0])
begun = time.process_time()
for task in tasks:
    study.described_model.simulate(*task)
print(time.process_time() - begun)
"""

PARTS = (
    ("snakemake --report", "report: Snakemake once more"),
    ("--report", "report: Snakemake once more"),
    ("mattis plan", "plan"),
    ("mattis run", "sweep: driver and scheduler"),
    ("mattis diagram", "diagram: statistics, theory, figures"),
    ("resource_tracker", "sweep: helpers"),
    ("forkserver", "sweep: workers, and their imports"),
    ("spawn_main", "sweep: workers, and their imports"),
    ("snakemake", "snakemake: reading rules, starting jobs"),
)
"""What a command line has in it, and what its process does."""

ORDER = list(dict.fromkeys(part for _, part in PARTS))

HEAD = """# Where the seconds of `make diagram` go

Written by `python benchmarks/rules.py` for a study of 96 blocks and 3072 cells on {cores} cores, all of it
compiled before. CPU seconds of each process; `kernels` are those of its blocks, simulated in one process, and
belong to the workers. Others used the machine as well: `wall` is no measure of anything but itself.

| CPU seconds | {names} |
| --- |{rule}
"""


def part_of(words: list[str]) -> str | None:
    """Return what a process does, by its command line; None for shells."""
    line = " ".join(Path(word).name if "/" in word and k < 2 else word for k, word in enumerate(words))
    return next((part for sign, part in PARTS if sign in line), None)


def watched(process: "subprocess.Popen[bytes]") -> dict[int, tuple[str, float]]:
    """Return what each process below one does, and its CPU seconds, until that ends."""
    found: dict[int, tuple[str, float]] = {}
    root = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            family = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            break
        for one in family:
            try:
                part, times = part_of(one.cmdline()), one.cpu_times()
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
            if part is not None:
                found[one.pid] = (part, times.user + times.system)
        time.sleep(LOOK)
    return found


def spent(checkout: Path, folder: Path) -> dict[str, float]:
    """Return the CPU seconds of each part of the workflow, its wall seconds, and those of the kernels."""
    study, python = folder / "rules.yaml", checkout / ".venv" / "bin" / "python"
    study.write_text(json.dumps(STUDY), encoding="utf-8")
    command = [
        str(python), "-m", "snakemake", "--cores", str(CORES), "--workflow-profile",
        "workflow/profiles/default", "--config", f"studies={study}", f"results={folder}/results",
    ]  # fmt: skip
    begun = time.monotonic()
    process = subprocess.Popen(command, cwd=checkout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    processes = watched(process)
    wall = time.monotonic() - begun
    if process.returncode:
        raise RuntimeError(f"{checkout}: the workflow ended with {process.returncode}")
    kernels = subprocess.run(
        [str(python), "-c", KERNELS, str(study)], cwd=checkout, check=True, capture_output=True, text=True
    )
    found = dict.fromkeys(ORDER, 0.0)
    for part, seconds in processes.values():
        found[part] += seconds
    whole = sum(found.values())
    inner = float(kernels.stdout)
    return {**found, "all": whole, "kernels": inner, "all but kernels": whole - inner, "wall": wall}


def main(*given: str) -> None:
    """Measure each checkout twice, in turns; keep the second time."""
    named = [text.split("=", 1) for text in given] or [["now", str(CHECKOUT)]]
    table: dict[str, dict[str, float]] = {}
    for _ in range(2):
        for name, checkout in named:
            with TemporaryDirectory() as folder:
                table[name] = spent(Path(checkout).resolve(), Path(folder))
                print(name, {part: round(value, 2) for part, value in table[name].items()}, flush=True)
    HERE.with_suffix(".json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    head = HEAD.format(cores=CORES, names=" | ".join(table), rule=" --- |" * len(table))
    parts = next(iter(table.values()))
    lines = [f"| {part} | {' | '.join(f'{each[part]:.1f}' for each in table.values())} |" for part in parts]
    HERE.with_suffix(".md").write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
