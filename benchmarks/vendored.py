"""The libraries of the page: fetched anew, or compared with what is written of them.

python benchmarks/vendored.py            # do the files fit the hashes of vendored.json?
python benchmarks/vendored.py update     # fetch the versions of vendored.json with npm, and write the hashes

Another version: change it in vendored.json, run the update, and look at the page (make test-page).
"""

import json
import subprocess
import sys
import tarfile
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "src" / "mattis" / "page" / "vendor"
TABLE = FOLDER / "vendored.json"


def table() -> dict[str, dict[str, Any]]:
    """Return what is written of each file: its package, version, place in it, licence, and hash."""
    content: dict[str, dict[str, Any]] = json.loads(TABLE.read_text(encoding="utf-8"))
    return content


def strangers() -> list[str]:
    """Return the files whose hash is not the written one, and those that are written and not there."""
    return [
        name
        for name, row in table().items()
        if not (FOLDER / name).exists() or hash_of(FOLDER / name) != row["sha256"]
    ]


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return sha256(path.read_bytes()).hexdigest()


def update() -> None:
    """Fetch every file, and write its hash."""
    rows = table()
    for name, row in rows.items():
        content = packed(f"{row['package']}@{row['version']}", row["file"])
        (FOLDER / name).write_bytes(content)
        row["sha256"] = sha256(content).hexdigest()
    TABLE.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def packed(package: str, file: str) -> bytes:
    """Return one file of a package, as npm packs it."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["npm", "pack", "--silent", package], cwd=folder, capture_output=True, check=True, text=True
        )
        with tarfile.open(Path(folder) / done.stdout.split()[-1]) as archive:
            member = archive.extractfile(f"package/{file}")
            assert member is not None, file
            return member.read()


if __name__ == "__main__":
    if sys.argv[1:] == ["update"]:
        update()
    found = strangers()
    print(f"not as written: {', '.join(found)}" if found else "all files are as written")
    sys.exit(bool(found))
