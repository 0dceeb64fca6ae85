"""Replicas of many pattern sets on a device: one block of threads for each, or matrix products for all.

The same trajectories as on the CPU, bit by bit. The states stay on the device; the trace of each replica, two
overlaps of its mean state, and its last state where that is wanted, leave it.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattis.exact.arrays import Signs
from mattis.kernels.cuda import integer_products
from mattis.kernels.cuda.devices import LARGEST_ORDERS, Device, ints, launch
from mattis.kernels.cuda.paper import LAUNCH_SECONDS, paper_seconds
from mattis.kernels.cuda.patterns import BITS_PER_WORD, Cues, Sets, cues_on, orders_on, spread

THREADS = 256
"""Threads of a block: `glauber_groups` needs them; in the others they hide the latency of memory."""

PROPOSALS_PER_LAUNCH = 2**21
"""Proposals of a multiprocessor in one launch: below a second, so that a run can be interrupted."""

IN_LANES = "glauber_lanes"
"""The kernel whose blocks hold 32 replicas of a pattern set, which share their fields' products."""

GLAUBER_KERNELS = (IN_LANES, "glauber_groups", "glauber_sites")
"""The asynchronous kernels: 64 proposals of 32 replicas between barriers; of one replica 32, or one."""

SYNCHRONOUS_KERNELS = BY_POPCOUNTS, BY_PRODUCTS = "little_sweeps", "little_update"
"""The synchronous kernels: a block for each replica, or what lies between products of matrices for all."""

HERD, LANE_THREADS = 32, 128
"""Replicas and threads of a block of `glauber_lanes`."""

SITES_OF_GROUP = 64
"""Proposals of a group of `glauber_lanes`."""

ROOM, ROOM_OF_WORD = 29952, 2176
"""Its bytes of shared memory, and those of 32 overlaps of a block: `LaneRoom` of lanes.cu."""

MOST_SITES, MOST_PATTERNS, MOST_TERMS = 2**15 - 1, 2**14 - 1, 2**29
"""There |m| ≤ N and |2 N J_ij| ≤ 2 P must fit 16 bits, and P (N + 1), beyond which no field is, stays below
the largest noise."""

STATIC = 1024
"""Bytes of shared memory that kernels take besides, at most."""


class GlauberReplicas(NamedTuple):
    """Replicas that one batch of launches runs, on the host."""

    which: NDArray[np.int32]
    """(R,) int32: the number of each replica's pattern set; rising."""
    targets: NDArray[np.int32]
    """(R,) int32: its cued pattern."""
    streams: NDArray[np.uint32]
    """(R, 4) uint32: the stream of its thermal noise."""
    scales: NDArray[np.float32]
    """(R,) float32: its noise width N T / 2; 0 at T = 0."""
    cues: Cues
    """Where it starts."""


class DeviceSweeps(NamedTuple):
    """The sweeps of a batch, and the order of sites in them."""

    sweeps: int
    """Sweeps in all."""
    warm: int
    """Sweeps before the averages."""
    orders: NDArray[np.uint32] | None = None
    """(sets, 4) uint32: the stream of the orders of sites of each set; None for 0 … N-1."""
    states: bool = True
    """Whether the last states are wanted."""


class GlauberResult(NamedTuple):
    """The traces, overlaps and final states of replicas, as they leave the device."""

    trace: NDArray[np.int64]
    """(R, 3, sweeps) int64: sum_i xi_i S_i, sum_i S_i N h_i, flips of each sweep."""
    mean_overlaps: NDArray[np.int64]
    """(R, 2) int64: max over other patterns of |sum_i xi_i (A_i + B_i)|, -1 if there is none, and
    sum_i A_i B_i, of the sums A, B of the spins over the halves of the measured sweeps."""
    spins: Signs | None
    """(R, N) int8: the final states, where they are wanted."""


GlauberEnd = Callable[[], GlauberResult]
"""What waits for the results of replicas, once the device was asked for all of it."""


class ReplicaState(NamedTuple):
    """Replicas on the device, changed in place."""

    which: Any
    targets: Any
    streams: Any
    scales: Any
    spins: Any
    overlaps: Any
    still: Any
    trace: Any
    sums: Any

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The arrays that a kernel reads."""
        return self.which, self.targets, self.streams, self.scales

    @property
    def outputs(self) -> tuple[Any, ...]:
        """The arrays that a kernel writes."""
        return self.spins, self.overlaps, self.still, self.trace, self.sums


def memory(size: int, count: int, sweeps: int) -> int:
    """Return the bytes of a replica on the device: its state, sums and trace."""
    return 9 * size + 4 * count + 24 * sweeps + 68


def products_memory(device: Device, size: int, count: int) -> tuple[int, int]:
    """Return the bytes of a replica and of a pattern set that `by_products` takes besides.

    At the most: overlaps, their digits and what makes them; or the sums of digits, and fields; or new spins.
    Where products are made in float64, as if those of all pattern sets were made at once.
    """
    wide, terms = integer_products.aligned(size), integer_products.aligned(count)
    digits = integer_products.digits_of(size)
    dividing = (16 + digits) * terms
    composing = digits * (terms + 4 * wide) + 8 * size
    replica = 4 * terms + max(dividing, composing, wide + 4 * count)
    signs = count * wide + size * terms
    if device.tensor_products is not None:
        return replica, signs
    return replica + 8 * digits * (terms + wide) + 4 * digits * wide, signs + 8 * size * terms


def shared_memory(size: int, count: int, synchronous: bool) -> int:
    """Return the bytes of shared memory of a block."""
    words = BITS_PER_WORD * -(-count // BITS_PER_WORD)
    return 4 * (words + (-(-size // BITS_PER_WORD) if synchronous else 0))


class LaneBlocks(NamedTuple):
    """What blocks of `glauber_lanes` take besides: on the device, but for `resident`."""

    herds: Any
    """(blocks, 2) int32: the first replica and the last + 1, all of one pattern set."""
    state: Any
    """(blocks, N) uint32: the spins of 32 replicas at each site."""
    spare: Any
    """(blocks, 544 ⌈P/32⌉) int32: their overlaps, where shared memory is too small for these."""
    resident: bool
    """Whether it is large enough."""


def herds_of(which: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the first replica and the last + 1 of each block, (blocks, 2). which  # (R,) rising"""
    starts = [0, *(np.flatnonzero(np.diff(which)) + 1).tolist(), len(which)]
    return np.array(
        [(k, min(k + HERD, last)) for first, last in pairwise(starts) for k in range(first, last, HERD)],
        np.int32,
    )


def resident(device: Device, count: int) -> bool:
    """Tell whether the overlaps of 32 replicas are in shared memory."""
    return ROOM + ROOM_OF_WORD * -(-count // BITS_PER_WORD) <= device.shared


def lanes_memory(device: Device, size: int, count: int) -> tuple[int, int]:
    """Return the bytes of a block of `glauber_lanes`, and of the tables of a pattern set in one order."""
    words = -(-count // BITS_PER_WORD)
    spare = 0 if resident(device, count) else ROOM_OF_WORD * words
    return 4 * size + spare + 8, 4 * -(-size // SITES_OF_GROUP) * _ints_of_tables(count)


def _ints_of_tables(count: int) -> int:
    """Return the length of the tables of a group: bits by pattern, and 2 N J_ij in 16 bits."""
    return SITES_OF_GROUP * -(-count // BITS_PER_WORD) + SITES_OF_GROUP * SITES_OF_GROUP // 2


def blocks_on(device: Device, sets: Sets, batch: GlauberReplicas) -> LaneBlocks:
    """Allocate what blocks of `glauber_lanes` take besides."""
    xp, (size, count), herds = device.xp, sets.shape, herds_of(batch.which)
    room = resident(device, count)
    spare = (1, 4) if room else (len(herds), ROOM_OF_WORD // 4 * sets.columns.shape[1])
    state = xp.empty((len(herds), size), xp.uint32)
    return LaneBlocks(device.upload(herds), state, xp.empty(spare, xp.int32), room)


def tables_on(device: Device, sets: Sets, orders: Any, fresh: bool, sweeps: int) -> Any:
    """Make the tables of all groups, of each sweep that has an order of its own."""
    (size, count), sweeps = sets.shape, sweeps if fresh else 1
    blocks = len(sets.rows) * sweeps * -(-size // SITES_OF_GROUP)
    tables = device.xp.empty((blocks, _ints_of_tables(count)), device.xp.int32)
    args = (sets.sites, orders, np.int32(fresh), tables, *ints(size, count, sweeps))
    launch(device, "glauber", "group_tables", (blocks,), LANE_THREADS, args)
    return tables


def begin(device: Device, sets: Sets, batch: GlauberReplicas, sweeps: int) -> ReplicaState:
    """Copy the addresses of replicas to the device, draw their cues, and count their overlaps."""
    xp, replicas, (size, count) = device.xp, len(batch.which), sets.shape
    up = device.upload
    which, targets = up(batch.which), up(batch.targets)
    state = ReplicaState(
        which, targets, up(batch.streams), up(batch.scales),
        cues_on(device, sets, which, targets, batch.cues),
        xp.zeros((replicas, count), xp.int32), xp.zeros(replicas, xp.int32),
        xp.zeros((replicas, 3, sweeps), xp.int64), xp.zeros((replicas, 2, size), xp.int32),
    )  # fmt: skip
    args = (sets.rows, state.which, state.spins, state.overlaps, *ints(size, count))
    launch(device, "looks", "count_overlaps", (replicas,), THREADS, args)
    return state


def end(
    device: Device, sets: Sets, state: ReplicaState, course: DeviceSweeps, held: Any = None
) -> GlauberEnd:
    """Compute the overlaps of the mean states; return what copies the results to the host when all is done.

    held  # what was made ahead besides, and kernels use
    """
    replicas = len(state.which)
    mean_overlaps = device.xp.zeros((replicas, 2), device.xp.int64)
    args = (sets.rows, state.which, state.targets, state.sums, mean_overlaps, *ints(*sets.shape))
    launch(device, "looks", "look_at_sums", (replicas,), THREADS, args)
    states = (state.spins,) if course.states else ()
    fetched = device.later((state.trace, mean_overlaps, *states), (sets, state, held))

    def result() -> GlauberResult:
        trace, overlaps, *last = fetched()
        return GlauberResult(trace, overlaps, last[0] if last else None)

    return result


def run(device: Device, sets: Sets, batch: GlauberReplicas, course: DeviceSweeps, form: str) -> GlauberEnd:
    """Run replicas by a kernel, of one site after the other or of all at once."""
    if form == BY_PRODUCTS:
        return by_products(device, sets, batch, course)
    if form == BY_POPCOUNTS:
        return by_popcounts(device, sets, batch, course)
    return asynchronous(device, sets, batch, course, form)


def asynchronous(
    device: Device, sets: Sets, batch: GlauberReplicas, course: DeviceSweeps, form: str
) -> GlauberEnd:
    """Run replicas, one site after the other; all forms give the same bits."""
    fresh = course.orders is not None
    with device.ahead():
        state = begin(device, sets, batch, course.sweeps)
        blocks = blocks_on(device, sets, batch) if form == IN_LANES else None
        orders = device.upload(np.zeros(1, np.int32))
        tables = tables_on(device, sets, orders, False, 1) if blocks and not fresh else None
    held = blocks, orders, tables
    for first, last in pieces(device, sets, batch, course, form):
        if course.orders is not None:
            orders = tables = None  # their memory is that of the next
            orders = orders_on(device, course.orders, sets.shape[0], first, last)
            tables = tables_on(device, sets, orders, True, last - first) if blocks else None
        numbers = ints(*sets.shape, first, last, course.sweeps, course.warm)
        given = (*state.inputs, orders, np.int32(fresh), *state.outputs, *numbers)
        if blocks is None:
            shared = shared_memory(*sets.shape, synchronous=False)
            launch(device, "glauber", form, (len(batch.which),), THREADS, (sets.sites, *given), shared)
        else:
            _launch_lanes(device, sets, blocks, tables, given)
        del given
    return end(device, sets, state, course, held)


def _launch_lanes(
    device: Device, sets: Sets, blocks: LaneBlocks, tables: Any, given: tuple[Any, ...]
) -> None:
    """Launch `glauber_lanes` for what all asynchronous kernels are given."""
    own = (blocks.herds, blocks.state, blocks.spare, np.int32(blocks.resident))
    shared = ROOM + blocks.resident * ROOM_OF_WORD * sets.columns.shape[1]
    args = (sets.sites, tables, *own, *given)
    launch(device, "glauber", IN_LANES, (len(blocks.herds),), LANE_THREADS, args, shared)


def form_of(device: Device, sharing: Sequence[int], size: int, count: int, flips: float = 0.0) -> str:
    """Return the asynchronous kernel that takes the least time; estimates by paper, see docs/gpu.md.

    sharing  # replicas of each pattern set; flips  # the share of proposals that flip a spin: `flips_of`
    - `glauber_lanes` executes several times less for a proposal where its 32 lanes are filled: idle ones
      cost the same. But its blocks take longer for their replicas than those of `glauber_groups` for their
      one, so there must be many. Overlaps fit its two bytes where N < 2^15, couplings where P < 2^14; its
      fields are below 2^29.
    - `glauber_groups` is for few replicas of many sets, or for few in all, and for larger networks, in the
      cold. One of its warps serves each flip by itself, with loads that lie far apart, P cycles of them.
    - `glauber_sites` waits at each proposal, and executes more; a flip costs it next to nothing, so that it
      is for the same replicas in the heat.
    """
    fits = size <= MOST_SITES and count <= MOST_PATTERNS and count * (size + 1) < MOST_TERMS
    forms = [form for form in GLAUBER_KERNELS if fits or form != IN_LANES]
    return min(forms, key=lambda form: turn_seconds(device, sharing, count, form, flips))


def flips_of(betas: Sequence[float], load: float) -> float:
    """Return the share of proposals that flip a spin, on paper: the mean of 1/(1 + e^{2 beta |h|}).

    A field h is of order 1 below T = 1, where a pattern may hold the spins, and √(P/N) above, where none does
    and the others are left. load  # P/N
    """
    beta = np.asarray(betas, np.float64)
    field = np.where(beta > 1, 1.0, np.sqrt(load))
    return float(np.mean((1 - np.tanh(beta * field)) / 2))


def turn_seconds(device: Device, sharing: Sequence[int], count: int, form: str, flips: float) -> float:
    """Return the seconds in which all replicas propose once, by paper. sharing  # replicas of each set"""
    blocks = sum(-(-n // HERD) for n in sharing) if form == IN_LANES else sum(sharing)
    return paper_seconds(device, form, blocks, 1, count, flips)


def sweep_seconds(
    device: Device, sharing: Sequence[int], size: int, count: int, form: str, flips: float = 0.0
) -> float:
    """Return the seconds of a sweep of all replicas, by paper, see docs/gpu.md.

    sharing  # replicas of each pattern set
    form     # the kernel
    flips    # the share of its proposals that flip a spin, of one site after the other
    """
    if form == BY_PRODUCTS:
        return products_seconds(len(sharing))
    if form == BY_POPCOUNTS:
        return popcounts_seconds(device, sum(sharing), size, count)
    return size * turn_seconds(device, sharing, count, form, flips)


def pieces(
    device: Device, sets: Sets, batch: GlauberReplicas, course: DeviceSweeps, form: str = ""
) -> Sequence[tuple[int, int]]:
    """Return the sweeps of each launch: first, last + 1."""
    step = sweeps_per_launch(
        device, sets.shape, len(batch.which), len(sets.rows), course.orders is not None, form
    )
    return [(t, min(t + step, course.sweeps)) for t in range(0, course.sweeps, step)]


def sweeps_per_launch(
    device: Device, shape: tuple[int, int], replicas: int, sets: int, fresh: bool, form: str
) -> int:
    """Return how many sweeps one launch makes at most. fresh  # whether each sweep has an order of its own"""
    turns, (size, count) = -(-replicas // device.processors), shape
    step = max(PROPOSALS_PER_LAUNCH // (device.splits * size * turns), 1)
    if not fresh:
        return step
    each = 4 * size + (lanes_memory(device, size, count)[1] if form == IN_LANES else 0)
    return max(min(step, LARGEST_ORDERS // (each * sets)), 1)


def synchronous_form_of(device: Device, sharing: Sequence[int], size: int, count: int) -> str:
    """Return the kernel of all sites at once: products, where a sweep by popcounts takes longer."""
    slow = popcounts_seconds(device, sum(sharing), size, count) > products_seconds(len(sharing))
    return BY_PRODUCTS if slow else BY_POPCOUNTS


def popcounts_seconds(device: Device, replicas: int, size: int, count: int) -> float:
    """Return the seconds of a sweep by popcounts, by paper."""
    return paper_seconds(device, "little_sweeps", replicas, size, count)


def products_seconds(sets: int) -> float:
    """Return the seconds of a sweep by products, by paper: twelve launches for all, two for each pattern set.

    Beside these, products take nothing on the scale of popcounts; see docs/gpu.md.
    """
    return LAUNCH_SECONDS * (12 + 2 * sets)


def by_popcounts(device: Device, sets: Sets, batch: GlauberReplicas, course: DeviceSweeps) -> GlauberEnd:
    """Run replicas, all sites at once, a block for each."""
    with device.ahead():
        state = begin(device, sets, batch, course.sweeps)
    shared = shared_memory(*sets.shape, synchronous=True)
    for first, last in pieces(device, sets, batch, course):
        numbers = ints(*sets.shape, first, last, course.sweeps, course.warm)
        args = (sets.columns, sets.rows, *state.inputs, *state.outputs, *numbers)
        launch(device, "little", "little_sweeps", (len(batch.which),), THREADS, args, shared)
    return end(device, sets, state, course)


def by_products(device: Device, sets: Sets, batch: GlauberReplicas, course: DeviceSweeps) -> GlauberEnd:
    """Run replicas, all sites at once: h = M xi - P S and M = S xiᵀ, one product for each pattern set."""
    xp, (size, count) = device.xp, sets.shape
    with device.ahead():
        state = begin(device, sets, batch, course.sweeps)
    padded, wide = integer_products.padded, integer_products.aligned(size)
    rows = [spread(xp, words, size) for words in sets.rows]
    columns = [spread(xp, words, count) for words in sets.sites]
    starts = np.searchsorted(batch.which, np.arange(len(rows) + 1)).tolist()
    places = [slice(*pair) for pair in pairwise(starts)]
    replicas, total = len(batch.which), course.sweeps
    overlaps = xp.zeros((replicas, columns[0].shape[1]), xp.int32)
    overlaps[:, :count] = state.overlaps
    for t in range(total):
        fields = _fields(device, overlaps, columns, places, size, wide)
        changed = (state.spins, state.trace, state.sums)
        args = (fields, state.streams, state.scales, *changed)
        numbers = ints(size, count, t, total, course.warm)
        launch(device, "little", "little_update", (replicas,), THREADS, (*args, *numbers))
        del fields, args
        spins = padded(xp, state.spins)
        for lanes, xi in zip(places, rows, strict=True):
            integer_products.products(device, spins[lanes], xi, overlaps[lanes])
        inputs = (xp.ascontiguousarray(overlaps[:, :count]), state.targets, state.trace)
        numbers = ints(size, count, t, total)
        launch(device, "little", "little_record", (replicas,), THREADS, (*inputs, *numbers))
        del spins, inputs
    return end(device, sets, state, course)


def _fields(
    device: Device, overlaps: Any, columns: Sequence[Any], places: Sequence[slice], size: int, wide: int
) -> Any:
    """Return M xi of all replicas, (R, N) int32: digits once for all, then a product for each pattern set."""
    xp, replicas = device.xp, len(overlaps)
    parts = integer_products.digits(xp, overlaps, size)
    digits = parts.shape[1]
    sums = xp.empty((replicas, digits, wide), xp.int32)
    for lanes, xi in zip(places, columns, strict=True):
        factors, own = parts[lanes], sums[lanes]
        both = len(factors) * digits
        integer_products.products(device, factors.reshape(both, -1), xi, own.reshape(both, -1))
    return integer_products.composed(sums[:, :, :size])
