"""Replicas together: a chain does not depend on its kernel, its lane or its neighbours; nor does a block
on how it is cut. The kernels themselves, against a plain reference, are in `test_kernels.py`.
"""

import json
import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from builders import ROOT, hopfields
from hypothesis import given, settings
from hypothesis import strategies as st
from references import same_columns
from scipy import stats

from mattis.kernels import cpu
from mattis.kernels.cpu.lanes import packed, transposed
from mattis.networks.binary import chains, costs, couplings, family, hopfield
from mattis.networks.binary.chains import KERNELS
from mattis.networks.binary.hopfield import Setting
from mattis.networks.binary.network import SHARINGS, UPDATE_ORDERS, Protocol, Replica, fits_16_bits
from mattis.study.model import PatternSet

COLD = math.inf
POINTS = [Setting(b, x) for b, x in product((COLD, 8.0, 2.0, 1.1, 0.01), (0.0, 0.2))]


def assert_same(one, other):
    for name in ("trace", "sums", "used", "spins"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


def joined(parts):
    return chains.Chains(
        *(np.concatenate([getattr(p, n) for p in parts], -1) for n in ("trace", "sums", "used", "spins"))
    )


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    size=st.integers(1, 140), count=st.integers(1, 40), wanted=st.integers(1, 70), seed=st.integers(0, 99),
    order=st.sampled_from(UPDATE_ORDERS), sharing=st.sampled_from(SHARINGS),
)  # fmt: skip
def test_a_chain_knows_neither_its_kernel_nor_its_neighbours(size, count, wanted, seed, order, sharing):
    """Any number of replicas in groups of 32, mixed temperatures and cues; T = 0 beside T > 0."""
    network = hopfield.build(PatternSet(3, size, count, seed))
    protocol = Protocol(2, 5, count, 0.5, order, sharing)
    mixed = [Replica((7 * k) % count, *POINTS[(3 * k) % len(POINTS)]) for k in range(wanted)]
    together = joined(
        [chains.lanes(network, mixed[first : first + 32], protocol) for first in range(0, wanted, 32)]
    )
    assert together.trace.shape[-1] == wanted
    for name in ("fields", "overlaps"):
        assert_same(together, KERNELS[name](network, mixed, protocol))
    alone = wanted // 2
    only = chains.lanes(network, [mixed[alone]], protocol)
    assert_same(only, together.of(slice(alone, alone + 1)))


@pytest.mark.parametrize("order", [*UPDATE_ORDERS, "synchronous"])
@pytest.mark.parametrize("sharing", SHARINGS)
def test_a_block_may_be_cut_anywhere(order, sharing):
    patterns, protocol = PatternSet(5, 100, 7, 1), Protocol(3, 9, 3, 0.5, order, sharing)
    whole = family.simulate(*hopfields(patterns, POINTS, protocol))
    for cut in (1, 4):
        parts = [family.simulate(*hopfields(patterns, p, protocol)) for p in (POINTS[:cut], POINTS[cut:])]
        for name, values in whole.items():
            np.testing.assert_array_equal(np.concatenate([p[name] for p in parts]), values, name)


def test_all_cells_are_the_same_without_vector_instructions(monkeypatch):
    for order in ("typewriter", "synchronous"):
        patterns, protocol = PatternSet(5, 90, 6, 1), Protocol(3, 9, 4, 0.5, order)
        found = family.simulate(*hopfields(patterns, POINTS, protocol))
        with monkeypatch.context() as patch:
            patch.setattr(cpu, "lane_kernels", lambda _="": cpu.portable)
            same_columns([family.simulate(*hopfields(patterns, POINTS, protocol))], [found])


@pytest.mark.parametrize("replicas", [1, 3, 8, 32])
def test_the_rule_picks_a_kernel_of_the_table(replicas):
    """Many replicas in lanes, few alone, cold ones with fields; without N² couplings if these are large."""
    for size, count, sweeps in product((50, 1000, 3000, 20_000), (2, 100, 2000), (3, 300, 10**6)):
        chosen = costs.cheapest(size, count, [0.3] * replicas, sweeps)
        assert chosen in KERNELS
        assert chosen != "fields" or size <= costs.LARGEST_MATRIX
    assert costs.cheapest(2000, 200, [1.0] * 32, 300) == "lanes"
    assert costs.cheapest(1000, 100, [0.1], 10**4) == "fields"
    assert costs.cheapest(1000, 100, [1.0] * 3, 10**4) == "overlaps"
    assert costs.cheapest(20_000, 20, [1.0], 300) == "overlaps"


def test_cold_replicas_keep_fields_where_warm_ones_are_faster_in_lanes():
    """Nothing that flips is what cached fields cost; the mixture is the sum, and no temperature is beyond."""
    for temperatures, kernel in (
        ([0.0] * 32, "fields"),
        ([5.0] * 32, "lanes"),
        ([0.1] * 20, "fields"),
        ([0.1] * 10 + [9.0], "overlaps"),
    ):
        assert costs.cheapest(2000, 100, temperatures, 300) == kernel
    cost = costs.nearest(2000, 100)
    for each in (cost.fields, cost.overlaps):
        assert costs.at(each, 0.0) == costs.at(each, 0.05) == each[0]
        assert costs.at(each, 1.0) == costs.at(each, math.inf) == each[3]
        assert costs.at(each, 0.2) == each[1]
        assert costs.at(each, 0.35) == pytest.approx((each[1] + each[2]) / 2)


def test_in_a_random_order_overlaps_win_later():
    """There they are summed site by site, 2 to 10 times as slowly as 64 sites at once."""
    warm, size = [0.5] * 12, 2000
    assert costs.cheapest(size, 100, warm, 300) == "overlaps"
    assert costs.cheapest(size, 100, warm, 300, in_turn=True) == "lanes"
    network = hopfield.build(PatternSet(1, 1000, 20, 0))
    protocol = Protocol(100, 200, 1, 0.5)
    for beta, kernel in ((COLD, chains.fields), (0.0, chains.lanes)):
        assert chains.kernel_for(network, [Replica(0, beta, 0.0)] * 32, protocol) is kernel


def test_long_chains_take_no_lanes():
    """The traces of 32 chains of 10^6 sweeps would take 1.5 GB; a chain at a time takes 64 MB."""
    network = hopfield.build(PatternSet(1, 10, 1, 0))
    long = Protocol(0, chains.LONGEST_IN_LANES + 1, 1, 0.5)
    assert chains.kernel_for(network, [Replica(0, COLD, 0.0)] * 32, long) != chains.lanes
    groups = [f.trace.shape for f in chains.run(network, [Replica(0, COLD, 0.0)] * 2, long)]
    assert groups == [(3, long.sweeps, 1)] * 2
    assert chains.trace_memory(long.sweeps, False) < chains.trace_memory(long.sweeps - 1, False)
    at_once = replace(long, order="synchronous")
    assert [len(group) for group in chains.groups_of([Replica(0, COLD, 0.0)] * 33, at_once)] == [32, 1]
    assert chains.trace_memory(long.sweeps, True) > 20 * chains.trace_memory(long.sweeps, False)


@pytest.mark.parametrize("size", [1, 2, 63, 64, 65, 200])
def test_the_bound_is_the_largest_row_sum(size):
    """max_i sum_j |N J_ij|, by popcounts; whoever passes the limit is refused 16 bits."""
    network = hopfield.build(PatternSet(2, size, 70, 0))
    exact = couplings.row_bound(network.couplings)
    sites = transposed(packed(network.xi), size)
    for make in (cpu.asynchronous, cpu.portable):
        assert make.largest_row(sites, 70, 2**62) == exact
    below = cpu.asynchronous.largest_row(sites, 70, exact - 1)
    assert exact - 1 < below <= exact or size == 1


def test_fields_that_pass_16_bits_are_kept_in_32():
    """Identical patterns have the largest fields, P (N-1): up to 65533 halves fit 16 bits."""
    for size, count, fits in ((65533, 1, True), (65534, 1, False), (260, 253, True), (260, 254, False)):
        sites = np.full((size, -(-count // 64)), 2**64 - 1, np.uint64)
        sites[:, -1] = 2 ** (count % 64 or 64) - 1
        assert fits_16_bits(sites, count) == fits, (size, count)


def test_common_noise_is_shared_along_the_temperature_only():
    """The first spin of P = 1 from S = ξ is kept iff ln(u/(1-u)) ≥ -2βh: common u make it monotone in β."""
    betas = [0.1, 0.3, 0.6, 1.0, 2.0]
    kept = {}
    for sharing, cue in product(SHARINGS, (0, 1)):
        kept[sharing, cue] = np.array(
            [
                [
                    chains.lanes(network, [Replica(cue, b, 0.0)], Protocol(0, 1, 2, 0.5, sharing=sharing))
                    .spins[0, 0] == network.xi[cue, 0]
                    for b in betas
                ]
                for network in (hopfield.build(PatternSet(1, 40, 2, k)) for k in range(60))
            ]
        )  # fmt: skip
    assert (np.diff(kept["common", 0].astype(int), axis=1) >= 0).all()
    assert not (np.diff(kept["independent", 0].astype(int), axis=1) >= 0).all()
    assert (kept["common", 0] != kept["common", 1]).any()


def mean_overlaps(order, sharing, seeds=120):
    """The mean of m over a chain of N = 60, P = 3 at two temperatures, for each pattern set."""
    protocol = Protocol(20, 200, 1, 0.5, order, sharing)
    points = [Setting(1 / 0.6, 0.0), Setting(1 / 1.5, 0.0)]
    cells = [family.simulate(*hopfields(PatternSet(11, 60, 3, k), points, protocol)) for k in range(seeds)]
    return np.array([[*cell["overlap_squared"], *cell["energy"]] for cell in cells])


def test_equilibria_do_not_depend_on_the_order_of_sites_nor_on_shared_noise():
    """Paired over 120 pattern sets: <m²> and energy at T = 0.6 and 1.5. Ten looks at a t-test in all,
    each at 1e-7: a false alarm in 1e-6. Synchronous updates have another equilibrium, and are condemned.
    """
    usual = mean_overlaps("typewriter", "independent")
    for order, sharing in (("random", "independent"), ("typewriter", "common")):
        p = stats.ttest_rel(usual, mean_overlaps(order, sharing)).pvalue
        assert (p > 1e-7).all(), (order, sharing, p)
    assert stats.ttest_rel(usual, mean_overlaps("synchronous", "independent")).pvalue.min() < 1e-7


def test_a_group_of_cold_replicas_stops_as_if_it_had_gone_on():
    """All lanes at T = 0 end at a fixed point; beside one hot lane they go on, to the same records."""
    network = hopfield.build(PatternSet(4, 130, 12, 0))
    protocol = Protocol(3, 22, 12, 0.5)
    cold = [Replica(k, COLD, 0.3) for k in range(12)]
    alone = chains.lanes(network, cold, protocol)
    beside = chains.lanes(network, [*cold, Replica(0, 1.0, 0.0)], protocol)
    assert (alone.used < 25).all()
    assert_same(alone, beside.of(slice(0, 12)))


@pytest.mark.parametrize(
    ("temperatures", "cues", "sizes"),
    [(32, 3, [32] * 3), (24, 4, [24] * 4), (33, 3, [32, 1] * 3), (9, 8, [32, 32, 8]), (40, 1, [32, 8])],
)
def test_replicas_that_share_noise_are_grouped_where_that_is_faster(temperatures, cues, sizes):
    protocol = Protocol(0, 2, cues, 0.5, sharing="common")
    every = [Replica(cue, 1.0 + k, 0.0) for cue in range(cues) for k in range(temperatures)]
    assert [len(group) for group in chains.groups_of(every, protocol)] == sizes
    usual = [len(group) for group in chains.groups_of(every, Protocol(0, 2, cues, 0.5))]
    assert usual == [32] * (len(every) // 32) + [len(every) % 32] * (len(every) % 32 > 0)


def test_the_edwards_anderson_sum_of_a_very_long_chain_does_not_wrap():
    sums = np.full((2, 1000, 2), 10**8, np.int32)
    sums[1, :, 1] = -(10**8)
    assert hopfield.edwards_anderson(sums) == [10**19, -(10**19)]


def test_the_table_of_the_rule_is_what_the_benchmark_measured():
    """To three digits, as `benchmarks/dispatch.py` writes both; inf for what was too large to measure."""
    rows = json.loads((ROOT / "benchmarks" / "dispatch.json").read_text())["rows"]
    names = ("overlaps", "turn", "overlap_setup", "fields", "field_setup", "lanes", "lanes_setup")
    for row, cost in zip(rows, costs.COSTS, strict=True):
        assert cost[:2] == (row["size"], row["patterns"])
        row.setdefault("fields", [math.inf] * 4)
        for name, value in zip(names, cost[2:], strict=True):
            assert value == pytest.approx(row.get(name, math.inf), rel=6e-3, abs=6e-3)
