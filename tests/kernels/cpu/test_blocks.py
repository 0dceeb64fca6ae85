"""64 visits at a time against a plain loop, bit by bit: any couplings, orders, temperatures and sizes.

The loop knows nothing of levels or blocks: x_i from the couplings, th from `rng.thermal_noise`, one visit
after the other in Python's integers.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mattis.exact import functions, rng
from mattis.kernels.cpu import blocks, matrix
from mattis.kernels.cpu.blocks import VISITS

KINDS = [(np.int8, np.int16), (np.int16, np.int32), (np.int32, np.int64)]
"""Of couplings and fields; each compiles all anew. int8 and int32 follow the reference in test_kernels.py."""

HUGE = [3e5, 5e5, 7e5, 9e7, 1.2e8]
"""Widths around those whose levels no longer fit the fields."""


STEP = 3
"""The sweep whose words decide."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """A state, and what happens to it; fields are those of no state in particular."""

    nj: np.ndarray  # nj[i, j] couples j to i
    fields: np.ndarray
    spins: np.ndarray
    scale: np.float32
    order: np.ndarray | None
    twice: int
    parity: int
    together: bool = False
    metropolis: bool = False

    @property
    def stream(self):
        return rng.stream(1, "noise", {"size": self.spins.size})

    def words(self):
        return self.stream.decision_words(self.spins.size, STEP)


def plainly(s):
    """Return (fields, spins, sites that flipped) after the sweep."""
    fields, spins, flipped = s.fields.astype(object), s.spins.astype(object), []
    recipe = rng.acceptance_noise if s.metropolis else rng.thermal_noise
    noise = recipe(s.words(), s.scale) if s.scale else np.full(spins.size, -int(s.metropolis))
    after = fields.copy() if s.together else fields
    for k, i in enumerate(range(spins.size) if s.order is None else s.order.tolist()):
        x = fields[i] if s.twice else 2 * fields[i] + s.parity
        new = spins[i] if s.scale == 0 and x == 0 else 1 if x + int(noise[k]) >= 0 else -1
        if s.metropolis:
            new = -spins[i] if spins[i] * x + int(noise[k]) < 0 else spins[i]
        if new != spins[i]:
            spins[i] = new
            flipped.append(i)
            after += new * (1 + s.twice) * s.nj[:, i].astype(object)
    return after, spins, flipped


def by_blocks(s, kinds, first=None, foreseen=0):
    """The same by the kernel, if `first` says so by the loop that is written in it."""
    columns, fields = np.ascontiguousarray(s.nj.T).astype(kinds[0]), s.fields.astype(kinds[1])
    spins, size, fresh = s.spins.astype(np.int8), s.spins.size, s.order is not None
    order = (np.arange(size) if s.order is None else s.order).astype(np.uint64)
    words = np.full((4, blocks.quads_of(size)), 2**32 - 1, np.uint32)
    drawn = words, s.stream.packed(), STEP, s.scale, s.twice, s.parity
    if first == "loop" or not blocks.by_blocks(fields, s.scale, fresh, 0):
        in_turn = matrix.accept_in_turn if s.metropolis else matrix.visit_in_turn
        count = in_turn(columns, fields, spins, order, fresh, *drawn)
        return fields, spins, count, None
    block, signs, flips, flipped = blocks.block_room(fields)
    after = fields.copy() if s.together else fields
    count = blocks.sweep_blocks(
        columns, fields, after, spins, order, fresh, s.together, *drawn, s.metropolis, foreseen, block,
        signs, flips, flipped,
    )  # fmt: skip
    return after, spins, count, flipped


def assert_same(s, kinds, first=None, foreseen=0):
    fields, spins, wanted = plainly(s)
    found, state, count, flipped = by_blocks(s, kinds, first, foreseen)
    np.testing.assert_array_equal(state, spins.astype(np.int8))
    np.testing.assert_array_equal(found, fields.astype(np.int64))
    assert count == len(wanted)
    if flipped is not None:
        assert sorted(wanted) == np.flatnonzero(flipped).tolist()
    return count


def drawn(seed, size, largest, width, scale, shuffled, twice, parity, together=False, metropolis=False):
    """A sweep: couplings up to `largest`, fields up to `width` (0: all of them zero)."""
    draw = np.random.default_rng(seed)
    nj = draw.integers(-largest, largest, (size, size), endpoint=True)
    nj[draw.random((size, size)) < draw.choice([0.0, 0.9, 0.99])] = 0
    fields = draw.integers(-width, width, size, endpoint=True)
    order = draw.permutation(size) if shuffled and not together else None
    spins = draw.choice(np.array([1, -1]), size)
    aligned = draw.random(size) < draw.choice([0.0, 0.5, 0.98, 1.0])  # with most spins content
    spins[aligned] = np.where(fields >= 0, 1, -1)[aligned]
    return Sweep(
        nj, fields, spins, np.float32(scale), order, twice, 0 if twice else parity, together,
        metropolis and not together,
    )  # fmt: skip


sweeps = st.builds(
    drawn,
    st.integers(0, 2**32), st.one_of(st.integers(1, 300), st.sampled_from([63, 64, 65, 128, 192])),
    st.sampled_from([0, 1, 4, 40]), st.sampled_from([0, 1, 3, 30, 300, 3000]),
    st.one_of(st.sampled_from([0.0, 0.0, 1e-3, 1.0, *HUGE]), st.floats(0.015625, 3000.0, width=32)),
    st.booleans(), st.integers(0, 1), st.integers(0, 1), st.booleans(), st.booleans(),
)  # fmt: skip


@settings(max_examples=400, deadline=None, derandomize=True)
@given(sweeps, st.sampled_from(KINDS), st.booleans(), st.sampled_from([0, 300]))
def test_blocks_do_what_a_plain_loop_does(s, kinds, in_turn, foreseen):
    if s.together and not blocks.by_blocks(s.fields.astype(kinds[1]), s.scale, False, 0):
        s = replace(s, together=False)
    assert_same(s, kinds, "loop" if in_turn and not s.together else None, foreseen)


@pytest.mark.parametrize("metropolis", [False, True])
@pytest.mark.parametrize("foreseen", [0, 64])
def test_halves_that_say_little_of_their_noise(foreseen, metropolis):
    """Upper halves near 0 or 2¹⁶, fields from their threshold to farther than a half can tell."""
    size, scale, seen = 64, np.float32(500.0), 0
    columns, order = np.zeros((size, size), np.int16), np.arange(size).astype(np.uint64)
    stream = rng.stream(1, "noise", {"size": size})
    deltas = np.array([-2500, -300, -9, -1, 0, 1, 9, 300, 2500])
    for step in range(1500):
        words = stream.decision_words(size, step)
        upper = words >> np.uint32(16)
        seen += int(((upper < blocks.EDGE) | (upper >= 2**16 - blocks.EDGE)).sum())
        noise = rng.thermal_noise(words, scale).astype(np.int64)
        spins = np.where((np.arange(size) + step) % 2 > 0, 1, -1).astype(np.int8)
        if metropolis:  # a spin that is down rises where -x + th < 0
            noise = rng.acceptance_noise(words, scale).astype(np.int64)
            noise = np.where(spins > 0, noise, -noise - 1)
        fields = (-noise + deltas[(np.arange(size) + step) % deltas.size]).astype(np.int32)
        block, signs, flips, flipped = blocks.block_room(fields)
        room = np.zeros((4, blocks.quads_of(size)), np.uint32)
        blocks.sweep_blocks(
            columns, fields, fields, spins, order, False, False, room, stream.packed(), step, scale,
            1, 0, metropolis, foreseen, block, signs, flips, flipped,
        )  # fmt: skip
        np.testing.assert_array_equal(spins > 0, fields + noise >= 0)
    assert seen > 150


@pytest.mark.parametrize("metropolis", [False, True])
@pytest.mark.parametrize("twice", [0, 1])
@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("scale", [0.0, 25.0])
def test_many_flips_in_each_block(scale, shuffled, twice, metropolis):
    """Strong couplings: each flip decides those after it, and each block has dozens."""
    total = 0
    for seed in range(20):
        s = drawn(seed, 200, 40, 30, scale, shuffled, twice, seed % 2, metropolis=metropolis)
        total += assert_same(s, KINDS[0])
    assert total > 20 * 200 / 5


@pytest.mark.parametrize("place", range(70))
def test_the_only_spin_that_flips_is_where_it_is(place):
    """Content spins and one that is not: those before it, which want to follow, were visited before."""
    size = 70
    fields, spins = np.full(size, 5), np.ones(size, int)
    spins[place], nj = -1, np.zeros((size, size), int)
    nj[: place + 1, place] = -20  # those before feel it, and itself: who looked back would flip them
    for twice in (0, 1):
        s = Sweep(nj, fields, spins, np.float32(0), None, twice, 0)
        assert assert_same(s, KINDS[0]) == 1
        flipped = np.flatnonzero(by_blocks(s, KINDS[0])[3])
        assert flipped.tolist() == [place]


def test_a_flip_is_felt_by_the_next_visits_only():
    """Each spin turns the next: a sweep goes up to the end, and down by one site."""
    size = 150
    nj = np.zeros((size, size), int)
    nj[np.arange(1, size), np.arange(size - 1)] = 3
    spins = -np.ones(size, int)
    fields = np.full(size, -1)
    fields[0] = 1
    for kinds in KINDS[:2]:
        s = Sweep(nj, fields, spins, np.float32(0), None, 1, 0)
        assert assert_same(s, kinds) == size
        assert assert_same(replace(s, nj=nj.T[:, ::1], fields=fields[::-1].copy()), kinds) == 1
        assert assert_same(replace(s, order=np.arange(size)[::-1].copy()), kinds) == 1


@pytest.mark.parametrize("parity", [0, 1])
@pytest.mark.parametrize("sign", [1, -1])
def test_ties_keep_the_spin_and_half_a_field_is_none(sign, parity):
    """N h = 2 f + parity: 0 keeps both spins; 1 puts them up; -1 (f = -1, parity 1) puts them down."""
    spins = np.full(100, sign)
    for field, wanted in ((0, 1 if parity else sign), (-1, -1), (1, 1)):
        s = Sweep(np.zeros((100, 100), int), np.full(100, field), spins, np.float32(0), None, 0, parity)
        assert_same(s, KINDS[0])
        assert (by_blocks(s, KINDS[0])[1] == wanted).all()


@pytest.mark.parametrize("parity", [0, 1])
@pytest.mark.parametrize("sign", [1, -1])
def test_metropolis_turns_a_spin_without_a_field(sign, parity):
    """N h = 2 f + parity = 0 turns both spins, and -1 (f = -1, parity 1) those that are up."""
    spins, nowhere = np.full(100, sign), np.zeros((100, 100), int)
    for field, wanted in ((0, 1 if parity else -sign), (-1, -1), (1, 1)):
        s = Sweep(nowhere, np.full(100, field), spins, np.float32(0), None, 0, parity, False, True)
        assert_same(s, KINDS[0])
        assert (by_blocks(s, KINDS[0])[1] == wanted).all()


@pytest.mark.parametrize("metropolis", [False, True])
@pytest.mark.parametrize("scale", [0.5, 40.0, 4e4, 4.9e5])
@pytest.mark.parametrize("sign", [1, -1])
def test_fields_at_the_ends_of_their_integers(sign, scale, metropolis):
    """Half fields reach ± 32766, whole ones ± 16383."""
    for twice, end in ((0, 32766), (1, 16383)):
        for spin in (1, -1):
            s = Sweep(np.zeros((128, 128), int), np.full(128, sign * end), np.full(128, spin),
                      np.float32(scale), None, twice, 0, False, metropolis)  # fmt: skip
            assert_same(s, KINDS[0])


def test_bits_of_floats_are_logarithms_of_odds_to_the_error_that_is_allowed_for():
    """Of all a: the bound is not idle, half of it would be too small."""
    a = np.arange(1, 2**16, dtype=np.float32)
    rest, unit = np.float32(2**16) - a, np.log(2) / 2**23
    odds, whole = np.log(a / rest.astype(float)), np.float32(2**16).view(np.int32)
    bits = a.view(np.int32).astype(np.int64) - rest.view(np.int32)
    assert blocks.ODDS_ERROR / 2 < np.abs(bits * unit - odds).max() < blocks.ODDS_ERROR * 0.96
    short = np.log(a / 2.0**16) - (a.view(np.int32).astype(np.int64) - whole) * unit
    assert short.min() > -1e-6
    assert blocks.ODDS_ERROR / 2 < short.max() < blocks.ODDS_ERROR * 0.96


@pytest.mark.parametrize("recipe", [rng.log_odds, rng.log_uniform])
def test_logarithms_of_a_word_lie_between_those_of_its_upper_half_and_of_the_next(recipe):
    """Of all halves, to the rounding of the recipe; and from `EDGE` on the two are 1 / EDGE apart at most."""
    a = np.arange(2**16, dtype=np.float64)
    words = np.arange(2**16, dtype=np.uint32) << np.uint32(16)
    with np.errstate(divide="ignore"):
        if recipe is rng.log_odds:
            below, above = np.log(a / (2**16 - a)), np.log((a + 1) / (2**16 - a - 1))
        else:
            below, above = np.log(a / 2**16), np.log((a + 1) / 2**16)
    assert (recipe(words) > below - 1e-5).all()
    assert (recipe(words | np.uint32(0xFFFF)) < above + 1e-5).all()
    assert (above - below)[blocks.EDGE : -blocks.EDGE].max() < 1 / blocks.EDGE


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.integers(0, 300), st.sampled_from([np.int8, np.int16, np.int32, np.int64]))
@example(0, 300, np.int32)
def test_scalar_products_are_exact(seed, size, kind):
    draw, info = (np.random.default_rng(seed), np.iinfo(min(kind, np.int32, key=lambda k: k(0).itemsize)))
    a = draw.choice([info.min, info.max, 0, 1], size).astype(kind)
    b = draw.choice(np.array([1, -1], np.int8), size)
    assert blocks.scalar_product(a, b) == sum(int(x) * int(y) for x, y in zip(a, b, strict=True))
    assert blocks.magnetisation(b) == b.sum(dtype=int)
    assert blocks.magnitude(a) == sum(abs(int(x)) for x in a)


@pytest.mark.parametrize("size", [1, 127, 128, 129, 255, 256, 300])
@pytest.mark.parametrize("twice", [0, 1])
@pytest.mark.parametrize("kinds", [*KINDS[:2], (np.int8, np.int32)])
def test_rows_are_added_and_subtracted(kinds, twice, size):
    draw = np.random.default_rng(size)
    columns = draw.integers(-100, 100, (size, size)).astype(kinds[0])
    fields, flips = np.zeros(size, kinds[1]), np.zeros(2 * VISITS, np.int64)
    for ups, downs in ((0, 0), (1, 0), (0, 1), (3, 5), (64, 0)):
        up, down = draw.integers(0, size, ups), draw.integers(0, size, downs)
        flips[:ups], flips[VISITS : VISITS + downs] = up, down
        found = fields.copy()
        blocks.add_flips(found, columns, twice, flips, ups, downs)
        wanted = columns[up].sum(axis=0, dtype=int) - columns[down].sum(axis=0, dtype=int)
        np.testing.assert_array_equal(found, wanted << twice)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.integers(1, 200), st.sampled_from([1e-3, 0.5, 30.0, 800.0, 1e7]))
def test_heats_are_those_of_the_functions_of_numbers(seed, size, scale):
    """Added in the order of sites; beyond exp(-40) nothing is left."""
    fields = np.random.default_rng(seed).integers(-9000, 9000, size).astype(np.int16)
    wanted = 0.0
    for field in fields.tolist():
        tail = functions.exponential(-abs(field) / float(np.float32(scale)))
        wanted += functions.logarithm(1 + tail)
    assert matrix.heat_of(fields, np.float32(scale), np.empty(size)) == wanted


def test_usual_functions_are_the_functions():
    x = np.concatenate([np.random.default_rng(1).uniform(-700, 700, 10_000), [0.0, -0.0, 700, -700]])
    for number in x.tolist():
        assert functions.usual_exponential(number) == functions.exponential(number)
        argument = functions.exponential(number)
        assert functions.usual_logarithm(argument) == functions.logarithm(argument)
