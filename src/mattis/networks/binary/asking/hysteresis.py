"""Hysteresis: a circuit is warmed up from its cue, rung by rung, and cooled down again.

Each rung lasts a whole chain, thermalise + measure sweeps. The cell at T looks at both passages of the rung
T, and is a function of the ramp and of T, whatever other temperatures are asked for.
"""

from collections.abc import Iterator

import numpy as np

from mattis.exact import rng
from mattis.exact.measure import Estimate, estimates
from mattis.networks.binary import questions
from mattis.networks.binary.axes import BinaryAxes
from mattis.networks.binary.hopfield import CellObservables, flags
from mattis.networks.binary.matrix_network import ChainResult, Dynamics, MatrixNetwork, NoiseSchedule, Request
from mattis.networks.binary.network import Replica
from mattis.networks.binary.questions import Inquiry, Query, Visit, VisitPart, Visits, always, cued, ladders
from mattis.study.axes import Misplaced


def hysteresis(circuit: MatrixNetwork, visits: Visits, inquiry: Inquiry) -> Iterator[VisitPart]:
    """Observe each temperature on the way up and on the way down: a ramp for each cue."""
    for members, cue in ladders(visits, inquiry):
        yield ramp(circuit, members, cue, inquiry)


def ramp(circuit: MatrixNetwork, members: Visits, cue: int, inquiry: Inquiry) -> VisitPart:
    """Observe visits that differ in their temperature on one ramp."""
    first = next(iter(members.values()))
    index = cued(circuit.network.count, first, cue)
    walk = yield climb(circuit, index, first.noise, inquiry)
    return [
        questions.VisitCell(number, passages(circuit, walk, visit, index, inquiry))
        for number, visit in members.items()
    ]


def climb(circuit: MatrixNetwork, index: int, noise: float, inquiry: Inquiry) -> Request:
    """Return the whole ramp: from T = 0 to the top and back, following every pattern."""
    asking, network, heats = inquiry.asking, circuit.network, inquiry.question.rungs()
    up = [circuit.scale(1 / heat if heat else float("inf")) for heat in heats.tolist()]
    scales = np.repeat(np.array([*up, *up[::-1]], np.float32), asking.sweeps)
    stream = rng.stream(network.root_seed, "ramp", network.labels, {"noise": noise, "cue": index}).packed()
    others = [k for k in range(network.count) if k != index]
    follow = always([index, *others], len(scales))
    course = NoiseSchedule(follow, scales, 0, stream, network.order(asking.order))
    return Request(circuit, network.cue(index, noise), course)


def passages(
    circuit: MatrixNetwork, walk: ChainResult, visit: Visit, index: int, inquiry: Inquiry
) -> CellObservables:
    """Return what is observed on the two passages of one temperature."""
    asking, rungs = inquiry.asking, len(inquiry.question.rungs())
    rung = 0 if np.isinf(visit.beta) else round(1 / visit.beta / inquiry.question.step)
    norm, norms = float(circuit.stored.norms[index]), circuit.stored.norms[:, None]
    m, e = _passage(walk, rung, inquiry)
    back, cold = _passage(walk, 2 * rungs - 1 - rung, inquiry)
    first = (2 * rungs - 1 - rung) * asking.sweeps + asking.thermalise
    down = np.abs(walk.overlaps[:, first : first + asking.measure])
    order = np.argsort([index, *(k for k in range(circuit.network.count) if k != index)])
    nearest = float((down[order] / norms).max(axis=0).mean())
    replica = Replica(index, visit.beta, visit.noise)
    each = abs(circuit.energy(1.0) - circuit.energy(0.0))
    least = asking.threshold(visit.beta, visit.noise)
    bad = flags(m, e, replica, 0, asking) | flags(back, cold, replica, 0, asking)
    return {
        "overlap": m.mean / norm,
        "overlap_thermal_error": m.error / norm,
        "energy": circuit.energy(e.mean),
        "energy_thermal_error": e.error * each,
        "retrieved": float(m.mean / norm > least),
        "overlap_cooling": back.mean / norm,
        "energy_cooling": circuit.energy(cold.mean),
        "overlap_nearest_cooling": nearest,
        "retrieved_cooling": float(nearest > least),
        "flag": bad,
    }


def _passage(walk: ChainResult, place: int, inquiry: Inquiry) -> list[Estimate]:
    """Return the estimates of overlap and alignment on one rung of the ramp, up and down counted on."""
    first = place * inquiry.asking.sweeps + inquiry.asking.thermalise
    part = slice(first, first + inquiry.asking.measure)
    return estimates(np.stack([walk.overlaps[0, part], walk.aligned[part]]))


def check_ramp(axes: BinaryAxes, _acting: Dynamics, asked: Query) -> None:
    """Raise Misplaced unless every temperature is a rung of the ramp."""
    if abs(round(asked.top / asked.step) * asked.step - asked.top) > 1e-9:
        expected = f"a multiple of the step {asked.step:g}"
        raise Misplaced("question.top", f"{asked.top:g}", expected, "change one of the two")
    for index, heat in enumerate(axes.temperatures):
        rung = round(heat / asked.step)
        if abs(rung * asked.step - heat) > 1e-9 or rung * asked.step > asked.top + 1e-9:
            expected = f"0, {asked.step:g} … {asked.top:g}, the rungs of the ramp"
            where, advice = f"axes.temperature[{index}]", "use a multiple of question.step"
            raise Misplaced(where, f"{heat:g}", expected, advice)
