"""The workflow's configuration: what it may be, and that it travels to another Snakemake as it is."""

from pathlib import Path
from typing import Any

import pytest
from snakemake.cli import parse_config

from mattis.engine.workflow import WorkflowConfig, workflow_config
from mattis.errors import UserError

WHOLE = "expected a whole number of at least 1, such as 8"


def asked(**changes: Any) -> WorkflowConfig:
    return workflow_config({"studies": ["mine.yaml"], "results": "results", **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"shards": 0}, f"shards: got 0; {WHOLE}"),
        ({"shards": "many"}, f"shards: got 'many'; {WHOLE}"),
        ({"shards": 1.5}, f"shards: got 1.5; {WHOLE}"),
        ({"shards": True}, f"shards: got True; {WHOLE}"),
        ({"shards": None}, f"shards: got None; {WHOLE}"),
        ({"results": 2024}, "results: got 2024; expected a path, such as ./2024"),
        ({"results": ["a"]}, "results: got ['a']; expected a path"),
        ({"results": ""}, "results: got ''; expected a path"),
        ({"results": "gs://b/c"}, "results: got 'gs://b/c'; expected a folder"),
        ({"results": "s3://b/c"}, "expected a folder, as Snakemake looks at files"),
        ({"results": "gs:/b/c"}, "results: got 'gs:/b/c'; expected a folder"),
        ({"results": "a}b"}, "expected a path without }, which Snakemake fills in; rename it"),
        ({"results": "~no-such-user/a"}, "~no-such-user/a: there is no such user; write ./~no-such-user/a"),
        ({"plugins": {"a": 1}}, "plugins: got {'a': 1}; expected a path"),
        ({"plugins": "a\rb"}, "expected a path without \\r; rename it"),
        ({"studies": []}, "studies: got []; expected the file of a study, such as config/"),
        ({"studies": ["a", True]}, "studies: got ['a', True]; expected a path"),
        ({"studies": "a{study}.yaml"}, "expected a path without {, which Snakemake fills in"),
        ({"studies": "<results>.yaml"}, "expected a path without <results>, which Snakemake"),
        ({"all_observables": 1}, "all_observables: got 1; expected true or false"),
        ({"result": "a"}, "result: unknown key; expected one of results, studies, shards, "),
        ({"Shard": 2}, "did you mean shards?"),
        ({7: 2}, "7: unknown key"),
    ],
)
def test_a_mistake_is_one_line(changes: Any, said: str) -> None:
    with pytest.raises(UserError) as caught:
        workflow_config({"studies": "a", **changes})
    assert said in str(caught.value)
    assert str(caught.value).startswith("config: ")
    assert len(str(caught.value).splitlines()) == 1


def test_one_path_is_one_study_and_a_home_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    found = asked(studies="a, b.yaml", plugins="~/p.py", results="./~/r/", shards="3")
    assert found.studies == ("a, b.yaml",)
    assert found.plugins == ("/home/someone/p.py",)
    assert found.results == str(Path.cwd() / "~" / "r")
    assert found.shards == 3
    assert asked(all_observables="False", plugins=None, pathvars={}) == asked()
    assert asked(studies="-v.yaml").studies == (str(Path.cwd() / "-v.yaml"),)


@pytest.mark.parametrize(
    "name",
    [
        "Bob's",
        "a'b\"c",
        "'",
        "5",
        "1e3",
        "x: y",
        "# x",
        "~",
        "null",
        "yes",
        "[a]",
        "é😀",
        "\\",
        "a\\n",
        " b ",
    ],
)
def test_it_reaches_another_snakemake_as_it_is(name: str) -> None:
    first = asked(studies=["other.yaml"], results=f"./{name}", plugins=[f"./{name}"], shards=4)
    read = workflow_config(parse_config(first.arguments(f"./{name}")))
    assert read == asked(**first.model_dump() | {"studies": [f"./{name}"]})


def test_files_are_looked_for_here_and_then_beside_the_workflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, names in ((here, "a"), (there, "ab")):
        folder.mkdir()
        for name in names:
            (folder / name).touch()
    monkeypatch.chdir(here)
    found = asked(studies=["a", "b", "c"], plugins=["b"]).beside(there)
    assert found.studies == ("a", str(there / "b"), "c")
    assert found.plugins == (str(there / "b"),)


@pytest.mark.parametrize("key", ["studies", "results", "plugins"])
def test_what_a_job_elsewhere_would_not_get_as_it_is_is_refused(key: str) -> None:
    asked(**{key: "a b;c&(é)#*"}).check_elsewhere()
    for character in "'\"$`\\":
        with pytest.raises(UserError, match=f"config: {key}: got .* where jobs run elsewhere"):
            asked(**{key: f"a{character}b"}).check_elsewhere()
