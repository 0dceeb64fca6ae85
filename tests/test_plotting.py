"""The diagram in Python: the page of a study in a frame, or its figure, from all that has its numbers."""

import html
import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from artists import imagined, short
from builders import STUDIES, fill, make_study, refused
from matplotlib.figure import Figure
from paged import EACH_KIND, content_of

import mattis
from mattis.engine.status import open_results
from mattis.figures import with_words
from mattis.plotting import Plot
from mattis.store import store
from mattis.store.results import results_of
from mattis.study import plan
from mattis.study.base import Study


def stored(study: Study, root: Path) -> xr.Dataset:
    """Return diagram.zarr of a study, from cells that nobody computed, as xarray opens it."""
    estimates = imagined(study, root)
    place = results_of(study, root).diagram
    store.write_dataset(with_words(estimates), place)
    return xr.open_zarr(str(place))


Kind = tuple[Study, Path, xr.Dataset]
"""A study of some kind, the folder of its results, and its diagram.zarr."""


@pytest.fixture(scope="module", params=EACH_KIND)
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kind:
    study, root = short(STUDIES / f"{request.param}.yaml"), tmp_path_factory.mktemp(request.param)
    return study, root, stored(study, root)


def test_the_page_is_the_same_from_a_study_its_cells_and_its_diagram(kind: Kind) -> None:
    study, root, diagram = kind
    found = diagram.mattis.plot()
    assert isinstance(found, Plot)
    assert mattis.plot(study, root=root).text == found.text
    assert mattis.plot(open_results(study, root), study).text == found.text
    known = content_of(found.text)
    assert known["name"] == study.name
    assert known["digest"] == diagram.attrs["digest"]
    assert known["cells"]["there"] == known["cells"]["total"] > 0
    assert not any("samples" in one for one in known["quantities"])


@pytest.mark.usefixtures("cheap_figures")
def test_with_samples_it_is_the_page_that_is_written(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    fill(study, tmp_path)
    mattis.diagram(study, tmp_path)
    page = Path(mattis.write_page(study, tmp_path)).read_text(encoding="utf-8")
    shown, written = (content_of(mattis.plot(study, root=tmp_path, samples=True).text), content_of(page))
    names = {one["name"] for one in written["quantities"]}
    assert {one["name"] for one in shown["quantities"]} == names
    assert all("samples" in one for one in shown["quantities"] if one["name"] == "overlap")
    for key in ("digest", "headline", "cells", "dims", "yaml", "lines", "view"):
        assert shown[key] == written[key], key


def test_estimates_know_how_many_cells_are_there(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    fill(study, tmp_path, plan.blocks(study)[:4])
    cells = open_results(study, tmp_path)
    estimates = mattis.aggregate(cells, study)
    known = content_of(mattis.plot(estimates, study).text)
    assert known["cells"]["there"] == int(cells["valid"].sum()) == 32
    assert known["cells"]["total"] == 72
    assert known["digest"] == "not known"


def test_the_frame_holds_the_page_and_lets_nothing_out(tmp_path: Path, study: Study) -> None:
    fill(study, tmp_path)
    found = mattis.plot(study, root=tmp_path)
    frame = found._repr_html_()
    inside = re.fullmatch(
        r'<iframe srcdoc="([^"]*)" sandbox="([^"]*)" title="([^"]*)" style="[^"]*"></iframe>', frame
    )
    assert inside is not None
    assert html.unescape(inside[1]) == found.text
    assert inside[2] == "allow-scripts allow-downloads"
    assert "<" not in inside[1]
    assert "http" not in frame.replace(html.escape(found.text), "")
    assert repr(found).startswith(f"diagram of {study.name}: a page of ")
    assert found.save(tmp_path / "page.html").read_text(encoding="utf-8") == found.text
    assert "cannot write the page" in refused(found.save, tmp_path / "nowhere" / "page.html")
    hostile = Plot('"><script>', "<p title='\"'>&amp;")
    assert "<" not in hostile._repr_html_().removeprefix("<iframe").removesuffix("></iframe>")


@pytest.mark.usefixtures("cheap_figures")
def test_the_figure_is_the_one_that_is_written(kind: Kind) -> None:
    study, root, diagram = kind
    before = dict(mpl.rcParams)
    found = diagram.mattis.plot(interactive=False)
    assert isinstance(found, Figure)
    shown = found._repr_png_()
    assert shown[:4] == b"\x89PNG"
    written = next(
        Path(path) for path in map(str, mattis.diagram(study, root)) if path.endswith("/diagram.png")
    )
    assert shown == written.read_bytes()
    assert dict(mpl.rcParams) == before


def test_what_cannot_be_plotted_is_refused_in_one_line(tmp_path: Path, study: Study) -> None:
    assert "no cell of this study is there" in refused(mattis.plot, study, root=tmp_path)
    fill(study, tmp_path)
    cells = open_results(study, tmp_path)
    estimates = mattis.aggregate(cells, study)
    assert "does not say its study" in refused(mattis.plot, estimates)
    assert "does not say its study" in refused(estimates.mattis.plot)
    assert "got a dataset without `seeds`" in refused(mattis.plot, xr.Dataset({"x": 1}), study)
    assert "got 1 of 3 values of load" in refused(mattis.plot, estimates.isel(load=[0]), study)
    assert "got 0 of 2 values of noise" in refused(mattis.plot, estimates.isel(noise=0), study)
    assert "got 2 of 3 values of seed" in refused(mattis.plot, cells.isel(seed=[0, 1]), study)
    assert "which have no values of each" in refused(mattis.plot, estimates, study, samples=True)
    assert "got two studies" in refused(mattis.plot, study, study)
    assert "expected a study, the path of its file, or its keys" in refused(mattis.plot, 3)
    hostile = estimates.assign_attrs(study="name: [")
    assert "the study in the attributes of the dataset" in refused(mattis.plot, hostile)


def test_a_dataset_that_is_plotted_is_left_as_it_is(tmp_path: Path, study: Study) -> None:
    fill(study, tmp_path)
    estimates = mattis.aggregate(open_results(study, tmp_path), study)
    before = estimates.copy(deep=True)
    mattis.plot(estimates, study)
    xr.testing.assert_identical(estimates, before)
    assert np.array_equal(estimates["overlap"], before["overlap"])
