"""The gallery: every shipped study with its figure, its question, its answer, and how it agrees with theory.

    python benchmarks/gallery.py [NAME…] [--results FOLDER]
    python benchmarks/gallery.py --page    # computes nothing

Runs what is missing of each study of config/studies (nothing, if it was run before), draws it, and writes
docs/gallery.md and docs/gallery/NAME.png. With names, only those are drawn anew; the page is always of all.
"""

import argparse
import json
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any

import pictures
import xarray as xr
from PIL import Image

import mattis
from mattis import figures
from mattis.errors import UserError
from mattis.figures import states
from mattis.figures.panels import question_of
from mattis.study.base import Study
from mattis.words import counted

ROOT = Path(__file__).parents[1]
STUDIES, GALLERY = ROOT / "config" / "studies", ROOT / "docs" / "gallery"
PAGE = ROOT / "docs" / "gallery.md"

LONG = ("capacity-large", "capacity-end")
"""Studies that take too long for a page that is made anew: docs/capacity.md has their answers."""

PAIRS = {
    "zero-one-both": ["zero-one", "zero-one-balanced", "dense_binary_2"],
    "hebbian-both": ["hebbian_tanh", "hebbian_tanh_zero"],
    "degree-3": ["dense_binary_3", "dense_distinct", "dense_field"],
}
"""Studies whose comparison is their message, on one figure."""

STATES: dict[str, dict[str, Any]] = {
    "letters": {"steps": 2, "age": [5, 4, 3, 2, 1], "noise": 0.3, "seed": 1},
    "digits": {"steps": 0, "memories": 20, "couplings": "hebb", "noise": 0.3, "seed": 0},
}
"""Studies whose final states are pictures on a page of the docs, beside the command that draws them."""

NOTES = {
    "capacity": "at T = 0 a descent from the pattern stops in the first of many stable states, above the "
    "line of replica symmetry (0.968 at load 0.138) and below the hysteretic branch (`hopfield.hysteresis`, "
    "0.984, which ends at 0.1538): of N = 8000 m is 0.981(2).",
    "clipped": "P is even at all loads, so that a share √(2/πP) of the sums is 0 and has no bond: theory "
    "has the noise of P patterns (`clipped.overlap_finite`). That of P → ∞ has three times "
    "the errors at load 0.07, and was rejected. So it is at load 0.05 and 0.07 of N = 500 … "
    "8000, odd P (of N = 500) among them; at 0.09 and 0.1 of N = 8000 there are 10 to 15 % "
    "fewer errors than that, for the descent starts at the pattern.",
    "dense_2": "at a gain of 20 sets that have no neuron on the wrong side differ by how far they "
    "saturate alone: such a spread says nothing of how often one is wrong, and is no error. "
    "By it theory was rejected.",
    "dense_distinct": "no matter of N: at load 0.12, near the end at 0.1261, 1 − m is 0.045(4), 0.049(3), "
    "0.052(3), 0.053(2) at N = 100, 200, 400, 600, and 0.093 in theory. At T = 0 a descent "
    "from the pattern stops in the first of many stable states, nearer than that of replica "
    "symmetry; from cues with a tenth of the bits wrong it is 0.066(4) at N = 600. At load "
    "0.08 both agree.",
    "dense_field": "as of `dense_distinct`: at load 0.08, near the end at 0.0841, 1 − m is 0.049(2) from the "
    "pattern, 0.076(3) from cues with a tenth of the bits wrong (N = 600), and 0.093 in "
    "theory; N = 100 … 600 does not change that.",
    "dilute": "C = 50 bonds are neither very many nor below ln N = 8.5: at P/C = 0.1 and T = 0.4 m is "
    "0.9524(4), where theory has 0.9497, and it vanishes before theory's: bonds close loops.",
}
"""What explains where a study and its theory part, by runs at other sizes and from other cues."""

HEAD = """# Gallery

Every study of `config/studies`: the question that its figure answers, the physics of it, the command that
makes it, and what it is verified against (`capacity-large` and `capacity-end` stand on the page of
[capacity](capacity.md)). This page is written by `make gallery`, {minutes:.0f} minutes of
CPU time where nothing is stored, from the studies' own comments and from what they found.
`python benchmarks/pictures.py` names figures that are not of the studies of today.

Times are seconds of CPU, of all cores together, on the machine that made a figure. Answers and comparisons
are those of `mattis diagram` and `mattis compare`: z is (simulation − theory)/error, of the cells in which
theory speaks of what was simulated; 4.6 % of them should lie beyond 2. A theory of N → ∞ may be rejected at
a finite N: near the end of retrieval states that start at their pattern last longer than it says. How to
read the symbols: [figures](figures.md).

`mattis page config/studies/NAME.yaml` makes one page to look into a diagram ([what it shows](page.md)); on
the site of the docs a few stand below their figure.
"""


def main() -> None:
    """Draw the studies that are named, or all, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--results", default=str(ROOT / "results"))
    parser.add_argument("--page", action="store_true", help="write the page alone, of what is known")
    asked = parser.parse_args()
    GALLERY.mkdir(exist_ok=True)
    facts = GALLERY / "gallery.json"
    known = json.loads(facts.read_text()) if facts.exists() else {}
    shipped = [path.stem for path in sorted(STUDIES.glob("*.yaml")) if path.stem not in LONG]
    for name in () if asked.page else asked.names or shipped:
        known[name] = entry(name, asked.results, known.get(name, {}))
        facts.write_text(json.dumps({key: known[key] for key in shipped if key in known}, indent=1) + "\n")
    if not asked.names and not asked.page:
        for target, names in PAIRS.items():
            path = GALLERY / f"{target}.png"
            mattis.overlaid([STUDIES / f"{name}.yaml" for name in names], path, asked.results)
            shrunk(path, path)
            pictures.record(path, names)
        for name, at in STATES.items():
            draw_states(name, at, asked.results)
    PAGE.write_text(page({key: known[key] for key in shipped if key in known}), encoding="utf-8")


def page(known: dict[str, dict[str, object]]) -> str:
    """Return the page of what is known of each study."""
    return "\n".join(written(known))


def physics_of(name: str) -> str:
    """Return the comment above a study: what its network is, and what is to be seen of it."""
    lines = (STUDIES / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    return " ".join(line.removeprefix("#").strip() for line in takewhile(is_comment, lines))


def is_comment(line: str) -> bool:
    """Tell whether a line of a study is a comment."""
    return line.startswith("#")


def entry(name: str, results: str, before: dict[str, object]) -> dict[str, object]:
    """Run and draw one study; return what the page says of it."""
    study, start = mattis.load_study(STUDIES / f"{name}.yaml"), cpu_seconds()
    outcome = mattis.run(study, results)
    seconds = cpu_seconds() - start if outcome.computed else before.get("seconds")
    _, _, estimates, content = figures.drawn(study, results)
    shrunk(Path(results) / name / "figures" / "diagram.png", GALLERY / f"{name}.png")
    pictures.record(GALLERY / f"{name}.png", [name])
    lines = figures.headline_lines({**content, "verdict": None})
    return {
        "question": question_of(study),
        "answer": lines[len(lines) // 2] if lines else power_of(estimates),
        "seconds": seconds,
        **compared(study, results),
    }


def draw_states(name: str, at: dict[str, Any], results: str) -> None:
    """Draw docs/NAME.png, the final states of some cells of a study, as `mattis figure --states` does."""
    study, path = mattis.load_study(STUDIES / f"{name}.yaml"), ROOT / "docs" / f"{name}.png"
    cells = {key: value for key, value in at.items() if key != "steps"}
    states.pictured(study, cells, at["steps"], path, results)
    path.with_suffix(".svg").unlink(missing_ok=True)
    pictures.record(path, [name])


def power_of(estimates: xr.Dataset) -> str | None:
    """Return the power of an axis that a study measured, beside the stated one; None without any."""
    for name in map(str, estimates):
        if name.endswith("_exponent"):
            found, facts = estimates[name], estimates[name].attrs
            error = float(estimates[f"{name}_error"].max())
            return (
                f"{facts['long_name']}: {float(found.max()):.5f} ± {error:.1g}, stated: {facts['stated']:g} "
                "towards 0"
            )
    return None


def shrunk(source: Path, target: Path) -> None:
    """Write a picture with 256 colours: a third of its bytes."""
    with Image.open(source) as picture:
        small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(target, optimize=True)


def cpu_seconds() -> float:
    """Return the CPU time of this process and of its workers that have ended."""
    used = [getrusage(whose) for whose in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def compared(study: Study, results: str) -> dict[str, object]:
    """Return what a study is verified against, and how it agrees."""
    try:
        found = mattis.compare(study, results)
    except UserError:
        return {"against": None, "z": None, "verdict": None}
    z = [
        f"{name}: {counted(one.inside, 'cell')}, chi² {one.chi2:.0f}, "
        f"{100 * one.beyond['2']:.0f} % beyond 2, {100 * one.beyond['3']:.0f} % beyond 3"
        for name, one in found.observables.items()
        if one.inside
    ]
    against = dict.fromkeys(one.quantity for one in found.observables.values())
    return {"against": ", ".join(against), "z": "; ".join(z), "verdict": found.verdict}


def written(known: dict[str, dict[str, object]]) -> Iterator[str]:
    """Yield the lines of the page."""
    seconds = sum(float(str(one["seconds"] or 0)) for one in known.values())
    yield HEAD.format(minutes=seconds / 60)
    for name, one in known.items():
        yield f"## {name}\n"
        yield f"**{one['question']}**\n"
        yield f"![{one['question']}](gallery/{name}.png)\n"
        yield f"{physics_of(name)}\n"
        yield f"- command: `make diagram STUDY=config/studies/{name}.yaml`"
        seconds = one["seconds"]
        yield "- time: " + ("not measured" if seconds is None else f"{seconds:.0f} s")
        if one["answer"]:
            yield f"- answer: {one['answer']}"
        against = f"`{one['against']}`" if one["against"] else "no theory is known of its cells"
        yield f"- verified against: {against}"
        if one["z"]:
            yield f"- z: {one['z']}"
        if one["verdict"]:
            yield f"- verdict: {one['verdict']}"
        if name in NOTES:
            yield f"- what explains it: {NOTES[name]}"
        yield ""
    yield "## Side by side\n"
    for target, names in PAIRS.items():
        words = " ".join(f"config/studies/{name}.yaml" for name in names)
        yield f"`mattis diagram {words} -o {target}.png`\n"
        yield f"![{' beside '.join(names)}](gallery/{target}.png)\n"


if __name__ == "__main__":
    main()
