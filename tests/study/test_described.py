"""What a study says of itself: titles and sources of what is run, and numbers with their nouns."""

from typing import Any

import pytest
from builders import EVERY_STUDY, make_of_family

from mattis.networks.registry import MODELS, load_study, study_of
from mattis.words import counted

NEURONS = {"name": "x", "axes": {"size": [20], "memories": [3], "seed": 1}}


def said(**changes: Any) -> tuple[str, str]:
    """Return summary and source of a small binary network."""
    row = make_of_family(**changes).described_model
    return row.summary, row.source


def test_a_network_is_called_what_it_is_however_it_is_spelled() -> None:
    assert said(couplings="pseudo_inverse") == said(model="pseudo_inverse")
    assert said(dynamics="synchronous") == said(model="little")
    assert said(model="clipped", couplings="hebb") == said()
    assert "Hebb" not in said(model="hopfield", couplings="clipped")[0]
    assert "gaussian" in said(model="sequence", couplings="hebb", patterns="gaussian")[0]


@pytest.mark.parametrize(
    ("changes", "words", "source"),
    [
        ({"couplings": "dilution", "dynamics": "synchronous"}, ["dilution", "synchronous"], "Sompol"),
        ({"patterns": {"ensemble": "biased", "activity": 0.2}}, ["biased", "activity 0.2"], "Hopf"),
        ({"dynamics": {"neurons": "zero_one", "threshold": "balanced"}}, ["0/1", "balanced"], "Hopf"),
        ({"couplings_axis": ["hebb", "palimpsest"]}, ["hebb, palimpsest"], "Parisi"),
        ({"question": "familiarity"}, ["asked: familiarity"], "Hopfield"),
        ({"model": "little", "dynamics": {"diagonal": "kept"}}, ["diagonal kept"], "Little"),
        ({"couplings": {"rule": "dilution", "connectivity": 0.3}}, ["connectivity 0.3"], "Sompol"),
    ],
)
def test_titles_and_sources_are_of_the_rows_of_the_study(
    changes: dict[str, Any], words: list[str], source: str
) -> None:
    summary, sources = said(**changes)
    assert all(word in summary for word in words), summary
    assert source in sources


def test_networks_of_generating_functions_are_called_what_they_are() -> None:
    changed = {"visible": "ln_cosh", "hidden": "ln_cosh", "scale": "memories", "gain": "visible"}
    row = study_of({**NEURONS, "model": "attention", **changed}).described_model
    assert "attention" not in row.summary
    assert "ln_cosh" in row.summary
    assert "Ramsauer" not in row.source
    linear = study_of({**NEURONS, "model": "linear", "patterns": "signs"}).described_model
    assert linear.summary == f"{MODELS['linear'].summary}; patterns signs"


def test_the_studies_of_a_model_that_change_nothing_have_its_words() -> None:
    for path in EVERY_STUDY:
        study = load_study(path)
        if path.stem == study.model and "dynamics" not in study.model_fields_set:
            assert study.described_model.summary.startswith(MODELS[study.model].summary)


def test_one_of_a_thing_has_no_s() -> None:
    assert [counted(n, "pattern set") for n in (0, 1, 2)] == [
        "0 pattern sets", "1 pattern set", "2 pattern sets",
    ]  # fmt: skip
