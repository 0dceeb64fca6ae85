"""A process that times kernels on demand, so that two revisions or two targets of the compiler take turns.

    python benchmarks/worker.py async32_P200 …

says on its first line which file it has the package from, and which kernels it lacks and why. Then it
reads lines "name repeats" and answers each with a list of ns per update. What it measures is in `MAKERS`.
"""

import json
import sys
from collections.abc import Callable

from timing import Program, cleared, pinned

SIZE = 2000


def lanes(patterns: int) -> Program:
    from networks import group, network
    from programs import async32

    return async32(group(network(SIZE, patterns, full=False), 0.2), 20)


def one_replica(name: str) -> Program:
    import single

    made: Program = getattr(single, name)(single.equilibrated(SIZE, 100, 0.2), 60)
    return made


def any_couplings() -> Program:
    import single

    return single.whole_fields(single.clipped(SIZE, 100, 0.2), 60)


def synchronous() -> Program:
    from networks import network, scattered
    from programs import sync32

    return sync32(scattered(network(SIZE, 200, full=False)), 20)


def presented() -> Program:
    import numpy as np
    from consolidation import STEPS, Products, presented, vectors

    start, shown = Products.of(*vectors(50, 4)), np.arange(STEPS) % 4
    return Program(lambda: None, lambda _: presented(start, shown, 2.0, False), STEPS)


MAKERS: dict[str, Callable[[], Program]] = {
    "async32_P40": lambda: lanes(40),
    "async32_P200": lambda: lanes(200),
    "async32_P400": lambda: lanes(400),
    "async1": lambda: one_replica("field"),
    "overlap": lambda: one_replica("overlap"),
    "matrix1": any_couplings,
    "sync": synchronous,
    "consolidation": presented,
}


def made(names: list[str]) -> tuple[dict[str, Program], dict[str, str]]:
    """Return the kernels that this revision has, compiled, and what is wrong with the others."""
    have: dict[str, Program] = {}
    lacks: dict[str, str] = {}
    for name in names:
        try:
            have[name] = MAKERS[name]()
            have[name].timed()
        except (ImportError, AttributeError, TypeError) as error:
            lacks[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    return have, lacks


def main(names: list[str]) -> None:
    """Make the kernels, then answer."""
    import mattis

    with pinned():
        have, lacks = made(names)
        print(json.dumps({"package": mattis.__file__, "lacks": lacks}), flush=True)
        for line in sys.stdin:
            name, repeats = line.split()
            print(json.dumps([have[name].timed() for _ in range(int(repeats))]), flush=True)


if __name__ == "__main__":
    cleared()
    main(sys.argv[1:] or [*MAKERS])
