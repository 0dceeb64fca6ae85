"""Tables of cases: a line for each figure, a column for each case; of repeats the median and the least."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

Row = dict[str, Any]
Rows = list[Row]


def rows(case: str, figures: Sequence[Mapping[str, float]]) -> Rows:
    """Return the rows of a case: of each figure the median and the least of the repeats."""
    out = []
    for name in figures[0]:
        values = [each[name] for each in figures]
        out.append({"case": case, "name": name, "value": median(values), "least": min(values)})
        print(f"{case:>28s}  {name:44s} {median(values):10.4g}  {min(values):10.4g}", flush=True)
    return out


def shown(row: Row | None) -> str:
    """Return a figure as text, with the least of the repeats if that differs."""
    if row is None:
        return ""
    value, least = f"{row['value']:.3g}", f"{row['least']:.3g}"
    return value if value == least else f"{value} ({least})"


def markdown(part: str, table: Rows) -> str:
    """Return the table of a part: a line for each figure, a column for each case."""
    cases = [*dict.fromkeys(row["case"] for row in table)]
    names = [*dict.fromkeys(row["name"] for row in table)]
    at = {(row["name"], row["case"]): row for row in table}
    body = [[name, *(shown(at.get((name, case))) for case in cases)] for name in names]
    lines = [[part, *cases], ["---"] * (len(cases) + 1), *body]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"
