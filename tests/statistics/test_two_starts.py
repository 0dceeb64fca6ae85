"""Where two starts of a cell begin to differ: by hand, on cubes of a few cells."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from mattis.networks.binary.study import BinaryStudy
from mattis.statistics.boundaries import boundaries
from mattis.statistics.thermodynamic_limit import thermodynamic_limits
from mattis.statistics.two_starts import OVERLAPS_APART, R_HAT_MOST, starts_meet

HEAT = [0.0, 0.2, 0.4, 0.6, 0.8]
SEEDS = 4


def study(**keys: Any) -> BinaryStudy:
    axes = {"size": [200], "load": [0.05], "temperature": HEAT, "noise": [0.0], "seed": SEEDS}
    sweeps = {"thermalise": 10, "measure": 50}
    return BinaryStudy(**{"name": "two", "axes": axes, "sweeps": sweeps, "starts": 2, **keys})


def cells(**observables: Any) -> xr.Dataset:
    """Cells over (temperature, seed): an observable is a number, or broadcasts to that."""
    dims, shape = ("size", "load", "beta", "noise", "seed"), (1, 1, len(HEAT), 1, SEEDS)
    usual = {"overlap": 1.0, "overlap_random": 0.0, "energy": -0.5, "energy_random": -0.4}
    values = {**usual, "energy_r_hat": 1.0, "retrieved": 1.0, "retrieved_early": 1.0, **observables}
    found = {
        name: (dims, np.broadcast_to(np.asarray(of, float), shape[2:3] + shape[4:]).reshape(shape).copy())
        for name, of in values.items()
    }
    with np.errstate(divide="ignore"):
        where = {"beta": 1 / np.array(HEAT), "temperature": ("beta", HEAT), "realised_load": ("load", [0.05])}
    ds = xr.Dataset(found, coords=where)
    return ds.assign(valid=ds["overlap"].notnull())


def places(of: xr.Dataset) -> tuple[float, float]:
    found = boundaries(of, study())
    return tuple(float(found[f"boundary_starts_{name}"].squeeze()) for name in ("overlap", "energy"))


def column(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


def test_each_is_where_half_of_the_networks_cease_to_differ() -> None:
    """Overlaps part up to T = 0.4, energies up to 0.6: crossings in the middle of the next step."""
    overlap = column(1, 1, 1, 0.3, 0.2)
    r_hat = column(np.nan, 1.5, 1.5, 1.5, 1.0)
    assert places(cells(overlap=overlap, energy_r_hat=r_hat)) == pytest.approx((0.5, 0.7))


def test_a_start_that_finds_the_pattern_as_well_is_not_apart() -> None:
    """In three of four networks the random state comes to the pattern at T = 0.4."""
    random = np.zeros((len(HEAT), SEEDS))
    random[2, :3], random[3:] = 0.9, 1.0
    place, _ = places(cells(overlap_random=random))
    assert 0.2 < place < 0.4
    random[2, :3] = 1 - OVERLAPS_APART - 0.01
    assert 0.4 < places(cells(overlap_random=random))[0] < 0.6


def test_at_rest_energies_are_the_same_or_not() -> None:
    """No R-hat at T = 0: chains that rest in one state agree, those in two do not."""
    r_hat = column(np.nan, *[R_HAT_MOST] * 4)
    apart = cells(energy_r_hat=r_hat)
    assert places(apart)[1] == pytest.approx(0.1)
    together = cells(energy_r_hat=r_hat, energy_random=-0.5)
    found = boundaries(together, study())
    assert float(found["boundary_starts_energy_at_most"].squeeze()) == 0.0


def test_it_says_its_criterion_its_age_and_what_it_converges_to() -> None:
    found = boundaries(cells(overlap=column(1, 1, 0, 0, 0)), study())
    overlap, energy = (found[f"boundary_starts_{name}"].attrs for name in ("overlap", "energy"))
    assert "sweeps 11 to 60" in overlap["criterion"]
    assert "0.5 above that from a random state" in overlap["criterion"]
    assert "1.05" in energy["criterion"]
    assert (overlap["age"], overlap["age_units"], overlap["units"]) == (60, "sweep", "J")
    assert "state of the pattern ends" in overlap["converges_to"]
    assert "no end of a state" in energy["converges_to"]


def test_of_two_sizes_it_lies_on_the_line_of_ends_by_a_jump() -> None:
    """0.3 and 0.5 at N = 200 and 1600, N^(-2/3) in the ratio 4: at N -> infinity 0.5 + 0.2/3."""
    small, large = cells(overlap=column(1, 1, 0, 0, 0)), cells(overlap=column(1, 1, 1, 0, 0))
    both = xr.concat([small, large], "size", data_vars="minimal").assign_coords(size=[200, 1600])
    twice = study()
    twice = twice.model_copy(update={"axes": twice.axes.model_copy(update={"size": (200, 1600)})})
    found = thermodynamic_limits(boundaries(both, twice).assign_coords(size=both["size"]), both, twice)
    place = found["boundary_starts_overlap_extrapolated"]
    assert float(place.squeeze()) == pytest.approx(0.5 + 0.2 / 3)
    assert "N^(-2/3)" in place.attrs["criterion"]
    assert "boundary_starts_energy_extrapolated" not in found


def test_of_one_start_and_of_a_store_without_the_second_nothing_is_said() -> None:
    one = cells().drop_vars(["overlap_random", "energy_random"])  # exchange has an R-hat, too
    assert not [name for name in boundaries(one, study(starts=1)) if "starts" in str(name)]
    nothing = np.nan
    blank = cells(overlap_random=nothing, energy_random=nothing, energy_r_hat=nothing)
    found = boundaries(blank, study())
    assert not any(bool(found[name].notnull().any()) for name in found if "starts" in str(name))


ALIKE = {"overlap": 0.0, "overlap_random": 0.0, "edwards_anderson": 0.0, "energy": 0.0, "energy_random": 0.0}


def met(seeds: int, **changes: np.ndarray | float) -> bool:
    """Whether two starts of one cell were shown to meet: all alike, but for what is changed."""
    scatter = np.where(np.arange(seeds) % 2, 0.06, -0.06)  # of q_ab: mean 0, error 0.06/sqrt(n - 1)
    values = {**ALIKE, "overlap_starts": scatter, "energy_r_hat": 1.0, **changes}
    ds = xr.Dataset({k: ("seed", np.broadcast_to(np.asarray(v, float), seeds)) for k, v in values.items()})
    ds = ds.assign(valid=ds["overlap"].notnull())
    return bool(starts_meet(ds, ds["valid"].sum("seed")))


def test_more_sets_show_more() -> None:
    """A scatter of 0.06: intervals of 0.11, 0.054 and 0.033 with 4, 8 and 16 sets (Student's)."""
    assert [met(seeds) for seeds in (4, 8, 16)] == [False, True, True]


@pytest.mark.parametrize("seeds", [8, 64])
@pytest.mark.parametrize(
    "changes",
    [
        {"edwards_anderson": 0.12}, {"edwards_anderson": -0.12}, {"overlap": 0.12}, {"overlap_random": 0.12},
        {"energy": 0.012}, {"energy_random": 0.012}, {"energy_r_hat": 1.06}, {"energy_r_hat": np.nan},
    ],
)  # fmt: skip
def test_what_is_apart_is_so_however_few_or_many_sets(seeds: int, changes: dict[str, float]) -> None:
    assert not met(seeds, **changes)


def test_the_usual_network_counts_not_the_worst_chain() -> None:
    """R-hat of a third of the sets is large: the median is not."""
    assert met(12, energy_r_hat=np.where(np.arange(12) < 4, 2.0, 1.0))
    assert not met(12, energy_r_hat=np.where(np.arange(12) < 8, 2.0, 1.0))


def test_a_cell_of_one_set_shows_nothing() -> None:
    assert not met(1, overlap_starts=0.0)
