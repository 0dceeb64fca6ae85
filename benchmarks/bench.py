"""How fast this is: against naive programs, against packages, against the machine, and how it grows.

    make bench                            # or python benchmarks/bench.py; a quarter of an hour
    python benchmarks/bench.py ratios     # some parts only; the others are kept from the last time

writes results.json and results.md beside this file and prints a table. Exits with 1 if a part failed; a
missed target is reported, not an error.
"""

import json
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import curves
import diagram
import job
import limits
import mixing
import neurons
import peers
import ratios
import starts
import waiting
from machine import machine, revision
from rich.console import Console
from rich.table import Table
from table import is_met, markdown, measured, wanted
from timing import Row, cleared, missing, pinned

HERE = Path(__file__).parent
Found = dict[str, Any]
"""Rows of a part, and what else it found: "peers" or "curves"."""


def on_one_core(rows: Callable[[], Iterator[Row]]) -> Callable[[], Found]:
    """Return a part that measures on one core."""

    def part() -> Found:
        with pinned():
            return {"rows": [*rows()]}

    return part


def sweeps() -> Found:
    """Measure sweeps of many cells, in a process that holds little: it counts as its children's."""
    with pinned():
        done = subprocess.run([sys.executable, HERE / "sweeps.py"], check=True, stdout=subprocess.PIPE)
    return {"rows": json.loads(done.stdout)}


def packages() -> Found:
    """Measure published packages."""
    with pinned():
        rows, lines = peers.measured()
    return {"rows": rows, "peers": lines}


def whole() -> Found:
    """Measure a whole diagram, on all cores."""
    return {"rows": [*diagram.all_rows()]}


def reference() -> Found:
    """Measure the reference job."""
    rows, points = job.measured()
    return {"rows": rows, "curves": {"growth_workers": points}}


def growth() -> Found:
    """Measure all curves."""
    found: Found = {"rows": [], "curves": {}}
    for name in curves.CURVES:
        row, points = curves.measured(name)
        found["rows"].append(row)
        found["curves"][name] = points
    return found


PARTS: dict[str, Callable[[], Found]] = {
    "ratios": on_one_core(ratios.all_rows),
    "limits": on_one_core(limits.all_rows),
    "starts": on_one_core(starts.all_rows),
    "waiting": on_one_core(waiting.all_rows),
    "sweeps": sweeps,
    "neurons": on_one_core(neurons.all_rows),
    "mixing": on_one_core(mixing.all_rows),
    "peers": packages,
    "job": reference,
    "diagram": whole,
    "curves": growth,
}


def merged(parts: dict[str, Found]) -> Found:
    """Return the results of all parts as one document."""
    known = [parts[name] for name in PARTS if name in parts]
    return {
        "machine": machine(),
        "revision": revision(),
        "revisions": {name: parts[name].get("revision", "unknown") for name in PARTS if name in parts},
        "rows": [row for part in known for row in part["rows"]],
        "peers": [line for part in known for line in part.get("peers", [])],
        "curves": {name: c for part in known for name, c in part.get("curves", {}).items()},
    }


def show(rows: list[Row]) -> None:
    """Print all rows as a table."""
    table = Table("what", "measured", "target", "met", "how")
    words = {True: "yes", False: "[red]no[/red]", None: ""}
    for row in rows:
        table.add_row(row["name"], measured(row), wanted(row), words[is_met(row)], row.get("note", ""))
    Console().print(table)


def main(*names: str) -> int:
    """Measure the parts that are asked for, print the table and write both files."""
    kept, failed = HERE / "parts.json", False
    parts = json.loads(kept.read_text(encoding="utf-8")) if names and kept.exists() else {}
    for name in names or PARTS:
        begun = time.perf_counter()
        try:
            parts[name] = PARTS[name]() | {"revision": revision()}
        except Exception as error:
            traceback.print_exc()
            failed = True
            told = f"this part failed: {type(error).__name__}"
            parts[name] = {"rows": [missing(name, None, "higher", told)]}
        print(f"{name}: {time.perf_counter() - begun:.0f} s", flush=True)
    results = merged(parts)
    show(results["rows"])
    for path, text in (
        (kept, json.dumps(parts)),
        (HERE / "results.json", json.dumps(results, indent=1) + "\n"),
        (HERE / "results.md", markdown(results)),
    ):
        path.write_text(text, encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    cleared()
    sys.exit(main(*sys.argv[1:]))
