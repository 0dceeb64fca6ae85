"""Patterns of a user: every kind of file, and every mistake in one line."""

import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from builders import STUDIES
from matplotlib.image import imsave

from mattis.errors import UserError
from mattis.networks.binary import ensembles, pattern_file
from mattis.networks.binary.ensembles import Ensemble

SIGNS = np.array([[1, -1, -1, 1], [-1, -1, 1, 1], [1, 1, 1, -1]])
MOST = 1000


def signs_of(ensemble: Ensemble):
    return np.frombuffer(ensemble.given, np.int8).reshape(ensemble.shape)


def refused(path: Path, most: int = MOST) -> str:
    """What is said of a file; it is one line, that begins with the file."""
    with pytest.raises(UserError) as caught:
        pattern_file.read(path, most)
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith(str(path))
    return said.removeprefix(str(path))


def image(path: Path, dots):
    """Write an image of grey dots, 0 … 255."""
    imsave(path, np.asarray(dots, np.uint8), cmap="gray", vmin=0, vmax=255, format=path.suffix[1:])


@pytest.mark.parametrize("low", [-1, 0])
@pytest.mark.parametrize("kind", ["int8", "int64", "float32", "float64"])
def test_arrays_of_signs_or_bits(tmp_path, low, kind):
    np.save(tmp_path / "a.npy", np.where(SIGNS > 0, 1, low).astype(kind))
    found = pattern_file.read(tmp_path / "a.npy", MOST)
    assert (found.name, found.shape) == ("given", (3, 4))
    np.testing.assert_array_equal(signs_of(found), SIGNS)


def test_arrays_of_truth(tmp_path):
    np.save(tmp_path / "a.npy", SIGNS > 0)
    np.testing.assert_array_equal(signs_of(pattern_file.read(tmp_path / "a.npy", MOST)), SIGNS)


@pytest.mark.parametrize("low", ["-1", "0", "-1.0", "0e0"])
@pytest.mark.parametrize(("suffix", "between"), [(".csv", ","), (".txt", " "), (".TXT", "\t")])
def test_tables(tmp_path, low, suffix, between):
    """A pattern in each line, with comments and empty lines between them."""
    lines = [between.join("1" if s > 0 else low for s in row) for row in SIGNS]
    path = tmp_path / f"table{suffix}"
    path.write_text("# three patterns\n\n" + "\n".join(lines) + "\n")
    np.testing.assert_array_equal(signs_of(pattern_file.read(path, MOST)), SIGNS)


def test_a_single_line_is_one_pattern(tmp_path):
    (tmp_path / "one.txt").write_text("0 1 1 0 1\n")
    assert pattern_file.read(tmp_path / "one.txt", MOST).shape == (1, 5)


def test_the_letters_of_the_study_are_read():
    """An example that is shipped: signs or bits, a letter in each line."""
    path = STUDIES / "letters.txt"
    found = signs_of(pattern_file.read(path, 2**20))
    assert len(found) > 1
    assert len(np.unique(found, axis=0)) == len(found)


def test_what_is_read_is_what_is_stored(tmp_path):
    np.save(tmp_path / "a.npy", SIGNS)
    stored = ensembles.drawn(pattern_file.read(tmp_path / "a.npy", MOST), 0, {}, 2, 4)
    np.testing.assert_array_equal(stored.xi, SIGNS[:2])
    stored.xi[0, 0] = -1  # a copy: what was read cannot be changed


DOTS = np.array([[200, 10, 30], [90, 255, 0]])
BRIGHT = [1, -1, -1, -1, 1, -1]  # brighter than their mean, 97.5, row by row


@pytest.mark.parametrize("suffix", [".png", ".PNG"])
def test_an_image_is_one_pattern(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    imsave(path, DOTS.astype(np.uint8), cmap="gray", vmin=0, vmax=255, format="png")
    found = pattern_file.read(path, MOST)
    assert found.shape == (1, 6)
    np.testing.assert_array_equal(signs_of(found)[0], BRIGHT)


def test_colours_count_by_their_mean_and_transparency_does_not(tmp_path):
    """Green and magenta, alpha from 0 to 1: one third against two."""
    dots = np.zeros((2, 3, 4))
    dots[0, :, 1] = dots[1, :, 0] = dots[1, :, 2] = 1
    dots[..., 3] = [[0, 0.5, 1], [1, 0.5, 0]]
    imsave(tmp_path / "a.png", dots)
    found = signs_of(pattern_file.read(tmp_path / "a.png", MOST))
    np.testing.assert_array_equal(found[0], [-1, -1, -1, 1, 1, 1])


def test_a_folder_of_images_is_read_in_the_order_of_names(tmp_path):
    """Dot k of image k is bright, whatever was written first; other files are left alone."""
    for k in (3, 8, 0, 5, 1, 7, 2, 6, 4):
        image(tmp_path / f"{k}.{'jpg' if k == 8 else 'png'}", 255 * np.eye(9)[k].reshape(3, 3))
    (tmp_path / "readme.md").write_text("letters")
    found = signs_of(pattern_file.read(tmp_path, MOST))
    np.testing.assert_array_equal(found, 2 * np.eye(9) - 1)


# Mistakes


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.array([{"a": 1}, None], object), allow_pickle=True)
    said = refused(path)
    assert said.startswith(": not a .npy file that can be read:")
    assert "allow_pickle=False" in said


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "1,0,1\n1,2,0\n", ", row 1, column 1: got 2.0; expected 0 or 1"),
        ("a.csv", "1,-1\n-1,0\n", ", row 1, column 1: got 0.0; expected -1 or 1"),
        ("a.txt", "1 nan\n", ", row 0, column 1: got nan; expected 0 or 1"),
        ("a.txt", "1 0.5 -1\n", ", row 0, column 1: got 0.5; expected -1 or 1"),
    ],
)
def test_a_number_that_is_no_sign_is_named_by_its_place(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    assert refused(tmp_path / name) == f"{said}; turn it into signs first"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "these are\nno numbers at all\n"),
        ("a.csv", "1,0\n1,0,1\n"),  # lines of different length
        ("a.csv", "1 0 1\n"),
        ("a.npy", "1 0 1\n"),
        ("a.png", "1 0 1\n"),
        ("a.npy", ""),
        ("a.jpg", ""),
    ],
)
def test_a_file_that_is_not_what_its_name_says(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    assert refused(path).startswith(f": not a {path.suffix} file that can be read: ")


@pytest.mark.parametrize(
    "array",
    [np.zeros(4), np.zeros((2, 2, 2)), np.zeros((0, 4)), np.zeros((2, 0)), np.array([["1", "0"]]),
     np.array([[1j, 0]])],
)  # fmt: skip
def test_an_array_that_is_no_table_of_numbers(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    got = re.escape(f"got an array of shape {array.shape} and type {array.dtype}")
    assert re.fullmatch(f": {got}; expected numbers, a pattern in each row", refused(tmp_path / "a.npy"))


def test_an_empty_table(tmp_path):
    (tmp_path / "a.txt").write_text("")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's own, which does not stop it
        assert refused(tmp_path / "a.txt").endswith("expected numbers, a pattern in each row")


@pytest.mark.parametrize(("name", "got"), [("a.mat", ".mat"), ("patterns", "no suffix"), ("a.npz", ".npz")])
def test_an_unknown_suffix(tmp_path, name, got):
    """Whether the file exists or not."""
    known = ".npy, .csv, .txt, .png, .jpg, .jpeg"
    expected = f": got {got}; expected a file of patterns: {known}, or a folder"
    assert refused(tmp_path / name) == expected
    (tmp_path / name).write_text("1 0 1\n")
    assert refused(tmp_path / name) == expected


@pytest.mark.parametrize("name", ["missing.npy", "nowhere/missing.csv", "nowhere/deeper/a.png"])
def test_a_file_or_a_directory_that_does_not_exist(tmp_path, name):
    assert refused(tmp_path / name) == ": cannot read patterns: No such file or directory"


def test_a_folder_without_images(tmp_path):
    expected = ": got a folder without images; expected .png, .jpg, .jpeg"
    assert refused(tmp_path) == expected
    (tmp_path / "a.npy").write_text("")
    assert refused(tmp_path) == expected


def test_a_name_that_no_file_can_have(tmp_path):
    for name in ("x" * 300 + ".npy", "a\0b.npy"):
        with pytest.raises(UserError, match="cannot read patterns"):
            pattern_file.read(tmp_path / name, MOST)


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(UserError, match="no file"):
        pattern_file.read(tmp_path / "a.txt", MOST)


def test_a_folder_of_images_of_different_shapes(tmp_path):
    image(tmp_path / "a.png", DOTS)
    image(tmp_path / "b.png", DOTS[:, :2])
    with pytest.raises(UserError) as caught:
        pattern_file.read(tmp_path, MOST)
    expected = f"{tmp_path / 'b.png'}: got 2 × 2 dots; expected 2 × 3, as a.png has; make them alike"
    assert str(caught.value) == expected


def test_more_signs_than_travel_with_a_study(tmp_path):
    np.save(tmp_path / "a.npy", SIGNS)
    assert pattern_file.read(tmp_path / "a.npy", 12).shape == (3, 4)
    assert refused(tmp_path / "a.npy", 11).startswith(": got 12 signs; expected at most 11, for they")


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(pattern_file, "LARGEST_PATTERN_FILE", 10)
    np.save(tmp_path / "a.npy", SIGNS)
    size = (tmp_path / "a.npy").stat().st_size
    assert refused(tmp_path / "a.npy") == (f": got {size} bytes; expected at most 10; use fewer patterns")
