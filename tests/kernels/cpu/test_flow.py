"""Euler steps side by side in lanes: two forms of one motion; replicas do not know their neighbours."""

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import normal
from threadpoolctl import ThreadpoolController

from mattis.kernels.cpu import euler
from mattis.networks.neurons.generating_functions import FunctionNumbers, Population
from mattis.networks.neurons.network import ONE, NeuronNetwork, closes, lanes, settle, target
from mattis.networks.neurons.recipe import NeuronPoint, Parts, Recipe
from mattis.networks.neurons.relaxation import recall
from mattis.study.model import PatternSet

KINDS = (np.float64, np.float32)
BLAS = ThreadpoolController().select(user_api="blas")

exactly = settings(max_examples=40, deadline=None, derandomize=True)
seldom = settings(max_examples=12, deadline=None, derandomize=True)


# Two forms of one motion

FUNCTIONS = [
    Population("log_sum_exp", FunctionNumbers(1.3)),
    Population("polynomial", FunctionNumbers(0.4, 4)),
]
FUNCTIONS += [Population("ln_cosh", FunctionNumbers(1.7)), Population("quadratic")]


@st.composite
def motions(draw):
    """Memories, hidden neurons, starts, a field or none, and a step: contractions."""
    size = draw(st.integers(1, 40))
    count, replicas = draw(st.integers(1, size)), draw(st.integers(1, 9))
    seed, f = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from(FUNCTIONS)).activation
    xi = 0.35 * normal(seed, count, size) / np.sqrt(size)
    bias = 0.3 * normal(seed + 1, count, 1) * draw(st.booleans())
    field = 0.5 * normal(seed + 2, size, replicas) if draw(st.booleans()) else None
    rate, start = draw(st.sampled_from([0.3, 1.0, 1.7])), normal(seed + 3, size, replicas)
    return xi, lambda x: f(x + bias.astype(x.dtype)), start, field, rate


def both_forms(drawn, kind, tolerance: float, most: int):
    """The motion by products with memories and of memories, and |B - v|/sqrt(n) where the latter ends."""
    xi, hidden, start, field, rate = drawn
    xi, start = xi.astype(kind), start.astype(kind)
    field = None if field is None else field.astype(kind)

    def pull(v):
        return xi.T @ hidden(xi @ v) + (0 if field is None else field)

    full = euler.relax(pull, start, rate, tolerance, most)
    gram = euler.relax_gram(xi, xi @ xi.T, hidden, start, field, rate, tolerance, most)
    return full, gram, np.sqrt(np.mean((pull(gram.state) - gram.state) ** 2, axis=0))


@exactly
@given(motions())
def test_products_of_memories_are_enough(drawn):
    exact = both_forms(drawn, np.float64, 1e-11, 400)[0].state
    for kind, tolerance, digits in ((np.float64, 1e-11, 1e-10), (np.float32, 1e-5, 1e-4)):
        full, gram, left = both_forms(drawn, kind, tolerance, 400)
        assert gram.state.dtype == gram.residual.dtype == full.state.dtype == kind
        assert gram.state == pytest.approx(exact, rel=digits, abs=digits)
        assert full.state == pytest.approx(exact, rel=digits, abs=digits)
        assert np.abs(full.steps - gram.steps).max() <= 1
        assert max(*full.residual, *gram.residual) <= kind(tolerance)
        assert left == pytest.approx(gram.residual, rel=0.1, abs=tolerance / 10)


@exactly
@given(motions(), st.integers(0, 6))
def test_residuals_are_the_lengths_of_what_is_left(drawn, most):
    """Also on the way, where the state still holds a share of its start."""
    full, gram, left = both_forms(drawn, np.float64, 0.0, most)
    assert gram.state == pytest.approx(full.state, rel=1e-12, abs=1e-12)
    assert full.residual == pytest.approx(left, rel=1e-9, abs=1e-14)
    assert gram.residual == pytest.approx(left, rel=1e-7, abs=1e-10)
    assert (gram.steps <= most).all()


# Replicas that do not know their neighbours

SIZE, REPLICAS, POISONED = 40, 12, 2
"""Sites; replicas whose states are numbers; those whose states are none, or too large."""

PARTS = {  # N_h, visible, hidden, J, scale
    "attention": (12, "quadratic", "log_sum_exp", "memories", 1.0),
    "many memories": (90, "quadratic", "log_sum_exp", "memories", 1.0),
    "dense": (12, "ln_cosh", "rectified_polynomial", "memories", 0.3),
    "tanh": (12, "memories", "ln_cosh", ONE, 0.16),
    "graded": (12, "ln_cosh", "quadratic", "memories", 0.16),
}


def of_replicas(name: str, kind, which) -> tuple[NeuronNetwork, np.ndarray]:
    """The network and starts of these replicas, each with a gain and a field of its own."""
    count, visible, hidden, coupling, scale = PARTS[name]
    xi = (scale * normal(1, count, SIZE)).astype(kind)
    gains = np.linspace(0.1, 1.2, REPLICAS + POISONED).astype(kind)[which]
    field = (0.2 * normal(2, SIZE, REPLICAS + POISONED)).astype(kind)[:, which]
    form = FunctionNumbers(gains, 3, xi)
    made = Population(visible, form), Population(hidden, form)
    start = normal(3, SIZE, REPLICAS + POISONED).astype(kind)
    start[0, REPLICAS:] = np.nan, np.finfo(kind).max / 2
    net = NeuronNetwork(xi, *made, coupling, field=field, removed=0.3 * (name == "dense"))
    return net, np.ascontiguousarray(start[:, which])


def settled(name: str, kind, which) -> euler.Relaxed:
    with np.errstate(all="ignore"):
        return settle(*of_replicas(name, kind, which), 1.6, 1e-3, 60)  # dt > tau: signs alternate


def width(name: str, kind) -> int:
    return lanes(of_replicas(name, kind, np.arange(REPLICAS))[0])


def rows(done: euler.Relaxed) -> np.ndarray:
    """All that is known of each replica, (R, n + 2)."""
    return np.vstack([done.state, done.steps, done.residual]).T


def alone(name: str, kind, wide: int) -> np.ndarray:
    """Each replica among copies of itself: what it does for itself."""
    return np.array([rows(settled(name, kind, np.full(wide, k)))[0] for k in range(REPLICAS)])


def differ(name: str, kind, own: np.ndarray, which) -> bool:
    """Whether a replica that is a number does something else in company, by a single bit."""
    which = np.asarray(which)
    mine = which < REPLICAS
    return not np.array_equal(rows(settled(name, kind, which))[mine], own[which[mine]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PARTS)
def test_replicas_do_not_know_their_neighbours(name, kind):
    """Any lane, any neighbours, some of them not numbers: the same bits."""
    wide = width(name, kind)
    own = alone(name, kind, wide)
    assert len(set(own[:, SIZE])) > 1

    @seldom
    @given(st.lists(st.integers(0, REPLICAS + POISONED - 1), min_size=wide, max_size=wide))
    def in_company(which):
        assert not differ(name, kind, own, which)

    in_company()


@pytest.mark.parametrize("name", PARTS)
def test_replicas_stop_at_their_own_step(name):
    """The state at rest is that after as many steps as were counted, whatever the others still do."""
    done = settled(name, np.float64, np.arange(REPLICAS))
    assert ((done.residual <= 1e-3) | (done.steps == 60)).all()
    net, start = of_replicas(name, np.float64, np.arange(REPLICAS))
    for r, steps in enumerate(done.steps.tolist()):
        then, before = (settle(net, start, 1.6, 0.0, max(k, 0)) for k in (steps, steps - 1))
        assert np.array_equal(then.state[:, r], done.state[:, r])
        assert before.residual[r] > 1e-3 or steps in (0, 60)


def test_what_is_no_number_or_overflows_does_not_come_to_rest():
    net = NeuronNetwork(np.eye(3), Population("quadratic"), Population("polynomial", FunctionNumbers(1.0, 4)))
    start = np.array([[0.1, 3.0, np.nan, np.inf], [0.2, -3.0, 0.0, 0.0], [0.0, 3.0, 0.0, 0.0]])
    for way in (net, replace(net, removed=1e-300)):
        assert closes(way) == (way is net)
        with np.errstate(all="ignore"):
            done = settle(way, start, 1.0, 1e-9, 50)
        assert (done.residual <= 1e-9).tolist() == [True, False, False, False]
        assert np.abs(done.state[:, 0]).max() < 1e-9
        assert done.steps[1:].tolist() == [50, 50, 50]


# Blocks that are split

BASE = Recipe(Parts(), ensemble="sphere", cues=13, steps=30, tolerance=1e-4)
GRADED = Parts("ln_cosh", "quadratic", gain="visible", scale="sites", activity="activation")
SPLITS = {
    "products of memories": (14, BASE),
    "more memories than sites": (60, BASE),
    "single precision": (14, replace(BASE, precision="single")),
    "single precision, more memories": (60, replace(BASE, precision="single")),
    "fields along patterns": (14, replace(BASE, parts=GRADED, field=0.1, dt=0.5)),
}
PLACES = [
    NeuronPoint(0.1, 0.1),
    NeuronPoint(0.4, 0.0),
    NeuronPoint(0.7, 0.3),
    NeuronPoint(1.1, 0.2),
    NeuronPoint(1.5, 0.4),
]


def recalled(name: str, places) -> list[dict[str, float]]:
    count, recipe = SPLITS[name]
    return recall(PatternSet(1, 48, count, 1), places, recipe)


@pytest.mark.parametrize("name", SPLITS)
def test_a_place_does_not_know_the_other_places(name):
    """65 replicas, which leave a single one for the last batch, against those of each share of the places."""
    together = recalled(name, PLACES)
    for cut in range(1, len(PLACES)):
        assert recalled(name, PLACES[:cut]) + recalled(name, PLACES[cut:]) == together
    assert recalled(name, PLACES[::-1]) == together[::-1]


class Wavering(np.ndarray):
    """A matrix whose products depend on the lane, by their last bits, where there are more than eight."""

    def __matmul__(self, columns: np.ndarray) -> np.ndarray:
        wide = columns.shape[1]
        return (np.asarray(self) @ columns) * (1 + (wide > 8) * 1e-15 * np.arange(wide))


def test_a_batch_has_as_many_lanes_as_are_treated_alike():
    matrix, wavering = normal(4, 3, 4), normal(5, 4, 3).view(Wavering)
    assert euler.lanes_of([matrix]) >= 8
    assert euler.lanes_of([matrix, wavering]) == euler.lanes_of([wavering, matrix]) == 8


@exactly
@given(st.integers(0, 200), st.sampled_from(euler.WIDTHS))
def test_batches_have_each_replica_once(replicas, lanes):
    seen = []
    for own, filled in euler.batches(replicas, lanes):
        seen += range(own.start, own.stop)
        fill = [own.start] * (lanes - own.stop + own.start)
        assert filled.tolist() == [*range(own.start, own.stop), *fill]
    assert seen == list(range(replicas))


# The threads of BLAS


def threads() -> int:
    return max(pool["num_threads"] for pool in BLAS.info())


def forget() -> None:
    """Let any thread set the number: by threadpoolctl 3.8, only the first that did so may."""
    for library in BLAS.lib_controllers:
        getattr(library, "clear_controlling_thread", lambda **_: None)(force=True)


@pytest.fixture
def two_threads():
    """As on a machine of two cores, set by the main thread."""
    forget()
    with BLAS.limit(limits=2):
        assert threads() == 2
        yield
    forget()


@pytest.mark.usefixtures("two_threads")
def test_threads_do_not_restore_the_number_for_each_other():
    """Both enter, one leaves, the other leaves, and both live on."""
    entered, left = Barrier(2), Barrier(2)

    def work(first: bool) -> int:
        with euler.one_thread():
            entered.wait()
            _ = first or left.wait()
            seen = threads()
        _ = first and left.wait()
        return seen

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, (True, False))) == [1, 1]
        assert threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_any_thread_can_have_one_thread():
    """One after the other, while all of them live; nested, and where something fails."""

    def inside() -> int:
        with euler.one_thread():
            with pytest.raises(ZeroDivisionError), euler.one_thread():
                _ = 1 / 0
            return threads()

    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        assert [inside(), threads()] == [1, 2]
        for pool in (one, other, one):
            assert [pool.submit(inside).result(), threads()] == [1, 2]


# Other machines


def digest() -> str:
    """The bits of states of networks so large that two threads of BLAS sum in another order than one."""
    bits = hashlib.blake2b()
    for kind in KINDS:
        xi, start = normal(5, 37, 1001).astype(kind), normal(6, 1001, 64).astype(kind)
        net = NeuronNetwork(xi, Population("quadratic"), Population("log_sum_exp", FunctionNumbers(0.01)))
        bits.update(settle(net, start, 0.5, 0.0, 3).state.tobytes())
    return bits.hexdigest()


def seen_by_chance() -> list[int]:
    """Small matrices of signs that know the lanes of some columns in the batch that was chosen for them."""
    out = set()
    for seed, size in product(range(12), (8, 12, 16)):
        xi = np.sign(normal(seed, 8, size)).astype(np.float32)
        with euler.one_thread():
            wide = euler.lanes_of((xi, xi.T))
            for matrix, column in product((xi, xi.T), normal(seed, 40, 16, 1)):
                own = np.repeat(column[: matrix.shape[1]].astype(np.float32), wide, axis=1)
                if (matrix @ own != (matrix @ own)[:, :1]).any():
                    out.add(size)
    return sorted(out)


def known(name: str, kind, wide: int) -> bool:
    """Whether replicas are seen to know their neighbours in any of eight batches."""
    own, random = alone(name, kind, wide), np.random.default_rng(7)
    return any(differ(name, kind, own, random.integers(0, 14, wide)) for _ in range(8))


def report() -> dict[str, object]:
    """What another process sees of its BLAS."""
    widths = {at: width(*at) for at in product(PARTS, KINDS)}
    return {
        "architecture": [pool.get("architecture") for pool in BLAS.info()],
        "digest": digest(),
        "widths": [[widths[name, kind] for name in PARTS] for kind in KINDS],
        "known": [str(at) for at, wide in widths.items() if known(*at, wide)],
        "by chance": seen_by_chance(),
    }


@pytest.fixture(scope="module")
def others() -> list[dict]:
    """Reports with two threads: of this machine, and of AVX2, whose float32 products know their lanes."""
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    code = "import json, test_flow; print(json.dumps(test_flow.report()))"
    there = {**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "2"}
    jobs = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=there | more)
        for more in ({}, {"OPENBLAS_CORETYPE": "Haswell"})
    ]
    told = [job.communicate(timeout=300)[0] for job in jobs]
    return [json.loads(out or "{}") for out in told]


@pytest.fixture
def haswell(others) -> dict:
    if set(others[1].get("architecture", ())) != {"Haswell"}:
        pytest.skip("this BLAS, or this processor, has no kernels for Haswell")
    return others[1]


def test_numbers_do_not_depend_on_the_threads_of_blas(others):
    assert others[0]["digest"] == digest()
    assert others[0]["known"] == others[0]["by chance"] == []


def test_batches_are_narrower_where_products_know_their_lanes(haswell):
    double, single = haswell["widths"]
    assert set(double) == {64}
    assert max(single) < 64
    assert haswell["known"] == haswell["by chance"] == []


class Plain(np.ndarray):
    """A matrix whose products are summed one after the other, not by BLAS."""

    def __matmul__(self, columns: np.ndarray) -> np.ndarray:
        return np.einsum("ij,jk->ik", np.asarray(self), np.asarray(columns))


def plainly(net: NeuronNetwork, start: np.ndarray) -> np.ndarray:
    """Thirty steps without BLAS, by products with memories."""
    xi, form = net.memories.view(Plain), net.visible.form
    visible = replace(net.visible, form=replace(form, memories=xi))
    net = replace(net, memories=xi, visible=visible)
    return euler.relax(lambda v: target(net, v), start, 0.8, 0.0, 30).state


@pytest.mark.parametrize("name", PARTS)
def test_other_sums_give_nearly_the_same(name):
    exact = plainly(*of_replicas(name, np.float64, np.arange(REPLICAS)))
    for kind, digits in ((np.float64, 1e-12), (np.float32, 1e-6)):
        asked, near = of_replicas(name, kind, np.arange(REPLICAS)), digits * np.abs(exact).max()
        for found in (settle(*asked, 0.8, 0.0, 30).state, plainly(*asked)):
            assert found == pytest.approx(exact, abs=near)
