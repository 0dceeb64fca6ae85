"""Where theory knows the end, the limit N → ∞ of simulations covers it: T_M, and kappa_s of consolidation.

Three cases; a right total error misses by more than 4.9 of it with probability 1e-6, and total errors are
below 2 % of the end.
"""

from pathlib import Path

import pytest
from builders import HERE

import mattis
from mattis.theory import evaluate

SET_BY = {
    "T_M": {
        "name": "end-of-retrieval", "model": "hopfield",
        "axes": {"size": [500, 1000, 2000, 4000], "load": [0.05], "noise": [0.0], "seed": 16,
                 "temperature": {"from": 0.42, "to": 0.62, "count": 21}},
        "sweeps": {"thermalise": 100, "measure": 200},
    },
    **{
        f"kappa_s-{memories}": {
            "name": f"kappa-{memories}", "model": "consolidation",
            "axes": {"size": [64, 256, 1024], "memories": [memories], "noise": [0.4], "tau": [200.0],
                     "kappa": {"from": low, "to": low + 0.5, "count": 11}, "presentations": [20000.0],
                     "seed": 8},
            "ensemble": "orthogonal", "clamping": "random",
        }
        for memories, low in ((4, 3.0), (8, 4.0))
    },
}  # fmt: skip
"""The studies of the cases."""


@pytest.mark.long
@pytest.mark.parametrize("case", SET_BY)
def test_a_limit_covers_the_end_that_theory_knows(case: str, tmp_path: Path) -> None:
    quantity, _, memories = case.partition("-")
    known = (
        evaluate("consolidation.kappa_s", memories=int(memories))
        if memories
        else evaluate("hopfield.T_M", load=0.05)
    )
    asked = mattis.load_study(SET_BY[case])
    mattis.run(asked, tmp_path, HERE)
    found = mattis.aggregate(mattis.open_results(asked, tmp_path), asked)
    name = "boundary_kappa" if memories else "boundary_temperature"
    value, error, systematic = (
        found[f"{name}_extrapolated{end}"].item() for end in ("", "_error", "_systematic")
    )
    total = (error**2 + systematic**2) ** 0.5
    assert abs(value - known) < 4.9 * total, quantity
    assert total < 0.02 * known
