"""One block of threads: who is where, who waits for whom, and what happens when all have come."""

import numpy as np
from numpy.typing import NDArray

from gpu.ptx.decode import Barrier, Branch, End, Gathering, Program
from gpu.ptx.errors import AccessError, PtxError
from gpu.ptx.kinds import DTYPES, Values
from gpu.ptx.operands import Frame, Lanes, blamed, chosen, count_of, numbered
from gpu.ptx.schedule import NEVER, Turns
from gpu.ptx.warps import WARP, Members, mask_of

NOWHERE = -1

Places = NDArray[np.int64]


class Block:
    """The threads of a block while they run.

    ready # (threads,) the next instruction of each, NEVER of those that wait or have ended
    waits # (threads,) the instruction that each waits at, NOWHERE of all others
    ends  # for each instruction the next one that decides where threads go on
    """

    def __init__(self, program: Program, frame: Frame, threads: int, name: str) -> None:
        self.program, self.frame, self.threads, self.name = program, frame, threads, name
        self.ready = np.zeros(threads, np.int64)
        self.waits = np.full(threads, NOWHERE)
        self.ends = [len(program.actions)]
        for k, action in reversed(list(enumerate(program.actions))):
            self.ends.append(k if action.control else self.ends[-1])
        self.ends.reverse()

    def run(self, turns: Turns, most: int) -> None:
        """Run all threads to their ends; a PtxError says why they do not get there.

        most # instructions that may be needed
        """
        done = 0
        while turn := turns.next(self.ready):
            unit, quantum = turn
            done += self._turn(unit, min(quantum, most + 1 - done))
            if done > most:
                raise PtxError(f"{self.name}: no end after {most} instructions")
        if (self.waits != NOWHERE).any():
            raise PtxError(self._stuck())

    def _turn(self, unit: slice, quantum: int) -> int:
        """Run a unit until it waits, or has used its quantum; return how many instructions that were."""
        ready, done = self.ready[unit], 0
        while done < quantum and (first := int(ready.min())) != NEVER:
            done += self._advance(unit, ready, first, quantum - done)
        return done

    def _advance(self, unit: slice, ready: Places, first: int, most: int) -> int:
        """Run those threads of a unit that are furthest behind until they decide, or meet others.

        Returns how many instructions that were.
        """
        here = ready == first
        lanes = chosen(unit, here)
        meeting = NEVER if lanes is unit else int(ready[~here].min())
        limit = min(meeting, first + most)
        end = min(self.ends[first], limit)
        self._steps(first, end, lanes)
        self.ready[lanes] = end
        if end < limit:
            self._decide(end, lanes)
        return end - first + 1

    def _steps(self, first: int, end: int, lanes: Lanes) -> None:
        """Run the instructions first … end-1, none of which decides where to go on."""
        k, actions, frame = first, self.program.actions, self.frame
        try:
            for k in range(first, end):
                actions[k].step(frame, lanes)
        except AccessError as error:
            thread = blamed(error, lanes).thread
            raise PtxError(f"{error}: {self._told(k)}, thread {thread} of {self.name}") from None

    def _told(self, k: int) -> str:
        return str(self.program.kernel.instructions[k])

    def _decide(self, k: int, lanes: Lanes) -> None:
        """Send threads on from an instruction that decides where to; those not meant go to the next one."""
        if k == len(self.program.actions):
            raise PtxError(f"{self.name} runs past its last instruction")
        action = self.program.actions[k]
        taken = action.guard(self.frame, lanes) if action.guard else lanes
        self.ready[lanes] = k + 1
        if not count_of(taken):
            return
        match action.control:
            case Branch(target):
                self.ready[taken] = target
            case End():
                self.ready[taken] = NEVER
            case Barrier() as barrier:
                self._wait(k, taken)
                self._meet(k, barrier)
            case Gathering() as gathering:
                self._wait(k, taken)
                threads = numbered(taken)
                for warp in range(threads[0] // WARP, threads[-1] // WARP + 1):
                    self._gather(k, gathering, warp * WARP)

    def _wait(self, k: int, lanes: Lanes) -> None:
        self.ready[lanes] = NEVER
        self.waits[lanes] = k

    def _go_on(self, k: int, lanes: Lanes) -> None:
        self.ready[lanes] = k + 1
        self.waits[lanes] = NOWHERE

    def _meet(self, k: int, barrier: Barrier) -> None:
        """Release a barrier if every thread waits at it.

        A GPU does not wait for threads that have ended; here they are missed, as CUDA promises nothing.
        """
        if np.count_nonzero(self.waits == k) < self.threads:
            return
        everyone = slice(0, self.threads)
        if barrier.read and barrier.fold and barrier.write:
            told = barrier.fold(barrier.read(self.frame, everyone))
            barrier.write(self.frame, everyone, np.array([told], DTYPES[barrier.kind]))
        self._go_on(k, everyone)

    def _gather(self, k: int, gathering: Gathering, first: int) -> None:
        """Let the threads of a warp act that wait for each other, if all members of their mask have come."""
        unit = slice(first, min(first + WARP, self.threads))
        exist = (1 << unit.stop - first) - 1
        here = np.flatnonzero(self.waits[unit] == k)
        if here.size == unit.stop - first and self._are_all(gathering.mask(self.frame, unit), exist):
            self._act(gathering, here, unit)
            self._go_on(k, unit)
            return
        masks = np.broadcast_to(gathering.mask(self.frame, here + first), here.shape)
        strangers = masks >> here.astype(np.uint32) & 1 == 0
        if strangers.any():
            thread = first + int(here[strangers.argmax()])
            raise PtxError(f"not in its own mask: {self._told(k)}, thread {thread} of {self.name}")
        for mask in set(masks.tolist()):
            members = here[masks == mask]
            if mask_of(members) == mask & exist:
                self._act(gathering, members, members + first)
                self._go_on(k, members + first)

    @staticmethod
    def _are_all(masks: Values, exist: int) -> bool:
        """Tell whether every mask names all lanes that exist: what is usual, and can be done at once."""
        wanted = np.uint32(exist)
        return int(np.count_nonzero(masks & wanted == wanted)) == masks.size

    def _act(self, gathering: Gathering, members: Members, threads: Lanes) -> None:
        """Do what members of a warp do together."""
        operands = [read(self.frame, threads) for read in gathering.reads]
        results = gathering.collective.function(members, *operands)
        for write, result in zip(gathering.writes, results, strict=False):
            write(self.frame, threads, result)

    def _stuck(self) -> str:
        """Return who waits where when nobody runs."""
        places, counts = np.unique(self.waits[self.waits != NOWHERE], return_counts=True)
        parts = [f"{n} wait at {self._told(k)}" for k, n in zip(places, counts, strict=True)]
        ended = self.threads - int(counts.sum())
        parts += [f"{ended} have ended"] if ended else []
        controls = [self.program.actions[k].control for k in places]
        kind = "divergent barrier" if all(isinstance(c, Barrier) for c in controls) else "deadlock"
        return f"{kind} in {self.name}: of {self.threads} threads {', '.join(parts)}"
