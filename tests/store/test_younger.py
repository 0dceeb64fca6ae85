"""Stores of yesterday, read by a package of tomorrow: in each kind of study one more number and key."""

import json
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from builders import HERE, ROOT, fill

import mattis
from mattis.engine import driver, status
from mattis.engine.status import digest
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.registry import load_study, study_of
from mattis.store.verify import verify

STORES = ROOT / "tests" / "data" / "stores-2026-11.tar.xz"
"""A store of each kind of study, and one segment in the journal of each, as of 28 November 2026."""

SAME = ("attention", "consolidation")

OLDER = ("clipped", "little", "ramp", "recall")
"""Stores whose spins were decided by whole words, at T > 0: `numbers` are one higher since."""

YOUNGER = {
    "networks/binary/couplings.py": [(r"def clipped\(lesson: Lesson", ", sleep: float = 1.0")],
    "networks/binary/ensembles.py": [(r"def _random\(draw: Draw", ", skew: float = 0.0")],
    "networks/binary/matrix_network.py": [(r"    update: str = UPDATES\[0\]\n", "    delay: int = 0\n")],
    "networks/binary/questions.py": [(r'    name: str = "recall"\n', "    waits: int = 3\n")],
    "networks/neurons/recipe.py": [
        (r'    visible: str = "quadratic"\n', "    leak: float = 0.0\n"),
        (r'    indices: str = "full"\n', '    solver: str = "euler"\n'),
    ],
    "study/base.py": [(r"    axes: SerializeAsAny\[Axes\]\n", '    note: str = ""\n')],
    "networks/binary/retrieval.py": [
        (r"class Sweeps\(Part\):\n    .*\n", "\n    every: StrictInt = 1\n"),
        (r"class RetrievalStudy\(Study\):\n    .*\n", "\n    patience: StrictInt = 7\n"),
    ],
    "networks/drift/study.py": [
        (r"class Bias\(Part\):\n    .*\n", "\n    turn: StrictFloat = 0.0\n"),
        (r'    """A study of memories that drift to .*\n', "\n    forgetting: StrictFloat = 0.0\n"),
    ],
    "networks/neurons/keys.py": [(r"class Flow\(Part\):\n    .*\n", "\n    noise: StrictFloat = 0.0\n")],
}
"""What is put behind a line of a file: a number or key with a default, as whoever adds one writes it."""

ASKED = """
import json, sys
from pathlib import Path
import mattis
out = {"where": mattis.__file__}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    study = mattis.load_study(folder / "study.yaml")
    out[folder.name] = [mattis.status(study, sys.argv[1])["cells"], mattis.digest(study, sys.argv[1])]
    physics = json.dumps(study.physics())
    out[folder.name].append([name for name in sys.argv[2:] if f'"{name}"' in physics])
print(json.dumps(out))
"""


@pytest.fixture
def yesterday(tmp_path: Path) -> Path:
    # Pythons before 3.11.4 have no filters.
    filters = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(STORES) as archive:
        archive.extractall(tmp_path / "stores", **filters)  # type: ignore[arg-type]
    return tmp_path / "stores"


def test_stores_of_every_kind_of_study_can_be_read_and_extended(yesterday: Path) -> None:
    for name in SAME:
        study = load_study(yesterday / name / "study.yaml")
        cells = status.status(study, yesterday)["cells"]
        assert cells["done"] == cells["total"]
        assert verify(study, yesterday, recompute=1).sound, "its labels mean what they meant"
        before = digest(study, yesterday)
        more = study.model_copy(update={"axes": study.axes.model_copy(update={"seed": (0, 1, 2)})})
        outcome = driver.run(
            more, yesterday, driver.Settings(1, where=mattis.engine.cluster.Where(pool="threads"))
        )
        assert (outcome.found, outcome.failures) == (cells["total"], {})
        assert digest(study, yesterday) == before


@pytest.mark.parametrize("name", OLDER)
def test_stores_of_older_random_numbers_are_read_and_not_extended(name: str, yesterday: Path) -> None:
    study = load_study(yesterday / name / "study.yaml")
    cells = status.status(study, yesterday)["cells"]
    assert cells["done"] == cells["total"]
    assert verify(study, yesterday).sound
    assert mattis.diagram(study, yesterday)
    before = digest(study, yesterday)
    more = study.model_copy(update={"axes": study.axes.model_copy(update={"seed": (0, 1, 2)})})
    for refused in (
        lambda: driver.run(more, yesterday, driver.Settings(1)),
        lambda: verify(study, yesterday, recompute=1),
    ):
        with pytest.raises(mattis.UserError, match="random numbers of an older mattis: they can be"):
            refused()
    assert digest(study, yesterday) == before


def test_cells_without_noise_have_no_random_numbers_to_be_older(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cold = {"axes": {"size": [60], "load": [0.1], "temperature": [0.0], "seed": 2}, "name": "cold"}
    short = {"model": "hopfield", "sweeps": {"thermalise": 5, "measure": 20}, "cues": 2}
    study = study_of({**short, **cold})
    row = BinaryStudy.described_model.fget
    with monkeypatch.context() as then:
        older = property(lambda self: replace(row(self), numbers=row(self).numbers - 1))
        then.setattr(BinaryStudy, "described_model", older)
        fill(study, tmp_path)
    for seeds, heat in ((3, [0.0]), (3, [0.0, 0.3])):
        axes = {**cold["axes"], "seed": seeds, "temperature": heat}
        outcome = driver.run(study_of({**short, **cold, "axes": axes}), tmp_path, HERE)
        assert outcome.failures == {}
        assert outcome.found


def test_a_number_or_a_key_that_a_store_does_not_know_had_its_default(
    yesterday: Path, tmp_path: Path
) -> None:
    shutil.rmtree(yesterday / "recalled")  # other numbers: see below
    source = tmp_path / "src"
    shutil.copytree(Path(mattis.__file__).parent, source / "mattis")
    names = []
    for file, edits in YOUNGER.items():
        place = source / "mattis" / file
        text = place.read_text("utf-8")
        for behind, line in edits:
            text, count = re.subn(behind, lambda found, line=line: found[0] + line, text, count=1)
            assert count == 1, (file, behind)
            names.append(line.split(":")[0].strip(" ,\n"))
        place.write_text(text, "utf-8")
    expected = {}
    for folder in sorted(yesterday.iterdir()):
        study = load_study(folder / "study.yaml")
        expected[folder.name] = [status.status(study, yesterday)["cells"], digest(study, yesterday)]
    done = subprocess.run(
        [sys.executable, "-c", ASKED, str(yesterday), *names],
        env={"PYTHONPATH": str(source), "PATH": ""}, check=True, stdout=subprocess.PIPE, cwd=tmp_path,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found.pop("where").startswith(str(source))
    known = {name for *_, told in found.values() for name in told}
    assert known == {*names}, "a number that no study here has proves nothing"
    assert {folder: rest for folder, (*rest, _) in found.items()} == expected


def test_numbers_that_are_other_numbers_are_refused_with_the_reason(yesterday: Path) -> None:
    """Hopfield's network with `question: recall` written out: computed by its matrix until then."""
    study = load_study(yesterday / "recalled" / "study.yaml")
    with pytest.raises(mattis.UserError, match="made from a different study: numbers: 1 → 3"):
        status.status(study, yesterday)
