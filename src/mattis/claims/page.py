"""The page of the docs that is made of claims: a table for each document, in the order of its equations."""

from collections.abc import Iterator, Sequence

from mattis.claims.claim import Claim
from mattis.claims.judgement import Judgement, spelled, tally
from mattis.claims.table import DOCUMENTS

HEAD = """# The two documents, claim by claim

This project started from two documents, and from the code beside them. Here is every statement of theirs that
can be measured, what was measured, and a verdict. `make seeds` measures all of them and writes this page; the
command of a row measures that row alone. A verdict is computed from the measurement by the rule in the column
"rule":

- **reproduced**: the measurement agrees with what is stated, within the tolerance and 4 standard errors, and
  excludes what rivals it (another sign, a factor of 2, chance) where a rival is named;
- **corrected**: it excludes what is stated, and agrees with the right form;
- **not supported**: neither, or the measurement cannot tell the two apart.

"""
"""What stands above the tables."""


def page(judgements: Sequence[Judgement]) -> str:
    """Return the page of claims, in Markdown."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in tally(judgements).items())
    lines = [HEAD + f"{len(judgements)} claims: {counts}.\n"]
    for document, title in DOCUMENTS.items():
        rows = [one for one in judgements if one.claim.document == document]
        if rows:
            lines += [f"## {title}\n", *_table(rows), ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(rows: Sequence[Judgement]) -> Iterator[str]:
    yield "| claim | where | statement | stated | measured | verdict | rule | command |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in rows:
        claim = one.claim
        cells = (
            claim.id, claim.place, claim.says, f"{claim.stated:.6g}", spelled(one.found),
            f"**{one.verdict}**", rule_of(claim), f"`{claim.command}`",
        )  # fmt: skip
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def rule_of(claim: Claim) -> str:
    """Return the rule of a claim in words, and what explains its verdict."""
    rules = [claim.rule.told(claim.stated)]
    if claim.right is not None:
        rules.append(f"right {claim.rule.told(claim.right)}")
    if claim.rival is not None:
        rules.append(f"excludes {claim.rival:.4g}")
    return "; ".join(rules) + (f". {claim.why}" if claim.why else "")
