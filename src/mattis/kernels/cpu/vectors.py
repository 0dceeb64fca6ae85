"""The vector instructions of the kernels: rows of 32 lanes, one lane per replica.

Numba's own vectoriser does not keep a row of lanes in registers over a loop, nor use the full width of
AVX-512; these intrinsics do, in LLVM's portable vectors: 512-bit registers where a machine has them, and
pairs or quads of narrower ones elsewhere, with the same bits. The algorithms are in `asynchronous.py`
and `synchronous.py`; each intrinsic is one line of them, written here for all lanes at once.

Arrays of lanes are C-contiguous (rows, 32) int16 or int32, and the type of the array chooses the width of
the lanes; any alignment is right, 64 bytes are fast. Nothing here checks an index: callers do.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from mattis.kernels.cpu.lanes import LANES

GROUP = 4
"""Rows that one table combines: 2^4 sums of ± four rows, indexed by four bits of a pattern."""

WORD = 32
"""Bits that `add_signed` reads at once: eight groups."""

I8, I16, I32, I64 = (ir.IntType(width) for width in (8, 16, 32, 64))
FLOAT = ir.FloatType()


class Emitter:
    """Writes the code of one intrinsic: arrays by row, constants, loops."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any) -> None:
        self.context, self.b, self.signature, self.args = context, builder, signature, args

    def pointer(self, index: int) -> Any:
        """Return the address of the data of an array argument."""
        array = self.context.make_array(self.signature.args[index])
        return array(self.context, self.b, self.args[index]).data

    def lanes(self, index: int) -> Any:
        """Return the type of a row of an array argument."""
        return ir.VectorType(self.pointer(index).type.pointee, LANES)

    def at(self, pointer: Any, place: Any, kind: Any) -> Any:
        """Return the address of element `place` of an array, as a pointer to `kind`."""
        return self.b.bitcast(self.b.gep(pointer, [place]), kind.as_pointer())

    def row(self, pointer: Any, row: Any, count: int = LANES) -> Any:
        """Return the address of a row of lanes."""
        element = pointer.type.pointee
        place = self.b.mul(row, I64(count))
        return self.at(pointer, place, ir.VectorType(element, count))

    def word(self, bits: Any, place: Any) -> Any:
        """Return the address of a word of 32 bits in an array of words of 64, little-endian."""
        return self.b.gep(self.b.bitcast(bits, I32.as_pointer()), [place])

    def load(self, address: Any) -> Any:
        return self.b.load(address, align=_align(address.type.pointee))

    def store(self, value: Any, address: Any) -> None:
        self.b.store(value, address, align=_align(value.type))

    def splat(self, value: Any, count: int = LANES) -> Any:
        """Return a row whose lanes are all equal."""
        kind = ir.VectorType(value.type, count)
        one = self.b.insert_element(ir.Constant(kind, ir.Undefined), value, I32(0))
        zeros = ir.Constant(ir.VectorType(I32, count), [0] * count)
        return self.b.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)

    def entry(self, table: Any, bits: Any, g: int) -> Any:
        """Return where, in bytes, the table of group g has the row that four bits of a word choose.

        One shift and one mask: the four bits are left where they count rows of `size` bytes.
        """
        size = LANES * table.type.pointee.width // 8
        shift = GROUP * g - (size.bit_length() - 1)
        moved = self.b.lshr(bits, I64(shift)) if shift >= 0 else self.b.shl(bits, I64(-shift))
        four = self.b.and_(moved, I64((2**GROUP - 1) * size))
        return self.b.add(four, I64(g * 2**GROUP * size))

    def loop(self, count: Any, values: list[Any], body: Any) -> list[Any]:
        """Emit `for k in range(count): values = body(k, values)`; return the last values."""
        before = self.b.block
        head, inside, after = (self.b.append_basic_block(n) for n in ("head", "body", "after"))
        self.b.branch(head)
        self.b.position_at_end(head)
        k = self.b.phi(I64)
        carried = [self.b.phi(value.type) for value in values]
        self.b.cbranch(self.b.icmp_signed("<", k, count), inside, after)
        self.b.position_at_end(inside)
        results, step = body(k, carried), self.b.add(k, I64(1))
        k.add_incoming(I64(0), before)
        k.add_incoming(step, self.b.block)
        for phi, first, again in zip(carried, values, results, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(again, self.b.block)
        self.b.branch(head)
        self.b.position_at_end(after)
        return carried

    def call(self, name: str, values: list[Any], kind: Any) -> Any:
        """Call an intrinsic function of LLVM on vectors."""
        function = self.b.module.globals.get(name) or ir.Function(
            self.b.module, ir.FunctionType(kind, [value.type for value in values]), name
        )
        return self.b.call(function, values)


def _align(kind: Any) -> int:
    """Return the alignment that every array of NumPy has: that of one element."""
    element = getattr(kind, "element", kind)
    return 4 if isinstance(element, ir.FloatType) else max(element.width // 8, 1)


def constant(kind: Any, value: Any) -> Any:
    """Return a row of a constant."""
    return ir.Constant(kind, [value] * kind.count)


@intrinsic
def sign_tables(_typing, tables, rows, first, groups):
    """Fill, for each group of four rows a, b, c, d from `first` on, a table of ± a ± b ± c ± d.

    tables  # (16 groups, 32); bit k of an entry's number says that row k of the group has a plus
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        table, row, first, groups = e.pointer(0), e.pointer(1), args[2], args[3]

        def group(g, _):
            at = builder.add(first, builder.mul(g, I64(GROUP)))
            four = [e.load(e.row(row, builder.add(at, I64(k)))) for k in range(GROUP)]
            entries = {0: builder.neg(_sum(builder, four))}
            twice = [builder.add(one, one) for one in four]
            for number in range(1, 2**GROUP):
                lowest = (number & -number).bit_length() - 1
                entries[number] = builder.add(entries[number & (number - 1)], twice[lowest])
            for number, entry in entries.items():
                place = builder.add(builder.mul(g, I64(2**GROUP)), I64(number))
                e.store(entry, e.row(table, place))
            return []

        e.loop(groups, [], group)
        return context.get_dummy_value()

    return types.void(tables, rows, types.intp, types.intp), emit


@intrinsic
def add_signed(_typing, out, k, tables, bits, place, words):
    """Add to row k of `out` the rows behind `tables`, each with the sign that its bit gives.

    out[k] += sum_g tables[16 g + four bits of group g],  g < 8 words
    bits  # uint64, little-endian; place and words count its halves of 32 bits
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        address, lanes = e.row(e.pointer(0), args[1]), e.lanes(0)
        table, bits, place = e.pointer(2), e.pointer(3), args[4]
        groups = WORD // GROUP

        def word(w, totals):
            totals = list(totals)
            word_bits = builder.zext(e.load(e.word(bits, builder.add(place, w))), I64)
            first = e.at(table, builder.mul(w, I64(groups * 2**GROUP * LANES)), I8)
            for g in range(groups):
                entry = e.at(first, e.entry(table, word_bits, g), lanes)
                totals[g % 2] = builder.add(totals[g % 2], e.load(entry))
            return totals

        # Two sums, so that an addition does not wait for the one before.
        totals = e.loop(args[5], [e.load(address), constant(lanes, 0)], word)
        e.store(builder.add(*totals), address)
        return context.get_dummy_value()

    return types.void(out, types.intp, tables, bits, types.intp, types.intp), emit


@intrinsic
def add_listed(_typing, out, k, tables, bits, place, groups, count):
    """Add as `add_signed` does, of the first `count` groups of a list only (int32)."""

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        address = e.row(e.pointer(0), args[1])
        table, bits, place, groups = e.pointer(2), e.pointer(3), args[4], e.pointer(5)

        def listed(i, values):
            g = e.load(e.at(groups, i, I32))
            word = builder.zext(builder.lshr(g, I32(3)), I64)
            word_bits = e.load(e.word(bits, builder.add(place, word)))
            shift = builder.shl(builder.and_(g, I32(7)), I32(2))
            four = builder.and_(builder.lshr(word_bits, shift), I32(2**GROUP - 1))
            entry = builder.zext(builder.add(builder.shl(g, I32(GROUP)), four), I64)
            return [builder.add(values[0], e.load(e.row(table, entry)))]

        (total,) = e.loop(args[6], [e.load(address)], listed)
        e.store(total, address)
        return context.get_dummy_value()

    return types.void(out, types.intp, tables, bits, types.intp, groups, types.intp), emit


@intrinsic
def fill_row(_typing, out, k, value):
    """Set all lanes of a row: out[k] = value."""

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        lanes = e.lanes(0)
        e.store(e.splat(_narrowed(builder, args[2], lanes.element)), e.row(e.pointer(0), args[1]))
        return context.get_dummy_value()

    return types.void(out, types.intp, types.intp), emit


@intrinsic
def add_row(_typing, out, k, rows, i):
    """Add a row to another: out[k] += rows[i]."""

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        address = e.row(e.pointer(0), args[1])
        e.store(builder.add(e.load(address), e.load(e.row(e.pointer(2), args[3]))), address)
        return context.get_dummy_value()

    return types.void(out, types.intp, rows, types.intp), emit


@intrinsic
def add_products(_typing, fields, k, near, place, active, count, changes):
    """Add the terms of changed sites of a block to another field: fields[k] += sum_q near[q, k] changes[q].

    near  # (blocks, 64, 64): N J between the sites of a block, of which `place` is number (0, k)
    active  # int32: the `count` sites q that changed in any lane
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        address, lanes = e.row(e.pointer(0), args[1]), e.lanes(0)
        near, place, active, changes = e.pointer(2), args[3], e.pointer(4), e.pointer(6)

        def site(i, values):
            q = builder.zext(e.load(e.at(active, i, I32)), I64)
            at = builder.add(place, builder.mul(q, I64(2 * LANES)))
            coupling = e.load(e.at(near, at, near.type.pointee))
            row = e.splat(_narrowed(builder, coupling, lanes.element))
            return [builder.add(values[0], builder.mul(row, e.load(e.row(changes, q))))]

        (total,) = e.loop(args[5], [e.load(address)], site)
        e.store(total, address)
        return context.get_dummy_value()

    return (
        types.void(fields, types.intp, near, types.intp, active, types.intp, changes),
        emit,
    )


@intrinsic
def settle(_typing, spins, i, fields, k, noise, ties, own, changes, flips):
    """Give site i, number k of a block, its new spin in every lane; return whether any lane changed.

    x = fields[k] + (own where the spin is down), the half field; the spin is up iff x + noise[k] ≥ 0,
    where `ties` is -1 a zero field keeps it. Spins are stored as 0 (up) and -1 (down), so that
    changes[k] = new - old is half the change of S; flips[0] counts them.
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        lanes, k = e.lanes(0), args[3]
        spin, change, count = e.row(e.pointer(0), args[1]), e.row(e.pointer(7), k), e.pointer(8)
        old = e.load(spin)
        down = builder.and_(e.splat(_narrowed(builder, args[6], lanes.element)), old)
        field = builder.add(e.load(e.row(e.pointer(2), k)), down)
        tie = builder.and_(e.load(e.row(e.pointer(5), I64(0))), old)
        noise = builder.add(e.load(e.row(e.pointer(4), k)), tie)
        name = f"llvm.sadd.sat.v{lanes.count}i{lanes.element.width}"
        total = e.call(name, [field, noise], lanes)
        new = builder.ashr(total, constant(lanes, lanes.element.width - 1))
        e.store(new, spin)
        e.store(builder.sub(new, old), change)
        changed, counts = builder.xor(new, old), e.row(count, I64(0))
        e.store(builder.sub(e.load(counts), changed), counts)
        mask = builder.bitcast(builder.icmp_signed("!=", changed, constant(lanes, 0)), I32)
        return builder.icmp_signed("!=", mask, I32(0))

    intp = types.intp
    returns = types.boolean(spins, intp, fields, intp, noise, ties, intp, changes, flips)
    return returns, emit


@intrinsic
def row_bits(_typing, rows, k):
    """Return the lanes of a row that are not negative - spins that are up - as 32 bits."""

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        row = e.load(e.row(e.pointer(0), args[1]))
        up = builder.icmp_signed(">=", row, constant(row.type, 0))
        return builder.bitcast(up, I32)

    return types.uint32(rows, types.intp), emit


@intrinsic
def couple_row(_typing, out, to, columns, first, own, place, words, count):
    """Multiply one site with 32 others: out[to + k] = P - 2 sum_v popcount(columns[v, first + k] ^ own[v]).

    out  # any integers; columns  # (words, 64) uint64; own  # uint64, from `place` on; count  # P
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        out, columns, own = e.pointer(0), e.pointer(2), e.pointer(4)
        wide = ir.VectorType(I64, LANES)

        def word(v, values):
            at = builder.add(builder.mul(v, I64(2 * LANES)), args[3])
            one = e.load(e.at(own, builder.add(args[5], v), I64))
            different = builder.xor(e.load(e.at(columns, at, wide)), e.splat(one))
            return [builder.add(values[0], e.call(f"llvm.ctpop.v{LANES}i64", [different], wide))]

        (total,) = e.loop(args[6], [constant(wide, 0)], word)
        product = builder.sub(e.splat(args[7]), builder.shl(total, constant(wide, 1)))
        lanes = e.lanes(0)
        e.store(builder.trunc(product, lanes), e.at(out, args[1], lanes))
        return context.get_dummy_value()

    intp = types.intp
    return types.void(out, intp, columns, intp, own, intp, intp, intp), emit


def _sum(builder, values):
    total = values[0]
    for value in values[1:]:
        total = builder.add(total, value)
    return total


def _narrowed(builder, value, kind):
    """Return an integer in the type of the lanes, which holds it."""
    width = value.type.width
    if width == kind.width:
        return value
    return builder.trunc(value, kind) if width > kind.width else builder.sext(value, kind)
