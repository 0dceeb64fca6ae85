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
from mattis.engine.estimate import StudyCost, plan, short_chains
from mattis.errors import UserError
from mattis.kernels.cuda import backends, glauber, patterns
from mattis.kernels.cuda.devices import LARGEST_ORDERS
from mattis.networks.registry import load_study, study_of
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


def on_paper(monkeypatch: pytest.MonkeyPatch, study: Study) -> dict[str, Any]:
    """What a study takes on a GPU, where none is."""
    monkeypatch.setattr(backends, "why_not", lambda: "no GPU here")
    found: dict[str, Any] = plan(study, None, 1, backend="gpu").totals["device"]
    return found


@pytest.mark.usefixtures("one_second")
@pytest.mark.parametrize("order", ["typewriter", "random"])
def test_a_plan_of_a_gpu_that_is_not_here_is_of_paper(monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    """Batches of 1024, 1024 and 952 pattern sets, 2 temperatures each; twice the sweeps, twice the time."""
    axes = {"size": [100], "load": [0.05], "temperature": [0.3, 0.6], "seed": 3000}
    one, two = (
        study_of({"name": "x", "axes": axes, "cues": 1, "update_order": order,
                  "sweeps": {"thermalise": 0, "measure": sweeps}})
        for sweeps in (50, 100)
    )  # fmt: skip
    short, long = on_paper(monkeypatch, one), on_paper(monkeypatch, two)
    assert (short["rates"], short["title"]) == ("paper", "an H100 with 80 GB, on paper")
    assert "never measured" in short["told"]
    assert long["seconds"] == pytest.approx(2 * short["seconds"], rel=1e-12)
    device, replicas = backends.on_paper(), [2] * 1024
    flips = glauber.flips_of([1 / 0.3, 1 / 0.6], 0.05)
    form = glauber.form_of(device, replicas, 100, 5, flips)
    assert short["elsewhere"]["an A100 with 80 GB, on paper"] > short["seconds"]
    cycles = device.clock * glauber.sweep_seconds(device, replicas, 100, 5, form, flips) / 100
    assert short["seconds"] * device.clock / 50 / 100 == pytest.approx(cycles * 3000 / 1024, rel=0.02)
    assert short["launches"] == 3 * 3
    least = 2048 * glauber.memory(100, 5, 50) + 1024 * patterns.set_memory(100, 5)
    more = LARGEST_ORDERS + 4 * 100 * 1024 if order == "random" else 0
    assert least + more <= short["memory_bytes"] <= 1.5 * least + more


LOADED = {"load": [0.1], "temperature": [0.1, 0.5]}
SHORT = {"sweeps": {"thermalise": 5, "measure": 20}}
MODELS_ON_PAPER: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "clipped": (LOADED, SHORT, "circuit_in_turn_8"),
    "little": (LOADED, SHORT, "little_sweeps"),
    "consolidation": ({"memories": [10], "kappa": [1.0], "presentations": [5.0]}, {}, "present_many"),
    "dense_binary": ({"load": [0.1], "noise": [0.1, 0.2]}, {}, "align_by_integers"),
    "graded": ({"load": [0.1], "beta": [2.0, 3.0]}, {"flow": {"precision": "single"}}, "euler_step_32"),
    "attention": ({"memories": [20], "beta": [2.0, 3.0]}, {}, "gram_step_64"),
}
"""What a study of each kind of model is of, and the first of the kernels that it takes."""


@pytest.mark.usefixtures("one_second")
@pytest.mark.parametrize("model", MODELS_ON_PAPER)
def test_every_model_that_a_device_runs_has_a_rate_on_paper(
    monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    """Twice the seeds take twice as long at most; what is assumed is said, and the shape of launches."""
    axes, keys, kernel = MODELS_ON_PAPER[model]
    one, two = (
        on_paper(monkeypatch, study_of({"name": "x", "model": model, **keys, "axes": {
            "size": [100], **axes, "seed": seeds}}))
        for seeds in (3000, 6000)
    )  # fmt: skip
    assert (one["rates"], one["kernels"][0]) == ("paper", kernel)
    assert 0 < one["seconds"] < two["seconds"] <= 2.1 * one["seconds"]
    assert 0 < one["memory_bytes"] <= 0.8 * 80e9
    assert 0 < one["launches"] <= two["launches"]
    assert all(text in one["told"] for text in (*one["assumed"], *one["elsewhere"]))
    assert bool(one["shapes"]) == (model in ("graded", "attention"))


@pytest.mark.usefixtures("one_second")
def test_a_plan_says_why_nobody_knows_what_a_gpu_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = on_paper(monkeypatch, load_study(STUDIES / "hysteresis.yaml"))
    assert (found["seconds"], found["rates"]) == (None, "unknown")
    assert "chains follow from what others find" in found["told"]
    found = on_paper(monkeypatch, load_study(STUDIES / "jacobian.yaml"))
    assert "computed by the CPU" in found["told"]


@pytest.mark.usefixtures("one_second")
def test_a_plan_measures_the_device_that_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_chains, "PROBE", 2000)
    monkeypatch.setattr(short_chains, "QUICK_PROBE", 0.0)
    study = make_study(Path(), size=[60], load=[0.05], seed=1)
    found = plan(study, None, 1, backend="simulated").totals["device"]
    assert (found["rates"], found["title"]) == ("measured", backends.device("simulated").title)
    assert 0 < found["seconds"] < 600
    assert "short chains" in found["told"]
