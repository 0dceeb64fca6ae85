"""What a study takes on a device: by short chains on the one that is here, or by what is known on paper."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from mattis.engine.estimate.short_chains import sample, typical_cost
from mattis.engine.progress import spelled
from mattis.kernels.cuda import backends
from mattis.kernels.cuda.devices import FULL_DEVICE, Device, DeviceWork
from mattis.kernels.cuda.paper import A100
from mattis.study.base import Study
from mattis.study.plan import Block, points_of, task
from mattis.words import sized

ON_THE_CPU = "nothing: all that this study asks is computed by the CPU"
"""Why it takes a device no time."""

NO_RATE = (
    "nobody knows: chains follow from what others find, or some networks are too large for it; "
    "where a GPU is, short chains tell"
)
"""Why the time of a study is not known that would run on a device."""

ASSUMED = "as fast as instructions, counted in PTX, can start, or products and memory allow"
"""What all rates on paper rest on; see docs/gpu.md."""


@dataclass(frozen=True)
class DeviceCost:
    """What a whole study takes on a device; None where nobody knows.

    title         # what it is
    rates         # measured, by short chains on it; paper, by counted instructions; or unknown, for a reason
    memory_bytes  # of it at once at most
    kernels       # those of the sweeps
    assumed       # what time on paper rests on
    shapes        # of launches of continuous neurons: pattern sets × states of each
    elsewhere     # seconds by paper on another GPU, by its name
    """

    title: str
    rates: str
    seconds: float | None = None
    memory_bytes: int | None = None
    launches: int | None = None
    kernels: Sequence[str] = ()
    reason: str = ""
    assumed: Sequence[str] = ()
    shapes: Sequence[str] = ()
    elsewhere: Mapping[str, float] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """What it takes, and how that is known, in words."""
        if self.rates == "unknown":
            return f"on {self.title}: {self.reason}"
        parts = [f"about {_spelled(self.seconds or 0.0)}"]
        if self.launches is not None and self.memory_bytes is not None:
            kernels = " and ".join(self.kernels)
            parts.append(f"launches: {self.launches}, of {kernels} and beside it")
            parts.append(f"{sized(self.memory_bytes)} of its memory")
        if self.shapes:
            more = f" … {self.shapes[-1]}" if len(self.shapes) > 1 else ""
            parts.append(f"in launches of {self.shapes[0]}{more} pattern sets × states")
        source = "by short chains there"
        if self.rates == "paper":
            source = f"a rate on paper, never measured: {'; '.join(self.assumed)}"
        others = "".join(
            f"; about {_spelled(seconds)} on {title}" for title, seconds in self.elsewhere.items()
        )
        return f"on {self.title}: {', '.join(parts)} ({source}){others}"


def _spelled(seconds: float) -> str:
    """Return a duration, also a short one, as people say it."""
    return spelled(seconds) if seconds >= 1 else f"{float(f'{1000 * seconds:.2g}'):g} ms"


def device_cost(study: Study, backend: str, blocks: int) -> DeviceCost:
    """Return what all blocks of a study take on the device of a backend, or on paper where no GPU is here."""
    model = study.described_model
    batched = model.batched
    found = backends.device(backend) if (backend == "simulated" or not backends.why_not()) else None
    device = found or backends.on_paper()
    if batched is None:
        reason = f"{ON_THE_CPU}, for {model.on_cpu}" if model.on_cpu else ON_THE_CPU
        return DeviceCost(device.title, "unknown", reason=reason)
    works, cost = _works(study, device), DeviceCost(device.title, "unknown", reason=NO_RATE)
    if works:
        cost = DeviceCost(
            device.title,
            "paper",
            sum(work.seconds * many for work, many in works),
            max(work.memory for work, _ in works),
            round(sum(work.launches * many for work, many in works)),
            sorted({name for work, _ in works for name in work.kernels}),
            assumed=[ASSUMED, *sorted({one for work, _ in works for one in work.assumed})],
            shapes=list(dict.fromkeys(work.shape for work, _ in works if work.shape)),
        )
    if found is None:
        other = backends.on_paper(A100)
        seconds = sum(work.seconds * many for work, many in _works(study, other))
        return replace(cost, elsewhere={other.title: seconds} if works else {})
    seconds, _ = typical_cost(study, lambda tasks: batched(tasks, found), time.monotonic, _together(study))
    return replace(cost, rates="measured", seconds=seconds * blocks, reason="")


def _together(study: Study) -> int:
    """Return how many blocks of one network travel to a device together."""
    return min(len(study.axes.seed), -(-FULL_DEVICE // len(points_of(study))))


def _works(study: Study, device: Device) -> list[tuple[DeviceWork, float]]:
    """Return what batches of blocks take by paper, and how many there are; nothing if it does not know.

    Of more than 300 loads some stand for all.
    """
    launches, seeds = study.described_model.launches, len(study.axes.seed)
    if launches is None:
        return []
    loads = sample(study.labels[study.stored])
    share, full = len(study.labels[study.stored]) / len(loads), _together(study)
    sets = {full: seeds // full, **({seeds % full: 1} if seeds % full else {})}
    out = []
    for (i, size), (j, load) in product(enumerate(study.axes.size), enumerate(loads)):
        patterns = int(study.counts(loads, study.axes.size)[i, j])
        block = Block(size, load, patterns, study.axes.seed[0], points_of(study), stored=study.stored)
        for many, batches in sets.items():
            work = launches(task(study, block), many, device)
            if work is None:
                return []
            out.append((work, batches * share))
    return out
