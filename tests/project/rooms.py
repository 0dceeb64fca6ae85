"""The list of rooms in docs/architecture.md: each file of the package by the first line of its docstring.

python tests/project/rooms.py      # writes the list (make format does)
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- rooms: written by make format -->\n", "<!-- end of rooms -->\n"


def sentence(path: Path) -> str:
    """Return the first paragraph of a file's docstring, in one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def rooms() -> str:
    """Return the list: a heading for each folder, a line for each file."""
    source = ROOT / "src" / "mattis"
    lines: list[str] = []
    folders = [source, *sorted(path.parent for path in source.rglob("__init__.py") if path.parent != source)]
    for folder in folders:
        name = folder.relative_to(source).as_posix()
        lines += ["", f"**{'mattis' if name == '.' else name}/** {sentence(folder / '__init__.py')}", ""]
        files = sorted(path for path in folder.glob("*.py") if not path.name.startswith("__"))
        lines += [f"- `{path.name}` {sentence(path)}" for path in files]
    return "\n".join([*lines, ""]) + "\n"


def page(text: str) -> str:
    """Return the page with the list as it should be."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + rooms() + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
