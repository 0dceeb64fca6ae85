"""Every kernel gives the numbers of the CPU's own, whichever thread goes first; every barrier counts."""

import re

import pytest

from gpu.stages import hosted
from mattis.kernels.cuda.devices import TEXTS, text
from mattis.kernels.host.library import HostError
from mattis.kernels.host.module import SCHEDULES, ThreadSchedule
from mattis.selftest.cases import CASES, MEASURED_CASES

pytestmark = pytest.mark.gpu_host

BARRIER = "__syncthreads();"


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: f"{s.order}-{s.seed}")
@pytest.mark.parametrize("name", MEASURED_CASES)
def test_numbers_do_not_depend_on_the_schedule(name: str, schedule: ThreadSchedule) -> None:
    assert not CASES[name].faults(hosted(schedule))


@pytest.mark.parametrize("name", sorted(CASES.keys() - set(MEASURED_CASES)))
def test_more_shared_memory_than_is_given_unasked(name: str) -> None:
    """The host refuses it as a GPU does, unless it was asked for."""
    assert not CASES[name].faults(hosted(SCHEDULES[0]))


def test_every_module_has_a_case() -> None:
    assert {module for case in CASES.values() for module in case.modules} == TEXTS.keys()


def without(text: str, barrier: int) -> str:
    """Return a text without one of its barriers."""
    places = [match.start() for match in re.finditer(re.escape(BARRIER), text)]
    return text[: places[barrier]] + text[places[barrier] + len(BARRIER) :]


def barriers() -> list[tuple[str, int]]:
    """Return each barrier of each module but two, whose own tests do this in processes that may crash."""
    modules = [name for name in TEXTS if name not in ("drift", "matrix")]
    return [(m, k) for m in modules for k in range(text(*TEXTS[m]).count(BARRIER))]


@pytest.mark.parametrize(("module", "barrier"), barriers())
def test_a_missing_barrier_is_noticed(module: str, barrier: int) -> None:
    """Some schedule of some case gives other numbers without it, or cannot go on."""

    def changed(code: str) -> str:
        return without(code, barrier) if code == text(*TEXTS[module]) else code

    cases = [CASES[name] for name in MEASURED_CASES if module in CASES[name].modules]
    for schedule in SCHEDULES:
        device = hosted(schedule, changed)
        for case in cases:
            try:
                if case.faults(device):
                    return
            except HostError:
                return
    pytest.fail(f"nobody notices that barrier {barrier} of {module} is missing")
