"""The hour on a GPU: `python -m gpu.hour` in tests/, or `make gpu-hour`. Exits with 1 for any fault."""

import argparse
import json
import platform
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gpu.hour.page import page
from gpu.hour.steps import STEPS
from mattis import __version__

BUDGET = 470.0
"""Seconds of the whole: a machine may be lent for ten minutes, and what is found has to come back."""

CODE = Path(__file__).parents[3]


def ask(name: str, backend: str, seconds: float) -> dict[str, Any]:
    """Ask a step in a process of its own; return its answer, or how the process ended."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "gpu.hour", "--step", name, "--backend", backend]
    try:
        done = subprocess.run(command, cwd=CODE / "tests", capture_output=True, text=True, timeout=seconds)
        lines = done.stdout.strip().splitlines()
        answer = json.loads(lines[-1]) if done.returncode == 0 and lines else None
        last = next(iter(done.stderr.strip().splitlines()[-1:]), "")
        fault = "" if answer else f"the process ended with {done.returncode}: {last}"
    except subprocess.TimeoutExpired:
        answer, fault = None, f"not done after {seconds:.0f} s"
    found: dict[str, Any] = answer or {"facts": {}, "faults": [fault]}
    return {"step": STEPS[name].letter, "name": name, "seconds": time.monotonic() - begun, **found}


def hour(backend: str, letters: str) -> dict[str, Any]:
    """Return what all steps found, each within what is left of the time."""
    begun, rows = time.monotonic(), []
    for name, step in STEPS.items():
        left = BUDGET - (time.monotonic() - begun)
        if step.letter not in letters or name == "kernels":
            continue  # that one is what a sanitizer watches
        if left < 5:
            told = {"facts": {}, "faults": ["left out: no time was left"]}
            rows.append({"step": step.letter, "name": name, "seconds": 0.0, **told})
            continue
        print(f"({step.letter}) {name} …", file=sys.stderr, flush=True)
        rows.append(ask(name, backend, min(step.seconds, left)))
        for fault in rows[-1]["faults"]:
            print(f"    {fault}", file=sys.stderr, flush=True)
    here = f"Python {platform.python_version()}, mattis {__version__}"
    return {"here": here, "backend": backend, "seconds": time.monotonic() - begun, "steps": rows}


def main() -> int:
    """Take the command's words; write the JSON and the page."""
    words = argparse.ArgumentParser(prog="gpu.hour", description=__doc__)
    words.add_argument("--backend", choices=["gpu", "simulated"], default="gpu")
    words.add_argument("--steps", default="abcdefgh", help="letters of the steps, such as acd")
    words.add_argument("--step", choices=STEPS, help="one step, in this process, as JSON")
    words.add_argument("--out", type=Path, default=CODE / "build" / "gpu-hour.json")
    words.add_argument("--page", type=Path, help="write the page here as well")
    given = words.parse_args()
    if given.step:
        print(json.dumps(asdict(STEPS[given.step].ask(given.backend))))
        return 0
    found = hour(given.backend, given.steps)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1) + "\n")
    if given.page:
        given.page.write_text(page(found))
    return 1 if any(row["faults"] for row in found["steps"]) else 0


if __name__ == "__main__":
    sys.exit(main())
