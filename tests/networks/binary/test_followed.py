"""The chain of one cell, step by step: the chain of the study, bit by bit, and what is said of its states."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from builders import columns_of, make_of_family, refused

from mattis.networks.binary.family import cued_chain, follow
from mattis.study import plan

NETWORKS = [
    {},
    {"model": "little"},
    {"model": "pseudo_inverse"},
    {"model": "sequence"},
    {"model": "zero_one"},
    {"model": "clipped", "update_order": "random"},
    {"patterns": {"ensemble": "biased", "activity": 0.3}},
    {"couplings_axis": ["hebb", "clipped"]},
    {"load": None, "memories": [3, 5], "age": [1, 3]},
    {"question": "survival"},
    {"noise_sharing": "common"},
]


def cells(study):
    """A block of one point for each cell of a study, and what the study observes there."""
    for block in plan.blocks(study):
        columns = columns_of(study, block)
        for k, point in enumerate(block.points):
            yield (replace(block, points=(point,)), {name: column[k] for name, column in columns.items()})


def taken(study, block):
    """The arguments of `follow` at a cell."""
    patterns, (visit,), inquiry = plan.task(study, block)
    return patterns, visit, inquiry, 0


@pytest.mark.parametrize("changes", NETWORKS, ids=str)
def test_it_is_the_chain_of_the_study(changes):
    """Overlaps are multiples of 1/norm: their mean over the measured sweeps is the cell's, and so for E."""
    study = make_of_family(**changes)
    for block, cell in cells(study):
        found = follow(*taken(study, block))
        series = {one.name: values[found.warm :] for one, values in found.values.items()}
        assert found.times.tolist() == list(range(1, 49))
        assert found.warm == 8
        for name in ("overlap", "energy"):
            np.testing.assert_allclose(series[name].mean(), cell[name], rtol=0, atol=1e-13)
        assert series["q"][0] == 1
        cold = block.points[0][study.points.index("beta")] == inf
        if cold and cell["sweeps_used"] <= 8 and study.model != "little":
            assert (series["q"] == 1).all()


@pytest.mark.parametrize("changes", [{}, {"model": "little"}, {"model": "pseudo_inverse"}], ids=str)
def test_it_says_of_every_state_what_its_definition_says(changes):
    """m = xi·S/N, E/N = -(1/2N) Σ J_ij S_i S_j, q = S(t_0)·S(t)/N, of the states of chains cut short."""
    study = make_of_family(**{"load": [0.1], "temperature": [0.3, 0.6], "noise": [0.1], **changes})
    for block, _ in cells(study):
        found = follow(*taken(study, block))
        chain = cued_chain(*taken(study, block))
        path = np.array([chain.state(sweep) for sweep in range(49)], int)
        nj = chain.circuit.made.nj.astype(float) / chain.circuit.unit
        size = path.shape[1]
        assert (path[0] != chain.pattern).sum() == 6  # a cue with a tenth of 60 bits flipped
        values = {one.name: series for one, series in found.values.items()}
        np.testing.assert_array_equal(values["overlap"], path[1:] @ chain.pattern / size)
        np.testing.assert_array_equal(values["q"], path[1:] @ path[9] / size)
        energy = -np.einsum("ti,ij,tj->t", path[1:], nj, path[1:]) / (2 * size**2)
        np.testing.assert_allclose(values["energy"], energy, rtol=1e-12, atol=0)


def test_cues_are_numbered_and_only_those_of_the_study_are_there():
    study = make_of_family(cues=3, noise=[0.2])
    block = replace(plan.blocks(study)[0], points=(plan.blocks(study)[0].points[0],))
    patterns, visit, inquiry, _ = taken(study, block)
    found = [cued_chain(patterns, visit, inquiry, cue) for cue in range(3)]
    xi = found[0].circuit.network.xi
    for cue, chain in enumerate(found):
        np.testing.assert_array_equal(chain.pattern, xi[cue])
    assert "got 3; expected 0 … 2" in refused(cued_chain, patterns, visit, inquiry, 3)
    assert "got -1" in refused(cued_chain, patterns, visit, inquiry, -1)


def test_a_question_without_chains_has_none_to_follow():
    study = make_of_family(question="familiarity")
    block = plan.blocks(study)[0]
    patterns, visits, inquiry = plan.task(study, block)
    assert "no chain is run" in refused(follow, patterns, visits[0], inquiry, 0)


def test_a_network_too_large_for_its_couplings_is_refused_before_they_are_made():
    study = make_of_family(size=[20000], load=[0.001], temperature=[0.3], noise=[0.1], seed=1)
    patterns, (visit,), inquiry = plan.task(study, plan.blocks(study)[0])
    assert "expected a size of at most 16384" in refused(follow, patterns, visit, inquiry, 0)
