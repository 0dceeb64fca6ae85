"""Dense associative memory of binary neurons: one site after the other, at T = 0.

The term of a pattern in a field depends on its overlap only, so that a rule of update is a table over
overlaps: sums of integers, or of float64 in the order of the patterns. The same bits on every machine.
"""

from mattis.exact.compiler import compiled


@compiled
def align(sites, overlaps, spins, table, with_self, most):
    """Let every spin in turn follow the sign of its field until a sweep changes none; return the sweeps.

    S_i <- sgn sum_mu xi_i^mu D(y_mu), y = M_mu - xi_i^mu S_i, or M_mu if `with_self`; S_i stays at 0.

    sites  # (N, P) int8, xi by sites; overlaps  # (P,) int64, M = xi S; spins  # (N,) int8: both change
    table  # (2N + 1,) int64 or float64, D(y) at y + N
    """
    size, count = sites.shape
    for sweep in range(most):
        changed = False
        for i in range(size):
            spin = spins[i]
            total = table[0] - table[0]
            for mu in range(count):
                x = sites[i, mu]
                y = overlaps[mu] + size
                if not with_self:
                    y -= x * spin
                if x > 0:
                    total += table[y]
                else:
                    total -= table[y]
            if total * spin < 0:
                spins[i] = -spin
                changed = True
                for mu in range(count):
                    overlaps[mu] -= 2 * spin * sites[i, mu]
        if not changed:
            return sweep
    return most
