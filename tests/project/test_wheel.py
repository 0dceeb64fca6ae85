"""The wheel: built, installed beside what it declares and nothing else, and run in an empty folder."""

import json
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import golden
import pytest
from builders import ROOT, write_study
from packaging.requirements import Requirement


def said_by(*words: object, cwd: Path) -> str:
    """Run a program that knows nothing of this environment, and return what it printed."""
    environment = {"HOME": str(cwd), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [*map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def needed(texts: Iterable[str]) -> Iterable[metadata.Distribution]:
    """Return every distribution that requirements lead to."""
    found, waiting, seen = {}, [(Requirement(text), "") for text in texts], set()
    while waiting:
        wanted, extra = waiting.pop()
        if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
            found[wanted.name] = metadata.distribution(wanted.name)
            more = {(wanted.name, extra) for extra in ("", *wanted.extras)} - seen
            seen |= more
            texts = found[wanted.name].requires or ()
            waiting += [(Requirement(text), extra) for _, extra in more for text in texts]
    return found.values()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    said_by(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


def shipped_files() -> list[Path]:
    """Return what is shipped beside the code: studies with their files, and the schema."""
    config = ROOT / "config"
    return [*(config / "studies").iterdir(), config / "study.schema.json"]


def test_the_wheel_holds_every_file_of_the_package_and_the_licence(wheel: Path) -> None:
    source = ROOT / "src"
    files = {
        path.relative_to(source).as_posix()
        for path in (source / "mattis").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    config = ROOT / "config"
    shipped = {f"mattis/shipped/{path.relative_to(config).as_posix()}" for path in shipped_files()}
    packed = set(zipfile.ZipFile(wheel).namelist())
    about = {name for name in packed if ".dist-info/" in name}
    assert packed - about == files | shipped
    assert {"mattis/shipped/study.schema.json", "mattis/shipped/studies/letters.txt"} <= packed
    assert "mattis/cli/templates/starters.yaml" in packed
    for path in shipped_files():
        found = zipfile.ZipFile(wheel).read(f"mattis/shipped/{path.relative_to(config).as_posix()}")
        assert found == path.read_bytes()
    assert any(name.endswith("/licenses/LICENSE") for name in about)


@pytest.mark.slow
def test_the_wheel_runs_where_nothing_is_but_what_it_declares(wheel: Path, tmp_path: Path) -> None:
    """Its dependencies are linked, not installed again: only those that its metadata lead to."""
    environment, empty = tmp_path / "environment", tmp_path / "empty"
    venv.create(environment)
    empty.mkdir()
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python]
    said_by(*pip, "install", "-q", "--no-deps", "--no-index", wheel, cwd=empty)
    (site,) = environment.glob("lib/python*/site-packages")
    (mattis,) = metadata.distributions(name="mattis", path=[str(site)])
    for distribution in needed(mattis.requires or ()):
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(str(distribution.locate_file(top)))
    study, mattis = write_study(empty).name, environment / "bin" / "mattis"
    said_by(mattis, "run", study, "--workers", 1, cwd=empty)
    told = json.loads(said_by(mattis, "status", study, "--json", cwd=empty))
    assert told["cells"] == {"total": 72, "done": 72}
    assert said_by(mattis, "digest", study, cwd=empty).split()[0] == golden.GOLDEN["hopfield"]
    said_by(mattis, "diagram", study, cwd=empty)
    assert (empty / "results" / "small" / "figures" / "diagram.png").exists()
    said_by(mattis, "new", "mine", cwd=empty)
    line = (empty / "mine.yaml").read_text().splitlines()[0]
    assert line.endswith(f"{site.resolve().as_posix()}/mattis/shipped/study.schema.json")
    said_by(mattis, "new", "like", "--like", "letters", cwd=empty)
    assert (empty / "letters.txt").exists()
    assert json.loads(said_by(mattis, "status", "like.yaml", "--json", cwd=empty))["done"] == 0
    assert "_mattis_completion" in said_by(mattis, "completion", "bash", cwd=empty)
    where = said_by(python, "-c", "import mattis; print(mattis.__file__)", cwd=empty)
    assert Path(where.strip()).is_relative_to(site)
    assert not list(site.glob("pytest")), "only what is declared is there"
