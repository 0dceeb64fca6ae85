"""Proposals that T_M at 12 loads takes to one error: by rounds of a study, and on a uniform grid.

    python benchmarks/refinement.py [--results FOLDER]

prints both, and writes refinement.json and refinement.md beside this file (a few minutes on two cores). Both
studies are of the same networks, so that cells cost the same. A uniform grid of so many seeds is run once; of
each step that is a multiple of its own, the seeds are counted which the error needs: the spread of a boundary
falls with their root, and the grid's share of its error does not.
"""

import argparse
import json
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

import mattis
from mattis.engine.driver import Settings
from mattis.networks.registry import study_of
from mattis.statistics.boundaries import Crossing, located
from mattis.store.results import results_of
from mattis.store.rounds import recorded
from mattis.study.base import Study

HERE = Path(__file__)
ERROR, LOADS, SEEDS = 0.005, 12, 48
LOWEST, HIGHEST, STEPS = 0.1, 1.0, 72
MULTIPLES = (1, 2, 3, 4, 6)
"""Steps of uniform grids that are tried, in steps of the one that is run."""


def study(name: str, temperatures: int, seeds: int, **more: Any) -> Study:
    """Return a study of Hopfield's network at 12 loads."""
    heat = {"from": LOWEST, "to": HIGHEST, "count": temperatures}
    load = {"from": 0.01, "to": 0.12, "count": LOADS}
    axes = {"size": [500], "load": load, "temperature": heat, "seed": seeds}
    sweeps = {"thermalise": 50, "measure": 50}
    return study_of({"name": name, "axes": axes, "sweeps": sweeps, "cues": 2, **more})


def crossings(uniform: Study, results: Path) -> Iterator[tuple[int, list[Crossing]]]:
    """Yield each multiple of the step, and the boundary at each load on that grid."""
    cells = mattis.open_results(uniform, results)
    fraction = cells["retrieved"].isel(size=0, noise=0).transpose("load", "beta", "seed").values
    heat = cells["temperature"].values
    order = np.argsort(heat)
    for multiple in MULTIPLES:
        rows = order[::multiple]
        yield multiple, [located(heat[rows], one[rows]) for one in fraction]


def cells_needed(found: list[Crossing], temperatures: int) -> tuple[int, int] | None:
    """Return the cells of a grid on which every boundary has the error; None where none has.

    First with the same seeds at all loads, as a study has them, then with as many as each load needs.
    """
    if any(not np.isfinite(one.place) or one.grid >= ERROR for one in found):
        return None
    seeds = [ceil(SEEDS * one.spread**2 / (ERROR**2 - one.grid**2)) for one in found]
    return max(seeds) * temperatures * LOADS, sum(seeds) * temperatures


def measured(results: Path) -> dict[str, Any]:
    """Return the cells of both ways, and the proposals of each."""
    settings = Settings(quiet=True)
    refine = {"error": ERROR, "ageing": "accept"}
    refined, uniform = (study("refined-12", 10, 8, refine=refine), study("uniform-12", STEPS + 1, SEEDS))
    mattis.run(refined, results, settings)
    mattis.run(uniform, results, settings)
    rounds = recorded(refined, results_of(refined, results))
    sizes = {m: STEPS // m + 1 for m in MULTIPLES}
    needed = {m: cells_needed(found, sizes[m]) for m, found in crossings(uniform, results)}
    same, own = (min(pair[k] for pair in needed.values() if pair is not None) for k in (0, 1))
    each = 500 * 100 * 2
    return {
        "error": ERROR,
        "loads": LOADS,
        "ended": rounds[-1].ended,
        "rounds": rounds[-1].round - 1,
        "refined_cells": rounds[-1].cells,
        "refined_proposals": rounds[-1].cells * each,
        "refined_errors": [line.error for line in rounds[-1].lines],
        "uniform_cells": {f"{(HIGHEST - LOWEST) / STEPS * m:g}": cells for m, cells in needed.items()},
        "uniform_best_proposals": same * each,
        "uniform_best_proposals_own_seeds": own * each,
        "ratio": same / rounds[-1].cells,
        "ratio_own_seeds": own / rounds[-1].cells,
    }


def page(content: dict[str, Any]) -> str:
    """Return refinement.md."""
    refined, rows = content["refined_cells"], []
    for step, cells in content["uniform_cells"].items():
        for words, count in zip(("the same seeds", "seeds of each load"), cells or (), strict=False):
            rows.append(f"| uniform, step {step}, {words} | {count} | {count / refined:.1f} |")
        if not cells:
            rows.append(f"| uniform, step {step} | never: the grid alone is more | |")
    table = "\n".join(rows)
    return f"""# Refinement

Written by `python benchmarks/refinement.py`: cells until the boundary of Hopfield's network along the
temperature is known to {ERROR:g} at each of {LOADS} loads, 0.01 … 0.12. The refined study begins with 10
temperatures, {LOWEST:g} … {HIGHEST:g}, and 8 seeds. N = 500, 50 + 50 sweeps, 2 cues: each cell is 10^5
proposals. The uniform grids have the same ends, and as many seeds as the load needs that is known worst, or
(which no study of one grid can have) as many as each load needs. They were run with {SEEDS} seeds, and these
numbers follow from the spread, with an error of some 30 % for a load.

| grid | cells | times the refined ones |
| --- | --- | --- |
| refined, {content["rounds"]} rounds | {refined} | 1 |
{table}

The cheapest uniform grid takes {content["ratio"]:.1f} times as many proposals, and
{content["ratio_own_seeds"]:.1f} times with seeds of each load. Who knows where the boundary lies needs no
wide grid: the factor is that of a search over the whole axis. The grid's share of an error is an upper
estimate where the fraction falls smoothly, for both.
"""


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--results", type=Path, default=Path("results"))
    content = measured(parser.parse_args().results)
    HERE.with_suffix(".json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    HERE.with_suffix(".md").write_text(page(content), encoding="utf-8")
    print(json.dumps(content, indent=2))


if __name__ == "__main__":
    main()
