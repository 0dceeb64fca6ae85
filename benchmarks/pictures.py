"""Pictures of the docs: of which studies each is made, and which are stale.

    python benchmarks/pictures.py    # names the stale ones, and how they are made again; or exits with 0

`docs/gallery/pictures.json` has for each picture a hash of its file, and for each study that it shows a hash
of what the study says (its comments excepted) with the recipe of its random numbers. Whoever draws a picture
writes that down.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path

import yaml

import mattis

ROOT = Path(__file__).parents[1]
STUDIES, DOCS = ROOT / "config" / "studies", ROOT / "docs"
LIST = DOCS / "gallery" / "pictures.json"

Pictures = dict[str, dict[str, object]]
"""By their paths below docs/: `file`, the hash of a picture, and `made_of`, what each study said, by name."""


def hashed(content: bytes) -> str:
    """Return 16 digits of the hash of some bytes."""
    return blake2b(content, digest_size=8).hexdigest()


def said(path: Path) -> str:
    """Return in short what a study says, with the files that it reads, and the recipe of its random numbers.

    Where no random number is among those that the last recipes changed, the recipe is that of before
    (`Model.comparable`): at T = 0 a picture is not stale when thermal noise is drawn in another way.
    """
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    parts = [part for part in content.values() if isinstance(part, dict) and "file" in part]
    beside = [hashed((path.parent / part["file"]).read_bytes()) for part in parts]
    study = mattis.load_study(path)
    model = study.described_model
    numbers = model.numbers - (0 if study.is_random(study.labels) else model.comparable)
    text = json.dumps([content, beside], sort_keys=True)
    return f"{hashed(text.encode())}, numbers {numbers}"


def recorded() -> Pictures:
    """Return what was written down of each picture."""
    found: Pictures = json.loads(LIST.read_text(encoding="utf-8")) if LIST.exists() else {}
    return found


def record(picture: Path, studies: Iterable[str]) -> None:
    """Write down of what a picture was made, just now."""
    made_of = {name: said(STUDIES / f"{name}.yaml") for name in studies}
    entry = {"file": hashed(picture.read_bytes()), "made_of": made_of}
    found = {**recorded(), str(picture.relative_to(DOCS)): entry}
    LIST.write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n", encoding="utf-8")


def stale(
    pictures: Mapping[str, Mapping[str, object]], studies: Path = STUDIES, docs: Path = DOCS
) -> list[str]:
    """Return a line for each picture that is not of the studies of today, or that nobody wrote down."""
    lines = []
    for path in sorted(one.relative_to(docs) for one in docs.rglob("*.png")):
        known = pictures.get(str(path))
        if known is None:
            lines.append(f"{path}: got a picture of unknown studies; draw it by a command that records it")
            continue
        if known["file"] != hashed((docs / path).read_bytes()):
            lines.append(f"{path}: is not the file that was recorded")
        made_of = known["made_of"]
        assert isinstance(made_of, dict)
        lines += [
            f"{path}: {name} was another study: python benchmarks/gallery.py {name}"
            for name, before in made_of.items()
            if not (studies / f"{name}.yaml").exists() or said(studies / f"{name}.yaml") != before
        ]
    gone = sorted(set(pictures) - {str(one.relative_to(docs)) for one in docs.rglob("*.png")})
    return lines + [f"{path}: is recorded, and not there" for path in gone]


if __name__ == "__main__":
    found = stale(recorded())
    print("\n".join(found))
    sys.exit(bool(found))
