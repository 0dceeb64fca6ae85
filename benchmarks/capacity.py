"""The tables of docs/capacity.md, from the studies that measure both ends of retrieval.

    mattis run config/studies/capacity.yaml         # and capacity-large, capacity-end
    python benchmarks/capacity.py                   # or --results FOLDER, if they are not in results/

writes capacity.json beside this file, and the tables between their marks in docs/capacity.md.
python benchmarks/capacity.py --page writes the tables alone, of what was measured last.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from table import lines

import mattis
from mattis.statistics.finite_size import FREE, limit, parameters_of

HERE = Path(__file__).parent
STUDIES = HERE.parent / "config" / "studies"
FOUND, PAGE = HERE / "capacity.json", HERE.parent / "docs" / "capacity.md"
DESCENTS, END = ("capacity", "capacity-large"), "capacity-end"

VALUES = (
    ("basins of Newman, Loukianova and Talagrand (Stojnic 2024)", 0.12949),
    ("replica symmetric (AGS)", 0.137905),
    ("one step of symmetry breaking (Steffan & Kühn 1994)", 0.138186),
    ("an older one-step result (Crisanti, Amit & Gutfreund 1986)", 0.144),
    ("bracket of descents, `hopfield.alpha_hysteresis`", 0.153835),
)
"""Loads of the literature and of theory, beside which a measured end stands."""

Row = dict[str, Any]


def diagram_of(name: str, results: str) -> xr.Dataset:
    """Return the diagram of a study, drawn anew from what is stored."""
    paths = mattis.diagram(STUDIES / f"{name}.yaml", results)
    return xr.open_zarr(str(paths[0])).load()


def places(diagram: xr.Dataset, boundary: str) -> list[Row]:
    """Return a boundary at each size and temperature, with its error, range and pattern sets."""
    plane = diagram.isel(noise=0)
    whole = plane["seeds"].min("load")
    rows = []
    for size in plane["size"].values:
        for beta in plane["beta"].values:
            at = plane.sel(size=size, beta=beta)
            row = {"size": int(size), "temperature": round(1 / float(beta), 6)}
            row |= {"sets": int(whole.sel(size=size, beta=beta))}
            ends = {"value": "", "error": "_error", "range": "_range"}
            row |= {
                key: number(at[f"{boundary}{end}"]) for key, end in ends.items() if f"{boundary}{end}" in at
            }
            rows.append(row)
    return rows


def number(value: xr.DataArray) -> float | None:
    """Return a number that JSON has a word for."""
    return float(value) if np.isfinite(value) else None


def limit_of(rows: Sequence[Row], known: str | None = None) -> Row | None:
    """Return the limit N → ∞ of a boundary that has an end at two sizes or more, and its fits."""
    sizes, values, errors = (
        np.array([row[key] if row[key] is not None else np.nan for row in rows], float)
        for key in ("size", "value", "error")
    )
    found = limit(sizes, values, errors, known)
    if found is None:
        return None
    fits = [fit._asdict() for fit in found.fits if fit.smallest == sizes[np.isfinite(values)].min()]
    return {"value": found.value, "error": found.error, "systematic": found.systematic, "total": found.total,
            "fits": fits}  # fmt: skip


def measured(results: str) -> Row:
    """Return what the studies say: places by size, limits, collapses."""
    descents = {name: diagram_of(name, results) for name in DESCENTS}
    by_size = {name: places(one, "boundary_load") for name, one in descents.items()}
    ends = places(diagram_of(END, results), "boundary_load_spinodal")
    collapses = {
        name: {key: float(one[f"boundary_load_collapse{end}"].squeeze())
               for key, end in (("value", ""), ("error", "_error"), ("quality", "_quality"))}
        for name, one in descents.items()
    }  # fmt: skip
    return {
        "descents": by_size,
        "unfinished": {name: unfinished(name, results) for name in DESCENTS},
        "limits": {name: limit_of(rows) for name, rows in by_size.items()},
        "collapses": collapses,
        "joined": limit_of(joined(by_size)),
        "ends": ends,
        "end_limits": {
            str(at): limit_of([row for row in ends if row["temperature"] == at], "1")
            for at in sorted({row["temperature"] for row in ends})
        },
    }


def unfinished(name: str, results: str) -> Row:
    """Return how many descents of a study were not at rest at its end, and their largest overlap."""
    store = xr.open_zarr(str(Path(results) / name / "sweep.zarr"))
    used, overlap = (store[key].values.ravel() for key in ("sweeps_used", "overlap"))
    sweeps = mattis.load_study(STUDIES / f"{name}.yaml").sweeps
    moving = used >= sweeps.thermalise + sweeps.measure
    most = float(overlap[moving].max()) if moving.any() else None
    return {"descents": int(used.size), "moving": int(moving.sum()), "largest_overlap": most}


def joined(by_size: dict[str, list[Row]]) -> list[Row]:
    """Return each size once: of the study that has more pattern sets of it."""
    rows = [row for name in DESCENTS for row in by_size[name]]
    return [
        max((row for row in rows if row["size"] == size), key=lambda row: row["sets"])
        for size in sorted({row["size"] for row in rows})
    ]


def limit_cells(found: Row) -> list[str]:
    """Return the cells of a table for a limit with its errors."""
    return [f"{found[key]:.4f}" for key in ("value", "error", "systematic", "total")]


def tables_of_descents(found: Row) -> list[str]:
    """Return the lines about the end of the descent from the pattern."""
    both = joined(found["descents"])
    out = [*lines(
        ["N", "pattern sets", "half of the descents are retrieved up to α ="],
        [[f"{row['size']}", f"{row['sets']}", f"{row['value']:.4f} ± {row['error']:.4f}"] for row in both],
    ), ""]  # fmt: skip
    body = []
    for name in DESCENTS:
        sizes = [row["size"] for row in found["descents"][name]]
        collapse = found["collapses"][name]
        told = f"{collapse['value']:.4f} ± {collapse['error']:.4f}, {collapse['quality']:.2f}"
        body.append([f"`{name}`", f"{sizes[0]} … {sizes[-1]}", *limit_cells(found["limits"][name]), told])
    span = f"{both[0]['size']} … {both[-1]['size']}"
    body.append(["**both**, each N of the one with more sets", span, *limit_cells(found["joined"]), "–"])
    names = ["study", "N", "x_∞", "statistical", "systematic", "total", "collapse, quality"]
    out += [*lines(names, body), ""]
    for name, one in found["unfinished"].items():
        largest = (
            "" if one["moving"] == 0 else f"; the largest overlap of these is {one['largest_overlap']:.2f}"
        )
        count = f"{one['moving']} of {one['descents']} descents were not at rest at the end"
        out.append(f"- `{name}`: {count}{largest}.")
    out.append("")
    powers = [
        [fit["power"], f"{fit['value']:.4f} ± {fit['error']:.4f}",
         f"{fit['omega']:.2f}" + (f" ± {fit['omega_error']:.2f}" if fit["power"] == FREE else ""),
         f"{fit['chi2']:.1f} of {len(both) - parameters_of(fit['power'])}"]
        for fit in found["joined"]["fits"]
    ]  # fmt: skip
    out += [*lines(["all sizes of both: power", "x_∞", "ω", "χ²"], powers), ""]
    return [*out, *distances(found["joined"]["value"], found["joined"]["total"])]


def distances(value: float, total: float) -> list[str]:
    """Return the lines of how far an end lies from what is known, in total errors."""
    body = [
        [name, f"{at:g}", f"{abs(value - at) / total:.1f} {'above' if value > at else 'below'}"]
        for name, at in VALUES
    ]
    return [*lines([f"{value:.4f} ± {total:.4f} lies, in total errors", "value", "away"], body)]


def tables_of_ends(found: Row) -> list[str]:
    """Return the lines about the end of the retrieval state as T → 0."""
    cold, warm = sorted({row["temperature"] for row in found["ends"]})

    def told(row: Row) -> str:
        return "no end" if row["value"] is None else f"{row['value']:.4f} ± {row['error']:.4f}"

    def moved(row: Row) -> str:
        return "–" if row["range"] is None else f"{row['range']:.4f}"

    by_place = {(row["size"], row["temperature"]): row for row in found["ends"]}
    body = [
        [f"{size}", f"{by_place[size, cold]['sets']}", *(told(by_place[size, at]) for at in (cold, warm)),
         moved(by_place[size, cold])]
        for size in sorted({row["size"] for row in found["ends"]})
    ]  # fmt: skip
    limits = [found["end_limits"][str(at)] for at in (cold, warm)]
    body.append(
        [
            "∞, ω = 1",
            "–",
            *(f"{one['value']:.4f} ± {one['error']:.4f} ± {one['systematic']:.4f}" for one in limits),
            "–",
        ]
    )
    names = [
        "N",
        "pattern sets",
        f"T = {cold:g}",
        f"T = {warm:g}",
        f"moves without the lowest third of the loads, T = {cold:g}",
    ]
    parts = end_errors(found)
    errors = [[name, f"{part:.4f}"] for name, part in parts.items()]
    return [
        *lines(names, body), "",
        *lines(["error of the end at N → ∞", "load"], errors), "",
        *distances(limits[0]["value"], parts["total"]),
    ]  # fmt: skip


def end_errors(found: Row) -> dict[str, float]:
    """Return the parts of the error of the end as T → 0, and their root of the sum of squares."""
    limits = list(found["end_limits"].values())
    cold = min(row["temperature"] for row in found["ends"])
    largest = [row for row in found["ends"] if row["temperature"] == cold][-1]
    parts = {
        "statistical": limits[0]["error"],
        "powers and smallest size": limits[0]["systematic"],
        f"range of loads, N = {largest['size']}": largest["range"],
        "temperatures": abs(limits[0]["value"] - limits[1]["value"]),
    }
    return parts | {"total": float(np.sqrt(sum(part**2 for part in parts.values())))}


TABLES = {"descents": tables_of_descents, "ends": tables_of_ends}
"""The tables of the page, by the words of their marks."""


def with_tables(text: str, found: Row) -> str:
    """Return the page with its tables between their marks."""
    for word, table in TABLES.items():
        begin, end = f"<!-- {word} -->", f"<!-- /{word} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise SystemExit(f"docs/capacity.md: expected one {begin} and one {end}")
        before, after = text.split(begin)[0], text.split(end)[1]
        text = "\n".join([before + begin, *table(found), end + after])
    return text


def main(*words: str) -> int:
    """Measure if asked, and write the tables."""
    if "--page" not in words:
        results = words[words.index("--results") + 1] if "--results" in words else "results"
        FOUND.write_text(json.dumps(measured(results), indent=1) + "\n")
    found = json.loads(FOUND.read_text(encoding="utf-8"))
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
