"""Continuous neurons that settle on a device: replicas of many pattern sets of one shape, stacked.

A launch has places for S pattern sets with R lanes each; a set with more replicas takes several places, and
places that are left are filled with copies. S and R follow from the network, its precision and the device,
never from the number of tasks: so numbers are the same for any workers and chunking, see `cuda.euler`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from mattis.exact.arrays import FloatArray
from mattis.kernels import cpu
from mattis.kernels.cuda import euler
from mattis.kernels.cuda.devices import WARP, Device, DeviceTrouble, DeviceWork
from mattis.kernels.cuda.paper import LAUNCH_SECONDS, paper_seconds, product_seconds
from mattis.networks.neurons import relaxation
from mattis.networks.neurons.generating_functions import Population
from mattis.networks.neurons.network import MEMORIES, NeuronNetwork, closes
from mattis.networks.neurons.recipe import Recipe, stored, unit_network
from mattis.networks.neurons.relaxation import NeuronCell, Relaxation, check, mean_of, rows_of, side_by_side
from mattis.study.model import PatternSet, Task

MOST_SETS = 32
"""Pattern sets of a launch at most: by then it is long against what it costs to begin it."""

STACK_ROOM = 2**27
"""Numbers of a launch, 1 GiB in float64: its shape does not heed what is free, since sums depend on it."""

STATES = 12
"""Arrays as large as the states in memory at one time; on paper also what a step reads and writes."""

CALLS_OF_FUNCTIONS = 5
"""Launches of functions of the arrays' own library in an Euler step, where it is not softmax."""


class Slot(NamedTuple):
    """A place of a launch: the number of the task, replicas of its pattern set, and their cued patterns."""

    task: int
    batch: relaxation.ReplicaBatch
    cued: FloatArray


def recall(tasks: Sequence[Task], device: Device) -> list[list[NeuronCell]]:
    """Return the cells of `relaxation.recall` for each task, all of one N, P and recipe.

    Raises UserError where a network cannot settle, and what the device raises where one set does not fit.
    """
    patterns, _, recipe = tasks[0]
    sets, lanes = shape(patterns, recipe, device)
    cells: list[list[list[NeuronCell]]] = [[[] for _ in places] for _, places, _ in tasks]
    slots = (slot for k in range(len(tasks)) for slot in _slots(k, tasks[k], lanes))
    while part := list(islice(slots, sets)):
        for slot, end in zip(part, launch_slots(part, sets, recipe, device), strict=True):
            rows = rows_of(end, slot.batch, recipe)
            for (place, _), row in zip(slot.batch.visits, rows, strict=True):
                cells[slot.task][place].append(row)
    return [[mean_of(rows) for rows in task] for task in cells]


def launch_slots(slots: Sequence[Slot], sets: int, recipe: Recipe, device: Device) -> list[Relaxation]:
    """Relax the slots of one launch, with places for so many sets; return each slot's end.

    Slots that turn out not to fit are launched in halves. Their shape is another one, so that the library may
    add in another order: such numbers agree within rounding, as those of another backend do.
    """
    try:
        net, start, cued = stack(euler.filled(slots, sets), device)
        ends = [device.to_host(x) for x in relaxation.relax_replicas(net, start, cued, recipe)]
        return [Relaxation(*(x[k] for x in ends)) for k in range(len(slots))]
    except Exception as error:
        if device.trouble(error) is not DeviceTrouble.MEMORY or sets == 1:
            raise
    half = sets // 2
    parts = (slots[first : first + half] for first in range(0, len(slots), half))
    return [end for part in parts for end in launch_slots(part, half, recipe, device)]


def shape(patterns: PatternSet, recipe: Recipe, device: Device) -> tuple[int, int]:
    """Return the pattern sets of a launch, and the lanes of each."""
    size, count = patterns.size, patterns.patterns
    matrices = [(count, size), (size, count), *([(count, count)] if count <= size else [])]
    with cpu.euler.one_thread():
        return euler.shape_of(device, matrices, recipe.kind, widest(patterns, device))


def work_of(task: Task, many: int, device: Device) -> DeviceWork:
    """Return what so many tasks like this one take on a device, by paper: all Euler steps that are allowed.

    On paper a launch has the widest shape; on a device the one that it is found to have.
    """
    patterns, places, recipe = task
    size, count, parts = patterns.size, patterns.patterns, recipe.parts
    sets, lanes = widest(patterns, device) if device.xp is None else shape(patterns, recipe, device)
    width = np.dtype(recipe.kind).itemsize
    plain = (parts.visible, parts.coupling, parts.diagonal) == ("quadratic", MEMORIES, "kept")
    closed = plain and count <= size
    factors, length = (count * count, count) if closed else (2 * size * count, size)
    soft, blocks = parts.hidden == "log_sum_exp", sets * -(-lanes // WARP)
    between = ["gram_step" if closed else "euler_step", *(["softmax"] if soft else [])]
    kernels = [f"{kernel}_{8 * width}" for kernel in between]
    asked = len(kernels) + (1 if closed else 2) + (0 if soft else CALLS_OF_FUNCTIONS)
    step = product_seconds(device, 2 * factors * sets * lanes, width * sets * factors)
    traffic = STATES * width * sets * lanes * length
    step += sum(paper_seconds(device, kernel, blocks, 1, length, traffic=traffic) for kernel in kernels)
    steps = recipe.steps * -(-many * -(-len(places) * recipe.cues // lanes) // sets)
    memory, seconds = (
        width * sets * numbers_of_set(patterns, lanes),
        steps * max(step, asked * LAUNCH_SECONDS),
    )
    assumed = (f"all {recipe.steps} Euler steps that are allowed",)
    return DeviceWork(memory, steps * asked, seconds, tuple(kernels), assumed, f"{sets} × {lanes}")


def numbers_of_set(patterns: PatternSet, lanes: int) -> int:
    """Return the numbers that a pattern set takes on the device: memories, their products, states."""
    size, count = patterns.size, patterns.patterns
    return 2 * size * count + min(size, count) ** 2 + STATES * lanes * max(size, count)


def widest(patterns: PatternSet, device: Device) -> tuple[int, int]:
    """Return the most pattern sets of a launch, and lanes of each, that a device has room for."""
    lanes = cpu.euler.WIDTHS[0]
    return max(min(MOST_SETS, device.processors, STACK_ROOM // numbers_of_set(patterns, lanes)), 1), lanes


def _slots(index: int, task: Task, lanes: int) -> Iterator[Slot]:
    """Yield the replicas of a task: each cue at each place."""
    patterns, places, recipe = task
    xi = stored(patterns, recipe)
    for batch in side_by_side(patterns, xi, unit_network(xi, recipe), places, recipe, lanes):
        check(batch.net, recipe)
        yield Slot(index, batch, relaxation.cued_patterns(xi, batch))


def stack(slots: Sequence[Slot], device: Device) -> tuple[NeuronNetwork, FloatArray, FloatArray]:
    """Return the networks of slots as one on a device, their cues and cued patterns, (S, N, R) both."""
    nets = [slot.batch.net for slot in slots]

    def up(arrays: Sequence[Any]) -> Any:
        """Return the arrays of all as one on the device, or the number that they share."""
        return device.upload(np.stack(arrays)) if np.ndim(arrays[0]) else arrays[0]

    def population(parts: Sequence[Population]) -> Population:
        form = replace(
            parts[0].form, beta=up([part.form.beta for part in parts]), memories=memories, transposed=back
        )
        return Population(parts[0].name, form)

    memories = up([net.memories for net in nets])
    back = euler.contiguous(memories.mT)
    network = replace(
        nets[0], memories=memories, transposed=back,
        visible=population([net.visible for net in nets]),
        hidden=population([net.hidden for net in nets]),
        field=up([net.field for net in nets]), bias=up([net.bias for net in nets]),
        gram=up([net.gram for net in nets]) if closes(nets[0]) else None,
    )  # fmt: skip
    return network, up([slot.batch.start for slot in slots]), up([slot.cued for slot in slots])
