"""How a network is asked for does not matter, what it is does: the same physics, memory and numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import columns_of, fill
from references import same_columns

from mattis.engine.status import digest, status
from mattis.errors import UserError
from mattis.networks.binary.questions import Inquiry
from mattis.networks.registry import study_of
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import Columns

AXES = {"size": [60], "load": [0.1, 0.2], "temperature": [0.0, 0.4, 0.8], "noise": [0.1], "seed": 3}
PLAIN = {"name": "plain", "sweeps": {"thermalise": 5, "measure": 120}, "cues": 2, "axes": AXES}

DEFAULTS: list[dict[str, Any]] = [
    {"question": "recall"},
    {"question": {"name": "recall", "top": 1.2}},
    {"couplings": "hebb"},
    {"couplings": {"rule": "hebb"}, "patterns": "random"},
    {"dynamics": {"diagonal": "zero", "neurons": "signs", "threshold": 0}},
]


def all_columns_of(study: Study) -> list[Columns]:
    """Return what each block of a study comes to."""
    blocks = plan.blocks(study)
    return [columns_of(study, block) for block in blocks]


@pytest.mark.parametrize("model", ["hopfield", "little"])
@pytest.mark.parametrize("spelled", DEFAULTS, ids=str)
def test_a_default_that_is_written_out_changes_nothing(model: str, spelled: dict, tmp_path: Path) -> None:
    plain, written = (study_of({**PLAIN, "model": model}), study_of({**PLAIN, "model": model, **spelled}))
    assert written.physics() == plain.physics()
    assert written.described_model.observables == plain.described_model.observables
    assert written.memory(60, 12) == plain.memory(60, 12)
    same_columns(all_columns_of(written), all_columns_of(plain))
    fill(plain, tmp_path)
    assert status(written, tmp_path)["cells"]["done"] == 18
    assert digest(written, tmp_path) == digest(plain, tmp_path)


@pytest.mark.parametrize("model", ["hopfield", "little"])
def test_loads_and_numbers_of_memories_are_the_same_network(model: str) -> None:
    axes = {name: values for name, values in AXES.items() if name != "load"}
    loads = study_of({**PLAIN, "model": model})
    memories = study_of({**PLAIN, "model": model, "axes": {**axes, "memories": [6, 12]}})
    same_columns(all_columns_of(memories), all_columns_of(loads))
    large = {"size": [20_000], "temperature": [0.5], "seed": 1}
    by_number = study_of({**PLAIN, "model": model, "axes": {**large, "memories": [1000]}})
    by_load = study_of({**PLAIN, "model": model, "axes": {**large, "load": [0.05]}})
    assert by_number.memory(20_000, 1000) == by_load.memory(20_000, 1000) < 2**28


@pytest.mark.parametrize(
    "model",
    [{"model": "hopfield"}, {"model": "little"}, {"update_order": "random", "noise_sharing": "common"}],
    ids=str,
)
@pytest.mark.parametrize("ensemble", ["random", "categories", "orthogonal", "given"])
def test_couplings_give_the_numbers_of_lanes(
    model: dict[str, str], ensemble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hebb's couplings as a matrix, chain by chain: another way to the same bits, thermal errors too."""
    signs = np.where(np.random.default_rng(1).random((8, 64)) < 0.5, 0, 1).astype(np.uint8)
    given = [np.packbits(row).tobytes().hex() for row in signs]
    patterns = {"given": given} if ensemble == "given" else {"ensemble": ensemble}
    axes = {**AXES, "size": [64], "load": [0.05, 0.1]}
    study = study_of({**PLAIN, **model, "patterns": patterns, "axes": axes})
    names = [o.name for o in study.described_model.observables]
    lanes = all_columns_of(study)
    monkeypatch.setattr(Inquiry, "in_lanes", False)
    same_columns(all_columns_of(study), lanes, *names)


def test_numbers_are_raised_only_where_a_last_digit_changed() -> None:
    """Stores of before say which way they were computed: by the couplings that they name, or in lanes."""
    plain = study_of(PLAIN)
    lanes = {
        k: v for k, v in plain.physics().items() if k not in ("couplings", "patterns", "dynamics", "question")
    }
    assert not plain.changes({**lanes, "numbers": 1})
    assert not plain.changes({key: v for key, v in lanes.items() if key != "numbers"})
    assert plain.changes({**plain.physics(), "numbers": 1}) == ["numbers: 1 → 3"]
    clipped = study_of({**PLAIN, "model": "clipped"})
    assert clipped.physics()["numbers"] == 2
    asked = study_of({**PLAIN, "question": "survival"})
    assert asked.physics()["numbers"] == 2


@pytest.mark.parametrize("model", ["hopfield", "little", "clipped"])
def test_numbers_of_before_the_halves_of_words_mean_the_same_and_are_older(model: str) -> None:
    study = study_of({**PLAIN, "model": model})
    own = study.physics()
    for numbers, older in ((own["numbers"] - 1, True), (own["numbers"], False)):
        assert study.is_older({**own, "numbers": numbers}) is older
        assert not study.changes({**own, "numbers": numbers})
    assert study.changes({**own, "numbers": own["numbers"] + 1})
    assert study.changes({**own, "numbers": own["numbers"] - 2})


@pytest.mark.parametrize(
    ("question", "temperature", "noisy"),
    [
        ("recall", [0.0], False), ("recall", [0.0, 0.1], True), ("survival", [0.2], True),
        ("hysteresis", [0.0], True), ("familiarity", [0.5], False), ("enumeration", [0.5], True),
    ],
)  # fmt: skip
def test_random_is_what_has_thermal_noise(question: str, temperature: list[float], noisy: bool) -> None:
    axes = {"size": [8], "load": [0.25], "temperature": temperature, "seed": 2}
    study = study_of({**PLAIN, "cues": 1, "axes": axes, "question": question})
    assert study.is_random(study.labels) is noisy


def test_stores_of_ambiguous_cues_of_before_are_other_numbers_and_no_others_are() -> None:
    """What `retrieved` is has changed for this question alone; the new key is no change of others."""
    for question, changes in (("ambiguous", ["numbers: 1 → 3"]), ("survival", []), ("mixture", [])):
        axes = {**AXES, **({"mixture": [3]} if question == "mixture" else {})}
        study = study_of({**PLAIN, "axes": axes, "question": question})
        before = {**study.physics(), "numbers": 1}
        before["question"] = {k: v for k, v in before["question"].items() if k != "chosen_above"}
        assert study.changes(before) == changes


def test_a_network_that_no_field_holds_is_refused_however_it_is_asked_for() -> None:
    large = {"size": [2**20], "temperature": [0.0], "seed": 1}
    for stored in ({"load": [0.01]}, {"memories": [10_486]}):
        with pytest.raises(UserError, match="overflow a 32-bit field"):
            study_of({**PLAIN, "axes": {**large, **stored}})
