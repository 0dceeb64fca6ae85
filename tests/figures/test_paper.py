"""Figures for papers: widths, embedded fonts, panels apart, caption and numbers that say what is drawn."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from artists import imagined, legends, short
from builders import STUDIES, fill, make_study
from conftest import few
from matplotlib.backends.backend_agg import FigureCanvasAgg

from mattis import __version__, theory
from mattis.comparison.verdict import with_theory
from mattis.errors import UserError
from mattis.figures import estimated
from mattis.figures.canvas import printed
from mattis.figures.captions import caption_text
from mattis.figures.numbers import COLUMNS, table
from mattis.figures.page import PageFigure
from mattis.figures.paper import for_paper, page_of_study, panels_of_page, write_paper
from mattis.networks.registry import load_study
from mattis.study.base import Study
from mattis.theory import QUANTITIES

FAMILIES = [
    "hopfield", "weighted", "attention", "consolidation-time", "consolidation-merging", "couplings",
    "fast_slow",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("consolidation", "recall")),
]  # fmt: skip
"""A study of each way to draw a page; the two of many panels take seconds."""

Drawn = tuple[Study, xr.Dataset]


@pytest.fixture(scope="module", params=FAMILIES)
def drawable(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """A short copy of a shipped study, and imagined estimates of it."""
    with pytest.MonkeyPatch.context() as patch:
        few(patch)
        study = short(STUDIES / f"{request.param}.yaml")
        return study, imagined(study, tmp_path_factory.mktemp(request.param))


def letters(page: PageFigure) -> list[str]:
    return [one.letter for one in panels_of_page(page)]


def rows_of_table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def check_page(page: PageFigure, width: float) -> None:
    """All is on the page; keys lie below the panels; there is neither question nor caption."""
    FigureCanvasAgg(page)
    page.draw_without_rendering()
    assert page.get_size_inches()[0] == width
    head, _, foot = page.subfigs
    assert not [*head.texts, *foot.texts]
    panels = [ax.get_tightbbox() for ax in page.axes]
    keys = [legend.get_window_extent() for legend in legends(page)]
    for box in (*panels, *keys):
        assert min(box.x0, box.y0) >= -1
        assert box.x1 <= page.bbox.x1 + 1
        assert box.y1 <= page.bbox.y1 + 1
    for key in keys:
        assert not any(key.overlaps(panel) for panel in panels)


@pytest.mark.usefixtures("few_places")
def test_a_page_becomes_one_or_two_columns(drawable: Drawn) -> None:
    """As wide as it is, and as wide as the other of both widths, which is the usual one of other families."""
    study, estimates = drawable
    widths = {"single": 3.4, "double": 7.0}
    page = page_of_study(estimates, study)
    usual, expected = page.get_size_inches()[0], letters(page)
    assert usual in widths.values()
    assert sorted(for_paper(page)) == expected
    check_page(page, usual)
    (style,) = (name for name, width in widths.items() if width != usual)
    page = page_of_study(estimates, study)
    assert sorted(for_paper(page, style=style)) == expected
    check_page(page, widths[style])


@pytest.mark.usefixtures("few_places")
def test_a_panel_stands_alone_with_its_own_key(drawable: Drawn) -> None:
    study, estimates = drawable
    whole, tables = page_of_study(estimates, study), []
    for letter in letters(whole):
        page = page_of_study(estimates, study)
        panels = for_paper(page, letter)
        assert [*panels] == [letter]
        tables.append(table(panels))
        check_page(page, 3.4)
        assert not re.match(r"\([a-z]\)", panels[letter][0].get_title(loc="left"))
        assert {*page.axes} >= {*panels[letter]}
        told = {words for words, _ in whole.closed.keys}
        shown = {t.get_text().replace("\n", " ") for one in legends(page) for t in one.get_texts()}
        assert shown <= told
        expected = {w for w in told if letter in whole.closed.about.get(w, letter)}
        assert shown == expected
    assert len({*tables}) == len(tables)


def test_an_unknown_panel_is_one_line(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    fill(study, tmp_path)
    with pytest.raises(UserError, match=r"--panel: got q; expected one of a.*; for example --panel a"):
        write_paper(study, "q", output=tmp_path / "f.pdf", root=tmp_path)
    with pytest.raises(UserError, match=r"-o f\.gif: got \.gif; expected one of \.png, \.svg, \.pdf"):
        write_paper(study, output=tmp_path / "f.gif", root=tmp_path)
    assert not [*tmp_path.glob("f.*")]


# What is written


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    """A study whose figure is a map and curves, computed."""
    root = tmp_path_factory.mktemp("mapped")
    panels = [
        {"quantity": "overlap", "across": "load", "up": "temperature"},
        {"quantity": "overlap", "across": "temperature", "curves": "load"},
    ]
    study = make_study(root, noise=[0.0], figure={"question": "Is it so?", "panels": panels})
    fill(study, root)
    return study, root


def test_letters_of_a_pdf_are_fonts_and_its_bytes_have_no_date(mapped: tuple[Study, Path]) -> None:
    study, root = mapped
    places = write_paper(study, style="single", output=root / "f.pdf", root=root)
    assert [Path(str(place)).name for place in places] == ["f.pdf", "f.txt", "f.csv"]
    content = (root / "f.pdf").read_bytes()
    assert b"/Type3" not in content
    fonts = re.findall(rb"/FontDescriptor\b", content)
    assert fonts
    assert len(re.findall(rb"/FontFile2 ", content)) == len(re.findall(rb"/Type /FontDescriptor", content))
    assert b"CreationDate" not in content
    (box,) = {*re.findall(rb"/MediaBox \[ ?0 0 ([0-9.]+)", content)}
    assert float(box) == pytest.approx(3.4 * 72)
    before = [(root / f"f.{kind}").read_bytes() for kind in ("pdf", "txt", "csv")]
    write_paper(study, style="single", output=root / "f.pdf", root=root)
    assert [(root / f"f.{kind}").read_bytes() for kind in ("pdf", "txt", "csv")] == before


@pytest.mark.parametrize(("kind", "begins"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_other_kinds_by_their_ending(
    kind: str, begins: bytes, mapped: tuple[Study, Path], tmp_path: Path
) -> None:
    study, root = mapped
    write_paper(study, output=tmp_path / f"f.{kind}", root=root)
    assert (tmp_path / f"f.{kind}").read_bytes().startswith(begins)
    assert (tmp_path / "f.csv").exists()


def test_without_a_file_it_lies_among_the_figures(mapped: tuple[Study, Path]) -> None:
    study, root = mapped
    places = write_paper(study, "b", root=root)
    names = [Path(str(place)).relative_to(root).as_posix() for place in places]
    assert names == [f"small/figures/diagram-b.{kind}" for kind in ("pdf", "txt", "csv")]


def number(text: str) -> float:
    return float(text) if text else np.nan


def test_the_table_has_the_numbers_that_are_drawn(mapped: tuple[Study, Path]) -> None:
    """Cells and points are the estimates, ends of bars their intervals, and lines are theory."""
    study, root = mapped
    estimates = with_theory(estimated(study, root), study)
    content = table(for_paper(page_of_study(estimates, study)))
    rows = rows_of_table(content)
    assert content.decode().splitlines()[0] == ",".join(COLUMNS)
    plane = estimates.squeeze(drop=True).sortby("temperature").sortby("load")
    cells = [row for row in rows if row["kind"] == "cell"]
    assert {row["panel"] for row in cells} == {"a"}
    assert len(cells) == plane["overlap"].size
    for row in cells:
        load = plane["realised_load"].values
        heat = plane["temperature"].values
        (i,) = np.flatnonzero((number(row["x_low"]) < load) & (load < number(row["x_high"])))
        (j,) = np.flatnonzero((number(row["y_low"]) < heat) & (heat < number(row["y_high"])))
        expected = plane["overlap"].transpose("load", "beta").values[i, j]
        assert number(row["value"]) == expected
        assert row["what"] == "overlap $m$"
    points = [row for row in rows if row["panel"] == "b" and row["what"].startswith("overlap, ")]
    assert len(points) >= plane["overlap"].size
    for row in points:
        near = np.abs(plane["temperature"].values - number(row["x"])) < 1e-12
        values = plane["overlap"].values[..., near].ravel().tolist()
        given = [*values, *plane["overlap_given_survival"].values[..., near].ravel().tolist()]
        given += plane["overlap_given_loss"].values[..., near].ravel().tolist()
        assert number(row["y"]) in given
        if row["y_low"]:
            assert number(row["y_low"]) <= number(row["y"]) <= number(row["y_high"])
    lines = [row for row in rows if row["kind"] == "line" and row["what"].startswith("hopfield.overlap")]
    assert len(lines) > 50
    loads = {f"{v:.3g}": v for v in plane["realised_load"].values.tolist()}
    for row in lines[::25]:
        load = loads[row["what"].split(" ")[-1]]
        others = load - 1 / 60
        found = theory.evaluate("hopfield.overlap", load=others, temperature=number(row["x"]))
        assert number(row["y"]) == pytest.approx(found, rel=1e-6)


def test_hatched_cells_say_so(mapped: tuple[Study, Path]) -> None:
    """Three pattern sets are too few: every cell of the map is hatched."""
    study, root = mapped
    page = page_of_study(with_theory(estimated(study, root), study), study)
    rows = [row for row in rows_of_table(table(for_paper(page, "a"))) if row["kind"] == "cell"]
    assert {row["hatched"] for row in rows} == {"////"}


def test_the_caption_says_of_what_and_how_far_theory_holds(mapped: tuple[Study, Path]) -> None:
    study, root = mapped
    estimates = with_theory(estimated(study, root), study)
    page = page_of_study(estimates, study)
    told = " ".join(caption_text(page, for_paper(page), estimates, study).split())
    for words in (
        "Is it so?", "N = 60; P = 3 to 12", "Sweeps: 10 before the averages and 60 in them",
        "3 pattern sets, seeds 0, 1, 2, root seed 1; 2 cues of each", "temperature: 0, 0.3, 0.6, 1.2",
        f"Digest: {estimates.attrs['digest']}", "Error bars: intervals of 95 %", f"mattis {__version__}",
        f"It holds: {QUANTITIES['hopfield.overlap'].validity}", "(a) ", "(b) ", "overlap $m$",
    ):  # fmt: skip
        assert words in told
    assert len(estimates.attrs["digest"]) == 64
    alone = page_of_study(estimates, study)
    first = caption_text(alone, for_paper(alone, "a"), estimates, study)
    assert "Theory, hopfield.overlap" not in first, "the map has no line"
    assert "Theory: none is drawn." in first


@pytest.mark.usefixtures("few_places")
def test_every_line_of_theory_that_a_page_names_is_a_quantity(drawable: Drawn) -> None:
    study, estimates = drawable
    page = page_of_study(estimates, study)
    assert {*page.closed.theory} <= {*QUANTITIES}
    assert {letter for of in page.closed.theory.values() for letter in of} <= {*letters(page)}
    panels = for_paper(page)
    named = {row["what"].split(",")[0] for row in rows_of_table(table(panels))}
    assert {name for name in named if name in QUANTITIES} <= {*page.closed.theory}


@pytest.mark.usefixtures("few_places")
def test_what_is_incomplete_is_told(tmp_path: Path) -> None:
    study: Any = make_study(tmp_path)
    from mattis.study import plan

    fill(study, tmp_path, plan.blocks(study)[:-1])
    estimates = with_theory(estimated(study, tmp_path), study)
    page = page_of_study(estimates, study)
    told = caption_text(page, for_paper(page), estimates, study)
    assert "Digest: incomplete" in told
    assert "cells have not all of their seeds yet" in told


def test_a_picture_for_print_has_600_dots_on_an_inch(mapped: tuple[Study, Path], tmp_path: Path) -> None:
    from PIL import Image

    study, root = mapped
    write_paper(study, "a", output=tmp_path / "f.png", root=root)
    assert Image.open(tmp_path / "f.png").width == round(3.4 * 600)
    usual = printed(page_of_study(with_theory(estimated(study, root), study), study), "png")
    assert Image.open(io.BytesIO(usual)).width in (680, 1400)
    assert load_study(root / "small.yaml").name == "small"
