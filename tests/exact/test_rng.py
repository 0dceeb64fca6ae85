"""Random numbers: the published vectors, addresses that never collide, and the thermal noise.

Statistical tests run on fixed numbers, so they always say the same; each would condemn a perfect
generator with a probability of at most 1e-6, divided by the number of its looks (Bonferroni).
"""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numba import njit
from scipy import stats

from mattis.exact import philox, rng

FALSE_ALARM = 1e-6
FULL = 0xFFFFFFFF
VECTORS = [  # Random123, kat_vectors: "philox4x32 10", counter, key, output
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]

exactly = settings(max_examples=200, deadline=None, derandomize=True)
word = st.integers(0, FULL)
streams = st.builds(rng.Stream, st.tuples(word, word), st.tuples(word, word))


def hexes(text):
    return tuple(int(part, 16) for part in text.split())


def kernel_words(stream, step, quads):
    """The words of the kernel in the order of their positions."""
    words = np.zeros((4, quads), np.uint32)
    philox.philox_words(words, stream.packed(), step, quads)
    return words.T.ravel()


@pytest.mark.parametrize(("counter", "key", "output"), VECTORS)
def test_philox_gives_the_published_words(counter, key, output):
    words = rng.philox(tuple(np.array(c, np.uint64) for c in hexes(counter)), hexes(key))
    assert tuple(int(w) for w in words) == hexes(output)


@exactly
@given(streams, st.one_of(word, st.sampled_from([0, 1, FULL])), st.integers(1, 40))
def test_kernel_and_numpy_give_the_same_words(stream, step, quads):
    np.testing.assert_array_equal(kernel_words(stream, step, quads), stream.words(4 * quads, step))


def decision(stream, position, step):
    """The word of a decision by its definition, from single quads."""
    at = [position // 8, rng.LOWER_QUADS + position // 8]
    quads = [rng.philox((np.array(q), np.array(step), *map(np.array, stream.tail)), stream.key) for q in at]
    upper, lower = (int(quad[position % 8 // 2]) >> 16 * (position % 2) & 0xFFFF for quad in quads)
    return upper << 16 | lower


@exactly
@given(streams, st.one_of(word, st.sampled_from([0, 1, FULL])), st.integers(1, 40))
def test_decisions_are_halves_of_two_quads(stream, step, count):
    found = stream.decision_words(count, step)
    assert found.dtype == np.uint32
    assert found.tolist() == [decision(stream, p, step) for p in range(count)]
    several = stream.decision_words(count, np.array([step, step ^ 1]))
    np.testing.assert_array_equal(several[0], found)
    np.testing.assert_array_equal(several[1], stream.decision_words(count, step ^ 1))


@exactly
@given(streams, word, st.integers(1, 70), st.floats(2.0**-10, 2.0**20, width=32))
def test_the_kernel_draws_the_noise_of_decisions(stream, step, count, scale):
    octets = -(-count // 8)
    noise, words = np.zeros((8, octets), np.int32), np.zeros((4, 2 * octets + 3), np.uint32)
    philox.thermal_noise(noise, words, stream.packed(), step, np.float32(scale))
    expected = rng.thermal_noise(stream.decision_words(count, step), np.float32(scale))
    np.testing.assert_array_equal(noise.T.ravel()[:count], expected)


@exactly
@given(streams, st.lists(word, min_size=1, max_size=4), st.integers(1, 30), st.integers(0, 30))
def test_words_depend_on_their_address_only(stream, steps, count, more):
    together = stream.words(count + more, np.array(steps, np.uint64))
    assert together.shape == (len(steps), count + more)
    for row, step in zip(together, steps, strict=True):
        np.testing.assert_array_equal(row[:count], stream.words(count, step))
    for position in range(count):
        counter = (position // 4, steps[0], *stream.tail)
        quad = rng.philox(tuple(np.array(c, np.uint64) for c in counter), stream.key)
        assert together[0, position] == quad[position % 4]


# A logical index is (root seed, stream, group, member, position, step).

names = st.sampled_from(["patterns", "cue", "dynamics"])
numbers = st.one_of(st.integers(-3, 2**33), st.floats(allow_nan=False), st.integers(0, 9).map(float))
labels = st.dictionaries(st.sampled_from(["size", "beta", "noise", "seed"]), numbers, max_size=3)
indices = st.tuples(st.integers(0, 2**64 - 1), names, labels, labels, st.integers(0, 2**34), word)


def address(root_seed, name, group, member, position, step):
    stream = rng.stream(root_seed, name, group, member)
    return stream.key, (position // 4, step, *stream.tail), position % 4


def spelled(root_seed, name, group, member, position, step):
    """The index such that equal values of different types, and 0.0 and -0.0, are different."""
    exact = [sorted((k, repr(v)) for k, v in part.items()) for part in (group, member)]
    return root_seed, name, exact, position, step


def nudged(index, part, label, value):
    """The index with one part replaced by something close to it."""
    root_seed, name, group, member, position, step = index
    if part in ("group", "member"):
        changed = {**(group if part == "group" else member), label: value}
        return (
            (root_seed, name, changed, member, position, step)
            if part == "group"
            else (root_seed, name, group, changed, position, step)
        )
    moves = {
        "root": (root_seed ^ 1, name, group, member, position, step),
        "position": (root_seed, name, group, member, position + 1, step),
        "far": (root_seed, name, group, member, position ^ 2**33, step),
        "step": (root_seed, name, group, member, position, step ^ 1),
        "swap": (root_seed, name, member, group, position, step),
        "moved": (root_seed, name, {**group, **member}, {}, position, step),
    }
    return moves[part]


@settings(exactly, max_examples=400)
@given(
    indices,
    st.sampled_from(["root", "group", "member", "position", "far", "step", "swap", "moved"]),
    st.sampled_from(["size", "beta", "noise", "seed"]),
    numbers,
)
def test_a_change_of_one_part_of_the_index_changes_the_address(index, part, label, value):
    other = nudged(index, part, label, value)
    assume(spelled(*other) != spelled(*index))
    assert address(*other) != address(*index)


@settings(exactly, max_examples=300)
@given(indices, indices)
def test_two_indices_have_two_addresses(one, other):
    assert (address(*one) == address(*other)) == (spelled(*one) == spelled(*other))


@exactly
@given(st.floats(1e-3, 1e6), st.sampled_from(["group", "member"]))
def test_floats_that_differ_in_the_last_bit_have_their_own_streams(beta, where):
    one, other = ({"beta": b} for b in (beta, math.nextafter(beta, math.inf)))
    if where == "group":
        assert rng.stream(1, "dynamics", one).key != rng.stream(1, "dynamics", other).key
    assert rng.stream(1, "dynamics", {}, one).tail != rng.stream(1, "dynamics", {}, other).tail


@exactly
@given(labels, labels)
def test_streams_do_not_depend_on_the_order_of_labels_and_share_the_key_of_their_group(a, b):
    stream = rng.stream(5, "dynamics", a, b)
    assert stream == rng.stream(5, "dynamics", dict(reversed(a.items())), dict(reversed(b.items())))
    assert stream.key == rng.stream(5, "dynamics", a).key
    assert stream.packed().tolist() == [*stream.key, *stream.tail]


def test_streams_are_those_of_every_store_written_so_far():
    """Change these numbers, and every number of every study changes."""
    group, member = {"size": 1000, "patterns": 50, "seed": 3}, {"beta": 2.5, "noise": 0.1, "cue": 0}
    assert rng.stream(1, "patterns", group) == rng.Stream((0x1DCD8D52, 0x4B4995FF), (0x958CC38F, 0xEEACBFBD))
    assert rng.stream(1, "dynamics", group, member) == rng.Stream(
        (0x17F5F6AE, 0xCA31327E), (0x8D8DE8FF, 0x3704F7D3)
    )


# Uniform and independent: 16 looks, each at FALSE_ALARM / 16.


def chi_square_p(counts):
    return stats.chisquare(counts.ravel()).pvalue


GROUP = {"size": 100, "patterns": 5, "seed": 0}
ALONG = {  # words along each direction of the address
    "positions": lambda n: rng.stream(7, "dynamics", GROUP).words(10 * n),
    "decisions": lambda n: rng.stream(7, "dynamics", GROUP).decision_words(10 * n),
    "steps": lambda n: rng.stream(7, "dynamics", GROUP).words(1, np.arange(10 * n))[:, 0],
    "members": lambda n: np.concatenate(
        [rng.stream(7, "dynamics", GROUP, {"cue": k}).words(1) for k in range(n)]
    ),
    "root seeds": lambda n: np.concatenate([rng.stream(k, "dynamics", GROUP).words(1) for k in range(n)]),
}


@pytest.mark.parametrize("direction", ALONG)
def test_words_are_uniform_and_neighbours_are_independent(direction):
    words = ALONG[direction](10_000)
    high, low = words >> np.uint32(28), words & np.uint32(15)
    pairs = {
        "top byte": np.bincount(words >> np.uint32(24), minlength=256),
        "bottom byte": np.bincount(words & np.uint32(255), minlength=256),
        "top and bottom": np.bincount(16 * high + low, minlength=256),
        "neighbours": np.bincount(16 * high + np.roll(high, 1), minlength=256),
    }
    for look, counts in pairs.items():
        assert chi_square_p(counts) > FALSE_ALARM / 16, look


def test_no_bit_knows_another():
    """992 + 1024 correlations of ± bits over 2^15 words: each a normal deviate, Bonferroni."""
    words = rng.stream(3, "patterns", {"seed": 1}).words(2**15)
    bits = (words[:, None] >> np.arange(32, dtype=np.uint32) & np.uint32(1)) * 2.0 - 1.0
    within = (bits.T @ bits / math.sqrt(len(bits)))[~np.eye(32, dtype=bool)]
    across = bits[1:].T @ bits[:-1] / math.sqrt(len(bits) - 1)
    worst = max(abs(within).max(), abs(across).max())
    assert worst < stats.norm.isf(FALSE_ALARM / 2 / (within.size + across.size))


# ln(u / (1 - u)): there are only 2^23 values of u, so all of them are looked at.

LEVELS = np.arange(2**23, dtype=np.uint32)


@pytest.fixture(scope="module")
def every_log_odds():
    return rng.log_odds(LEVELS << np.uint32(9))


def test_log_odds_is_the_logarithm(every_log_odds):
    u = (LEVELS + 0.5) / 2**23
    assert every_log_odds.dtype == np.float32
    assert np.abs(every_log_odds - (np.log(u) - np.log1p(-u))).max() < 2e-6


def test_log_odds_never_falls_and_is_antisymmetric(every_log_odds):
    assert (np.diff(every_log_odds) >= 0).all()
    mirror = np.abs(every_log_odds + every_log_odds[::-1])
    assert (mirror <= np.finfo(np.float32).eps * np.maximum(1, np.abs(every_log_odds))).all()
    assert np.abs(every_log_odds).max() < 16.65


def test_log_odds_ignores_the_nine_lowest_bits(every_log_odds):
    some = LEVELS[:: 2**9 + 1]
    for low in (1, 511):
        words = some << np.uint32(9) | np.uint32(low)
        np.testing.assert_array_equal(rng.log_odds(words), every_log_odds[some])


def test_log_uniform_is_the_logarithm_and_is_never_zero():
    found = rng.log_uniform(LEVELS << np.uint32(9) | np.uint32(511))
    assert found.dtype == np.float32
    assert np.abs(found - np.log((LEVELS + 0.5) / 2**23)).max() < 2e-6
    assert (np.diff(found) >= 0).all()
    assert found[0] > -16.65
    assert found[-1] < 0


@njit(error_model="numpy")
def kernel_noise(words, scale, metropolis=False):
    noise = np.zeros(words.size, np.int32)
    for k in range(words.size):
        noise[k] = philox.noise_of(words[k], np.float32(scale), metropolis)
    return noise


edges = st.sampled_from([0, 511, 512, 2**31 - 1, 2**31, 2**31 + 512, FULL - 512, FULL])


@exactly
@given(
    hnp.arrays(np.uint32, st.integers(1, 70), elements=st.one_of(word, edges)),
    st.one_of(st.floats(2.0**-20, 2.0**26, width=32), st.sampled_from([0.5, 1.0, 250.0, 2.0**26])),
)
def test_kernel_and_numpy_give_the_same_noise(words, scale):
    expected = rng.thermal_noise(words, np.float32(scale))
    assert expected.dtype == np.int32
    np.testing.assert_array_equal(kernel_noise(words, scale), expected)
    accepted = rng.acceptance_noise(words, np.float32(scale))
    assert accepted.dtype == np.int32
    assert (accepted < 0).all()
    np.testing.assert_array_equal(kernel_noise(words, scale, True), accepted)


@pytest.mark.parametrize("scale", [0.37, 1234.567, 2.0**26])
def test_kernel_and_numpy_give_the_same_noise_for_every_word(every_log_odds, scale):
    expected = np.floor(every_log_odds * np.float32(scale)).astype(np.int32)
    np.testing.assert_array_equal(kernel_noise(LEVELS << np.uint32(9), scale), expected)


def test_the_scale_of_the_noise_is_half_a_temperature_per_field():
    assert rng.noise_scale(1000, 2.0) == np.float32(250.0)
    assert rng.noise_scale(3, 0.3).dtype == np.float32


def kolmogorov(noise, scale):
    return stats.kstest(noise / scale, "logistic").pvalue


def test_thermal_noise_is_logistic():
    """Kolmogorov-Smirnov at FALSE_ALARM; a width wrong by 5 % is noticed at the same level."""
    words = rng.stream(11, "dynamics", {}).words(200_000)
    noise = rng.thermal_noise(words, np.float32(1e6))
    assert kolmogorov(noise, 1e6) > FALSE_ALARM
    for wrong in (0.5, 0.95, 1.05, 2.0):
        assert kolmogorov(noise, wrong * 1e6) < FALSE_ALARM


@pytest.mark.parametrize("field", [-7, -1, 0, 1, 4])
@pytest.mark.parametrize("beta", [0.2, 1.0])
def test_thermal_noise_flips_with_the_heat_bath_probability(field, beta):
    """P(N h + th ≥ 0) = 1/(1 + exp(-2 β h)): over all 2^23 values of u, to 2 of them; not a sample."""
    size = 10
    noise = rng.thermal_noise(LEVELS << np.uint32(9), rng.noise_scale(size, beta))
    up = np.count_nonzero(field + noise >= 0) / 2**23
    assert up == pytest.approx(1 / (1 + math.exp(-2 * beta * field / size)), abs=2.0**-22)


@pytest.mark.parametrize("against", [-7, -1, 0, 1, 4])
@pytest.mark.parametrize("beta", [0.2, 1.0])
def test_acceptance_noise_flips_with_the_probability_of_metropolis(against, beta):
    """P(S N h + th < 0) = min(1, exp(-2 β S h)): over all 2^23 values of u, to 2 of them; not a sample."""
    size = 10
    noise = rng.acceptance_noise(LEVELS << np.uint32(9), rng.noise_scale(size, beta))
    flips = np.count_nonzero(against + noise < 0) / 2**23
    assert flips == pytest.approx(min(1, math.exp(-2 * beta * against / size)), abs=2.0**-22)
