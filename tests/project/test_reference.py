"""The site of the docs: each page has its place in it, and its reference names all that the code has."""

import json
import re
from pathlib import Path

import click
import pytest
import reference_pages
from builders import ROOT

import mattis
from mattis import extend
from mattis.cli.command import verbs

SITE = ROOT / "docs" / "site"


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """The pages of the reference, by name."""
    return reference_pages.pages()


def headings(page: str) -> list[str]:
    """Return the headings of a page, but its title."""
    return re.findall(r"^##+ (.*)$", page, re.M)


def test_every_page_has_one_place_in_the_site(pages: dict[str, str]) -> None:
    """As Sphinx would say, in seconds: without a second place, and without a place for what is not there."""
    parts = re.findall(r"^[\w/-]+$", (SITE / "parts.txt").read_text(encoding="utf-8"), re.M)
    folders = ("", "docs/", "docs/tutorials/", "benchmarks/")
    found = [path for folder in folders for path in ROOT.glob(f"{folder}*.md")]
    names = [str(path.relative_to(ROOT).with_suffix("")) for path in found]
    assert sorted(parts) == sorted({*names, *(f"docs/reference/{name}" for name in pages)} - {"README"})


def test_every_public_name_is_on_the_page_of_python(pages: dict[str, str]) -> None:
    assert headings(pages["api"]) == mattis.__all__
    for name in set(mattis.__all__) - set(reference_pages.BESIDE) - set(reference_pages.ELSEWHERE):
        assert re.search(rf"^\.\. auto\w+:: mattis\.{name}\b", pages["api"], re.M)


def test_every_name_that_a_plugin_imports_is_there(pages: dict[str, str]) -> None:
    assert headings(pages["plugins"]) == extend.__all__
    assert re.findall(r"^\.\. auto\w+:: mattis\.extend\.(\w+)$", pages["plugins"], re.M) == extend.__all__


def test_every_verb_is_there_with_each_of_its_options(pages: dict[str, str]) -> None:
    sections = dict(re.findall(r"^### mattis (\S+)\n(.*?)(?=^##|\Z)", pages["verbs"], re.M | re.S))
    assert set(sections) == set(verbs.commands)
    for name, command in verbs.commands.items():
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert option.opts[-1] in sections[name]


def test_every_model_is_there_with_its_equation_and_observables(pages: dict[str, str]) -> None:
    assert headings(pages["models"]) == list(mattis.MODELS)
    for section, model in zip(pages["models"].split("\n## ")[1:], mattis.MODELS.values(), strict=True):
        assert model.equation in section
        assert model.source in section
        assert all(f"| `{one.name}` |" in section for one in model.observables)


def test_every_quantity_of_theory_is_there(pages: dict[str, str]) -> None:
    sections = pages["theory"].split("\n## ")[1:]
    assert headings(pages["theory"]) == [*mattis.QUANTITIES, "Arguments"]
    for section, quantity in zip(sections, mattis.QUANTITIES.values(), strict=False):
        for said in (quantity.equation, quantity.source, quantity.validity):
            assert said.replace("|", "\\|") in section
    assert all(f"| `{argument}` |" in sections[-1] for argument in mattis.theory.ARGUMENTS)


def test_every_key_of_a_study_is_there(pages: dict[str, str]) -> None:
    schema = json.loads((ROOT / "config" / "study.schema.json").read_text(encoding="utf-8"))
    for name, part in schema["$defs"].items():
        section = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", pages["keys"], re.M | re.S)
        assert section
        assert re.findall(r"^\| `(\w+)` \|", section[1], re.M) == list(part["properties"])


def test_every_variable_of_a_dataset_says_what_it_is(pages: dict[str, str]) -> None:
    """No row of the page has an empty meaning; both datasets of each kind of study have their dimensions."""
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", pages["variables"], re.M)
    assert {"overlap_error", "consolidated", "flag", "beta"} <= {name for name, _ in rows}
    assert not [name for name, meaning in rows if not meaning]
    assert len(headings(pages["variables"])) == 2 * len(reference_pages.KINDS)


def test_links_between_pages_of_the_reference_lead_somewhere(pages: dict[str, str]) -> None:
    anchors = {
        f"{name}.md#{reference_pages.anchor(heading)}"
        for name, page in pages.items() for heading in headings(page)
    }  # fmt: skip
    for name, page in pages.items():
        for target in re.findall(r"\]\(([^)]+)\)", page):
            whole = f"{name}.md{target}" if target.startswith("#") else target
            beside = ROOT / "docs" / "reference" / whole
            assert whole in anchors or whole.removesuffix(".md") in pages or beside.resolve().is_file()


def test_a_page_that_did_not_change_keeps_its_time(
    tmp_path: Path, pages: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else Sphinx reads all of the reference each time."""
    monkeypatch.setattr(reference_pages, "pages", lambda: pages)
    reference_pages.write(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert {path.stem for path in before} == set(pages)
    reference_pages.write(tmp_path)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}


def test_tutorials_are_notebooks_that_must_run() -> None:
    """Each says in its head that it is one, else its cells would only be shown; none holds what came out."""
    found = sorted((ROOT / "docs" / "tutorials").iterdir())
    assert len(found) >= 3
    for path in found:
        text = path.read_text(encoding="utf-8")
        assert text.startswith("---\nfile_format: mystnb\n"), path.name
        assert len(re.findall(r"^```\{code-cell\} ipython3$", text, re.M)) >= 3, path.name
        assert not re.search(r"raises-exception|skip-execution|:tags:", text), path.name
    conf = (SITE / "conf.py").read_text(encoding="utf-8")
    assert 'nb_execution_mode = "force"' in conf
    assert "nb_execution_raise_on_error = True" in conf
