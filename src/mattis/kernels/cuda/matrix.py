"""Many chains with any couplings at once on a device: each has the bits of `cpu.matrix.matrix_sweeps`.

Each block of threads runs a chain. A launch covers some sweeps of all chains, so that no kernel runs for
long; between launches states stay on the device, and the traces of these sweeps leave it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattis.exact import rng
from mattis.kernels.cuda.couplings import SignCouplings
from mattis.kernels.cuda.devices import LARGEST_ORDERS, SPARE, Device, DeviceWork, divided, launch
from mattis.kernels.cuda.paper import FLIPS_ON_PAPER, paper_seconds
from mattis.kernels.cuda.patterns import orders_on


@dataclass(frozen=True, eq=False)
class Wires:
    """The couplings, biases and targets of some chains."""

    columns: NDArray[np.signedinteger] | SignCouplings
    """(N, N) signed integers: columns[j, i] = nj_ij, from site j to site i; or what makes them."""
    bias: NDArray[np.int64]
    """(N,) int64: the constant part of each field."""
    targets: NDArray[np.int16]
    """(K, N) int16: the states whose overlaps are recorded."""
    wide: bool
    """Whether fields need 64 bits."""

    @property
    def size(self) -> int:
        return len(self.bias)

    @cached_property
    def bits(self) -> int:
        """The width of a coupling on the device; with 64 bits fields have 64 bits as well."""
        if isinstance(self.columns, SignCouplings):
            return self.columns.bits
        return 64 if self.wide else min(8 * self.columns.dtype.itemsize, 64)

    @property
    def memory(self) -> int:
        """Bytes on the device, where they are put or made one by one; without targets."""
        making = self.columns.memory if isinstance(self.columns, SignCouplings) else 0
        return self.size**2 * self.bits // 8 + 8 * self.size + making

    @property
    def host_memory(self) -> int:
        """Bytes of the host that couplings take."""
        return 0 if isinstance(self.columns, SignCouplings) else self.columns.nbytes

    def fill(self, device: Device, columns: Any) -> None:
        """Write the couplings to an array of the device, (N, N) of `bits`."""
        if isinstance(self.columns, SignCouplings):
            self.columns.fill(device, columns)
        else:
            device.fill(columns, self.columns.astype(columns.dtype, copy=False))


class Chain(NamedTuple):
    """One chain; the names are those of `cpu.matrix.matrix_sweeps`."""

    wires: Wires
    start: NDArray[np.int8]
    """(N,) int8: the state before the first sweep."""
    follow: NDArray[np.int32]
    """(sweeps, R) int32: the targets whose overlaps each sweep records."""
    scales: NDArray[np.float32]
    """(sweeps,) float32: noise widths, 0 at T = 0."""
    warm: int
    """Sweeps before the averages."""
    stream: rng.Words
    order: rng.Words
    synchronous: bool
    metropolis: bool
    settles: bool
    heated: bool
    """Whether the excess of the effective energy is recorded, of sites that are updated all at once."""


class ChainRecord(NamedTuple):
    """The record of a chain and its last state, as `cpu.matrix.matrix_sweeps` leaves them."""

    overlaps: NDArray[np.int64]
    trace: NDArray[np.int64]
    excess: NDArray[np.float64]
    sums: NDArray[np.int32]
    spins: NDArray[np.int8]
    used: int
    period: int


@dataclass(frozen=True)
class Limits:
    """Bounds on the threads, the run time and the memory of a launch."""

    threads: int = 256
    """Threads of a block at most, a multiple of 32."""
    proposals: int = 2**22
    """Proposals of each multiprocessor at most: no kernel runs for more than seconds, at any temperature."""
    numbers: int = 2**20
    """Numbers read and recorded of a chain at most, its state excepted."""


LIMITS = Limits()


class ChainShape(NamedTuple):
    """The sizes and the kind of update that all chains of a launch share."""

    size: int
    bits: int
    synchronous: bool
    metropolis: bool
    sweeps: int
    followed: int
    warm: int
    heated: bool
    longest: int
    """Sweeps of a launch at most."""

    @staticmethod
    def of(chain: Chain, limits: Limits) -> "ChainShape":
        """Return the shape of a chain."""
        (sweeps, followed), wires = chain.follow.shape, chain.wires
        return ChainShape.sized(
            wires.size, wires.bits, chain.synchronous, chain.metropolis, sweeps, followed, chain.warm,
            chain.heated, limits,
        )  # fmt: skip

    @staticmethod
    def sized(
        size: int, bits: int, synchronous: bool, metropolis: bool, sweeps: int, followed: int, warm: int,
        heated: bool = False, limits: Limits = LIMITS,
    ) -> "ChainShape":  # fmt: skip
        """Return the shape of chains, whose launches are as long as their limits allow."""
        numbers = limits.numbers // (3 * followed + 8 + size)
        longest = max(min(sweeps, numbers, limits.proposals // size), 1)
        return ChainShape(size, bits, synchronous, metropolis, sweeps, followed, warm, heated, longest)

    @property
    def middle(self) -> int:
        """The first sweep of the second half of the averages."""
        return self.warm + (self.sweeps - self.warm) // 2

    @property
    def kernel(self) -> str:
        """Name of the kernel."""
        return f"circuit_{'at_once' if self.synchronous else 'in_turn'}_{self.bits}"

    @property
    def field(self) -> np.dtype[np.signedinteger]:
        """Type of the fields."""
        return np.dtype(np.int64 if self.bits == 64 else np.int32)

    @property
    def memory(self) -> int:
        """Bytes of a chain on the device, with an order of sites for each, and two launches at a time."""
        marks, orders = (self.size, 0) if self.synchronous else (1, self.size)
        state = self.size * (1 + 8 + self.field.itemsize) + 5 * marks + 100
        sweeps = min(2 * self.longest, self.sweeps)
        return state + sweeps * (12 * self.followed + 28 + 8 * self.heated + 4 * orders)


def work_of(device: Device, form: ChainShape, chains: int, circuits: int, flips: float) -> DeviceWork:
    """Return what so many chains of one shape take on a device, by paper.

    circuits  # that they share evenly
    flips     # the share of proposals that flip a spin, each of which reads a row
    """
    row = form.size * form.bits // 8
    each = form.memory + circuits * form.size * (row + 8) // chains
    together = min(max(int(SPARE * device.free()) // each, 1), chains)
    turns = -(-together // device.processors)
    step = max(min(form.longest, LIMITS.proposals // (device.splits * turns * form.size)), 1)
    launches = -(-chains // together) * -(-form.sweeps // step)
    proposals = form.sweeps * form.size
    kernel = form.kernel.rpartition("_")[0]
    seconds = paper_seconds(
        device, kernel, chains, proposals, form.size, flips, traffic=flips * chains * proposals * row
    )
    return DeviceWork(together * each, launches, seconds, (form.kernel,), (FLIPS_ON_PAPER,))


ChainGroup = list[int]
"""Chains of the same wires, by their numbers."""


def run_chains(device: Device, chains: Sequence[Chain], limits: Limits = LIMITS) -> list[ChainRecord]:
    """Run chains and return the record of each, with the bits of `cpu.matrix.matrix_sweeps`.

    Raises what the device raises where the couplings of one network alone do not fit its memory.
    """
    records: dict[int, ChainRecord] = {}
    for form, groups in _groups(chains, limits):

        def run(part: Sequence[ChainGroup], form: ChainShape = form) -> list[ChainRecord]:
            return _run(device, form, [chains[k] for group in part for k in group], limits)

        def memory(group: ChainGroup, form: ChainShape = form) -> int:
            some = [chains[k] for k in group]
            targets, _ = _followed([some[0].wires], some)
            return some[0].wires.memory + targets.nbytes + len(group) * form.memory

        for part, results in divided(device, groups, memory, run):
            records.update(zip([k for group in part for k in group], results, strict=True))
    return [records[k] for k in range(len(chains))]


def _groups(chains: Sequence[Chain], limits: Limits) -> Iterator[tuple[ChainShape, list[ChainGroup]]]:
    """Yield the chains of each shape, in groups of at most about twice the memory of their couplings."""
    numbers: dict[ChainShape, dict[Wires, ChainGroup]] = {}
    for k, chain in enumerate(chains):
        numbers.setdefault(ChainShape.of(chain, limits), {}).setdefault(chain.wires, []).append(k)
    for form, by_wires in numbers.items():
        groups = []
        for wires, members in by_wires.items():
            most = max(wires.memory // form.memory, 1)
            groups += [members[first : first + most] for first in range(0, len(members), most)]
        yield form, groups


def _run(device: Device, form: ChainShape, chains: Sequence[Chain], limits: Limits) -> list[ChainRecord]:
    """Run chains of one shape that fit the device's memory, a segment of sweeps in each launch.

    While one computes, the device gets what the next reads, and what the one before has written is read.
    """
    with device.ahead():
        constants, state = _constants(device, form, chains), _state(device, form, chains)
    traces = [_host_traces(form) for _ in chains]
    before: _Launched | None = None
    for sweeps in _segments(device, form, chains, limits):
        with device.ahead():
            inputs = _sweep_inputs(device, form, chains, constants, sweeps)
        segment = _device_traces(device, form, len(chains), sweeps)
        _launch(device, form, sweeps, constants, inputs, state, segment, limits)
        parts = device.later((*segment, state.ends.copy()), inputs)
        if before is not None and before.take(traces):
            break  # all came to an end: the launch behind writes nothing
        before = _Launched(sweeps, parts)
    else:
        if before is not None:
            before.take(traces)
    return _records(form, traces, state.on_host(device))


class _Launched(NamedTuple):
    """Some sweeps of all chains that the device was asked for."""

    sweeps: slice
    parts: Callable[[], list[NDArray[Any]]]
    """Waits for the traces of these sweeps, and the ends of all chains."""

    def take(self, traces: "Sequence[_Traces]") -> bool:
        """Write the traces down on the host; tell whether all chains have come to an end."""
        *segment, ends = self.parts()
        for whole, arrays in zip(traces, zip(*segment, strict=True), strict=True):
            for trace, part in zip(whole, arrays, strict=True):
                if trace.size > 0:
                    trace[..., self.sweeps] = part
        return bool((ends[:, 1] > 0).all())


def _segments(device: Device, form: ChainShape, chains: Sequence[Chain], limits: Limits) -> list[slice]:
    """Return the sweeps of each launch: none runs for long, nor brings many orders along."""
    turns = -(-len(chains) // device.processors)  # blocks that have to wait for others
    step = min(form.longest, limits.proposals // (device.splits * turns * form.size))
    if own := len({chain.order.tobytes() for chain in chains if chain.order.size > 0}):
        step = min(step, LARGEST_ORDERS // (4 * form.size * own))
    step = max(step, 1)
    return [slice(t, min(t + step, form.sweeps)) for t in range(0, form.sweeps, step)]


class _Constants(NamedTuple):
    """The arguments of matrix.cu that are the same in every sweep: couplings, targets, streams."""

    columns: Any
    bias: Any
    targets: Any
    which: Any
    settles: Any
    streams: Any
    queue: Any
    """(chains,): which of the orders of sites each chain takes, -1 for 0 … N-1."""
    orders: NDArray[np.uint32]
    """(…, 4) uint32, on the host: the streams of these orders."""
    places: Sequence[NDArray[np.int32]]
    """Of each chain, on the host: where its targets are, of those that are followed."""


def _constants(device: Device, form: ChainShape, chains: Sequence[Chain]) -> _Constants:
    """Copy couplings, followed targets and streams to the device, couplings one by one: they may be large."""
    xp, up, wires = device.xp, device.upload, list(dict.fromkeys(chain.wires for chain in chains))
    size, kind = form.size, np.dtype(f"i{form.bits // 8}")
    columns = xp.zeros((len(wires), size, size), kind)
    for k, each in enumerate(wires):
        each.fill(device, columns[k])
    number = {each: k for k, each in enumerate(wires)}
    targets, places = _followed(wires, chains)
    queue, orders = _queue(form, chains)
    return _Constants(
        columns,
        up(np.array([each.bias for each in wires])),
        up(targets),
        up(np.array([number[chain.wires] for chain in chains], np.int32)),
        up(np.array([chain.settles for chain in chains], np.int8)),
        up(np.array([chain.stream for chain in chains], np.uint32)),
        up(queue),
        orders,
        [places[chain.wires] for chain in chains],
    )


def _followed(
    wires: Sequence[Wires], chains: Sequence[Chain]
) -> tuple[NDArray[np.int16], dict[Wires, NDArray[np.int32]]]:
    """Return the targets that some chain follows, (K, N), and the places of those of each circuit in them."""
    masks = {each: np.zeros(len(each.targets), np.bool_) for each in wires}
    for chain in chains:
        masks[chain.wires][chain.follow] = True
    firsts = np.cumsum([0, *(mask.sum() for mask in masks.values())])
    places = {
        each: (first + np.cumsum(mask) - 1).astype(np.int32)
        for (each, mask), first in zip(masks.items(), firsts[:-1], strict=True)
    }
    return np.concatenate([each.targets[mask] for each, mask in masks.items()]), places


def _queue(form: ChainShape, chains: Sequence[Chain]) -> tuple[NDArray[np.int32], NDArray[np.uint32]]:
    """Return which random order each chain takes, -1 for 0 … N-1, and the streams of all, each once."""
    found: dict[bytes, int] = {}
    queue = np.full(len(chains), -1, np.int32)
    for k, chain in enumerate(chains):
        if chain.order.size > 0 and not form.synchronous:
            queue[k] = found.setdefault(chain.order.tobytes(), len(found))
    return queue, np.frombuffer(b"".join(found), np.uint32).reshape(-1, 4)


class _State(NamedTuple):
    """The arrays of matrix.cu that stay on the device from launch to launch."""

    spins: Any
    fields: Any
    flipped: Any
    changed: Any
    sums: Any
    ends: Any

    def on_host(self, device: Device) -> "_State":
        """Return what is read of it after the last sweep; fields and lists of flips stay where they are."""
        back = {name: device.to_host(getattr(self, name)) for name in ("spins", "flipped", "sums", "ends")}
        return self._replace(**back, fields=None, changed=None)


def _state(device: Device, form: ChainShape, chains: Sequence[Chain]) -> _State:
    """Return the state before the first sweep; the kernel computes the fields."""
    xp, up, count = device.xp, device.upload, len(chains)
    marks = form.size if form.synchronous else 1
    return _State(
        up(np.array([chain.start for chain in chains], np.int8)),
        xp.zeros((count, form.size), form.field),
        xp.zeros((count, marks), np.int8),
        xp.zeros((count, marks), np.int32),
        xp.zeros((count, 2, form.size), np.int32),
        up(np.tile(np.array([form.sweeps, 0], np.int32), (count, 1))),
    )


class _SweepInputs(NamedTuple):
    """The targets, noise widths and orders of sites of some sweeps, as matrix.cu reads them."""

    follow: Any
    scales: Any
    orders: Any


def _sweep_inputs(
    device: Device, form: ChainShape, chains: Sequence[Chain], constants: _Constants, sweeps: slice
) -> _SweepInputs:
    """Copy targets and noise widths of some sweeps to the device, and draw their orders there."""
    follow = np.array([chain.follow[sweeps] for chain in chains], np.int32)
    for own, place in zip(follow, constants.places, strict=True):
        own[:] = place[own]
    scales = np.array([chain.scales[sweeps] for chain in chains], np.float32)
    orders = device.xp.zeros((1, 1, 1), np.int32)
    if len(constants.orders):
        orders = orders_on(device, constants.orders, form.size, sweeps.start, sweeps.stop)
    return _SweepInputs(device.upload(follow), device.upload(scales), orders)


class _Traces(NamedTuple):
    """Traces: of all sweeps of one chain on the host, of a segment of sweeps of all chains on the device."""

    overlaps: Any
    """(…, R, sweeps)."""
    trace: Any
    """(…, 3, sweeps)."""
    excess: Any
    """(…, sweeps), or none."""


def _host_traces(form: ChainShape) -> _Traces:
    """Return zeros for the traces of one chain, on the host."""
    return _Traces(
        np.zeros((form.followed, form.sweeps), np.int64),
        np.zeros((3, form.sweeps), np.int64),
        np.zeros(form.sweeps if form.heated else 0),
    )


def _device_traces(device: Device, form: ChainShape, count: int, sweeps: slice) -> _Traces:
    """Return zeros for the traces of some sweeps of all chains, on the device."""
    xp, piece = device.xp, sweeps.stop - sweeps.start
    return _Traces(
        xp.zeros((count, form.followed, piece), np.int64),
        xp.zeros((count, 3, piece), np.int64),
        xp.zeros((count, piece if form.heated else 1), np.float64),
    )


def _launch(
    device: Device, form: ChainShape, sweeps: slice, constants: _Constants, inputs: _SweepInputs,
    state: _State, segment: _Traces, limits: Limits,
) -> None:  # fmt: skip
    """Run some sweeps of all chains, a block for each."""
    threads = min(limits.threads, -(-form.size // 32) * 32)
    scratch = 16 * threads + 256
    whole = scratch + form.size * (1 + form.field.itemsize)
    resident = whole <= device.shared
    piece = sweeps.stop - sweeps.start
    numbers = (form.size, form.followed, piece, sweeps.start, sweeps.stop, form.warm, form.middle,
               form.heated, form.metropolis, resident)  # fmt: skip
    *changed, sums, ends = state
    args = (
        *constants[:6],
        *inputs,
        constants.queue,
        *changed,
        *segment,
        sums,
        ends,
        *(np.int32(n) for n in numbers),
    )
    grid = (len(constants.places),)
    launch(device, "matrix", form.kernel, grid, threads, args, whole if resident else scratch)


def _records(form: ChainShape, traces: Sequence[_Traces], state: _State) -> list[ChainRecord]:
    """Return the record of each chain, filled up after its end. state  # on the host"""
    records = []
    for k, (used, period) in enumerate(state.ends.tolist()):
        spins = state.spins[k]
        record = ChainRecord(*traces[k], state.sums[k], spins, used, period)
        if period > 0:
            other = np.where(state.flipped[k] != 0, -spins, spins)
            _repeat(form, record, spins, other)
            last = spins if (form.sweeps - used) % 2 == 1 else other
            record = record._replace(spins=last)
        records.append(record)
    return records


def _repeat(form: ChainShape, record: ChainRecord, state: NDArray[np.int8], other: NDArray[np.int8]) -> None:
    """Fill in the records of the sweeps after a fixed point, or after a cycle of two states.

    state  # after the last sweep that was run; other  # the one before it and after it
    """
    later = np.arange(record.used + 1, form.sweeps)
    behind = later - record.used
    same = later - record.period * (-(-behind // record.period))
    record.overlaps[:, later] = record.overlaps[:, same]
    record.trace[:, later] = record.trace[:, same]
    halves = (later >= form.warm) & (later < form.middle), later >= form.middle
    for sums, half in zip(record.sums, halves, strict=True):
        again = np.count_nonzero(half & (behind % 2 == 0))
        sums += np.int32(again) * state + np.int32(np.count_nonzero(half) - again) * other
