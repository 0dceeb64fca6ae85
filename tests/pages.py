"""The blocks of README and docs, and the script that those of a page make when they are run in order.

A block that is not run says why, in the line above it: `<!-- not run: needs SLURM -->`. What a block needs
that its reader has stands there too: `<!-- first: mattis new mine -->`, in Python before Python or YAML.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from builders import ROOT

PAGES = [
    "README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
]  # fmt: skip
"""The pages whose blocks are run."""

FENCE = re.compile(
    r"^(?:<!-- (?P<word>not run|first): (?P<said>[^\n]*) -->\n)?"
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
"""A block, with what is said in the line above it."""

USUAL = {"name": "usual", "axes": {"load": [0.05, 0.1], "temperature": [0, 0.5]}, "question": "survival"}
"""The study to which a block belongs that is a part of one."""

BEGINNING = f"""\
import subprocess as _subprocess
from pathlib import Path as _Path
def _bash(text):
    code = _subprocess.run(["bash", "-euo", "pipefail", "-c", text]).returncode
    assert code == 0, f"exit code {{code}}"
def _yaml(text):
    import mattis, yaml
    keys = yaml.safe_load(text)
    keys = {{**{USUAL!r}, **keys}} if "figure" in keys and "axes" not in keys else keys
    if "axes" in keys:
        path = _Path(f"{{keys['name']}}.yaml")
        path.write_text(yaml.safe_dump(keys))
        mattis.load_study(path)
def _plugin(name, text):
    import mattis
    _Path(name).write_text(text)
    mattis.load_plugins(name)
"""
"""What the script of a page begins with, as one line of it."""


class Block(NamedTuple):
    """A block of a page.

    line    # of its fence, from 1
    reason  # why it is not run, "" if it is
    first   # what is done before it
    """

    line: int
    language: str
    text: str
    reason: str
    first: str


def blocks_of(content: str) -> list[Block]:
    """Return the blocks of the text of a page that say their language."""
    found = []
    for match in FENCE.finditer(content):
        line = content.count("\n", 0, match.start("language")) + 1
        said = {match["word"]: match["said"]}
        found.append(
            Block(line, match["language"], match["text"], said.get("not run", ""), said.get("first", ""))
        )
    return found


def read(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def script(blocks: Iterable[Block]) -> str:
    """Return the script that blocks make: each block of Python is in the lines that it has on its page."""
    lines = [f"exec({BEGINNING!r})"]
    for block in blocks:
        if not block.reason:
            lines += [""] * (block.line - 1 - len(lines))
            lines[-1] = prepared(block) or lines[-1]
            lines += block_lines(block)
    return "\n".join(lines) + "\n"


def prepared(block: Block) -> str:
    """Return the line of a script that does what comes before a block."""
    shell = "_bash" if block.language == "bash" else "exec"
    return f"{shell}({block.first!r})" if block.first else ""


def block_lines(block: Block) -> list[str]:
    """Return the lines of a script that run a block, from that of its fence on."""
    if block.language in ("bash", "yaml"):
        return [f"_{block.language}({block.text!r})"]
    if "from mattis.extend import" in block.text:
        return [f"_plugin('plugin_{block.line}.py', {block.text!r})"]
    return ["", *block.text.splitlines()]
