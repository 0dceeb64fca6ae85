"""Published packages on the work of the kernels, side by side.

hopfieldnetwork 1.0.1 is asked for a sweep at a temperature, in a random order of sites; hopfieldkit 0.1.0,
which knows no temperature, for a sweep at T = 0 from noisy cues. They are installed from hash-pinned
requirements into `benchmarks/.peers`, never into the environment of the project; where they cannot be, the
rows say so.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from naive import naive_numba, naive_numpy
from networks import Group, cued, group, network
from programs import async32
from single import field
from timing import Program, Row, Times, check_same, interleaved, missing, ratios, row

HERE = Path(__file__).parent
FOLDER, PINNED = HERE / ".peers", HERE.parent / "requirements" / "bench.txt"
SIZE, PATTERNS = 2000, 199  # an odd number: no field of an even network is zero, so no tie to break
PEERS = {"hopfieldnetwork": "hopfieldnetwork 1.0.1", "hopfieldkit": "hopfieldkit 0.1.0"}
PATIENCE = 120  # seconds for a registry to answer


def install() -> None:
    """Install the packages, unless they are there from the same pins."""
    kept = FOLDER / "pins"
    if kept.exists() and kept.read_text(encoding="utf-8") == PINNED.read_text(encoding="utf-8"):
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    options = ["--no-deps", "--require-hashes", "--target", str(FOLDER), "-r", str(PINNED)]
    subprocess.run([*command, *options], check=True, timeout=PATIENCE, capture_output=True)
    shutil.copy(PINNED, kept)


def imported(name: str) -> Any:
    """Return a module of a package, from that folder."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    return import_module(name)


def heat_bath(net: Any, beta: float) -> None:
    """Do one sweep of `HopfieldNetwork.update_neurons_with_finite_temp` of hopfieldnetwork 1.0.1.

    Its own lines, but for `rand()` instead of `rand(1)`: NumPy 2.4 does not put an array into a spin.
    """
    for i in np.random.permutation(net.N):  # noqa: NPY002
        odds = 1 / (1 + np.exp(-2 * beta * np.dot(net.w[i, :], net.S)))
        net.S[i] = 2 * (odds >= np.random.rand()) - 1  # noqa: NPY002


def hopfieldnetwork(here: Group, temperature: float) -> Program:
    """Return a sweep of hopfieldnetwork at a temperature."""
    made = imported("hopfieldnetwork").HopfieldNetwork(SIZE)
    assert here.network.full is not None
    made.w = here.network.full.nj / SIZE

    def ready() -> Any:
        made.S = here.spins(0)
        return made

    return Program(ready, lambda net: heat_bath(net, 1 / temperature), SIZE, lambda net: net.S)


def hopfieldkit(here: Group) -> Program:
    """Return a sweep of hopfieldkit at T = 0."""
    made = imported("hopfieldkit").HopfieldNetwork(SIZE)
    assert here.network.full is not None
    made.weights = here.network.full.nj / SIZE
    found: list[Any] = []

    def run(spins: Any) -> None:
        found[:] = [made.recall(spins, order="sequential", max_steps=1)]

    return Program(lambda: here.spins(0), run, SIZE, lambda _: found[0])


def ours(here: Group, sweeps: int) -> dict[str, Program]:
    """Return the programs that the packages are compared with."""
    return {
        "mattis, 32 replicas": async32(here, sweeps),
        "mattis, one replica": field(here.one, sweeps),
        "naive numba": naive_numba(here.one, 1),
        "naive numpy": naive_numpy(here, 1),
    }


def warm(net: Any) -> Times:
    """Return times at T = 0.2; the package must stay near the pattern, as the kernel does."""
    here = group(net, 0.2)
    peer = hopfieldnetwork(here, 0.2)
    overlap = float(net.xi[0] @ peer.final().astype(np.int64)) / SIZE
    if abs(overlap - float(net.xi[0] @ async32(here, 1).final().astype(np.int64)) / SIZE) > 0.02:
        raise AssertionError("hopfieldnetwork and the kernel have different overlaps")
    return interleaved({PEERS["hopfieldnetwork"]: peer, **ours(here, 10)}, 7)


def cold(net: Any) -> Times:
    """Return times at T = 0, of one sweep from noisy cues; all must end in the same state."""
    here = cued(net)
    programs = {PEERS["hopfieldkit"]: hopfieldkit(here), **ours(here, 1)}
    check_same(programs)
    return interleaved(programs, 7)


def table_of(times: Times, temperature: float) -> Iterator[Row]:
    """Yield a line for each program: ns per proposal, and how many times slower than 32 replicas."""
    for name, ns in times.items():
        slower = row("", ratios(ns, times["mattis, 32 replicas"]))
        yield {
            "program": name,
            "temperature": temperature,
            "ns": row("", ns)["value"],
            "slower": slower["value"],
            "spread": slower["spread"],
        }


def measured() -> tuple[list[Row], list[Row]]:
    """Return rows for the results, and the lines of the table of packages."""
    names = [f"async32_vs_{name}" for name in PEERS]
    try:
        install()
        net = network(SIZE, PATTERNS)
        lines = [*table_of(warm(net), 0.2), *table_of(cold(net), 0.0)]
    except (OSError, ImportError, subprocess.SubprocessError) as error:
        told = f"could not be installed: {type(error).__name__}"
        return [missing(name, None, "higher", told) for name in names], []
    rows = []
    for name, title in PEERS.items():
        (line,) = [one for one in lines if one["program"] == title]
        found = row(f"async32_vs_{name}", [line["slower"]], note=f"{title}, P = {PATTERNS}")
        rows.append(found | {"spread": line["spread"]})
    return rows, lines
