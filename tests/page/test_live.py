"""The page of a run: what it says of the run, and that nothing of a run is left on the page of a store."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from artists import imagined_columns, short
from builders import STUDIES
from paged import content_of

from mattis.engine.following import is_of_run
from mattis.page import document, write_page
from mattis.page.live import LivePage, with_run
from mattis.store import store
from mattis.store.results import results_of, write_json
from mattis.study import plan
from mattis.study.base import Study

HOSTILE = """mattis run "a'b&c"><script>alert(1)</script>.yaml"""


def half_way(root: Path) -> Study:
    """Put every other block of a study into its store; return the study."""
    study = short(STUDIES / "couplings.yaml")
    results = results_of(study, root)
    results.folder.make_folder()
    opened = store.create_or_extend(results.store, study)
    for block in [*plan.blocks(study)][::2]:
        store.write(opened, study, block, imagined_columns(study, block))
    store.flush(opened)
    return study


def run_of(text: str) -> dict[str, Any] | None:
    """Return what a page says of its run."""
    found = re.search(r'<meta name="run" content="([^"]*)">', text)
    said: dict[str, Any] | None = json.loads(unescape(found[1])) if found else None
    return said


def drawn(study: Study, root: Path) -> tuple[LivePage, Any]:
    """Return the page of a run, drawn, and where it lies."""
    page = LivePage(study, root, HOSTILE)
    page.draw()
    return page, page.place


def test_the_page_of_a_run_says_when_it_is_renewed_and_what_goes_on(tmp_path: Path) -> None:
    page, place = drawn(half_way(tmp_path), tmp_path)
    assert not place.exists()
    page.write(74.6, 20.0)
    text = place.read_bytes().decode()
    run = run_of(text)
    assert run is not None
    assert (run["is"], run["left"], run["pause"]) == ("running", 75, 20)
    assert run["command"] == HOSTILE
    assert run["late"] > 2 * run["pause"]
    assert "<script>alert" not in text
    assert is_of_run(place)
    page.write(None, 20.0)
    run = run_of(place.read_bytes().decode())
    assert run is not None
    assert run["left"] is None


def test_a_page_of_a_run_differs_from_that_of_its_store_in_one_element(tmp_path: Path) -> None:
    """So a policy and numbers are those that other tests look at."""
    study = half_way(tmp_path)
    page, place = drawn(study, tmp_path)
    page.write(1.0, 20.0)
    whole = place.read_bytes().decode()
    write_page(study, tmp_path)
    alone = place.read_bytes().decode()
    assert re.sub(r'<meta name="run" content="[^"]*">\n', "", whole) == alone
    assert not is_of_run(place)


def test_when_a_run_ends_its_page_is_that_of_the_store(tmp_path: Path) -> None:
    study = half_way(tmp_path)
    page, place = drawn(study, tmp_path)
    page.write(1.0, 20.0)
    page.end()
    ended = place.read_bytes()
    write_page(study, tmp_path)
    assert place.read_bytes() == ended
    assert run_of(ended.decode()) is None


def test_an_interrupted_run_leaves_its_last_page_and_says_so(tmp_path: Path) -> None:
    study = half_way(tmp_path)
    untouched = LivePage(study, tmp_path, HOSTILE)
    untouched.interrupt()
    assert not untouched.place.exists()
    page, place = drawn(study, tmp_path)
    page.interrupt()
    run = run_of(place.read_bytes().decode())
    assert run is not None
    assert (run["is"], run["command"]) == ("interrupted", HOSTILE)


def test_a_name_cannot_pass_for_what_is_said_of_a_run() -> None:
    page = '<meta name="generator" content="mattis"><title>&lt;meta name="generator"</title>'
    assert with_run(page, {}).count('name="run"') == 1
    assert with_run(page, {}).startswith('<meta name="run" content="{}">')


def test_messages_of_blocks_that_failed_are_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = half_way(tmp_path)
    results = results_of(study, tmp_path)
    failed = [block.id for block in plan.blocks(study)][1::2]
    write_json(results.failures, {name: f"</script>dark in {name}" for name in failed})
    monkeypatch.setattr(document, "MOST_FAILURES", 2)
    path = Path(write_page(study, tmp_path))
    text = path.read_text(encoding="utf-8")
    failures = content_of(text)["failures"]
    assert failures["count"] == len(failed)
    first = sorted(failed)[:2]
    assert failures["first"] == [[name, f"</script>dark in {name}"] for name in first]
    assert "</script>dark" not in text


def test_a_partial_page_never_looks_whole(tmp_path: Path) -> None:
    """In its title, without scripts, and where it is cited: the same bytes for the same store."""
    study = half_way(tmp_path)
    text = Path(write_page(study, tmp_path)).read_text(encoding="utf-8")
    assert "<title>couplings: diagram, 32 of 64 cells</title>" in text
    noscript = text.split("<noscript>")[1].split("</noscript>")[0]
    assert "32 of 64 cells are there" in noscript
    assert "wait until it is complete" in text
    assert "digest incomplete" not in text
    assert Path(write_page(study, tmp_path)).read_text(encoding="utf-8") == text
    assert str(tmp_path) not in text


def test_a_page_names_the_libraries_that_draw_it(tmp_path: Path) -> None:
    content = content_of(Path(write_page(half_way(tmp_path), tmp_path)).read_text(encoding="utf-8"))
    assert content["drawn_by"] == {"d3": "7.9.0", "@observablehq/plot": "0.6.17"}
