"""How fast a device is, beside what it could be at most: proposals, integer products, bytes.

The roofline of dynamics is what the device's adders could do at P additions for a proposal (S. Williams,
A. Waterman and D. Patterson, Commun. ACM 52, 65 (2009)): the patterns of a set fit its cache, where replicas
share them, so that memory is no limit.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import numpy as np

from mattis.kernels.cuda import glauber, integer_products, patterns
from mattis.kernels.cuda.devices import Device
from mattis.networks.binary import hopfield_device
from mattis.networks.binary.hopfield import build
from mattis.networks.binary.network import Protocol, Replica
from mattis.study.model import PatternSet

SHORTEST = 0.5
"""Seconds that something is measured for at least."""

BLOCKS = 16
"""Replicas for each multiprocessor: more than fit at once, so that none stands still."""

ADDERS = 64
"""32-bit integer additions of a multiprocessor in one cycle (CUDA C++ Programming Guide, 7.5 to 9.0)."""

WARM = 0.4
"""Temperature of what is measured; the load of 0.1 is Hopfield's below its capacity."""

SIZES = ((2000, 200), (10_000, 1000))
"""N and P that are measured on a GPU."""

SMALL = ((64, 8),)
"""… and where kernels are simulated, which takes all day for more."""


@dataclass(frozen=True)
class Rate:
    """What was measured: how much in a second, and the most that the device could do."""

    what: str
    unit: str
    measured: float
    limit: float

    @property
    def fraction(self) -> float:
        """The fraction of the limit; NaN if it is not known."""
        return self.measured / self.limit if self.limit < inf else float("nan")


def per_second(device: Device, work: Callable[[], object]) -> float:
    """Return how often in a second work is done, after it was done once."""
    work()
    device.wait()
    count, begun = 0, time.perf_counter()
    while (spent := time.perf_counter() - begun) < SHORTEST:
        work()
        device.wait()
        count += 1
    return count / spent


def bandwidth(device: Device) -> Rate:
    """Return the bytes that copying an array reads and writes in a second."""
    count = 2**28 if device.name == "gpu" else 2**20
    source = device.xp.zeros(count, device.xp.int8)
    target = device.xp.empty_like(source)

    def copy() -> None:
        target[:] = source

    peak = device.peak_bytes / 1e9 if device.peak_bytes else inf
    return Rate("memory, copied", "GB/s", 2e-9 * count * per_second(device, copy), peak)


def products(device: Device) -> Rate:
    """Return the multiplications and additions of int8 matrix products in a second."""
    size = 8192 if device.name == "gpu" else 64
    a = device.upload(np.random.default_rng(1).choice(np.array([-1, 1], np.int8), (size, size)))
    way = "tensor cores" if device.tensor_products is not None else "float64 products"
    out = device.xp.empty((size, size), device.xp.int32)
    rate = per_second(device, lambda: integer_products.products(device, a, a, out))
    return Rate(f"int8 products of {size} × {size}, by {way}", "T/s", 2e-12 * size**3 * rate, inf)


def additions(device: Device) -> float:
    """Return the integer additions that the device can do in a second; infinity where nobody knows."""
    return float(device.clock * device.processors * ADDERS) if device.clock else inf


@dataclass(frozen=True)
class Load:
    """Replicas that a launch runs: of how many pattern sets, how many of each, at which temperature."""

    sets: int
    replicas: int
    temperature: float = WARM


def dynamics(device: Device, size: int, count: int, kernel: str, load: Load) -> Rate:
    """Return the proposals of all replicas in a second; one takes P additions at least."""
    networks = [build(PatternSet(1, size, count, seed)) for seed in range(load.sets)]
    order = "synchronous" if kernel in glauber.SYNCHRONOUS_KERNELS else "typewriter"
    sweeps = 4 if device.name == "gpu" else 1
    protocol = Protocol(0, sweeps, 1, 0.5, order=order)
    asked = [
        hopfield_device.LaunchRequest(number, network, Replica(k % count, 1 / load.temperature, 0.1))
        for number, network in enumerate(networks)
        for k in range(load.replicas)
    ]
    sets = patterns.sets_on(device, [network.patterns for network in networks])
    herd = hopfield_device.herd_of(networks, asked, protocol)
    course = hopfield_device.sweeps_of(networks, protocol)
    launches = per_second(device, lambda: glauber.run(device, sets, herd, course, kernel)())
    rate = launches * len(asked) * sweeps * size
    by_products = kernel in (glauber.BY_PRODUCTS, glauber.IN_LANES)  # which have other limits
    limit = inf if by_products else additions(device) / count
    return Rate(f"{kernel}, N = {size}, P = {count}", "proposals/s", rate, limit)


def rates(device: Device) -> list[Rate]:
    """Return everything that is measured."""
    kernels = (*glauber.GLAUBER_KERNELS, *glauber.SYNCHRONOUS_KERNELS)
    return [
        bandwidth(device),
        products(device),
        *(
            dynamics(device, size, count, kernel, Load(1, BLOCKS * device.processors))
            for size, count in (SIZES if device.name == "gpu" else SMALL)
            for kernel in kernels
        ),
    ]
