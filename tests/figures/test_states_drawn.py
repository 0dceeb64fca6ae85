"""Pictures of states: the stored pattern, the cue, steps, and the end as the store has it, +1 black."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from builders import STUDIES, fill, make_of_family, refused
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from mattis.figures import states as pictures
from mattis.figures import trace
from mattis.networks.registry import load_study, study_of
from mattis.store import reading
from mattis.store.results import results_of
from mattis.study.cells import block_at

LETTERS = np.loadtxt(STUDIES / "letters.txt") * 2 - 1


@pytest.fixture
def study(tmp_path):
    """Two of the letters, at two levels of noise, of two seeds."""
    content = load_study(STUDIES / "letters.yaml").spelled()
    axes = {"size": [144], "memories": [5], "age": [5, 2], "temperature": [0.0], "noise": [0.1, 0.3],
            "seed": 2}  # fmt: skip
    study = study_of({**content, "axes": axes, "keep": {"states": 1}})
    fill(study, tmp_path)
    return study


def drawn(study, folder, steps=0, **at):
    rows = pictures.rows_of(study, block_at(study, at), steps, folder)
    return rows, pictures.drawing_of_rows(study, rows)


def shown(figure):
    """The pictures of a figure, row by row."""
    return [np.asarray(ax.images[0].get_array()) for ax in figure.axes]


def test_pictures_are_the_letter_the_cue_and_the_end_in_the_store(study, tmp_path):
    """The second letter from the end is I; bits of the store, unpacked by hand."""
    _, figure = drawn(study, tmp_path, age=2, noise=0.3, seed=1)
    stored, cue, end = shown(figure)
    np.testing.assert_array_equal(stored, LETTERS[3].reshape(12, 12))
    assert (cue != stored).sum() == 43  # round(0.3 × 144)
    cell = reading.states(results_of(study, tmp_path).store, study).dataset().sel(age=2, noise=0.3, seed=1)
    bits = np.unpackbits(cell["states"].values.ravel())[:144].reshape(12, 12)
    np.testing.assert_array_equal(end, np.where(bits == 1, 1, -1))
    image = figure.axes[0].images[0]
    assert image.norm.vmin == -1
    assert image.cmap(image.norm(1))[:3] == (0, 0, 0)
    assert image.cmap(image.norm(-1))[:3] == (1, 1, 1)


def test_overlaps_below_are_those_of_the_pictures(study, tmp_path):
    rows, figure = drawn(study, tmp_path, age=2, noise=0.3, seed=1)
    stored, *others = shown(figure)
    said = [ax.get_xlabel() for ax in figure.axes]
    assert said == ["", *(f"{(stored * other).mean():.2f}" for other in others)]
    assert rows[0].overlap(0) == pytest.approx(1 - 2 * 43 / 144)


def test_steps_are_states_of_the_same_chain(study, tmp_path):
    """After 1, 2 and 4 sweeps, between the cue and the end: what a trace says of them."""
    rows, figure = drawn(study, tmp_path, steps=3, age=2, noise=0.3, seed=1)
    assert [*rows[0].states] == [0, 1, 2, 4, 60]
    titles = [" ".join(ax.get_title().split()) for ax in figure.axes]
    assert titles == ["stored", "cue", "1 sweep", "2 sweeps", "4 sweeps", "end (60 sweeps)"]
    found = trace.trace(study, age=2, noise=0.3, seed=1)
    for sweep in (1, 2, 4, 60):
        assert rows[0].overlap(sweep) == float(found["overlap"].sel(sweep=sweep))


@pytest.mark.parametrize("steps", [0, 4, 8])
def test_no_title_is_cut_or_lies_on_another(study, tmp_path, steps):
    """On a page of nine pictures the last title has two lines, all of it on the page."""
    _, figure = drawn(study, tmp_path, steps=steps, age=2, noise=0.3, seed=1)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    page = figure.bbox
    boxes = [ax.title.get_window_extent(canvas.get_renderer()) for ax in figure.axes]
    (head,) = (text for text in figure.texts if "final states" in text.get_text())
    above = head.get_window_extent(canvas.get_renderer())
    assert all(page.x0 <= box.x0 and box.x1 <= page.x1 and box.y1 <= above.y0 for box in boxes)
    assert not any(one.overlaps(other) for one, other in pairwise(boxes))


def test_several_cues_are_rows_of_their_own(tmp_path):
    path = tmp_path / "four.txt"
    np.savetxt(path, LETTERS[:4], "%d")
    content = {"name": "four", "patterns": {"file": str(path)}, "cues": 3, "keep": {"states": 3},
               "axes": {"size": [144], "memories": [4], "temperature": [0.0], "noise": [0.1], "seed": 1},
               "sweeps": {"thermalise": 4, "measure": 4}}  # fmt: skip
    study = study_of(content)
    fill(study, tmp_path)
    rows, figure = drawn(study, tmp_path)
    assert [row.words for row in rows] == ["", "", ""]
    every = shown(figure)
    for cue in range(3):
        np.testing.assert_array_equal(every[3 * cue], LETTERS[cue].reshape(12, 12))


def test_files_and_the_size_of_a_page(study, tmp_path):
    written = pictures.pictured(study, {"age": [5, 2], "noise": 0.3, "seed": 0}, 8, root=tmp_path)
    folder = tmp_path / "letters" / "figures"
    assert [str(p) for p in written] == [str(folder / f"states.{kind}") for kind in ("png", "svg")]
    one = pictures.pictured(study, {"age": 5, "noise": 0.3, "seed": 0}, 0, tmp_path / "a.svg", tmp_path)
    assert [Path(str(p)).name for p in one] == ["a.png", "a.svg"]
    _, figure = drawn(study, tmp_path, steps=8, age=5, noise=0.3, seed=0)
    trace.files_of(figure)
    assert figure.get_figwidth() <= 7
    texts = [t for t in figure.findobj(Text) if t.get_text() and t.get_visible()]
    assert min(t.get_fontsize() for t in texts) >= 7
    assert "got .csv; expected one of .png, .svg" in refused(
        pictures.pictured, study, {"age": 5, "noise": 0.3, "seed": 0}, output=tmp_path / "a.csv"
    )


def test_mistakes_are_one_line(study, tmp_path):
    at = {"age": 5, "noise": 0.3, "seed": 0}
    cases = {
        "got a study that keeps no final states": (study.model_copy(update={"keep": None}), at, 0),
        "at seed: got nothing; expected one of 0, 1": (study, {"age": 5, "noise": 0.3}, 0),
        "--steps: got 9; expected 0 … 8": (study, at, 9),
        "got random patterns, which are no pictures": (make_of_family(keep={"states": 1}), {}, 0),
    }
    for said, (given, cell, steps) in cases.items():
        assert said in refused(pictures.pictured, given, cell, steps, root=tmp_path)
    said = refused(pictures.pictured, study, at, root=tmp_path / "elsewhere")
    assert "are not there; compute them with mattis run STUDY --all-observables" in said
    many = {"age": [5, 2], "noise": [0.1, 0.3], "seed": [0, 1]}
    assert len(pictures.pictured(study, many, root=tmp_path)) == 2
    more = {**many, "temperature": [0.0, 0.0]}
    assert "got 16 rows of pictures; expected at most 8" in refused(
        pictures.pictured, study, more, root=tmp_path
    )


def test_pictures_that_are_no_squares_are_refused(tmp_path):
    path = tmp_path / "oblong.txt"
    np.savetxt(path, LETTERS[:3, :132], "%d")
    content = {"name": "oblong", "patterns": {"file": str(path)}, "keep": {"states": 1},
               "axes": {"size": [132], "memories": [3], "temperature": [0.0], "seed": 1}}  # fmt: skip
    said = refused(pictures.pictured, study_of(content), {}, root=tmp_path)
    assert "got pictures of 132 dots, which are no square; expected n × n dots" in said
