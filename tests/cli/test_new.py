"""`mattis new`: a study of every model, of a plugin's, and like every other one; nothing is overwritten."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from builders import EVERY_STUDY, ROOT, Command

from mattis import plugins
from mattis.cli.shipped import names, schema_line, study_file
from mattis.cli.shrinking import BUDGET, replaced, shrunk
from mattis.cli.starter import STARTERS, starter_text
from mattis.engine import estimate
from mattis.engine.driver import Settings, run
from mattis.errors import UserError
from mattis.networks.registry import MODELS, load_study, study_of
from mattis.study.document import parsed, read_document

OWN = [*MODELS]
"""Models of this package: whatever plugins a test loads."""

MOST_CELLS = 1000


@pytest.fixture
def mattis(mattis: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return mattis


def of(text: str) -> object:
    return study_of(parsed(text, "study"))


def uncommented(text: str) -> Iterator[tuple[str, str]]:
    """Yield the text with one of its further keys in use, and that key."""
    for line in text.split("Further keys")[1].splitlines():
        found = re.fullmatch(r"# (([a-z_]+): \S.*)", line)
        if found and found[2] in type(of(text)).model_fields:
            yield text.replace(line, found[1]), found[2]


def test_there_is_a_row_for_each_model() -> None:
    assert [*read_document(STARTERS)] == OWN


@pytest.mark.parametrize("model", OWN)
def test_a_first_study_is_one_of_its_model_and_says_what_it_is(model: str) -> None:
    text, row = starter_text("mine", model), MODELS[model]
    study = of(text)
    assert (study.name, study.model) == ("mine", model)
    cells = 1
    for values in study.labels.values():
        cells *= len(values)
    assert 20 <= cells <= MOST_CELLS
    assert len(study.axes.seed) >= 4
    comments = " ".join(re.sub(r"^# *", "", one) for one in text.splitlines() if one[:1] == "#")
    for words in (row.summary, row.equation, row.source, *row.theory, row.order_parameter):
        assert " ".join(words.split()) in " ".join(comments.split())
    assert max(len(line) for line in text.splitlines() if line[:1] == "#" and "$schema" not in line) < 101
    for line in text.split("axes:\n")[1].split("\n\n")[0].splitlines():
        assert "  # " in line, "each axis has its meaning beside it"


@pytest.mark.parametrize("model", ["hopfield", "consolidation", "recall", "dense"])
def test_further_keys_can_be_used_once_their_comment_sign_is_gone(model: str) -> None:
    """They stand at their usual values, which change nothing."""
    text = starter_text("mine", model)
    found = {key: other for other, key in uncommented(text)}
    assert len(found) >= 5
    for key, other in found.items():
        assert key in parsed(other, "study")
        assert of(other).physics() == of(text).physics(), key


def test_new_writes_a_study_and_never_over_another(mattis: Command, tmp_path: Path) -> None:
    code, out, err = mattis("new", "mine")
    assert (code, err) == (0, "")
    assert out.splitlines() == ["mine.yaml", "mattis run mine.yaml", "mattis diagram mine.yaml"]
    path = tmp_path / "mine.yaml"
    assert load_study(path).model == "hopfield"
    path.write_text("mine, and dear to me")
    code, out, err = mattis("new", "mine", "--model", "little")
    assert (code, out) == (2, "")
    assert err.startswith("mattis: mine.yaml: is there already, and is left as it is")
    assert err.count("\n") == 1
    assert path.read_text() == "mine, and dear to me"
    assert mattis("new", "mine", "--model", "little", "-o", "other.yaml")[0] == 0
    assert load_study(tmp_path / "other.yaml").name == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a/b"], "expected a name of letters, digits, - and _, at most 64; write mattis new b -o a/b"),
        ([".."], "expected a name of letters"),
        (["x", "--model", "hopfeld"], "did you mean hopfield?"),
        (["x", "--model", "qqqq"], "--plugin FILE"),
        (["x", "--like", "hopfeld"], "did you mean hopfield?"),
        (["x", "--like", "none.yaml"], "cannot read"),
        (["x", "--like", "hopfield", "--model", "hopfield"], "expected one of them"),
        (["x", "-o", "nowhere/x.yaml"], "there is no folder nowhere"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(
    mattis: Command, tmp_path: Path, words: list[str], said: str
) -> None:
    code, out, err = mattis("new", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_editors_find_the_schema_of_keys_in_the_first_line() -> None:
    line = starter_text("mine", "hopfield").splitlines()[0]
    assert line == schema_line().strip()
    address = line.removeprefix("# yaml-language-server: $schema=")
    path = Path(unquote(urlsplit(address).path))
    assert path.read_bytes() == (ROOT / "config" / "study.schema.json").read_bytes()


# Like another study


def test_shipped_studies_are_found_by_their_names() -> None:
    assert names() == sorted(path.stem for path in EVERY_STUDY)
    assert all(study_file(path.stem).samefile(path) for path in EVERY_STUDY)


def test_a_study_like_another_has_its_comments_and_files(mattis: Command, tmp_path: Path) -> None:
    code, out, err = mattis("new", "mine", "--like", "letters")
    assert (code, err) == (0, "")
    assert "of CPU time here\n" in out
    text = (tmp_path / "mine.yaml").read_text()
    there = (ROOT / "config" / "studies" / "letters.yaml").read_text()
    assert [line for line in there.splitlines() if line[:1] == "#"] == [
        line for line in text.splitlines()[3:] if line[:1] == "#"
    ]
    assert text.splitlines()[1] == "# mine: like letters."
    study, like = load_study(tmp_path / "mine.yaml"), load_study(study_file("letters"))
    assert study.physics() == like.physics()
    assert (tmp_path / "letters.txt").exists()
    assert mattis("new", "again", "--like", "letters")[0] == 0, "the same file of patterns may be there"
    (tmp_path / "letters.txt").write_text("others")
    code, _, err = mattis("new", "third", "--like", "letters")
    assert code == 2
    assert "letters.txt: is there already, and another" in err
    assert not (tmp_path / "third.yaml").exists()


def test_a_long_study_is_made_smaller_and_says_where(
    mattis: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A millisecond for each cell: of the 24576 of hopfield 30 s are left."""
    monkeypatch.setattr(estimate, "cost", lambda study: estimate.StudyCost(0.001 * cells(study)))
    monkeypatch.setattr(estimate, "total_effort", cells)
    shipped = study_file("hopfield").read_text()
    assert BUDGET == 30
    found = shrunk(shipped, Path())
    assert found.text == shipped, "24.6 s"
    monkeypatch.setattr(estimate, "cost", lambda study: estimate.StudyCost(0.01 * cells(study)))
    code, out, _ = mattis("new", "mine", "--like", "hopfield")
    assert code == 0
    study = load_study(tmp_path / "mine.yaml")
    assert 0.01 * cells(study) <= BUDGET
    assert "about 15 s of CPU time here\n" in out
    assert len(study.axes.size) == 1
    text = (tmp_path / "mine.yaml").read_text()
    told = "but smaller, to run in less than a minute: axes.size, axes.temperature, axes.seed.\n"
    assert told in text
    assert "# neurons N; two of them, to tell the end at N → ∞" in text
    assert study.sweeps == load_study(study_file("hopfield")).sweeps


def test_what_cannot_be_made_small_enough_says_so(mattis: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "cost", lambda _study: estimate.StudyCost(100.0))
    monkeypatch.setattr(estimate, "total_effort", lambda _study: 1)
    code, out, _ = mattis("new", "mine", "--like", "ising")
    assert code == 0
    assert "about 1e+02 s of CPU time here; shorten its axes: a minute is not enough" in out


def cells(study: object) -> int:
    count = 1
    for values in study.labels.values():
        count *= len(values)
    return count


@pytest.mark.parametrize(
    ("text", "keys", "value", "found"),
    [
        ("a: 1  # one\nb: 2\n", ["a"], 30, "a: 30  # one\nb: 2\n"),
        ("a: 100  # one\n", ["a"], 3, "a: 3    # one\n"),
        ("a:\n  b: [1, 2]   # two\n  c: 3\n", ["a", "b"], [1], "a:\n  b: [1]      # two\n  c: 3\n"),
        ("a: {b: 1, c: 2}\n", ["a", "c"], {"from": 0}, "a: {b: 1, c: {from: 0}}\n"),
        ("a:\n  - 1\n  - 2\nb: 3\n", ["a"], [1], "a:\n  [1]\nb: 3\n"),
    ],
)
def test_a_value_is_replaced_and_all_else_is_as_it_was(
    text: str, keys: list[str], value: object, found: str
) -> None:
    assert replaced(text, keys, value) == found
    content = yaml.safe_load(found)
    for key in keys:
        content = content[key]
    assert content == value


# Plugins

PLUGIN = """
from typing import Annotated
from pydantic import Field
from mattis.extend import model

Heat = Annotated[float, Field(ge=0.0, le=0.8)]

@model(["quality"], summary="it cools", equation="q = 1 - heat", source="a page")
def cooled(cell, heat: Heat = 0.5, steps: int = 3, *, strength: float = 2.0):
    return {"quality": 1.0 - heat}
"""


def test_a_first_study_of_a_plugin_is_made_of_its_function(mattis: Command, tmp_path: Path) -> None:
    (tmp_path / "cooling.py").write_text(PLUGIN)
    try:
        code, out, err = mattis("new", "mine", "--model", "cooled", "--plugin", "cooling.py")
        assert (code, err) == (0, "")
        assert "s of CPU time here\n" in out
        text = (tmp_path / "mine.yaml").read_text()
        study = load_study(tmp_path / "mine.yaml")
        assert study.labels["heat"] == (0.25, 0.5, 0.75), "1.0 is out of bounds"
        assert study.labels["steps"] == (3,)
        assert study.strength == 2.0
        assert "$schema" not in text, "which knows no plugin"
        assert "it cools" in text
        assert "q = 1 - heat" in text
    finally:
        plugins.forget([plugin.name for plugin in plugins.loaded()])


# A minute


@pytest.mark.long
@pytest.mark.parametrize("model", OWN)
def test_a_first_study_takes_less_than_a_minute(model: str, tmp_path: Path) -> None:
    """By its plan, and as it runs: all cells are there, and none failed."""
    study = of(starter_text("mine", model))
    assert estimate.cost(study).seconds < BUDGET
    outcome = run(study, tmp_path, Settings(workers=1))
    assert not outcome.failures
    assert outcome.computed == cells(study)


@pytest.mark.long
@pytest.mark.parametrize("path", EVERY_STUDY, ids=lambda path: path.stem)
def test_a_study_like_a_shipped_one_takes_less_than_a_minute(path: Path) -> None:
    found = shrunk(path.read_text(), path.parent)
    assert found.seconds <= BUDGET
    assert study_of(parsed(found.text, "study"), "study", path.parent).model == load_study(path).model


def test_a_text_that_is_no_study_is_refused() -> None:
    with pytest.raises(UserError, match="study"):
        shrunk("name: x\n", Path())
