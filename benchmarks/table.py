"""Tables of what `make bench` found: as Markdown beside it, and in docs/speed.md.

python benchmarks/table.py           # rewrites the table in docs/speed.md from results.json
python benchmarks/table.py --check   # exits with 1 if that table is stale
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS, PAGE = HERE / "results.json", HERE.parent / "docs" / "speed.md"
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"

Row = dict[str, Any]


def number(value: float | None) -> str:
    """Return a number to three digits, without an exponent where it is large."""
    if value is None:
        return "–"
    return f"{float(f'{value:.3g}'):,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def measured(row: Row) -> str:
    """Return the value of a row with its spread."""
    if row["value"] is None:
        return "–"
    spread = row["spread"]
    return number(row["value"]) + ("" if spread is None else f" ± {float(f'{spread:.2g}'):g}")


def wanted(row: Row) -> str:
    """Return the target of a row."""
    if row["target"] is None:
        return ""
    return f"{'≥' if row['better'] == 'higher' else '≤'} {row['target']:g}"


def is_met(row: Row) -> bool | None:
    """Tell whether a row reaches its target, if it has one and was measured."""
    if row["target"] is None or row["value"] is None:
        return None
    return bool(row["value"] >= row["target"] if row["better"] == "higher" else row["value"] <= row["target"])


def verdict(row: Row) -> str:
    """Return whether a row reaches its target, in a word."""
    if row["target"] is None:
        return ""
    return {True: "yes", False: "**no**", None: "not measured"}[is_met(row)]


def lines(names: Sequence[str], body: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a table as Markdown."""
    for cells in (names, ["---"] * len(names), *body):
        yield "| " + " | ".join(cells) + " |"


def where(results: Row) -> str:
    """Return a sentence about the machine."""
    machine = results["machine"]
    caches = ", ".join(f"{name} {size}" for name, size in machine["caches"].items())
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['vector_bits']}-bit vectors ({caches}); "
        f"Python {machine['python']}, NumPy {machine['numpy']} with {machine['blas']}, "
        f"Numba {machine['numba']}; revision `{results['revision'][:12]}`"
        + ("-dirty" if results["revision"].endswith("-dirty") else "")
    )


def targets(results: Row) -> list[str]:
    """Return the lines of the table of rows with targets."""
    body = [
        [f"`{row['name']}`", measured(row), wanted(row), verdict(row), row.get("note", "")]
        for row in results["rows"]
        if row["target"] is not None
    ]
    return [*lines(["what", "measured", "target", "met", "how"], body)]


def others(results: Row) -> list[str]:
    """Return the lines of the table of rows without targets."""
    body = [
        [f"`{row['name']}`", measured(row), row.get("note", "")]
        for row in results["rows"]
        if row["target"] is None
    ]
    return [*lines(["what", "measured", "how"], body)]


def packages(results: Row) -> list[str]:
    """Return the lines of the table of packages."""
    body = [
        [
            line["program"],
            f"{line['temperature']:g}",
            number(line["ns"]),
            f"{number(line['slower'])} ± {number(line['spread'])}",
        ]
        for line in results["peers"]
    ]
    return [*lines(["program", "T", "ns per proposal", "times 32 replicas"], body)] if body else []


def points(results: Row) -> list[str]:
    """Return the lines of the growth curves."""
    body = [
        [f"`{name}`", f"{number(x)}", number(y)]
        for name, curve in results["curves"].items()
        for x, y in curve
    ]
    return [*lines(["curve", "at", "measured"], body)]


HEAD = """# How fast the kernels are

Written by `make bench`: {where}.

Ratios of CPU time on one core, medians of interleaved repeats ± half of their interquartile range; rows in
seconds are wall time. The machine may have been shared: trust the ratios. What a name means is in
`ratios.py`, `limits.py`, `starts.py`, `waiting.py`, `mixing.py`, `job.py`, `curves.py`, `peers.py`.
"""


def markdown(results: Row) -> str:
    """Return all results as Markdown."""
    parts = [[HEAD.format(where=where(results))], targets(results), ["", "## Without a target", ""]]
    parts += [others(results), ["", "## Published packages on the same work", ""], packages(results)]
    parts += [["", "## Growth", ""], points(results)]
    return "\n".join(line for part in parts for line in part) + "\n"


def with_table(text: str, results: Row) -> str:
    """Return the page with the table of targets between its marks."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"docs/speed.md: expected one {BEGIN} and one {END}")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    table = "\n".join([*targets(results), "", f"{where(results)}."])
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def main(check: bool) -> int:
    """Rewrite the table of the page, or only tell whether it is stale."""
    old = PAGE.read_text(encoding="utf-8")
    new = with_table(old, json.loads(RESULTS.read_text(encoding="utf-8")))
    if check:
        if old != new:
            print("docs/speed.md: its table is not that of benchmarks/results.json; run make bench-table")
        return int(old != new)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
