"""From replicas to chains on a device: replicas of many networks in one launch, so that it is full.

The chains are those of `chains.py`, bit by bit.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from mattis.exact.arrays import Mask
from mattis.exact.patterns import flip_count
from mattis.kernels.cuda import glauber, patterns
from mattis.kernels.cuda.devices import LARGEST_ORDERS, SPARE, Device, DeviceWork, overlapped
from mattis.kernels.cuda.paper import FLIPS_ON_PAPER
from mattis.networks.binary.chains import Chains, settled
from mattis.networks.binary.network import SYNCHRONOUS, BinaryNetwork, Protocol, Replica

MOST_TRACES = 2**30
"""Bytes of traces that leave a device at once: this machine has to hold them."""


class LaunchRequest(NamedTuple):
    """A replica of a network, and what it was asked for: the task that wants to know."""

    task: int
    network: BinaryNetwork
    replica: Replica


def fits(size: int, count: int, protocol: Protocol, device: Device) -> bool:
    """Tell whether a block of threads holds a replica, and 64 bits what is summed of it."""
    room = glauber.shared_memory(size, count, protocol.order == SYNCHRONOUS)
    half = (protocol.measure + 1) // 2
    return room + glauber.STATIC <= device.shared and size * half**2 < 2**63


def run(
    device: Device, asked: Sequence[LaunchRequest], protocol: Protocol, states: bool = True
) -> Iterator[tuple[Sequence[LaunchRequest], Chains]]:
    """Yield the chains of replicas of networks of one size and number, as many at once as fit.

    asked   # replicas of a network are neighbours
    states  # whether the last states of all are wanted
    """
    size, count = asked[0].network.size, asked[0].network.count
    sharing = list(Counter(id(one.network) for one in asked).values())
    flips = glauber.flips_of([one.replica.beta for one in asked], count / size)
    each, besides, form = plan(device, size, count, sharing, protocol, flips)
    most = most_at_once(protocol)
    for first in range(0, len(asked), most):
        part = asked[first : first + most]
        yield from overlapped(
            device, part, lambda _: each, lambda some: _begun(device, some, protocol, form, states), besides
        )


def most_at_once(protocol: Protocol) -> int:
    """Return how many replicas may leave a device at once."""
    return max(MOST_TRACES // (24 * protocol.sweeps), 1)


def plan(
    device: Device, size: int, count: int, sharing: Sequence[int], protocol: Protocol, flips: float = 0.0
) -> tuple[int, int, str]:
    """Return the bytes of a replica on the device, those of a batch besides, and the kernel.

    What pattern sets and blocks take is shared by all replicas.
    sharing  # replicas of each pattern set; flips  # the share of proposals that flip a spin
    """
    replica, own = glauber.memory(size, count, protocol.sweeps), patterns.set_memory(size, count)
    blocks, besides = 0, 0
    if protocol.order == SYNCHRONOUS:
        form = glauber.synchronous_form_of(device, sharing, size, count)
    else:
        form = glauber.form_of(device, sharing, size, count, flips)
    if form == glauber.BY_PRODUCTS:
        more, signs = glauber.products_memory(device, size, count)
        replica, own = replica + more, own + signs
    if form == glauber.IN_LANES:
        block, tables = glauber.lanes_memory(device, size, count)
        own, blocks = own + tables, block * sum(-(-n // glauber.HERD) for n in sharing)
    if protocol.order == "random":
        own, besides = own + 4 * size, LARGEST_ORDERS
    return replica + (own * len(sharing) + blocks) // sum(sharing), besides, form


def work_of(
    device: Device, size: int, count: int, sharing: Sequence[int], protocol: Protocol, flips: float
) -> DeviceWork:
    """Return what replicas take on a device, by paper: see `plan`, and `glauber.sweep_seconds`."""
    each, besides, form = plan(device, size, count, sharing, protocol, flips)
    room, replicas = int(SPARE * device.free()), sum(sharing)
    at_once = 1 if replicas * each + besides <= room else 2  # which share its memory: `overlapped`
    most = min((room // at_once - besides) // each, most_at_once(protocol), replicas)
    together = max(most, 1)
    batches, sets = -(-replicas // together), -(-len(sharing) * together // replicas)
    seconds = glauber.sweep_seconds(device, sharing, size, count, form, flips)
    fresh = protocol.order == "random"
    step = glauber.sweeps_per_launch(device, (size, count), together, sets, fresh, form)
    step = 1 if form == glauber.BY_PRODUCTS else step
    launches = batches * (2 + -(-protocol.sweeps // step))
    assumed = {
        glauber.BY_PRODUCTS: ("products of integers take as long as their launches",),
        glauber.BY_POPCOUNTS: (),
    }
    memory = at_once * (together * each + besides)
    seconds *= protocol.sweeps
    return DeviceWork(memory, launches, seconds, (form,), assumed.get(form, (FLIPS_ON_PAPER,)))


def _begun(
    device: Device, asked: Sequence[LaunchRequest], protocol: Protocol, form: str, states: bool
) -> Callable[[], Chains]:
    """Have replicas run together; return what waits for their chains."""
    networks = list({id(one.network): one.network for one in asked}.values())
    sets = patterns.sets_on(device, [network.patterns for network in networks])
    herd, course = herd_of(networks, asked, protocol), sweeps_of(networks, protocol, states)
    end = glauber.run(device, sets, herd, course, form)
    return lambda: _chains(end(), herd.scales == 0)


def _chains(found: glauber.GlauberResult, cold: Mask) -> Chains:
    """Return what a device found of replicas as chains. cold  # (R,): which of them are at T = 0"""
    trace = found.trace.transpose(1, 2, 0)
    spins = None if found.spins is None else found.spins.T
    return Chains(trace, None, settled(trace, cold), spins, found.mean_overlaps)


def herd_of(
    networks: Sequence[BinaryNetwork], asked: Sequence[LaunchRequest], protocol: Protocol
) -> glauber.GlauberReplicas:
    """Return the replicas as a device takes them."""
    places = {id(network): k for k, network in enumerate(networks)}
    streams = [one.network.stream(one.replica, protocol.sharing) for one in asked]
    cues = [one.network.cue_stream(one.replica.cue, one.replica.noise) for one in asked]
    return glauber.GlauberReplicas(
        which=np.array([places[id(one.network)] for one in asked], np.int32),
        targets=np.array([one.replica.cue for one in asked], np.int32),
        streams=np.array(streams, np.uint32),
        scales=np.array([one.network.scale(one.replica) for one in asked], np.float32),
        cues=patterns.Cues(
            np.array([cue.packed() for cue in cues], np.uint32),
            np.array([flip_count(one.network.size, one.replica.noise) for one in asked], np.int32),
        ),
    )


def sweeps_of(
    networks: Sequence[BinaryNetwork], protocol: Protocol, states: bool = True
) -> glauber.DeviceSweeps:
    """Return the sweeps of a protocol, with the streams of the orders of sites.

    Last states are wanted where there are two starts, to compare them, and of Little's, to look for cycles.
    """
    streams = [network.order(protocol.order) for network in networks]
    orders = np.array(streams) if protocol.order == "random" else None
    wanted = states or protocol.starts == 2 or protocol.order == SYNCHRONOUS
    return glauber.DeviceSweeps(protocol.sweeps, protocol.thermalise, orders, wanted)
