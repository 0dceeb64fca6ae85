"""From the text of a PTX module to its kernels: parameters, registers, variables, labels and instructions.

What is not known here is refused, with its line. Bodies of functions that are no kernels are passed over:
a kernel that calls one is refused later, at its `call`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

from gpu.ptx.errors import PtxError
from gpu.ptx.kinds import SIZES, literal

MOST_THREADS = 1024


@dataclass(frozen=True)
class Parameter:
    """A parameter of a kernel; `pointer` is None where the text does not tell pointers from numbers."""

    name: str
    kind: str
    size: int
    pointer: bool | None


@dataclass(frozen=True)
class Variable:
    """A variable in `space` (shared, global, const); no size: the caller of the kernel chooses it."""

    name: str
    space: str
    align: int
    size: int | None
    content: bytes = b""


@dataclass(frozen=True)
class Instruction:
    """One instruction: `@guard mnemonic operands`, the guard negated where it begins with "!"."""

    line: int
    text: str
    guard: str
    mnemonic: str
    operands: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.text} (line {self.line})"


@dataclass(frozen=True)
class Kernel:
    """A kernel; a label tells the index of the instruction behind it."""

    name: str
    parameters: tuple[Parameter, ...]
    threads: int
    registers: Mapping[str, str]
    variables: tuple[Variable, ...]
    labels: Mapping[str, int]
    instructions: tuple[Instruction, ...]


SPACE = re.compile(r"\s*")
HEADER = re.compile(r"\.(version|target|address_size)\b[^\n]*")
ENTRY = re.compile(r"(?:\.(?:visible|weak)\s+)?\.entry\s+([\w$]+)\s*\(([^)]*)\)\s*([^{;]*)\{")
FUNCTION = re.compile(r"(?:\.(?:visible|weak|extern)\s+)*\.func\b[^{;]*[{;]")
VARIABLE = re.compile(
    r"(?:\.(?:extern|visible|weak)\s+)?\.(shared|global|const)\s+(?:\.align\s+(\d+)\s+)?"
    r"\.(\w+)\s+([\w$]+)((?:\[\d*\])*)\s*(?:=\s*([^;]*?)\s*)?;"
)
PARAMETER = re.compile(
    r"\.param\s+(?:\.align\s+\d+\s+)?\.(\w+)\s+(\.ptr\s+(?:\.\w+\s+)??(?:\.align\s+\d+\s+)?)?"
    r"([\w$]+)(?:\[(\d+)\])?"
)
STATEMENT = re.compile(r"([{}])|([\w$]+)\s*:(?!:)|([^;{}\s](?:[^;{}]|\{[^;{}]*\})*);")
INSTRUCTION = re.compile(r"(?:@(!?%[\w$]+)\s+)?([a-z][\w.:]*)\s*(.*)", re.DOTALL)
COMMA = re.compile(r",(?![^\[{]*[\]}])")  # but not within braces or brackets
HINT = re.compile(r'\.pragma "(nounroll|used_bytes_mask 0x[0-9a-f]+)"')  # of loops; which bytes a load is for
DECLARATION = re.compile(r"\.reg\s+\.(\w+)\s+(.*)", re.DOTALL)


def kernels(text: str) -> dict[str, Kernel]:
    """Return the kernels of a module by name."""
    text = _without_comments(text)
    found: dict[str, Kernel] = {}
    variables: list[Variable] = []
    at = _skip(text, 0)
    while at < len(text):
        if match := HEADER.match(text, at):
            end = match.end()
        elif match := ENTRY.match(text, at):
            end = _closing(text, match.end())
            body = text[match.end() : end - 1]
            found[match[1]] = _kernel(match, body, _line(text, match.end()), variables)
        elif match := FUNCTION.match(text, at):
            end = match.end() if match[0].endswith(";") else _closing(text, match.end())
        elif match := VARIABLE.match(text, at):
            variables.append(_variable(match, _line(text, at)))
            end = match.end()
        else:
            rest = text[at:].split("\n", 1)[0].strip()
            raise PtxError(f"unknown directive: {rest} (line {_line(text, at)})")
        at = _skip(text, end)
    return found


def _without_comments(text: str) -> str:
    """Return text without comments, its lines where they were."""
    blank = re.sub(r"/\*.*?\*/", lambda found: "\n" * found[0].count("\n"), text, flags=re.DOTALL)
    return re.sub(r"//[^\n]*", "", blank)


def _skip(text: str, at: int) -> int:
    match = SPACE.match(text, at)
    return match.end() if match else at


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _closing(text: str, at: int) -> int:
    """Return the position after the brace that closes the one before `at`."""
    depth = 1
    for brace in re.compile(r"[{}]").finditer(text, at):
        depth += 1 if brace[0] == "{" else -1
        if not depth:
            return brace.end()
    raise PtxError("the text ends within a body")


def _variable(match: re.Match[str], line: int) -> Variable:
    """Return a variable of a declaration: the bytes of its initial values, zeros where it has none."""
    space, align, kind, name, extents, initial = match.groups()
    if kind not in SIZES or kind == "pred":
        raise PtxError(f"unknown type: {match[0]} (line {line})")
    width = SIZES[kind]
    if "[]" in extents:
        return Variable(name, space, int(align or width), None)
    size = width * prod(int(extent) for extent in re.findall(r"\d+", extents))
    values = re.findall(r"[^\s,]+", (initial or "").strip("{}"))
    content = b"".join(literal(value, kind).tobytes() for value in values)
    if len(content) > size:
        raise PtxError(f"too many values: {match[0]} (line {line})")
    return Variable(name, space, int(align or width), size, content.ljust(size, b"\0"))


def _parameters(text: str, line: int) -> Iterator[Parameter]:
    """Yield the parameters of a kernel; where one has `.ptr`, those without it are numbers."""
    told = ".ptr" in text
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = PARAMETER.fullmatch(part)
        if not match or match[1] not in SIZES:
            raise PtxError(f"unknown parameter: {part} (line {line})")
        size = SIZES[match[1]] * int(match[4] or 1)
        yield Parameter(match[3], match[1], size, bool(match[2]) if told else None)


def _threads(text: str, line: int) -> int:
    """Return the most threads of a block that the directives of a kernel allow."""
    most = MOST_THREADS
    for part in re.findall(r"\.[^.]*", text) or ([text] if text.strip() else []):
        match = re.fullmatch(r"\.(maxntid|reqntid|minnctapersm|maxnreg)\s+([\d,\s]+)", part)
        if not match:
            raise PtxError(f"unknown directive: {part.strip()} (line {line})")
        if match[1].endswith("ntid"):
            most = min(most, prod(int(extent) for extent in match[2].split(",")))
    return most


@dataclass
class _Body:
    """What has been read of the body of a kernel."""

    registers: dict[str, str] = field(default_factory=dict)
    variables: list[Variable] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    instructions: list[Instruction] = field(default_factory=list)
    scopes: list[dict[str, str]] = field(default_factory=lambda: [{}])
    opened: int = 0

    def open(self) -> None:
        self.scopes.append({})
        self.opened += 1

    def declare(self, kind: str, names: str, line: int) -> None:
        """Note registers `%r<5>` or `%a, %b`; in an inner scope they get names of their own."""
        if kind not in SIZES or (SIZES[kind] == 1 and kind != "pred"):
            raise PtxError(f"unknown register: .reg .{kind} {names} (line {line})")
        suffix = f"@{self.opened}" if len(self.scopes) > 1 else ""
        for name in (part.strip() for part in names.split(",")):
            match = re.fullmatch(r"(%[\w$]+)(?:<(\d+)>)?", name)
            if not match:
                raise PtxError(f"unknown register: .reg .{kind} {names} (line {line})")
            every = [f"{match[1]}{i}" for i in range(int(match[2]))] if match[2] else [match[1]]
            for one in every:
                self.scopes[-1][one] = one + suffix
                self.registers[one + suffix] = kind

    def resolve(self, operand: str) -> str:
        """Return an operand with the registers of the innermost scope that knows them."""

        def known(match: re.Match[str]) -> str:
            scope = next((scope for scope in self.scopes[::-1] if match[0] in scope), {})
            return scope.get(match[0], match[0])

        return re.sub(r"%[\w$]+", known, operand)

    def add(self, text: str, line: int) -> None:
        """Note an instruction."""
        match = INSTRUCTION.fullmatch(text)
        if not match:
            raise PtxError(f"unknown statement: {text} (line {line})")
        parts = COMMA.split(match[3]) if match[3] else []
        operands = tuple(self.resolve(part.strip()) for part in parts)
        guard = self.resolve(match[1] or "")
        tidy = re.sub(r"\s+", " ", text)
        self.instructions.append(Instruction(line, tidy, guard, match[2], operands))

    def directive(self, text: str, line: int) -> None:
        """Note registers or a variable."""
        if match := DECLARATION.fullmatch(text):
            self.declare(match[1], match[2], line)
        elif match := VARIABLE.fullmatch(f"{text};"):
            self.variables.append(_variable(match, line))
        elif not HINT.fullmatch(text):
            raise PtxError(f"unknown directive: {text} (line {line})")

    def label(self, name: str, line: int) -> None:
        if name in self.labels:
            raise PtxError(f"label {name} for the second time (line {line})")
        self.labels[name] = len(self.instructions)


def _kernel(head: re.Match[str], text: str, first: int, variables: list[Variable]) -> Kernel:
    """Return a kernel, with those variables of its module that it names."""
    body = _Body()
    at = _skip(text, 0)
    while at < len(text):
        line = first + text.count("\n", 0, at)
        match = STATEMENT.match(text, at)
        if not match:
            raise PtxError(f"unknown statement: {text[at:].splitlines()[0]} (line {line})")
        brace, label, statement = match.groups()
        if brace == "{":
            body.open()
        elif brace:
            body.scopes.pop()
        elif label:
            body.label(label, line)
        elif statement.startswith("."):
            body.directive(statement.strip(), line)
        else:
            body.add(statement.strip(), line)
        at = _skip(text, match.end())
    used = set(re.findall(r"[\w$]+", text))
    named = [variable for variable in variables if variable.name in used]
    return Kernel(
        head[1],
        tuple(_parameters(head[2], first)),
        _threads(head[3], first),
        body.registers,
        (*named, *body.variables),
        body.labels,
        tuple(body.instructions),
    )
