"""Seals of what each file of kernels inlines from others: Numba's disk cache watches one file only.

    python tests/project/inlined.py      # writes the seals (make format does)

A kernel that is compiled with functions of other files would otherwise be loaded from the cache, as it was,
after these have changed. Its own file holds their fingerprint, so a change of theirs is a change of its own.
"""

import ast
import re
from functools import cache
from hashlib import blake2b
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "src" / "mattis"
PLAIN = {SOURCES / "exact" / name for name in ("arrays.py", "compiler.py")}
"""Names of types of arrays, and what calls the compiler: nothing of them is compiled."""

CACHING = re.compile(r"^from mattis\.exact\.compiler import (borrowing|compiled)\b", re.MULTILINE)
SEAL = re.compile(r'^INLINED = "([0-9a-f]*)"$', re.MULTILINE)


@cache
def imported(path: Path) -> list[Path]:
    """Return the files of mattis that a file imports from; seals change none of them."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            hidden = any(name.name.startswith("mattis") for name in node.names)
        else:
            hidden = isinstance(node, ast.ImportFrom) and bool(node.level or node.module == "mattis")
        if hidden and caches(path):
            raise SystemExit(f"{path.name}: compiled files import by `from mattis.x import y` only")
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mattis."):
            name = (node.module or "").removeprefix("mattis.").replace(".", "/")
            found.append(SOURCES / f"{name}.py")
    return sorted({file for file in found if file.is_file() and file not in PLAIN})


def needed(path: Path) -> set[Path]:
    """Return all files that a file of kernels is compiled with, itself excepted."""
    direct = imported(path)
    return set(direct).union(*(needed(file) for file in direct))


def caches(path: Path) -> bool:
    """Tell whether Numba keeps what a file compiles on disk."""
    return CACHING.search(path.read_text(encoding="utf-8")) is not None


def inliners() -> list[Path]:
    """Return the files of kernels that must hold a seal, those that others need first."""
    files = [*(SOURCES / "exact").glob("*.py"), *(SOURCES / "kernels" / "cpu").glob("*.py")]
    compiled = [file for file in files if caches(file) and needed(file)]
    return sorted(compiled, key=lambda file: (len(needed(file)), file))


def seal(path: Path) -> str:
    """Return the fingerprint of all files that a file is compiled with, as they are now."""
    content = b"".join(file.read_bytes() for file in sorted(needed(path)))
    return blake2b(content, digest_size=8).hexdigest()


def main() -> None:
    """Write the seals: those that others need first."""
    for path in inliners():
        text = path.read_text(encoding="utf-8")
        new = SEAL.sub(f'INLINED = "{seal(path)}"', text)
        if new != text:
            path.write_text(new, encoding="utf-8")
            print(f"sealed {path.name}")


if __name__ == "__main__":
    main()
