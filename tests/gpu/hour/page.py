"""The page of an hour on a GPU, in Markdown, from its JSON."""

from collections.abc import Iterator, Mapping
from typing import Any

Row = Mapping[str, Any]


def page(found: Row) -> str:
    """Return the page: the device, a verdict for each step, what was measured."""
    steps = {row["name"]: row for row in found["steps"]}
    title = steps.get("hardware", {}).get("facts", {}).get("title", "a device that did not answer")
    lines = ["# Measured on a GPU", "", f"{title}. {found['here']}; {found['seconds']:.0f} s in all.", ""]
    lines += ["`make gpu-hour` wrote this page: each step in a process of its own.", ""]
    lines += ["| step | found | seconds |", "| --- | --- | --- |"]
    lines += [verdict(row) for row in found["steps"]]
    for name, row in steps.items():
        if name != "rates" and row["facts"]:
            lines += ["", f"## {heading(name)}", "", *facts(row["facts"])]
    if "rates" in steps and steps["rates"]["facts"]:
        lines += ["", "## Rates", "", *rates(steps["rates"]["facts"])]
    return "\n".join([*lines, ""])


def heading(name: str) -> str:
    """Return the name of a step as a heading."""
    return name.replace("_", " ").capitalize()


def cell(value: object) -> str:
    """Return a value as it stands in a table: lines would end it, and bars."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return " ".join(text.split()).replace("|", "\\|")


def verdict(row: Row) -> str:
    """Return the line of a step: no fault, or all of them."""
    faults = "; ".join(row["faults"]) or "no fault"
    return f"| ({row['step']}) {heading(row['name'])} | {cell(faults)} | {row['seconds']:.1f} |"


def facts(known: Row) -> Iterator[str]:
    """Yield a table of facts."""
    yield from ("| | |", "| --- | --- |")
    yield from (f"| {cell(name)} | {cell(value)} |" for name, value in known.items())


def rates(known: Row) -> Iterator[str]:
    """Yield the tables of what was measured."""
    copied, multiplied = known["copied_gb_per_s"], known["products_t_per_s"]
    yield f"Memory is copied at {copied:.4g} GB/s; int8 products make {multiplied:.4g} T/s."
    yield from table("kernel", "sets × replicas", "", "proposals/s", "share of the roofline")
    for row in known["rates"]:
        share = "" if row["share"] is None else f"{row['share']:.3g}"
        load = f"{row['sets']} × {row['replicas']}"
        rate = f"{row['proposals_per_s']:.3g}"
        yield f"| `{row['kernel']}` | {load} | {row['temperature']} | {rate} | {share} |"
    yield from ("", "Popcounts and products of Little's network, of one pattern set:")
    yield from table("replicas", "popcounts, proposals/s", "products, proposals/s", "chosen")
    for row in known["turns"]:
        yield f"| {row['replicas']} | {row['popcounts']:.3g} | {row['products']:.3g} | {row['chosen']} |"


def table(*columns: str) -> Iterator[str]:
    """Yield an empty line, and the head of a table."""
    yield from ("", f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}")
