"""New spins, in lanes: the field of a site, the decision, and what becomes of it.

x = fields[k] + own S'_i is the half field of site i, number k of a block; S' is 0 (up) or -1 (down). `own`
is P, and P - 1 in lanes at T = 0 where N h is even, so that there a field of zero keeps the spin. At T = 0
the new spin is the sign of x, at T > 0 `filter.py` decides it. A change goes into the fields of the sites
that come after.
"""

from typing import Any

from numba import types
from numba.extending import intrinsic

from mattis.kernels.cpu.filter import emit_decision
from mattis.kernels.cpu.lanes import LANES
from mattis.kernels.cpu.noise import emit_noise
from mattis.kernels.cpu.vectors import I32, I64, Emitter, constant, resized

SPINS, SITE, FIELDS, NUMBER, OWN, CHANGES, FLIPS = range(7)
"""Arguments of `settle` and `settle_heated`."""

WORDS, LEVELS, GAINS, SCALES, PARITY = range(7, 12)
"""Arguments of `settle_heated` beside them."""


@intrinsic
def settle(_typing, spins, i, fields, k, own, changes, flips):
    """Give site i, number k of a block, its new spin in every lane at T = 0; return whether any lane changed.

    own  # (1, 32) of the lanes' type; changes[k] = new - old, half the change of S; flips[0] counts them
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        field, old = _field(e)
        return _stored(e, old, _sign(builder, field))

    intp = types.intp
    return types.boolean(spins, intp, fields, intp, own, changes, flips), emit


@intrinsic
def settle_heated(
    _typing, spins, i, fields, k, own, changes, flips, words, levels, gains, scales, parity
):
    """Give site i its new spin as `settle` does, in lanes of any temperatures, by row k of the words.

    words  # (64, 32) uint32; levels, gains  # of a `Filter`; scales  # (1, 32) float32; parity  # of N h
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        field, old = _field(e)
        word = e.load(e.row(e.pointer(WORDS), args[NUMBER]))
        new, unsure = emit_decision(e, field, word, e.pointer(LEVELS), e.pointer(GAINS))
        before = builder.block
        exactly, after = (builder.append_basic_block(name) for name in ("exactly", "after"))
        mask = builder.bitcast(unsure, I32)
        builder.cbranch(builder.icmp_signed("!=", mask, I32(0)), exactly, after).set_weights(
            [1, 99]
        )
        builder.position_at_end(exactly)
        scale = e.constant_row(e.row(e.pointer(SCALES), I64(0)))
        noise = emit_noise(e, word, scale, args[PARITY], field.type)
        name = f"llvm.sadd.sat.v{LANES}i{field.type.element.width}"
        exact = _sign(builder, e.call(name, [field, noise], field.type))
        builder.branch(after)
        builder.position_at_end(after)
        decided = builder.phi(field.type)
        decided.add_incoming(new, before)
        decided.add_incoming(exact, exactly)
        return _stored(e, old, decided)

    intp = types.intp
    returns = types.boolean(
        spins, intp, fields, intp, own, changes, flips, words, levels, gains, scales, intp,
    )  # fmt: skip
    return returns, emit


@intrinsic
def spread_change(_typing, fields, k, sites, near, place, changes):
    """Add the change of site k of a block to later fields: fields[j] += near[k, j] changes[k], k < j < sites.

    near  # (blocks, 64, 64): N J between the sites of a block, of which `place` is number (k, 0)
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        fields, near, lanes = e.pointer(0), e.pointer(3), e.lanes(0)
        first = builder.add(args[1], I64(1))
        change = e.load(e.row(e.pointer(5), args[1]))

        def later(n, _):
            j = builder.add(first, n)
            address = e.row(fields, j)
            one = e.load(e.at(near, builder.add(args[4], j), near.type.pointee))
            coupling = e.splat(resized(builder, one, lanes.element))
            e.store(builder.add(e.load(address), builder.mul(coupling, change)), address)
            return []

        e.loop(builder.sub(args[2], first), [], later)
        return context.get_dummy_value()

    intp = types.intp
    return types.void(fields, intp, intp, near, intp, changes), emit


def _field(e: Emitter) -> tuple[Any, Any]:
    """Emit the half fields of a site in all lanes, and its spins."""
    b, args = e.b, e.args
    field = e.load(e.row(e.pointer(FIELDS), args[NUMBER]))
    old = e.load(e.row(e.pointer(SPINS), args[SITE]))
    own = e.constant_row(e.row(e.pointer(OWN), I64(0)))
    return b.add(field, b.and_(own, old)), old


def _sign(b: Any, value: Any) -> Any:
    """Emit 0 where a row is not negative, else -1."""
    return b.ashr(value, constant(value.type, value.type.element.width - 1))


def _stored(e: Emitter, old: Any, new: Any) -> Any:
    """Emit the stores of new spins and their changes; return whether any lane changed."""
    b, args = e.b, e.args
    change = b.sub(new, old)
    e.store(change, e.row(e.pointer(CHANGES), args[NUMBER]))
    e.store(new, e.row(e.pointer(SPINS), args[SITE]))
    flips = e.row(e.pointer(FLIPS), I64(0))
    e.store(b.add(e.load(flips), b.and_(change, constant(new.type, 1))), flips)
    changed = b.bitcast(b.icmp_signed("!=", change, constant(new.type, 0)), I32)
    return b.icmp_signed("!=", changed, I32(0))
