"""The kernels of 32 replicas as programs: from one state, under one noise."""

from typing import Any

from networks import LANES, Group, record, signs
from single import TYPEWRITER
from timing import Program

from mattis.kernels.cpu import asynchronous


def async32(group: Group, sweeps: int, order: Any = TYPEWRITER) -> Program:
    """Return `replica_sweeps`, 32 replicas at once."""
    net = group.network
    return Program(
        ready=lambda: (group.lanes(), record(net.size, sweeps)),
        run=lambda s: asynchronous.replica_sweeps(net.packed, s[0], group.heat, order, s[1]),
        updates=net.size * sweeps * LANES,
        spins=lambda s: signs(s[0], 0),
    )


def sync32(group: Group, sweeps: int) -> Program:
    """Return `little_sweeps`, 32 replicas at once."""
    from mattis.kernels.cpu import synchronous

    net = group.network
    return Program(
        ready=lambda: (group.lanes(), record(net.size, sweeps)),
        run=lambda s: synchronous.little_sweeps(net.packed, s[0], group.heat, s[1]),
        updates=net.size * sweeps * LANES,
        spins=lambda s: signs(s[0], 0),
    )
