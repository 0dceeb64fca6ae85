"""Pictures of README and docs: each is of the studies of today, and stands beside the command that makes it.

The page of the gallery is that of the studies' own comments.
"""

import json
import re
import shutil
from pathlib import Path

import capacity
import gallery
import pictures
import pytest
from builders import ROOT
from pages import PAGES, read

IMAGE = re.compile(r"!\[[^\]]*\]\((?P<path>[^)]+)\)")


def test_no_picture_is_stale() -> None:
    """Where this fails: what it says of a study, or draw it again by the command that it names."""
    assert not pictures.stale(pictures.recorded())


@pytest.fixture
def copied(tmp_path: Path) -> tuple[Path, Path]:
    """Copies of the studies and of the pictures, to be changed."""
    studies, docs = tmp_path / "studies", tmp_path / "docs"
    shutil.copytree(pictures.STUDIES, studies)
    for path in pictures.recorded():
        (docs / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pictures.DOCS / path, docs / path)
    return studies, docs


def changed(path: Path, before: str, after: str) -> None:
    """Change the text of a file."""
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_a_picture_whose_study_changed_is_named(copied: tuple[Path, Path]) -> None:
    """By its values, or by what it wants drawn; comments change nothing. So does a file that it reads."""
    studies, docs = copied
    assert not pictures.stale(pictures.recorded(), studies, docs)
    changed(studies / "basins.yaml", "seed: 8", "seed: 9")
    changed(studies / "zero-one.yaml", "How much", "How little")
    changed(studies / "ising.yaml", "# The Ising model", "# Another word for it")
    changed(studies / "letters.txt", "1 1 0 0", "1 1 1 0")
    found = pictures.stale(pictures.recorded(), studies, docs)
    named = [line.split(":")[0] for line in found]
    assert named == [
        "gallery/basins.png", "gallery/letters.png", "gallery/zero-one-both.png", "gallery/zero-one.png",
        "letters.png",
    ]  # fmt: skip
    assert "benchmarks/gallery.py basins" in found[0]


def test_a_picture_of_other_random_numbers_is_named_where_there_is_noise() -> None:
    known = pictures.recorded()
    for name, noisy in (("hopfield", True), ("basins", False), ("familiarity", False)):
        made_of = known[f"gallery/{name}.png"]["made_of"]
        assert isinstance(made_of, dict)
        model = pictures.mattis.load_study(pictures.STUDIES / f"{name}.yaml").described_model
        number = model.numbers - (0 if noisy else model.comparable)
        assert made_of[name].endswith(f"numbers {number}")
        made_of[name] = made_of[name].replace(f"numbers {number}", f"numbers {number - 1}")
    assert [line.split(":")[0] for line in pictures.stale(known)] == [
        "gallery/basins.png", "gallery/familiarity.png", "gallery/hopfield.png",
    ]  # fmt: skip


def test_a_picture_that_nobody_recorded_is_named(copied: tuple[Path, Path]) -> None:
    studies, docs = copied
    shutil.copy(docs / "letters.png", docs / "gallery" / "basins.png")
    shutil.copy(docs / "letters.png", docs / "gallery" / "new.png")
    (docs / "digits.png").unlink()
    found = "\n".join(pictures.stale(pictures.recorded(), studies, docs))
    assert found.count("\n") == 2
    assert "gallery/basins.png: is not the file" in found
    assert "gallery/new.png: got a picture of unknown" in found
    assert "digits.png: is recorded, and not there" in found


def shown(page: str) -> list[tuple[str, str]]:
    """Return the images of a page, each with the text from the image or heading before to that behind."""
    text = read(page)
    marks = [match.start() for match in re.finditer(r"^#+ .*$|!\[", text, re.M)]
    return [
        (
            str(((ROOT / page).parent / match["path"]).resolve().relative_to(ROOT / "docs")),
            text[
                max((at for at in marks if at < match.start()), default=0) : min(
                    (at for at in marks if at > match.start()), default=len(text)
                )
            ],
        )
        for match in IMAGE.finditer(text)
    ]


@pytest.mark.parametrize("page", [page for page in PAGES if IMAGE.search(read(page))])
def test_a_picture_stands_beside_the_command_that_makes_it(page: str) -> None:
    known = pictures.recorded()
    for path, beside in shown(page):
        made_of = known[path]["made_of"]
        assert isinstance(made_of, dict)
        commands = "\n".join(
            a or b for a, b in re.findall(r"^```bash\n(.*?)^```|`([^`\n]+)`", beside, re.M | re.S)
        )
        named = set(re.findall(r"config/studies/([\w-]+)\.yaml", commands))
        named |= {"hopfield"} if re.search(r"make diagram\b(?! STUDY)", commands) else set()
        drawn = re.search(r"make diagram|mattis (?:diagram|figure)", commands)
        assert drawn, f"{page}: {path} has no command beside it"
        assert made_of.keys() <= named, f"{page}: {path}"


def test_the_list_of_pictures_is_written_in_one_way() -> None:
    found = pictures.recorded()
    text = json.dumps(dict(sorted(found.items())), indent=1) + "\n"
    assert pictures.LIST.read_text(encoding="utf-8") == text


def test_the_gallery_is_written_from_the_studies() -> None:
    """Where this fails: python benchmarks/gallery.py --page."""
    known = json.loads((gallery.GALLERY / "gallery.json").read_text(encoding="utf-8"))
    shipped = {path.stem for path in gallery.STUDIES.glob("*.yaml")}
    assert {*known} == shipped - {*gallery.LONG}
    assert gallery.PAGE.read_text(encoding="utf-8") == gallery.page(known)


def test_the_tables_of_capacity_are_of_what_was_measured() -> None:
    """Where this fails: python benchmarks/capacity.py --page."""
    page = capacity.PAGE.read_text(encoding="utf-8")
    found = json.loads(capacity.FOUND.read_text(encoding="utf-8"))
    assert capacity.with_tables(page, found) == page
    again = capacity.limit_of(capacity.joined(found["descents"]))
    assert again is not None
    assert again["value"] == pytest.approx(found["joined"]["value"], rel=1e-12)


def test_each_study_of_the_gallery_has_its_physics_in_words() -> None:
    """Of two sentences at least, that speak to somebody who reads no other study."""
    for path in gallery.STUDIES.glob("*.yaml"):
        words = gallery.physics_of(path.stem)
        assert len(words) > 80, path.name
        assert not re.match(r"The same|As (?:above|before)", words), path.name
