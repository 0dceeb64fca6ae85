"""What notebooks show of studies, plans and outcomes: small, text whatever is in it, and true."""

import json
from pathlib import Path
from typing import Any

import pytest
from builders import HERE, SMALL, STUDIES, fill, make_study, said_by, write_study

import mattis
from mattis.cards import LONGEST_FOLDED
from mattis.engine import estimate
from mattis.engine.driver import FAILURES_OF_CARD, Outcome
from mattis.engine.estimate import StudyCost, plan
from mattis.errors import UserError
from mattis.study.base import Study

HOSTILE = "<script>alert(1)</script>&\"'"


@pytest.fixture
def one_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cost that is not measured."""
    monkeypatch.setattr(estimate, "cost", lambda *_: StudyCost(100.0))


@pytest.mark.usefixtures("one_second")
def test_a_plan_is_what_the_command_prints(tmp_path: Path, capsys: Any) -> None:
    path = write_study(tmp_path)
    study = make_study(tmp_path)
    fill(make_study(tmp_path, seed=1), tmp_path)
    write_study(tmp_path)
    found = mattis.plan(str(path), tmp_path, workers=2, shards=3)
    printed = said_by(capsys, "plan", path, "--results", tmp_path, "--workers", 2, "--shards", 3)
    del printed["per_block"]
    assert json.loads(json.dumps(found.as_json())) == printed
    assert (found.totals["cells_found"], found.totals["cells_new"]) == (24, 48)
    for given in (path, study, SMALL):
        assert plan(given, tmp_path, 2, 3) == found
    assert "cells: 72: 24 found, 48 new" in repr(found)
    assert "about 33 s on 2 workers, and 5 s to start" in found._repr_html_()
    assert "N = 60, P = 12: 3 blocks" in found._repr_html_()


@pytest.mark.usefixtures("one_second")
def test_a_plan_of_what_is_complete_lasts_no_time(tmp_path: Path, study: Study) -> None:
    fill(study, tmp_path)
    assert plan(study, tmp_path).rows["lasts"] == "no time: all cells are there"


@pytest.mark.usefixtures("one_second")
def test_a_plan_beside_the_store_of_another_study_says_so(tmp_path: Path, study: Study) -> None:
    fill(study, tmp_path)
    other = plan(make_study(tmp_path, cues=1), tmp_path)
    assert "cues: 2 → 1" in other.note
    assert other.rows["note"] == other.note
    assert other.totals["cells_found"] == 0


def test_the_card_of_a_study_has_its_axes_and_its_file(study: Study) -> None:
    html = study._repr_html_()
    for words in ("Study small", "0, 0.3, 0.6, 1.2", "0.05, 0.1, 0.2", "3 pattern sets", ">72<"):
        assert words in html
    assert "thermalise: 10" in html
    long = mattis.load_study(STUDIES / "hopfield.yaml")
    assert len(long._repr_html_()) < 6000


def test_the_card_of_every_shipped_study_is_small() -> None:
    for path in sorted(STUDIES.glob("*.yaml")):
        assert len(mattis.load_study(path)._repr_html_()) < LONGEST_FOLDED + 6000, path


@pytest.mark.parametrize("quantity", ["overlap"])
def test_hostile_words_of_a_study_stay_text(quantity: str) -> None:
    panels = [{"quantity": quantity, "label": HOSTILE}]
    figure = {"question": HOSTILE, "panels": panels}
    study = mattis.study(size=60, load=[0.05, 0.1], temperature=0.3, figure=figure)
    assert "<script" not in study._repr_html_()
    assert "&lt;script&gt;alert(1)" in study._repr_html_()
    note = estimate.Plan(study, {**plan(study).totals}, HOSTILE)
    assert "<script" not in note._repr_html_()
    assert "&lt;script&gt;" in note._repr_html_()


def test_the_card_of_an_outcome_says_whether_it_is_complete(tmp_path: Path, study: Study) -> None:
    done = mattis.run(study, tmp_path, HERE)
    html = done._repr_html_()
    assert "Run: complete" in html
    assert ">72 cells<" in html
    assert str(done.digest) in html
    assert "Run: cells are missing" in Outcome(3, 0, {}, None)._repr_html_()


def test_the_card_of_an_outcome_says_why_blocks_failed() -> None:
    failures = {f"block={k}": f"ValueError: {HOSTILE} {k}" for k in range(FAILURES_OF_CARD + 3)}
    html = Outcome(1, 2, failures, None)._repr_html_()
    assert f"Run: {FAILURES_OF_CARD + 3} blocks failed" in html
    assert "<script" not in html
    assert f"&#x27; {FAILURES_OF_CARD - 1}\nand 3 more blocks" in html


def test_a_plan_without_room_is_refused(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate.machine, "memory", lambda: 2**20)
    with pytest.raises(UserError, match="this machine has 1"):
        plan(study)
