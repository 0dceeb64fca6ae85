"""The verb `mattis claims`: measure what the two documents state, and judge it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mattis.cli.help import verb
from mattis.errors import UserError

if TYPE_CHECKING:
    from mattis.claims.claim import Claim
    from mattis.claims.judgement import Judgement
    from mattis.claims.laboratory import Laboratory


@verb("Measure what the two documents state.", "mattis claims E5", "mattis claims --list")
@click.argument("ids", nargs=-1, metavar="[ID…]")
@click.option(
    "--json", "file", type=click.Path(path_type=Path), metavar="FILE", help="Also write the rows here."
)
@click.option(
    "--page", type=click.Path(path_type=Path), metavar="FILE", help="Also write a page of Markdown."
)
@click.option("--reduced", is_flag=True, help="An eighth of the pattern sets: a look, not a verdict.")
@click.option("--list", "listed", is_flag=True, help="Only say what is claimed; nothing is measured.")
@click.option(
    "--results", type=click.Path(path_type=Path), default=Path("results"), show_default=True,
    metavar="FOLDER", help="Where claims/, the studies and claims.json, lies.",
)  # fmt: skip
def claims(
    ids: Sequence[str], file: Path | None, page: Path | None, reduced: bool, listed: bool, results: Path
) -> None:
    """Measure claims of the two documents, all of them or those named, and say which are reproduced.

    All of them are written to results/claims/claims.json. What is measured once is there the next time: after
    any interruption the same command goes on.
    """
    from mattis.claims.claim import VERDICTS
    from mattis.claims.judgement import tally
    from mattis.claims.laboratory import Laboratory
    from mattis.claims.page import page as page_of
    from mattis.claims.table import asked, check_needs
    from mattis.store.folders import Folder

    wanted = asked(ids)
    if listed:
        for claim in wanted:
            click.echo(f"{claim.id:<6} {claim.says}")
        return
    whole = not ids and not reduced  # never a part that looks whole
    if page and not whole:
        got = "--reduced" if reduced else ", ".join(ids)
        raise UserError(f"--page: got {got}; a page has all claims at their full size: name none")
    folder = results / "claims"
    targets = [*([folder / "claims.json"] if whole else []), *([file] if file else [])]
    for target in (*targets, *([page] if page else [])):
        if target.is_dir():
            raise UserError(f"{target}: is a folder; expected the name of a file")
        Folder(target.parent).make_folder()
    check_needs(wanted)
    measured = _measured(wanted, Laboratory(folder, reduced))
    rows = json.dumps([one.row for one in measured], ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    for target in targets:
        _write(target, rows)
    if page:
        _write(page, page_of(measured))
    counts = tally(measured)
    click.echo(", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS))


def _measured(wanted: Sequence["Claim"], laboratory: "Laboratory") -> list["Judgement"]:
    """Measure claims, and print one line for each as soon as it is judged."""
    from mattis.claims.judgement import judged, spelled
    from mattis.engine.progress import reporter

    out = []
    with reporter(act="measuring", unit="claims") as report:
        report.start(len(wanted), len(wanted))
        for one in judged(wanted, laboratory):
            out.append(one)
            report.advance(1, 1)
            click.echo(
                f"{one.claim.id:<6} {one.verdict:<14} {spelled(one.found)}, stated {one.claim.stated:.6g}"
            )
    return out


def _write(path: Path, text: str) -> None:
    """Write a file as a whole or not at all."""
    from mattis.store.folders import Folder

    (Folder(path.parent) / path.name).write_bytes(text.encode())
