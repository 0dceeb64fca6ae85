"""Instructions that are counted, and the rates on paper that are made of them."""

import pytest

from gpu.instructions import PROCESSORS, Run, cycles, fitted, of_unit, paper_time, spins
from mattis.kernels.cuda.paper import PAPER_TIMES

pytestmark = pytest.mark.gpu_host


def test_instructions_are_counted() -> None:
    """Without tensor cores, a warp takes P / 64 products of bytes for each field of a replica."""
    found = spins("glauber_lanes", "75", 64, 128, 1, 20.0).found
    assert found["dp4a"] == 64 * 128 / 64
    taken = cycles(found, PROCESSORS[0])
    assert taken["dot"] >= 32 * found["dp4a"] / 64
    assert taken["all"] >= taken["dot"] / 2


def test_what_runs_cost_is_found_again() -> None:
    """Instructions that are what `Run.terms` says, each with a number of its own."""
    made = [
        Run({"add": 3 * u + 5 * e + 7 * s + n * (0.5 * u + 2 * e + 4 * s)}, n, u, e, s, 0)
        for n in (64, 128) for s in (1, 2) for size in (32, 64) for u in (s * size,) for e in (0, u / 4)
    ]  # fmt: skip
    assert of_unit(fitted(made), 1000, 0.5)["add"] == pytest.approx(3 + 2.5 + 1000 * 1.5, rel=1e-9)
    assert of_unit(fitted(made), 1000, 0, 100)["add"] == pytest.approx(503 + 4007 / 100, rel=1e-9)


COUNTED = {
    "circuit_in_turn": "circuit_in_turn_16",
    "circuit_at_once": "circuit_at_once_16",
    **{
        name: name
        for name in PAPER_TIMES
        if name.startswith(("align", "present", "euler", "gram", "softmax"))
    },
}


@pytest.mark.parametrize("name", COUNTED)
def test_rates_on_paper_are_what_is_counted(name: str) -> None:
    """Within 2 %, and a hundredth of a cycle: compilers differ, and the table is rounded."""
    assert PAPER_TIMES[name].busy == pytest.approx(paper_time(COUNTED[name]), rel=0.02, abs=0.01)
