"""Whether the working tree computes the numbers of some revision: every study of config, on reduced sizes.

    python benchmarks/same.py BASE=main

takes `src` of that revision into a temporary folder, runs each study of config/studies by both, with few
values along each axis and short chains, and compares the digest of each observable. Prints what differs and
what one of the two has not; exits with 1 if there is anything.
"""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import yaml
from compare import taken
from workers import HERE

STUDIES = HERE.parent / "config" / "studies"

FEW = 2
"""Values along each axis: the first, and one from the middle."""

SIZES = {"letters": 144, "orthogonal": 64}
"""Neurons of studies that do not take any number of them."""

SIZE = 60
"""Neurons of the others at most."""

SHORTER: dict[str, dict[str, Any]] = {
    "sweeps": {"thermalise": 6, "measure": 60},
    "flow": {"steps": 40, "duration": 1.0},
}
"""Keys that are replaced where a study has them."""


def picked(values: Any) -> Any:
    """Return a few of the values along an axis."""
    if isinstance(values, dict):
        grid = np.linspace(values["from"], values["to"], values["count"])
        whole = all(isinstance(values[end], int) for end in ("from", "to"))
        values = [round(v) if whole and v >= 1 else float(f"{v:.6g}") for v in grid]
    if not isinstance(values, list):
        return min(values, FEW)
    return values if len(values) <= FEW else [values[0], values[len(values) // 2]]


def reduced(content: dict[str, Any]) -> dict[str, Any]:
    """Return a study with few values along each axis, small networks and short chains."""
    axes = {name: picked(values) for name, values in content["axes"].items()}
    size = axes.get("size", [1000])[0]
    axes["size"] = [SIZES.get(content["name"], min(size, SIZE))]
    if isinstance(axes.get("load"), list):
        axes["load"] = sorted({max(load, 0.05) for load in axes["load"]})
    shorter = {name: {**content[name], **v} for name, v in SHORTER.items() if name in content}
    fewer = {"cues": min(content["cues"], 2)} if "cues" in content else {}
    return {**content, **shorter, **fewer, "axes": axes}


def digests(folder: str) -> dict[str, dict[str, str]]:
    """Return the digest of each observable of each study, by the mattis that is imported."""
    import mattis

    settings = mattis.Settings(1)  # by public names only: the other revision may lie otherwise
    threads = replace(settings, where=replace(settings.where, pool="threads"))
    out = {}
    for path in sorted(Path(folder).glob("*.yaml")):
        study = mattis.load_study(path)
        mattis.run(study, folder, threads)
        cells = mattis.open_results(study, folder)
        assert bool(cells["valid"].all()), path.name
        out[study.name] = {
            str(name): hashlib.sha256(np.ascontiguousarray(v.values).tobytes()).hexdigest()
            for name, v in cells.data_vars.items()
        }
    return out


def asked(source: Path, studies: str) -> dict[str, dict[str, str]]:
    """Return the digests by the `src` in some folder, in a process of its own."""
    code = "import sys, json, same; json.dump(same.digests(sys.argv[1]), sys.stdout)"
    done = subprocess.run(
        [sys.executable, "-c", code, studies], check=True, stdout=subprocess.PIPE, cwd=HERE,
        env={**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{HERE}"},
    )  # fmt: skip
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print what differs between a revision and the working tree."""
    base = next((word[5:] for word in sys.argv[1:] if word.startswith("BASE=")), "HEAD")
    with TemporaryDirectory() as folder:
        for place in ("old", "new"):
            (Path(folder) / place).mkdir()
            for path in STUDIES.glob("*.yaml"):
                content = yaml.safe_load(path.read_text("utf-8"))
                text = yaml.safe_dump(reduced(content))
                (Path(folder) / place / path.name).write_text(text, "utf-8")
            (Path(folder) / place / "letters.txt").write_bytes((STUDIES / "letters.txt").read_bytes())
        old = asked(taken(base, folder), f"{folder}/old")
        new = asked(HERE.parent / "src", f"{folder}/new")
    differ, same = 0, 0
    for study, columns in old.items():
        for name in {**columns, **new[study]}:
            if columns.get(name) == new[study].get(name):
                same += 1
                continue
            differ += 1
            print(f"{study}: {name} is other")
    print(f"{len(old)} studies, {same} arrays the same, {differ} others")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
