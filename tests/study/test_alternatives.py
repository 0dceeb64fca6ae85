"""Comments of YAML in the pages: each alternative that one names may stand in the place of the value."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import EVERY_STUDY, ROOT

from mattis.networks.registry import KINDS, study_of
from mattis.study.belongs import parts, words_of
from mattis.study.document import parsed

PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
BLOCK = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
LINE = re.compile(r"^(?P<key>\s*\w+): (?P<value>\S.*?)\s+# (?P<comment>.*)$")
ALTERNATIVE = re.compile(r"\bor (?:a word: )?(\{.*?\}|(?:\w+: )?(?:\[.*?\]|\{.*?\}|[\w.]+))")
WORDS = {
    (key, word) for kind in KINDS for _, part in parts(kind)
    for key, words in words_of(part) for word in words
}  # fmt: skip


def alternatives(line: str) -> Iterator[str]:
    """Yield a line with each alternative that its comment names in the place of the value."""
    found = LINE.match(line)
    if not found:
        return
    key, value, comment = found["key"], found["value"], found["comment"]
    for text in ALTERNATIVE.findall(comment):
        inner, colon, new = text.partition(": ")
        if colon and not text.startswith("{"):
            same = re.sub(rf"\b{inner}: (\[.*?\]|[^,}}]+)", text, f"{key}: {value}")
            pairs = {"memories": "load", "beta": "temperature"}
            old = pairs.get(inner, inner)
            yield same if inner == old else re.sub(rf"\b{old}: \[.*?\]", text, f"{key}: {value}")
        else:
            yield f"{key}: {text}"
    for name, new in re.findall(r"(\w+): (\w+)", f"{key.strip()}: {value}"):
        for word in re.findall(r"^(\w+)(?=[:,])", comment):  # zero  # kept: none
            if (name, word) in WORDS:
                yield f"{key}: {value}".replace(f"{name}: {new}", f"{name}: {word}")


def blocks() -> Iterator[tuple[str, Path, str]]:
    """Yield the name, the folder and the text of each study of the documentation."""
    for page in PAGES:
        for k, text in enumerate(BLOCK.findall(page.read_text(encoding="utf-8"))):
            if re.search(r"^axes:", text, re.MULTILINE):
                yield f"{page.stem}-{k}", page.parent, text
    for path in EVERY_STUDY:
        yield path.stem, path.parent, path.read_text(encoding="utf-8")


def variants() -> Iterator[tuple[str, Path, str]]:
    """Yield the texts of all studies with one alternative each."""
    for name, folder, text in blocks():
        for line in text.splitlines():
            for new in alternatives(line):
                yield f"{name}: {new.strip()}", folder, text.replace(line, new)


VARIANTS = [*variants()]


@pytest.mark.parametrize(("folder", "text"), [v[1:] for v in VARIANTS], ids=[v[0] for v in VARIANTS])
def test_what_a_comment_names_may_stand_there(folder: Path, text: str) -> None:
    assert study_of(parsed(text, "page"), "page", folder)


def test_the_pages_name_alternatives() -> None:
    said = {name for name, _, _ in VARIANTS}
    assert len(said) == len(VARIANTS) > 15, sorted(said)
    assert "two-cycles: dynamics: {diagonal: kept}" in said
    assert "consolidation-0: clamping: {sequence: [0, 1, 1]}" in said
    assert any("precision: float32" in name for name in said)
