"""Values of Python stand for those of a file: the same numbers, and one line for what no file has."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from builders import refused
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mattis.study.axes import LONGEST_AXIS
from mattis.study.python_values import DEEPEST, as_written

FINITE = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)


@settings(deadline=None)
@given(PLAIN)
def test_what_a_file_has_stays_as_it_is(value: Any) -> None:
    found = as_written(value, "study")
    assert found == value
    assert repr(found) == repr(value)  # True is not 1, and -0.0 not 0


@settings(deadline=None)
@given(arrays.arrays(np.float64, st.integers(0, 20), elements=FINITE))
def test_an_array_is_the_list_of_its_numbers(values: np.ndarray) -> None:
    expected = [float(one) for one in values]
    for given_ in (values, tuple(values), iter(values), xr.DataArray(values)):
        found = as_written(given_, "study")
        assert found == expected
        assert [type(one) for one in found] == [float] * len(expected)


@settings(deadline=None)
@given(st.decimals(0, 1, places=4))
def test_short_numbers_are_those_that_they_print_as(value: Any) -> None:
    number = np.float32(float(value))
    assert as_written(number, "study") == as_written(np.array([number]), "study")[0]
    assert np.float32(as_written(number, "study")) == number
    assert as_written(number, "study") == float(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (range(3), [0, 1, 2]),
        (np.arange(3), [0, 1, 2]),
        (np.int8(3), 3),
        (np.array(3), 3),
        (np.uint64(2**63), 2**63),
        (np.bool_(True), True),
        (np.array(["hebb", "clipped"]), ["hebb", "clipped"]),
        (np.str_("hebb"), "hebb"),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), [[1.0, 2.0], [3.0, 4.0]]),
        ({"from": np.float64(0), "to": 1, "count": np.int64(3)}, {"from": 0.0, "to": 1, "count": 3}),
        (Path("J.npy"), "J.npy"),
        (np.ma.masked_array([1, 2]), [1, 2]),
        (np.longdouble("0.1"), 0.1),
    ],
)
def test_each_kind_becomes_plain(value: Any, expected: Any) -> None:
    found = as_written(value, "study")
    assert found == expected
    assert type(found) is type(expected)


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: {0.1, 0.2}, "study, load: got a set, which has no order; expected a list"),
        (lambda: count(), f"study, load: got more than {LONGEST_AXIS} values"),
        (lambda: range(10**18), f"study, load: got more than {LONGEST_AXIS} values"),
        (lambda: np.zeros(LONGEST_AXIS + 1), f"study, load: got {LONGEST_AXIS + 1} values"),
        (lambda: np.ma.masked_array([1, 2], [0, 1]), "study, load: got masked values"),
        (endless, f"study, load: got values within values, more than {DEEPEST} deep"),
        (lambda: {"from": {1}}, "study, load.from: got a set"),
    ],
)
def test_what_no_file_has_is_refused_by_its_name(make: Callable[[], Any], words: str) -> None:
    assert refused(lambda: as_written({"load": make()}, "study")).startswith(words)
