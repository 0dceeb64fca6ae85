"""Pages in a real browser, without a network: any message on the console fails, and so does any request."""

import csv
import io
import os
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artists import imagined, short
from browsing import READY, SLOWEST, Open, axe_of, choose, position_of
from builders import STUDIES
from paged import BESIDE, Paged, content_of, paged, with_boundary

from mattis import figures
from mattis.engine.status import open_results
from mattis.page import page_text
from mattis.page.document import Surroundings
from mattis.page.payload import Findings
from mattis.store.results import results_of, write_json

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Paged:
    """The page of a phase diagram, with a boundary."""
    return with_boundary(paged(short(STUDIES / "hopfield.yaml"), tmp_path_factory.mktemp("plane")))


def choices(page: Any, name: str) -> list[str]:
    """Return what a list offers."""
    found: list[str] = page.eval_on_selector_all(f"#{name} option", "all => all.map(o => o.value)")
    return found


def cell_of(page: Any) -> dict[str, str]:
    """Return what is said of the cell that is selected."""
    words = page.locator("#estimate > *").all_text_contents()
    return dict(zip(words[::2], words[1::2], strict=True))


def spelled(mean: float, error: float) -> str:
    """Return a mean with its error, as people write it: two digits of the error."""
    places = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{mean:.{places}f} ± {error:.{places}f}".replace("-", "−")


def middle_of(page: Any, number: int) -> tuple[float, float]:
    """Return the middle of a cell of a map."""
    box = page.locator("#diagram g.cells rect").nth(number).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_each_kind_of_study_shows_everything_that_can_be_chosen(shown: Paged, open_page: Open) -> None:
    """Every quantity, what is shown of it, every axis across and up, maps and curves, every slider."""
    page = open_page(shown.text)
    folder = os.environ.get("PAGE_PICTURES")
    if folder:
        Path(folder).mkdir(exist_ok=True)
        page.screenshot(path=f"{folder}/{shown.study.name}.png", full_page=True)
    for name in choices(page, "quantity"):
        choose(page, "quantity", name)
        for kind in choices(page, "shown"):
            choose(page, "shown", kind)
        choose(page, "shown", "value")
    choose(page, "quantity", choices(page, "quantity")[0])
    for across in choices(page, "across"):
        choose(page, "across", across)
        for second in choices(page, "second"):
            choose(page, "second", second)
            for form in ("map", "curves") if second else ():
                choose(page, "form", form)
                assert page.locator("#diagram svg").count() == (2 if form == "map" else 1)
            for slider in page.locator("#sliders input").all():
                slider.press("ArrowLeft")
                slider.press("Home")
                assert slider.get_attribute("aria-valuetext")
    assert page.locator("#diagram svg").count() > 0


def test_the_pointer_shows_the_mean_and_its_error(plane: Paged, open_page: Open) -> None:
    page = open_page(plane.text)
    x, y = middle_of(page, 5)
    page.mouse.move(x, y)
    page.mouse.move(x + 1, y)
    page.wait_for_selector("#diagram [aria-label=tip] text")
    words = page.locator("#diagram [aria-label=tip]").text_content()
    page.mouse.click(x, y)
    place = position_of(page)
    one = plane.found.estimates.isel(place)
    assert spelled(float(one["overlap"]), float(one["overlap_error"])) in words
    assert f"load {float(one['realised_load']):.4g}" in words
    assert f"temperature {float(one['temperature']):.4g}" in words


def test_a_click_shows_a_dot_for_each_seed(plane: Paged, open_page: Open) -> None:
    page = open_page(plane.text)
    places = set()
    page.locator("#seeds summary").click()
    page.wait_for_selector("#seeds td")
    for number in (0, 6, 15):
        page.mouse.click(*middle_of(page, number))
        place = position_of(page)
        places.add(tuple(place.items()))
        cells = plane.found.cells.isel(place)
        assert page.locator("#samples g.sample circle").count() == int(cells["valid"].sum())
        values = [float(text.replace("−", "-")) for text in page.locator("#seeds td").all_text_contents()]
        np.testing.assert_allclose(values, cells["overlap"], rtol=1e-6)
        one = plane.found.estimates.isel(place)
        known = cell_of(page)
        assert known["overlap m"] == spelled(float(one["overlap"]), float(one["overlap_error"]))
        assert known["patterns P"] == str(int(one["patterns"]))
    assert len(places) == 3


def test_arrow_keys_walk_and_the_live_region_says_where(plane: Paged, open_page: Open) -> None:
    page = open_page(plane.text)
    page.locator("#diagram").focus()
    before = position_of(page) or content_of(plane.text)["view"]["at"]
    page.keyboard.press("ArrowRight")
    right = position_of(page)
    assert right == {**before, "load": before["load"] + 1}
    page.keyboard.press("Home")
    assert position_of(page)["load"] == 0
    page.keyboard.press("ArrowLeft")
    assert position_of(page)["load"] == 0
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    place = position_of(page)
    heat = plane.found.estimates["temperature"].values
    assert place["load"] == plane.found.estimates.sizes["load"] - 1
    assert heat[place["beta"]] > heat[before["beta"]]
    one = plane.found.estimates.isel(place)
    said = page.locator("#live").text_content()
    assert said.startswith(
        f"load {float(one['realised_load']):.4g}, temperature {float(one['temperature']):.4g}"
    )
    assert spelled(float(one["overlap"]), float(one["overlap_error"])) in said


def test_each_switch_removes_its_line_and_no_other(plane: Paged, open_page: Open) -> None:
    page = open_page(plane.text)
    keys = page.eval_on_selector_all("#switches input", "all => all.map(one => one.dataset.line)")
    both = {"line-hopfield-T_c", "line-hopfield-T_c-one-step"}
    assert {"line-hopfield-T_M", "boundary-temperature", *both} <= {*keys}
    assert len({*keys}) == len(keys)

    def there() -> dict[str, int]:
        return {key: page.locator(f"#diagram g.{key} > *").count() for key in keys}

    for key in keys:
        box = page.locator(f'#switches input[data-line="{key}"]')
        if not box.is_checked():
            box.check()
    whole = there()
    assert all(whole[key] for key in keys if key.startswith("line"))
    for key in keys:
        page.locator(f'#switches input[data-line="{key}"]').uncheck()
        assert there() == {**whole, key: 0}
        page.locator(f'#switches input[data-line="{key}"]').check()
    assert there() == whole


def test_a_reload_and_a_copied_link_show_the_same(plane: Paged, open_page: Open) -> None:
    page = open_page(plane.text)
    choose(page, "quantity", "energy")
    choose(page, "shown", "error")
    choose(page, "across", "beta")
    page.locator("#diagram").focus()
    page.keyboard.press("End")
    page.locator("#theme").click()
    address, title = page.evaluate("location.hash"), page.locator("#diagram-title").text_content()
    said = page.locator("#live").text_content()
    page.reload()
    page.wait_for_selector(READY)
    assert page.locator("#diagram-title").text_content() == title
    assert page.locator("#live").text_content() == said
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    link = open_page(plane.text, address)
    assert link.locator("#diagram-title").text_content() == title
    assert link.locator("#live").text_content() == said
    wrong = open_page(plane.text, "#quantity=nothing&across=nowhere&at.load=99&form=cube")
    assert wrong.locator("#diagram-title").text_content() == "overlap m over load and temperature"


def downloaded(page: Any, name: str) -> bytes:
    """Return the file that a button gives."""
    with page.expect_download() as waiting:
        page.click(f'button[data-file="{name}"]')
    return Path(waiting.value.path()).read_bytes()


def test_downloads_are_read_back(plane: Paged, open_page: Open) -> None:
    page = open_page(plane.text)
    estimates, cells = plane.found.estimates, plane.found.cells
    rows = [*csv.DictReader(io.StringIO(downloaded(page, "estimates").decode()))]
    assert len(rows) == estimates["seeds"].size
    for name in ("overlap", "overlap_error", "energy"):
        values = [float(row[name] or "nan") for row in rows]
        np.testing.assert_array_equal(values, estimates[name].values.ravel())
    np.testing.assert_array_equal(
        [float(row["load"]) for row in rows],
        estimates["load"]
        .broadcast_like(estimates["seeds"])
        .transpose(*estimates["seeds"].dims)
        .values.ravel(),
    )
    every = [*csv.DictReader(io.StringIO(downloaded(page, "cells").decode()))]
    assert len(every) == cells["valid"].size
    np.testing.assert_allclose(
        [float(row["overlap"]) for row in every], cells["overlap"].values.ravel(), rtol=1e-6
    )
    assert downloaded(page, "study").decode() == plane.study.to_yaml()
    picture = downloaded(page, "svg").decode()
    assert picture.startswith("<svg")
    assert picture.count("<rect") > estimates.sizes["load"] * estimates.sizes["beta"]
    assert downloaded(page, "png").startswith(b"\x89PNG")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_missed_by_those_who_do_not_see_it(plane: Paged, open_page: Open, scheme: str) -> None:
    page = open_page(plane.text, color_scheme=scheme)
    assert axe_of(page) == []
    for details in page.locator("details").all():
        if details.is_visible():
            details.locator("summary").click()
    assert page.locator("#plane td").count() == 16
    assert axe_of(page) == []
    choose(page, "form", "curves")
    assert axe_of(page) == []


def test_a_narrow_screen_scrolls_down_only(shown: Paged, open_page: Open) -> None:
    page = open_page(shown.text, viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for details in page.locator("details").all():
        if details.is_visible():
            details.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#diagram svg").last.bounding_box()["width"] <= 390


def test_a_large_map_is_painted_and_its_cells_are_found(plane: Paged, open_page: Open) -> None:
    text = plane.text.replace("const MOST_ELEMENTS = 10000;", "const MOST_ELEMENTS = 1;")
    digests = [hashed(script) for script in re.findall(r"<script>(.*?)</script>", text, re.S)]
    text = re.sub(r"script-src .*?; style-src", f"script-src {' '.join(digests)}; style-src", text)
    page = open_page(text)
    assert page.locator("#diagram image.painted").count() == 1
    assert page.locator("#diagram g.cells").count() == 0
    box = page.locator("#diagram image.painted").bounding_box()
    page.mouse.click(box["x"] + 2, box["y"] + 2)
    place = position_of(page)
    one = plane.found.estimates.isel(place)
    assert place["load"] == 0
    assert float(one["temperature"]) == float(plane.found.estimates["temperature"].max())
    assert downloaded(page, "png").startswith(b"\x89PNG")


def hashed(text: str) -> str:
    """Return how a policy names a script."""
    return f"&#39;sha256-{b64encode(sha256(text.encode()).digest()).decode()}&#39;"


def test_a_partial_study_says_so_and_leaves_its_cells_grey(tmp_path: Path, open_page: Open) -> None:
    study = short(STUDIES / "hopfield.yaml")
    imagined(study, tmp_path)
    cells = open_results(study, tmp_path)
    lacking = cells["valid"].copy()
    lacking[{"load": 0}] = False
    lacking[{"load": 1, "seed": 0}] = False
    cells = cells.assign(valid=lacking, failed=cells["failed"] | ~lacking)
    partial = figures.estimates_of(cells, study, tmp_path)
    found = Findings(cells, partial, figures.headline(partial, study))
    page = open_page(page_text(study, found, BESIDE))
    count = int(lacking.sum())
    said = page.locator("#progress").text_content()
    assert said.startswith(
        f"Not complete: {count} of {lacking.size} cells are there ({100 * count // lacking.size} %), "
        f"{lacking.size - count} are in blocks that failed"
    )
    assert page.locator("#diagram g.missing rect").count() == 4
    assert page.locator("#diagram g.hatched rect").count() >= 4
    page.locator("#diagram").focus()
    page.keyboard.press("Home")
    assert "not there yet" in page.locator("#samples").text_content()
    assert "not computed" in page.locator("#live").text_content()


def test_in_the_frame_of_a_notebook_it_works_as_well(plane: Paged, browser: Any) -> None:
    said: list[str] = []
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_content(
        '<iframe sandbox="allow-scripts allow-downloads" width=900 height=700 title=page></iframe>'
    )
    page.eval_on_selector("iframe", "(frame, text) => { frame.srcdoc = text; }", plane.text)
    frame = page.frame_locator("iframe")
    frame.locator(READY).wait_for(timeout=SLOWEST)
    frame.locator("#diagram").focus()
    page.keyboard.press("End")
    assert frame.locator("#live").text_content().startswith("load ")
    frame.locator("#form").select_option("curves")
    assert frame.locator("#diagram g.points").count() == 1
    context.close()
    assert not said


def test_without_scripts_there_is_the_picture(plane: Paged, open_page: Open) -> None:
    png = Path(__file__).parents[2] / "docs" / "gallery" / "hopfield.png"
    text = page_text(plane.study, plane.found, Surroundings(png.read_bytes(), []))
    page = open_page(text, java_script_enabled=False)
    assert page.locator("noscript img").bounding_box()["width"] > 100
    assert not page.locator("#page").is_visible()


def test_the_theme_is_that_of_the_system_until_it_is_chosen(plane: Paged, open_page: Open) -> None:
    page = open_page(plane.text, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(22, 24, 27)"
    page.locator("#theme").click()
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    assert page.locator("#theme").get_attribute("aria-pressed") == "false"


def test_failures_of_a_store_reach_the_page(tmp_path: Path, open_page: Open) -> None:
    """A study that was killed half-way: its page is that of what is there."""
    from artists import imagined_columns

    from mattis.store import store
    from mattis.study import plan

    study = short(STUDIES / "couplings.yaml")
    results = results_of(study, tmp_path)
    results.folder.make_folder()
    opened = store.create_or_extend(results.store, study)
    blocks = [*plan.blocks(study)]
    for block in blocks[: len(blocks) // 2]:
        store.write(opened, study, block, imagined_columns(study, block))
    store.flush(opened)
    write_json(results.failures, {blocks[-1].id: "it was too dark"})
    from mattis.page import write_page

    path = write_page(study, tmp_path)
    page = open_page(Path(path).read_text(encoding="utf-8"))
    said = page.locator("#progress").text_content()
    assert re.match(r"Not complete: 32 of 64 cells are there \(50 %\), \d+ are in blocks that failed", said)
    assert page.title() == "couplings: diagram, 32 of 64 cells"
    assert not page.locator("#alive").is_visible()
    page.locator("#failures summary").click()
    assert page.locator("#failures dd").all_text_contents() == ["it was too dark"]
    assert page.locator("#there g.share rect").count() == 16


def test_the_boundaries_of_all_sizes_lie_in_one_plane(
    tmp_path_factory: pytest.TempPathFactory, open_page: Open
) -> None:
    """The size of the slider has points, each other size a line with its name; a switch removes both."""
    study = short(STUDIES / "hopfield.yaml", name="sizes")
    study = study.model_copy(update={"axes": study.axes.model_copy(update={"size": (60, 80, 100)})})
    one = with_boundary(paged(study, tmp_path_factory.mktemp("sizes")))
    page = open_page(one.text)

    def lines() -> list[str]:
        words = page.locator("#diagram [class*=name-of-] text").all_text_contents()
        return [word.replace("\u00a0", " ") for word in words]

    assert lines() == ["N = 60", "N = 80"]
    box = page.locator('#switches input[data-line="boundary-temperature-size-0"]')
    assert "the same at N = 60" in box.locator("..").text_content()
    box.uncheck()
    assert lines() == ["N = 80"]
    assert page.locator("#diagram .boundary-temperature-size-1").count() == 1
    page.locator("#slider-size").fill("1")
    assert lines() == ["N = 100"]
    choose(page, "across", "size")
    assert lines() == []
