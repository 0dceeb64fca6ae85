"""What the command prints: one JSON document, or sentences and tables for people."""

import json
import math
import shutil
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mattis.words import counted, sized

if TYPE_CHECKING:
    from mattis.study.base import Study

A_DAY = 86400.0

BLOCKS_SHOWN = 20


def document(content: Any) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(content, ensure_ascii=False, allow_nan=False))


def finite(content: Any) -> Any:
    """Return content with None in the place of numbers that JSON has no word for."""
    if isinstance(content, dict):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def rows(rows: Sequence[dict[str, Any]], title: str, fields: Sequence[str]) -> None:
    """Print one paragraph per row: its title, then a line for each field."""
    for row in rows:
        at = f" (at {', '.join(row['at'])})" if row.get("at") else ""
        click.echo(f"{row[title]}{at}")
        for field in fields:
            value = row[field]
            click.echo(f"    {', '.join(value) if isinstance(value, list | dict) else value}")


def labelled(row: dict[str, Any]) -> None:
    """Print each field of a row behind its name, wrapped to the width of the screen."""
    labels = {key: key.replace("_", " ") for key in row}
    margin = max(map(len, labels.values())) + 2
    width = max(shutil.get_terminal_size().columns, 2 * margin)
    for key, value in row.items():
        words = ", ".join(value) if isinstance(value, list | dict) else str(value)
        click.echo(
            textwrap.fill(
                words or "none",
                width,
                initial_indent=f"{labels[key]:{margin}}",
                subsequent_indent=" " * margin,
                break_long_words=False,
                break_on_hyphens=False,
            )
        )


def status(content: Any) -> None:
    """Print the cells and blocks that are there, what the store lacks, and each block that failed."""
    from mattis.engine.status import advice

    cells = content["cells"]
    click.echo(
        f"{content['study']}: {cells['done']} of {counted(cells['total'], 'cell')} done; "
        f"{content['done']} of {counted(content['blocks'], 'block')} whole, "
        f"{content['missing']} with cells missing, {content['failed']} failed"
    )
    if content["lacks"]:
        click.echo(advice(content["lacks"]))
    for block, message in content["failures"].items():
        click.echo(f"failed {block}: {message}")
    if "refinement" in content:
        click.echo(_refinement(content["refinement"]))


def _refinement(content: Any) -> str:
    """Say how far a study is refined: round, lines or cells that are known, cells asked for, why it ended."""
    if not content["round"]:
        return f"refinement to {content['target']:g}: begins when the first grid is there"
    worst = "" if content["error"] is None else f", largest error {content['error']:.2g}"
    across = content["of"] == "boundary"
    where = f"along {content['along']}" if across else f"of the {content['of']}"
    return (
        f"refinement {where} to {content['target']:g}: round {content['round']}, {content['reached']} of "
        f"{counted(content['lines'], 'line' if across else 'estimate')} known{worst}; "
        f"{content['cells']} of {counted(content['cells_most'], 'cell')} asked for"
        f"{'; ended: ' + content['ended'] if content['ended'] else ''}"
    )


def verdict(content: Any) -> None:
    """Print each damage with its blocks, then one line of counts."""
    for finding in [*content["damage"], *content["differences"]]:
        click.echo(f"{finding['place']}: {finding['array']}: {finding['damage']}")
        blocks = list(finding["blocks"].items())
        for block, cells in blocks[:BLOCKS_SHOWN]:
            click.echo(f"    block {block}: {finding['array']}: {counted(cells, 'cell')}")
        if len(blocks) > BLOCKS_SHOWN:
            click.echo(f"    and {counted(len(blocks) - BLOCKS_SHOWN, 'more block')}")
    for block in content["recomputed"]:
        click.echo(f"computed again: {block}")
    cells = content["cells"]
    click.echo(
        f"{content['study']}: {cells['whole']} of {counted(cells['total'], 'cell')} whole, "
        f"{cells['damaged']} damaged, {cells['missing']} missing"
        f"{'' if content['sound'] else '; mattis run mends what is damaged'}"
    )


def comparison(content: Any) -> None:
    """Print how each observable agrees with theory, the worst cells, and the verdict."""
    click.echo(f"{content['study']}: {counted(content['cells'], 'cell')}")
    for name, one in content["observables"].items():
        shares = ", ".join(
            f"{100 * share:.2g} % beyond {errors} ({100 * one['expected'][errors]:.2g} %)"
            for errors, share in one["beyond"].items()
        )
        click.echo(
            f"    {name} and {one['quantity']}: {counted(one['inside'], 'cell')} compared, {one['floors']} "
            f"left out as their error is a floor; chi² {one['chi2']:.4g} of {one['degrees']}; {shares}"
        )
    for row in content["worst"]:
        numbers = ("observable", "simulation", "error", "theory", "z", "degrees")
        at = ", ".join(f"{key} {row[key]:g}" for key in row if key not in (*numbers, "couplings"))
        at += f", {row['couplings']}" if "couplings" in row else ""
        click.echo(
            f"    z = {row['z']:+.1f}: {row['observable']} {row['simulation']:.5g} ± {row['error']:.2g}, "
            f"theory {row['theory']:.5g} at {at}"
        )
    click.echo(content["verdict"])


def plan(study: "Study", content: Any) -> None:
    """Print what the study takes, who could help if that is days, and its networks."""
    from mattis.engine.estimate import limits_text, network_lines

    total, workers, part = (content[key] for key in ("cpu_seconds_left", "workers", "estimated_seconds"))
    unit, found = study.described_model.unit, content["cells_found"]
    there = f" ({found} found, {content['cells_new']} new)" if found else ""
    source = _source(content["learnt"], content["rate_age_seconds"])
    start = f" and {lasting(content['starting_seconds'])} to start" if total else ""
    click.echo(
        f"{content['study']}: {counted(content['cells'], 'cell')}{there} in "
        f"{counted(content['blocks'], 'block')}, {content[unit]:.3g} {unit}; about {lasting(total)} of CPU "
        f"time {source}, {lasting(part)} on {counted(workers, 'worker')}{start}, "
        f"{sized(content['store_bytes'])} of results in {counted(content['files'], 'file')}"
    )
    click.echo(f"    {content['pattern_sets']}")
    compiling = content["compiling_seconds"]
    more = (
        f"; it compiles for {lasting(compiling)} before, as no folder holds compiled kernels"
        if compiling >= 1
        else ""
    )
    click.echo(
        f"    each worker needs {sized(content['floor_bytes'] + content['memory_bytes'])}: "
        f"{sized(content['memory_bytes'])} for a block, the rest for Python, Dask and kernels{more}"
    )
    if "device" in content:
        click.echo(f"    {content['device']['told']}")
    if "refinement" in content:
        click.echo(f"    refined: {limits_text(content)}")
    _advise(content)
    for line in network_lines(study):
        click.echo(f"    {line}")


def _source(learnt: bool, age: float | None) -> str:
    """Say where the rate of an estimate comes from, and how old it is."""
    source = "by the last run here" if learnt else "by short chains"
    if age is None:
        return source
    return f"{source}, {'just now' if age < 60 else f'{lasting(age)} ago'}"


def _advise(content: Any) -> None:
    """Print what the jobs of shards take, and who could help if a study takes days."""
    from mattis.engine.estimate import STARTING, helpers

    total, workers, part = (content[key] for key in ("cpu_seconds_left", "workers", "estimated_seconds"))
    if (count := content["shards"]) > 1:
        each = total / count + STARTING + content["compiling_seconds"]
        click.echo(f"    {count} shards: jobs of about {lasting(each)} each, on one core")
    if part > A_DAY:
        advice = "to have it sooner, use fewer cells or shorter chains"
        if more := helpers(content):
            advice = (
                f"about {counted(more, 'worker')} (--scheduler, --cluster, or the slurm profile) would need "
                f"{lasting(total / more)}"
            )
        click.echo(f"that is {lasting(part)} on {counted(workers, 'worker')}; {advice}")


def lasting(seconds: float) -> str:
    """Write a duration as people say it, days included."""
    from mattis.engine.progress import spelled

    days = seconds / A_DAY
    if days < 2:
        return spelled(seconds)
    return f"{days:.0f} days" if days < 1000 else f"{days / 365.25:.3g} years"
