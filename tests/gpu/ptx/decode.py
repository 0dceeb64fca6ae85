"""From the instructions of a kernel to a program: each is looked up, checked and bound once.

A step does its work for some threads and ends; what decides where threads go on (branches, ends, barriers,
what warps do together) is left to the machine.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpu.ptx.errors import AccessError, PtxError
from gpu.ptx.kinds import DTYPES, SIZES, Values, unsigned
from gpu.ptx.memory import WINDOW, Addresses, Space
from gpu.ptx.operands import Frame, Lanes, Operands, Reader, Writer, blamed, count_of, numbered
from gpu.ptx.operations import APPROXIMATE, EXACT, Operation
from gpu.ptx.parse import Instruction, Kernel
from gpu.ptx.transfers import ATOMICS, FENCES, LOADS, STORES, Atomic, Transfer
from gpu.ptx.warps import BARRIERS, COLLECTIVES, PRODUCTS, Collective

Step = Callable[[Frame, Lanes], None]
Guard = Callable[[Frame, Lanes], Lanes]


@dataclass(frozen=True)
class Branch:
    """Threads go on at an instruction."""

    target: int


@dataclass(frozen=True)
class End:
    """Threads end."""


@dataclass(frozen=True)
class Barrier:
    """All threads of the block wait for each other, and may be told about a predicate."""

    read: Reader | None = None
    fold: Callable[[Values], Any] | None = None
    kind: str = "pred"
    write: Writer | None = None


@dataclass(frozen=True)
class Gathering:
    """The members of a mask wait for each other and do something together."""

    collective: Collective
    reads: tuple[Reader, ...]
    mask: Reader
    writes: tuple[Writer, ...]


Control = Branch | End | Barrier | Gathering


@dataclass(frozen=True)
class Action:
    """An instruction that is ready to run: a step, its guard in it, or a control with its guard."""

    step: Step
    control: Control | None
    guard: Guard | None


@dataclass(frozen=True)
class Program:
    """A kernel that is ready to run."""

    kernel: Kernel
    actions: tuple[Action, ...]
    counts: Mapping[int, int]


def program(kernel: Kernel, approximate: bool) -> Program:
    """Return the program of a kernel, or raise a PtxError that names an instruction.

    approximate # whether instructions are known whose results a GPU and NumPy do not share
    """
    names = [parameter.name for parameter in kernel.parameters]
    names += [variable.name for variable in kernel.variables]
    operands = Operands(kernel.registers, frozenset(names))
    known = {**EXACT, **APPROXIMATE} if approximate else EXACT
    decoder = _Decoder(kernel, operands, known)
    actions = []
    for instruction in kernel.instructions:
        try:
            actions.append(decoder.action(instruction))
        except PtxError as error:
            raise PtxError(f"{error}: {instruction}") from None
    return Program(kernel, tuple(actions), operands.counts)


def split(operand: str) -> list[str]:
    """Return the parts of a vector {a, b}, or the operand alone."""
    return [part.strip() for part in operand.strip("{}").split(",")]


class _Decoder:
    """What the instructions of one kernel are decoded with."""

    def __init__(self, kernel: Kernel, operands: Operands, known: Mapping[str, Operation]) -> None:
        self.kernel, self.operands, self.known = kernel, operands, known
        self.tables: tuple[tuple[Mapping[str, Any], Callable[..., Step | Control]], ...] = (
            (known, self._operation),
            (LOADS, self._load),
            (STORES, self._store),
            (ATOMICS, self._atomic),
            (dict.fromkeys(FENCES, 0), self._nothing),
            (COLLECTIVES, self._gathering),
            (PRODUCTS, self._product),
            (BARRIERS, self._barrier),
            (dict.fromkeys(("bra", "bra.uni"), 1), self._branch),
            (dict.fromkeys(("ret", "exit"), 0), self._end),
            (dict.fromkeys(("trap",), 0), self._trap),
        )

    def action(self, instruction: Instruction) -> Action:
        """Return what an instruction does."""
        guard = self.operands.guard(instruction.guard)
        for table, decode in self.tables:
            if instruction.mnemonic in table:
                done = decode(table[instruction.mnemonic], instruction.operands)
                break
        else:
            raise PtxError(self._unknown(instruction.mnemonic))
        if isinstance(done, Control):
            return Action(_idle, done, guard)
        return Action(guarded(done, guard) if guard else done, None, None)

    def _unknown(self, mnemonic: str) -> str:
        """Return what it is about a mnemonic that is not known."""
        opcode = mnemonic.split(".")[0]
        if mnemonic in APPROXIMATE:
            return "approximate instruction"
        same = any(name.split(".")[0] == opcode for table, _ in self.tables for name in table)
        return "unknown modifier" if same else "unknown opcode"

    def _operation(self, operation: Operation, operands: tuple[str, ...]) -> Step:
        if any(operand.startswith("{") for operand in operands):
            return self._vector_move(operation, operands)
        _expect(operands, 1 + len(operation.operands))
        write = self.operands.writer(operands[0], operation.result, operation.loose)
        pairs = zip(operands[1:], operation.operands, strict=True)
        reads = [self.operands.reader(text, kind, operation.loose) for text, kind in pairs]
        function = operation.function

        def step(frame: Frame, lanes: Lanes) -> None:
            write(frame, lanes, function(*[read(frame, lanes) for read in reads]))

        return step

    def _vector_move(self, operation: Operation, operands: tuple[str, ...]) -> Step:
        """Return a move between a register and its parts, the lowest first."""
        _expect(operands, 2)
        kind = operation.result
        if operation.operands != (kind,) or kind not in ("b32", "b64"):
            raise PtxError("unknown operands")
        vector = max(operands, key=lambda operand: operand.startswith("{"))
        parts = split(vector)
        if SIZES[kind] / len(parts) not in (2, 4):
            raise PtxError("unknown operands")
        part = unsigned(SIZES[kind] // len(parts))
        if operands[0] == vector:
            writes = [self.operands.writer(name, part) for name in parts]
            return _unpacking(self.operands.reader(operands[1], kind), writes, part)
        reads = [self.operands.reader(name, part) for name in parts]
        return _packing(self.operands.writer(operands[0], kind), reads, kind)

    def _load(self, transfer: Transfer, operands: tuple[str, ...]) -> Step:
        _expect(operands, 2)
        writes = [self.operands.writer(part, transfer.kind, True) for part in split(operands[0])]
        _expect(writes, transfer.count)
        find = self._address(transfer.space, operands[1])
        width, dtype = SIZES[transfer.kind], DTYPES[transfer.kind]

        def load(frame: Frame, space: Space, lanes: Lanes, addresses: Addresses) -> None:
            columns = space.load(addresses, width, len(writes))
            for write, values in zip(writes, columns, strict=True):
                write(frame, lanes, values.view(dtype))

        return lambda frame, lanes: in_spaces(frame, transfer.space, lanes, find(frame, lanes), load)

    def _store(self, transfer: Transfer, operands: tuple[str, ...]) -> Step:
        _expect(operands, 2)
        find = self._address(transfer.space, operands[0])
        reads = [self.operands.reader(part, transfer.kind, True) for part in split(operands[1])]
        _expect(reads, transfer.count)
        width = SIZES[transfer.kind]
        bits = DTYPES[unsigned(width)]

        def store(frame: Frame, space: Space, lanes: Lanes, addresses: Addresses) -> None:
            space.store(addresses, width, [read(frame, lanes).view(bits) for read in reads])

        return lambda frame, lanes: in_spaces(frame, transfer.space, lanes, find(frame, lanes), store)

    def _atomic(self, atomic: Atomic, operands: tuple[str, ...]) -> Step:
        first = 1 if atomic.returns else 0
        _expect(operands, first + 1 + atomic.operands)
        find = self._address(atomic.space, operands[first])
        reads = [self.operands.reader(text, atomic.kind) for text in operands[first + 1 :]]
        write = self.operands.writer(operands[0] if atomic.returns else "_", atomic.kind)
        dtype = DTYPES[atomic.kind]

        def change(frame: Frame, space: Space, lanes: Lanes, addresses: Addresses) -> None:
            addresses = np.broadcast_to(addresses, (count_of(lanes),))  # one change for each thread
            values = [read(frame, lanes) for read in reads]
            old = space.update(addresses, atomic.kind, atomic.change, values)
            write(frame, lanes, old.view(dtype))

        return lambda frame, lanes: in_spaces(frame, atomic.space, lanes, find(frame, lanes), change)

    def _address(self, space: str, text: str) -> Callable[[Frame, Lanes], Addresses]:
        """Return how to find an address; parameters are reached by their names only."""
        find, base = self.operands.address(text)
        parameters = {parameter.name for parameter in self.kernel.parameters}
        shared = {variable.name for variable in self.kernel.variables if variable.space == "shared"}
        if (base in parameters) != (space == "param") or (base in shared and space != "shared"):
            raise PtxError(f"{text} is not in {space or 'generic'} memory")
        return find

    def _nothing(self, _: int, operands: tuple[str, ...]) -> Step:
        _expect(operands, 0)
        return _idle

    def _trap(self, _: int, operands: tuple[str, ...]) -> Step:
        _expect(operands, 0)
        return _trap

    def _branch(self, _: int, operands: tuple[str, ...]) -> Branch:
        _expect(operands, 1)
        if operands[0] not in self.kernel.labels:
            raise PtxError(f"unknown label {operands[0]}")
        return Branch(self.kernel.labels[operands[0]])

    def _end(self, _: int, operands: tuple[str, ...]) -> End:
        _expect(operands, 0)
        return End()

    def _barrier(
        self, told: tuple[str, Callable[[Values], Any]] | None, operands: tuple[str, ...]
    ) -> Barrier:
        """Return a barrier of all threads: barrier 0, without a count."""
        _expect(operands, 3 if told else 1)
        if operands[1 if told else 0] != "0":
            raise PtxError("unknown barrier")
        if not told:
            return Barrier()
        kind, fold = told
        read, write = (self.operands.reader(operands[2], "pred"), self.operands.writer(operands[0], kind))
        return Barrier(read, fold, kind, write)

    def _gathering(self, collective: Collective, operands: tuple[str, ...]) -> Gathering:
        told = 1 if collective.results else 0
        _expect(operands, told + len(collective.operands) + 1)
        targets = operands[0].split("|") if told else []
        if len(targets) > len(collective.results):
            raise PtxError("too many results")
        targets_and_kinds = zip(targets, collective.results, strict=False)
        writes = [self.operands.writer(target, kind) for target, kind in targets_and_kinds]
        pairs = zip(operands[told:-1], collective.operands, strict=True)
        reads = [self.operands.reader(text, kind) for text, kind in pairs]
        mask = self.operands.reader(operands[-1], "b32")
        return Gathering(collective, tuple(reads), mask, tuple(writes))

    def _product(self, collective: Collective, operands: tuple[str, ...]) -> Gathering:
        """Return a product of matrices, whose vectors are d, a, b and c."""
        targets, *factors = map(split, operands)
        sources = [source for factor in factors for source in factor]
        _expect(targets, len(collective.results))
        _expect(sources, len(collective.operands))
        writes = [self.operands.writer(target, "b32") for target in targets]
        reads = [self.operands.reader(source, "b32") for source in sources]
        return Gathering(collective, tuple(reads), self.operands.reader("-1", "b32"), tuple(writes))


def _idle(_frame: Frame, _lanes: Lanes) -> None:
    """Do nothing."""


def _trap(_frame: Frame, _lanes: Lanes) -> None:
    raise AccessError("trap", 0)


def _expect(found: Any, count: int) -> None:
    if len(found) != count:
        raise PtxError(f"{len(found)} operands instead of {count}")


def guarded(step: Step, guard: Guard) -> Step:
    """Return a step for those threads only for which a guard holds."""

    def run(frame: Frame, lanes: Lanes) -> None:
        kept = guard(frame, lanes)
        if not count_of(kept):
            return
        try:
            step(frame, kept)
        except AccessError as error:
            raise blamed(error, kept) from None

    return run


def _unpacking(read: Reader, writes: list[Writer], part: str) -> Step:
    """Return a step that writes the parts of a number."""

    def step(frame: Frame, lanes: Lanes) -> None:
        parts = np.ascontiguousarray(read(frame, lanes))[:, None].view(DTYPES[part])
        for k, write in enumerate(writes):
            write(frame, lanes, parts[:, k])

    return step


def _packing(write: Writer, reads: list[Reader], kind: str) -> Step:
    """Return a step that puts a number together from its parts."""

    def step(frame: Frame, lanes: Lanes) -> None:
        parts = np.broadcast_arrays(*[read(frame, lanes) for read in reads])
        write(frame, lanes, np.stack(parts, axis=1).view(DTYPES[kind])[:, 0])

    return step


def in_spaces(
    frame: Frame,
    space: str,
    lanes: Lanes,
    addresses: Addresses,
    act: Callable[[Frame, Space, Lanes, Addresses], None],
) -> None:
    """Act on addresses in the space that they are in, one after the other where that is not one."""
    if space:
        act(frame, frame.spaces[space], lanes, addresses)
        return
    high = addresses >= WINDOW
    count = np.count_nonzero(high)
    if not count:
        act(frame, frame.spaces["global"], lanes, addresses)
    elif count == high.size:
        act(frame, frame.spaces["shared"], lanes, addresses - WINDOW)
    else:
        for name, those in (("global", ~high), ("shared", high)):
            positions = np.flatnonzero(those)
            base = WINDOW if name == "shared" else np.uint64(0)
            threads = numbered(lanes)[positions]
            try:
                act(frame, frame.spaces[name], threads, addresses[positions] - base)
            except AccessError as error:
                raise blamed(error, threads) from None
