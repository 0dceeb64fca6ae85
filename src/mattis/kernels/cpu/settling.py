"""New spins, in lanes: the field of a site, the decision, and what becomes of it.

x = fields[k] + own S'_i is the half field of site i, number k of a block; S' is 0 (up) or -1 (down). `own`
is P, and P - 1 in lanes at T = 0 where N h is even, so that there a field of zero keeps the spin. At T = 0
the new spin is the sign of x, at T > 0 `filter.py` decides it by 16 bits where it can. A change goes into the
fields of the sites that come after.
"""

from typing import Any

from numba import types
from numba.extending import intrinsic

from mattis.exact.compiler import compiled
from mattis.exact.rng import LOWER_QUADS
from mattis.kernels.cpu.filter import emit_decision
from mattis.kernels.cpu.lanes import LANES
from mattis.kernels.cpu.noise import NARROW, draw_halves, emit_noise
from mattis.kernels.cpu.vectors import I32, I64, Emitter, constant, resized

INLINED = "595b55e4be668e37"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""

SPINS, SITE, FIELDS, NUMBER, OWN, CHANGES, FLIPS = range(7)
"""Arguments of `settle` and `settle_heated`."""

UPPER, LEVELS, GAINS = range(7, 10)
"""Arguments of `settle_heated` beside them."""

LOWER, ROW, SCALES, PARITY = range(8, 12)
"""Arguments of `settle_exactly` beside them and `UPPER`."""

IN_DOUBT = -1
"""What `settle_heated` returns where it leaves a site as it is."""


@intrinsic
def settle(_typing, spins, i, fields, k, own, changes, flips):
    """Give site i, number k of a block, its new spin in every lane at T = 0; return whether any lane changed.

    own  # (1, 32) of the lanes' type; changes[k] = new - old, half the change of S; flips[0] counts them
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        field, old = _field(e, args[SITE], args[NUMBER])
        return _stored(e, old, _sign(builder, field))

    intp = types.intp
    return types.boolean(spins, intp, fields, intp, own, changes, flips), emit


@intrinsic
def settle_heated(_typing, spins, i, fields, k, own, changes, flips, upper, levels, gains):
    """Give site i its new spin as `settle` does, in lanes of any temperatures, by row k of the upper halves.

    upper  # (64, 32) uint16; levels, gains  # of a `Filter`
    Returns whether any lane changed; or `IN_DOUBT`, and then it did nothing: see `settle_in_doubt`.
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        field, old = _field(e, args[SITE], args[NUMBER])
        half = e.load(e.row(e.pointer(UPPER), args[NUMBER]))
        new, unsure = emit_decision(e, field, half, e.pointer(LEVELS), e.pointer(GAINS))
        before = builder.block
        surely, after = (builder.append_basic_block(name) for name in ("surely", "after"))
        mask = builder.bitcast(unsure, I32)
        doubtful = builder.icmp_signed("!=", mask, I32(0))
        builder.cbranch(doubtful, after, surely).set_weights([1, 99])
        builder.position_at_end(surely)
        moved = builder.zext(_stored(e, old, new), I64)
        stored = builder.block
        builder.branch(after)
        builder.position_at_end(after)
        outcome = builder.phi(I64)
        outcome.add_incoming(I64(IN_DOUBT), before)
        outcome.add_incoming(moved, stored)
        return outcome

    intp = types.intp
    return types.int64(spins, intp, fields, intp, own, changes, flips, upper, levels, gains), emit


@intrinsic
def settle_until(_typing, spins, sites, fields, k, own, changes, flips, upper, levels, gains):
    """Settle site after site of a block, from number k on, until one changes in any lane, or is in doubt.

    sites  # int64; the others as for `settle_heated`, of which it is the loop: nothing is called in it, and
    where no lane changes, as it is in the cold, only that is written
    Returns the number of the site that changed, -1 minus that of a site in doubt, or the number of sites.
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        count, before = e.size(SITE), builder.block
        names = ("head", "body", "event", "changed", "after")
        head, body, event, changed, after = (builder.append_basic_block(name) for name in names)
        builder.branch(head)
        builder.position_at_end(head)
        k = builder.phi(I64)
        k.add_incoming(args[NUMBER], before)
        builder.cbranch(builder.icmp_signed("<", k, count), body, after)
        builder.position_at_end(body)
        site = e.load(e.at(e.pointer(SITE), k, I64))
        field, old = _field(e, site, k)
        half = e.load(e.row(e.pointer(UPPER), k))
        new, unsure = emit_decision(e, field, half, e.pointer(LEVELS), e.pointer(GAINS))
        change = builder.sub(new, old)
        e.store(change, e.row(e.pointer(CHANGES), k))
        differs = builder.icmp_signed("!=", new, old)
        either = builder.bitcast(builder.or_(unsure, differs), I32)
        k.add_incoming(builder.add(k, I64(1)), body)
        builder.cbranch(builder.icmp_signed("!=", either, I32(0)), event, head)
        builder.position_at_end(event)
        doubtful, place = builder.icmp_signed("!=", builder.bitcast(unsure, I32), I32(0)), builder.not_(k)
        builder.cbranch(doubtful, after, changed).set_weights([1, 9])
        builder.position_at_end(changed)
        e.store(new, e.row(e.pointer(SPINS), site))
        _count(e, change)
        builder.branch(after)
        builder.position_at_end(after)
        stop = builder.phi(I64)
        for value, block in ((k, head), (place, event), (k, changed)):
            stop.add_incoming(value, block)
        return stop

    intp = types.intp
    return types.int64(spins, sites, fields, intp, own, changes, flips, upper, levels, gains), emit


@intrinsic
def settle_exactly(_typing, spins, i, fields, k, own, changes, flips, upper, lower, row, scales, parity):
    """Give site i its new spin as `settle` does, by the recipe: row k of `upper` and `row` of `lower`.

    upper, lower  # (…, 32) uint16; scales  # (1, 32) float32; parity  # of N h
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        field, old = _field(e, args[SITE], args[NUMBER])
        upper, lower = (
            builder.zext(e.load(e.row(e.pointer(n), args[at])), NARROW)
            for n, at in ((UPPER, NUMBER), (LOWER, ROW))
        )
        word = builder.or_(builder.shl(upper, constant(NARROW, 16)), lower)
        scale = e.constant_row(e.row(e.pointer(SCALES), I64(0)))
        noise = emit_noise(e, word, scale, args[PARITY], field.type)
        name = f"llvm.sadd.sat.v{LANES}i{field.type.element.width}"
        return _stored(e, old, _sign(builder, e.call(name, [field, noise], field.type)))

    intp = types.intp
    return types.boolean(
        spins, intp, fields, intp, own, changes, flips, upper, lower, intp, scales, intp
    ), emit


@compiled
def settle_in_doubt(
    spins, i, fields, k, own, changes, flips, upper, lower, quad, step, tails, key, scales, parity
):
    """Draw the lower halves of site i, and settle it exactly; return whether any lane changed.

    lower  # (8, 32) uint16, to work in; quad  # the one that the upper half of k is from
    """
    draw_halves(lower, LOWER_QUADS + quad, 1, step, tails, key)
    return settle_exactly(spins, i, fields, k, own, changes, flips, upper, lower, k & 7, scales, parity)


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


def _field(e: Emitter, site: Any, number: Any) -> tuple[Any, Any]:
    """Emit the half fields of a site in all lanes, and its spins."""
    b = e.b
    field = e.load(e.row(e.pointer(FIELDS), number))
    old = e.load(e.row(e.pointer(SPINS), site))
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
    _count(e, change)
    changed = b.bitcast(b.icmp_signed("!=", change, constant(new.type, 0)), I32)
    return b.icmp_signed("!=", changed, I32(0))


def _count(e: Emitter, change: Any) -> None:
    """Emit the count of changes in each lane."""
    flips = e.row(e.pointer(FLIPS), I64(0))
    e.store(e.b.add(e.load(flips), e.b.and_(change, constant(change.type, 1))), flips)
