"""Values of theory beside the results of a study: as evaluated, and never those of something else."""

import numpy as np
import pytest

from mattis import theory
from mattis.comparison import remembered as memory
from mattis.comparison.remembered import evaluate, remembered
from mattis.store.folders import Folder

LOADS = np.array([0.02, 0.05, 0.2])


@pytest.fixture
def place(tmp_path):
    return Folder(tmp_path) / "theory.cache"


@pytest.fixture
def solved(monkeypatch):
    """The quantities that are solved, in their order."""
    names, solve = [], theory.evaluate

    def told(name, **at):
        names.append(name)
        return solve(name, **at)

    monkeypatch.setattr(theory, "evaluate", told)
    return names


def overlaps(place, temperature=0.3):
    with remembered(place):
        return evaluate("hopfield.overlap", load=LOADS, temperature=temperature)


def test_what_was_solved_is_read_the_next_time(place, solved):
    first, again = overlaps(place), overlaps(place)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, theory.QUANTITIES["hopfield.overlap"].over(LOADS, np.full(3, 0.3)))
    assert solved == ["hopfield.overlap"]


def test_within_one_drawing_a_line_is_solved_once_and_nobody_shares_it(place, solved):
    with remembered(place):
        first = evaluate("hopfield.overlap", load=LOADS, temperature=0.3)
        first[0] = 7.0
        assert evaluate("hopfield.overlap", load=LOADS, temperature=0.3)[0] < 1
    assert len(solved) == 1


def test_other_places_and_another_version_of_theory_are_solved_anew(place, solved, monkeypatch):
    overlaps(place)
    assert overlaps(place, temperature=0.4)[0] != overlaps(place)[0]
    assert len(solved) == 3  # and of each drawing remain the values that it used
    monkeypatch.setattr(memory, "theory_version", lambda: "another")
    overlaps(place)
    assert len(solved) == 4


@pytest.mark.parametrize("byte", [0, 1, 40, 150, -10])
def test_a_damaged_file_is_one_without_values(place, byte):
    right = overlaps(place)
    content = bytearray(place.read_bytes())
    content[byte] ^= 255
    place.write_bytes(bytes(content))
    np.testing.assert_array_equal(overlaps(place), right)
    place.write_bytes(bytes(content[: len(content) // 2]))
    np.testing.assert_array_equal(overlaps(place), right)


def test_the_same_drawing_writes_the_same_file_and_a_second_none(place):
    overlaps(place)
    first, made = place.read_bytes(), place.on_disk.stat().st_mtime_ns
    overlaps(place)
    assert place.on_disk.stat().st_mtime_ns == made
    place.remove()
    overlaps(place)
    assert place.read_bytes() == first


def test_a_drawing_that_fails_writes_nothing(place):
    def failing():
        with remembered(place):
            evaluate("hopfield.overlap", load=LOADS, temperature=0.3)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert not place.exists()


def test_numbers_alone_and_nothing_drawn_are_solved(place, solved):
    with remembered(place):
        assert evaluate("hopfield.alpha_c") == pytest.approx(0.1379055665)
    evaluate("hopfield.overlap", load=LOADS, temperature=0.3)
    assert not place.exists()
    assert len(solved) == 2
