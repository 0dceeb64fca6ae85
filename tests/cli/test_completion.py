"""Completion by Tab: what bash offers, in a real bash, and what other shells read."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from builders import STUDIES, write_study

from mattis.cli.command import verbs
from mattis.cli.completing import SHELLS, script_of
from mattis.theory import QUANTITIES

BIN = Path(sys.executable).parent

TRY = """
source "$SCRIPT"
complete -p mattis > /dev/null || exit 3
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_mattis_completion mattis
printf '%s\\n' "${COMPREPLY[@]}"
"""


WITH_MATTIS = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What bash sources, as the command writes it."""
    path = tmp_path_factory.mktemp("bash") / "script"
    words = ["mattis", "completion", "bash"]
    path.write_bytes(subprocess.run(words, env=WITH_MATTIS, capture_output=True, check=True).stdout)
    return path


def offered(script: Path, folder: Path, *words: str) -> list[str]:
    """Return what bash offers after some words, cut as bash cuts them: at spaces and at =."""
    where = {**WITH_MATTIS, "SCRIPT": str(script)}
    done = subprocess.run(
        ["bash", "--norc", "-c", TRY, "bash", "mattis", *words],
        cwd=folder, env=where, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["sta"], ["status"]),
        (["co"], ["completion", "compare"]),
        (["run", "--ba"], ["--backend"]),
        (["figure", "small.yaml", "--style", ""], ["single", "double"]),
        (["run", "small.yaml", "--cluster", "s"], ["slurm", "sge"]),
        (["completion", ""], [*SHELLS]),
        (["new", "x", "--model", "dense"], ["dense", "dense_binary"]),
        (["new", "x", "--like", "dense_binary_"], [f"dense_binary_{n}" for n in (2, 3, 4, 5)]),
        (["trace", "sm"], ["small.yaml"]),
        (["run", "st"], ["studies/"]),
        (["run", "studies/"], ["studies/other.yaml"]),
        (["trace", "small.yaml", "--at", "l"], ["load="]),
        (["trace", "small.yaml", "--at", "load", "="], ["0.05", "0.1", "0.2"]),
        (["trace", "small.yaml", "--at", "load", "=", "0.1,t"], ["0.1,temperature="]),
        (["trace", "small.yaml", "--at", "load", "=", "0.1,load"], []),
        (["trace", "none.yaml", "--at", "l"], []),
        (["trace", "broken.yaml", "--at", "l"], []),
        (["theory", "hopfield.T_M", "--at", ""], ["load="]),
        (["theory", "zero_one.overlap", "--at", "neurons", "="], []),
    ],
)
def test_bash_completes(script: Path, tmp_path: Path, words: list[str], found: list[str]) -> None:
    write_study(tmp_path)
    (tmp_path / "broken.yaml").write_text("name: [\n")
    (tmp_path / "notes.txt").touch()
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "other.yaml").touch()
    assert sorted(offered(script, tmp_path, *words)) == sorted(found)


def test_bash_completes_all_of_theory_and_all_shipped_studies(script: Path, tmp_path: Path) -> None:
    assert offered(script, tmp_path, "theory", "") == [*QUANTITIES]
    shipped = sorted(path.stem for path in STUDIES.glob("*.yaml"))
    assert offered(script, tmp_path, "new", "x", "--like", "") == shipped


def test_a_press_of_tab_loads_nothing_that_computes(tmp_path: Path) -> None:
    write_study(tmp_path)
    script = (
        "import sys, json, atexit\n"
        "atexit.register(lambda: print(json.dumps([*sys.modules]), file=sys.stderr))\n"
        "from mattis.cli.command import main\nmain()"
    )
    for words in ("mattis theory hopf", "mattis trace small.yaml --at l", "mattis sta"):
        where = {"_MATTIS_COMPLETE": "bash_complete", "COMP_WORDS": words}
        where["COMP_CWORD"] = str(len(words.split()) - 1)
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=tmp_path, env={**os.environ, **where},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.startswith("plain,")
        loaded = {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}
        assert not loaded & {"numba", "dask", "distributed", "matplotlib", "scipy", "xarray", "zarr"}


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_name_the_command_and_can_be_read_by_their_shell(shell: str, tmp_path: Path) -> None:
    text = script_of(shell, verbs)
    assert "mattis" in text
    assert f"_MATTIS_COMPLETE={shell}_complete" in text
    assert "%(" not in text
    if shutil.which(shell) is not None:  # of zsh and fish nothing more is known where they are not
        (tmp_path / "script").write_text(text)
        subprocess.run([shell, "-n", tmp_path / "script"], check=True)
