"""The trajectory of a cell as CSV and as a figure: every line of it is the table's; theory is the table's."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from builders import make_of_family, refused
from matplotlib.text import Text

import mattis
from mattis.figures import trace as traces
from mattis.figures.trace import trace
from mattis.study.cells import block_at
from mattis.theory import evaluate

AT = {"load": 0.1, "temperature": 0.3, "noise": 0.1, "seed": 1}


@pytest.fixture
def study():
    return make_of_family()


def drawn(study, at=AT):
    found = trace(study, **at)
    return found, traces.drawing(found, study, block_at(study, at))


def test_the_table_has_every_digit(study):
    found = trace(study, **AT)
    table = pd.read_csv(io.BytesIO(traces.csv(found)), float_precision="round_trip")
    assert [*table] == ["sweep", "overlap", "energy", "q"]
    for name in table:
        np.testing.assert_array_equal(table[name], found[name])


def test_lines_are_those_of_the_table(study):
    found, figure = drawn(study)
    assert len(figure.axes) == 3
    for ax, name in zip(figure.axes, ("overlap", "energy", "q"), strict=True):
        times, values = ax.lines[0].get_data()
        np.testing.assert_array_equal(times, found["sweep"])
        np.testing.assert_array_equal(values, found[name])
        (shade,) = ax.patches
        assert (shade.get_x(), shade.get_width()) == (0, 8)


def test_theory_is_at_the_load_of_the_patterns_that_disturb(study):
    """P = round(0.1 × 60) = 6 of 60, of which 5 are others."""
    _, figure = drawn(study)
    at = {"load": 5 / 60, "temperature": 0.3}
    wanted = {0: evaluate("hopfield.overlap", **at), 1: evaluate("hopfield.energy_finite", **at, size=60)}
    for k, ax in enumerate(figure.axes):
        levels = [set(line.get_ydata()) for line in ax.lines[1:]]
        assert levels == ([{wanted[k]}] if k in wanted else [])


@pytest.mark.parametrize(
    "changes", [{"load": [0.4]}, {"patterns": {"ensemble": "categories"}}, {"question": "survival"}]
)
def test_no_line_where_theory_knows_none(changes):
    _, figure = drawn(make_of_family(**changes), {**AT, "load": changes.get("load", [0.1])[0]})
    assert len(figure.axes[0].lines) == 1


def test_it_fits_a_column_and_no_text_is_small(study):
    _, figure = drawn(study)
    assert {*traces.files_of(figure)} == {"png", "svg"}
    assert figure.get_size_inches()[0] == 3.4
    texts = [t for t in figure.findobj(Text) if t.get_text() and t.get_visible()]
    assert min(t.get_fontsize() for t in texts) >= 7
    box = figure.get_tightbbox()
    assert box.x0 > -1e-4
    assert box.x1 < 3.4 + 1e-4


def test_files_lie_among_the_figures_or_where_the_user_says(study, tmp_path):
    names = "trace-load0.1-temperature0.3-noise0.1-seed1"
    written = traces.traced(study, AT, root=tmp_path)
    folder = tmp_path / "some" / "figures"
    assert [str(p) for p in written] == [str(folder / f"{names}.{k}") for k in ("csv", "png", "svg")]
    again = traces.traced(study, AT, output=tmp_path / "new" / "one.svg")
    assert [str(p) for p in again] == [str(tmp_path / "new" / f"one.{k}") for k in ("csv", "png", "svg")]
    assert [p.read_bytes() for p in written] == [p.read_bytes() for p in again]
    said = refused(traces.traced, study, AT, output=tmp_path / "one.pdf")
    assert "got .pdf; expected one of .png, .svg, .csv" in said


def test_attributes_say_what_it_is(study):
    found = mattis.trace(study, cue=0, **AT)
    assert found.attrs["study"] == "some"
    assert found.attrs["mattis_version"] == mattis.__version__
    assert {key: found.attrs[key] for key in AT} == AT
    assert found.attrs["warm"] == 8
    longer = make_of_family(sweeps={"thermalise": 8, "measure": 41})
    assert mattis.trace(longer, **AT).attrs["physics_digest"] != found.attrs["physics_digest"]
    shorter = make_of_family(load=[0.1])
    assert mattis.trace(shorter, **AT).attrs["physics_digest"] == found.attrs["physics_digest"]


def test_a_model_that_cannot_be_followed_says_so(study, monkeypatch):
    model = replace(study.described_model, follow=None)
    monkeypatch.setattr(type(study), "described_model", model)
    said = refused(trace, study, **AT)
    assert said.startswith("some: hopfield cannot be followed step by step; expected a study of one of")
