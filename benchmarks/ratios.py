"""The kernels against naive programs, and against themselves under other conditions: rows with targets."""

from collections.abc import Iterator, Mapping

from naive import naive_numba, naive_numpy, sgemm
from networks import Group, group, network, scattered
from programs import async32, sync32
from single import clipped, field, overlap, whole_fields
from timing import Program, Row, check_same, interleaved, ratios, row

SIZE = 2000
TEMPERATURE = 0.2
COLD, HOT = (100, 0.2), (100, 1.0)
"""P and T at which one replica flips in less than 1 %, and in about 30 %, of its proposals."""

STEPS = 40  # synchronous ones in a timing: fewer than 32 random states need to come to rest


def flip_fraction(here: Group, sweeps: int = 10) -> float:
    """Return the share of proposals that flip the spin of replica 0."""
    one = field(here.one, sweeps)
    state = one.ready()
    one.run(state)
    return float(state[2][0][2].mean()) / here.network.size


def against_naive() -> Iterator[Row]:
    """Yield how much faster 32 replicas are than a naive program, per replica."""
    for patterns, target in ((40, 300), (200, 185), (400, 100)):
        here = group(network(SIZE, patterns), TEMPERATURE)
        check_same({"32": async32(here, 2), "numba": naive_numba(here.one, 2), "one": overlap(here.one, 2)})
        many = {"32": async32(here, 40), "numba": naive_numba(here.one, 5)}
        if patterns == 200:
            check_same({"32": async32(here, 1), "numpy": naive_numpy(here, 1)})
            many["numpy"] = naive_numpy(here, 1)
        ns = interleaved(many)
        told = "32 replicas, N = 2000, T = 0.2, independent noise; compiled row of float32 J"
        yield row(f"async32_vs_numba_P{patterns}", ratios(ns["numba"], ns["32"]), target, note=told)
        if patterns == 200:
            told = "the same; row of float64 J, a loop in Python"
            yield row("async32_vs_numpy_P200", ratios(ns["numpy"], ns["32"]), 500, note=told)
        for name in many:
            yield row(f"async_ns_{name}_P{patterns}", ns[name], better="lower")


def heated() -> Iterator[Row]:
    """Yield how much more a sweep costs at T = 1 than at T = 0.05."""
    net = network(SIZE, 200, full=False)
    ns = interleaved({t: async32(group(net, float(t)), 40) for t in ("0.05", "1.0")})
    told = "N = 2000, P = 200, T = 1 over T = 0.05"
    yield row("async32_hot_over_cold", ratios(ns["1.0"], ns["0.05"]), 1.7, "lower", told)


def one_replica() -> Iterator[Row]:
    """Yield how much faster one replica is than a naive program, by the kernel that is chosen for it."""
    for name, (patterns, temperature), kernel, target in (
        ("cold", COLD, field, 250), ("hot", HOT, overlap, 15),
    ):  # fmt: skip
        here = group(network(SIZE, patterns), temperature)
        check_same({"one": kernel(here.one, 2), "numba": naive_numba(here.one, 2)})
        ns = interleaved({"one": kernel(here.one, 400), "numba": naive_numba(here.one, 5)})
        told = f"P = {patterns}, T = {temperature:g}, {100 * flip_fraction(here):.2g} % flips"
        yield row(f"async1_vs_numba_{name}", ratios(ns["numba"], ns["one"]), target, note=told)
        yield row(f"async1_ns_{name}", ns["one"], better="lower", note=told)


def any_couplings() -> Iterator[Row]:
    """Yield how much faster one replica with couplings of any kind is than a naive program."""
    here = clipped(SIZE, *COLD)
    check_same({"matrix": whole_fields(here, 2), "loop": naive_numba(here, 2)})
    ns = interleaved({"matrix": whole_fields(here, 400), "loop": naive_numba(here, 5)})
    told = f"N = {here.size}, clipped couplings, P = {COLD[0]}, T = {COLD[1]:g}"
    yield row("matrix1_vs_loop_cold", ratios(ns["loop"], ns["matrix"]), 100, note=told)
    yield row("matrix1_ns_cold", ns["matrix"], better="lower", note=told)


def synchronous() -> Iterator[Row]:
    """Yield how much faster synchronous steps are than float32 matrix products."""
    net = network(SIZE, 200)
    for suffix, here, told, targets in (
        ("", scattered(net), "32 replicas, N = 2000, P = 200, T = 0, from random states", (5, 25)),
        ("_noise", group(net, TEMPERATURE), "T = 0.2, the product draws compiled noise", (None, None)),
    ):
        yield from synchronous_at(here, suffix, told, targets)


def synchronous_at(
    here: Group, suffix: str, told: str, targets: tuple[float | None, float | None]
) -> Iterator[Row]:
    """Yield the ratios from one state."""
    ours = sync32(here, STEPS)
    programs: Mapping[str, Program] = {
        "32": ours, "sgemm": sgemm(here, STEPS, False), "J": sgemm(here, STEPS, True),
    }  # fmt: skip
    check_same(programs)
    state = ours.ready()
    if ours.run(state) != STEPS:
        raise AssertionError("a state came to rest while it was timed")
    ns = interleaved(programs)
    yield row(f"sync_vs_sgemm{suffix}", ratios(ns["sgemm"], ns["32"]), targets[0], note=told)
    yield row(f"sync_vs_sgemm_J{suffix}", ratios(ns["J"], ns["32"]), targets[1], note=told)
    yield row(f"sync_ns{suffix}", ns["32"], better="lower", note=told)


def all_rows() -> Iterator[Row]:
    """Yield all rows of this file."""
    yield from against_naive()
    yield from heated()
    yield from one_replica()
    yield from any_couplings()
    yield from synchronous()
