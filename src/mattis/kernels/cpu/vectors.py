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

FOUR = 4
"""Groups of a quarter of a word: as many are looked up, or twice, three or four times as many."""

BITS = 64
"""Bits of a word."""

QUARTER = GROUP * FOUR
"""Bits of a quarter of it."""

LISTED = 8
"""Groups that `add_listed` takes at most."""

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

    def load(self, address: Any) -> Any:
        return self.b.load(address, align=_align(address.type.pointee))

    def constant_row(self, address: Any) -> Any:
        """Load a row that nobody writes to while a kernel runs: loops may keep it in a register."""
        row = self.load(address)
        row.set_metadata("invariant.load", self.b.module.add_metadata([]))
        return row

    def store(self, value: Any, address: Any) -> None:
        self.b.store(value, address, align=_align(value.type))

    def opaque(self, value: Any) -> Any:
        """Return a number of which LLVM knows nothing: what it computes of it comes after earlier loads.

        Else it computes all places of a row first, and has no registers for them.
        """
        kind = ir.FunctionType(value.type, [value.type])
        return self.b.asm(kind, "", "=r,0,~{memory}", [value], side_effect=True)

    def size(self, index: int) -> Any:
        """Return the length of an array argument of one axis."""
        array = self.context.make_array(self.signature.args[index])
        shape = array(self.context, self.b, self.args[index]).shape
        return self.b.extract_value(shape, 0)

    def splat(self, value: Any, count: int = LANES) -> Any:
        """Return a row whose lanes are all equal."""
        kind = ir.VectorType(value.type, count)
        one = self.b.insert_element(ir.Constant(kind, ir.Undefined), value, I32(0))
        zeros = ir.Constant(ir.VectorType(I32, count), [0] * count)
        return self.b.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)

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


def resized(builder: Any, value: Any, kind: Any) -> Any:
    """Return integers in another type, with their signs."""
    old, new = (getattr(one, "element", one).width for one in (value.type, kind))
    if old == new:
        return value
    return builder.trunc(value, kind) if old > new else builder.sext(value, kind)


@intrinsic
def sign_tables(_typing, tables, number, rows, first, groups):
    """Fill a table of ± a ± b ± c ± d, from `number` on, for each four rows a, b, c, d from `first` on.

    tables  # (16 groups, 32); bit k of an entry's number says that row k of the group has a plus
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        table, row, first, groups = e.pointer(0), e.pointer(2), args[3], args[4]

        def group(g, _):
            at = builder.add(first, builder.mul(g, I64(GROUP)))
            four = [e.load(e.row(row, builder.add(at, I64(k)))) for k in range(GROUP)]
            entries = {0: builder.neg(_sum(builder, four))}
            twice = [builder.add(one, one) for one in four]
            for number in range(1, 2**GROUP):
                lowest = (number & -number).bit_length() - 1
                entries[number] = builder.add(entries[number & (number - 1)], twice[lowest])
            table_number = builder.add(args[1], g)
            for number, entry in entries.items():
                place = builder.add(builder.mul(table_number, I64(2**GROUP)), I64(number))
                e.store(entry, e.row(table, place))
            return []

        e.loop(groups, [], group)
        return context.get_dummy_value()

    return types.void(tables, types.intp, rows, types.intp, types.intp), emit


@intrinsic
def set_fields(_typing, out, sites, offsets, tables, bits, words, quarters):
    """Set a row for each of some sites, to the offset of the site and the first terms of its field.

    out[k] = offsets[i] + sum_g tables[16 g + four bits of group g],  i = sites[k], g < 4 quarters ≤ 16
    sites  # int64; bits  # uint64 (N, words), of which the first word of each site is read
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        sites, offsets, bits = e.pointer(1), e.pointer(2), e.pointer(4)
        count = e.size(1)

        def start(k):
            offset = e.load(e.at(offsets, e.load(e.at(sites, k, I64)), I64))
            return e.splat(resized(builder, offset, e.lanes(0).element))

        def word(k):
            return e.load(e.at(bits, builder.mul(e.load(e.at(sites, k, I64)), args[5]), I64))

        _sum_rows(e, count, start, e.pointer(3), word, args[6])
        return context.get_dummy_value()

    intp = types.intp
    return types.void(out, sites, offsets, tables, bits, intp, intp), emit


@intrinsic
def add_fields(_typing, out, sites, tables, bits, words, w, quarters):
    """Add to these rows the terms of word `w` of each site."""

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        sites, bits = e.pointer(1), e.pointer(3)

        def word(k):
            first = builder.mul(e.load(e.at(sites, k, I64)), args[4])
            return e.load(e.at(bits, builder.add(first, args[5]), I64))

        _sum_rows(e, e.size(1), None, e.pointer(2), word, args[6])
        return context.get_dummy_value()

    intp = types.intp
    return types.void(out, sites, tables, bits, intp, intp, intp), emit


@intrinsic
def add_signed(_typing, out, count, tables, bits, place):
    """Add to `count` rows the rows behind `tables`, each with the sign that its bit gives.

    out[mu] += sum_g tables[16 g + four bits of group g],  g < 16
    bits  # uint64, of which the words from `place` on are read, one for each row
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        bits = e.pointer(3)

        def word(mu):
            return e.load(e.at(bits, builder.add(args[4], mu), I64))

        _sum_rows(e, args[1], None, e.pointer(2), word, None)
        return context.get_dummy_value()

    return types.void(out, types.intp, tables, bits, types.intp), emit


def _sum_rows(e, count, start, table, word, quarters):
    """Emit, for each row k of the first argument: start(k), or itself, plus what the bits of word(k) choose.

    There is a loop of its own for each number of quarters: a loop inside, over a few lookups, would cost as
    much as they do. quarters  # None for all four
    """
    b, lanes, rows = e.b, e.lanes(0), e.pointer(0)
    size, table = LANES * lanes.element.width // 8, e.at(table, I64(0), I8)
    whole = BITS // QUARTER
    for many in _cases(b, quarters, whole) if quarters is not None else [whole]:

        def row(k, _, many=many):
            address, bits = e.row(rows, k), word(k)
            # Two sums, so that an addition does not wait for the one before.
            totals = [start(k) if start else e.load(address), constant(lanes, 0)]
            for g in range(FOUR * many):
                if g and g % FOUR == 0:
                    bits = e.opaque(b.lshr(bits, I64(QUARTER)))
                # One shift and one mask: the four bits are left where they count rows of `size` bytes.
                shift = GROUP * (g % FOUR) - (size.bit_length() - 1)
                moved = b.lshr(bits, I64(shift)) if shift >= 0 else b.shl(bits, I64(-shift))
                entry = b.add(b.and_(moved, I64((2**GROUP - 1) * size)), I64(g * 2**GROUP * size))
                totals = [totals[1], b.add(totals[0], e.load(e.at(table, entry, lanes)))]
            e.store(b.add(*totals), address)
            return []

        e.loop(count, [], row)


def _cases(b, value, most):
    """Emit a branch for each value from 1 to `most`, and yield that value while its branch is written."""
    after = b.append_basic_block("after")
    choice = b.switch(value, after)
    for number in range(1, most + 1):
        block = b.append_basic_block("case")
        choice.add_case(I64(number), block)
        b.position_at_end(block)
        yield number
        b.branch(after)
    b.position_at_end(after)


@intrinsic
def add_listed(_typing, out, count, tables, bits, place, groups, first, number):
    """Add to `count` rows of `out` what `add_signed` does, of 1 to 8 groups only.

    groups  # int32: the groups of bits, of which those from `first` on are taken; so are the tables
    bits  # uint64, of which the words from `place` on are read, one for each row
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        rows, table, bits, groups = (e.pointer(k) for k in (0, 2, 3, 5))
        lanes, size = e.lanes(0), LANES * e.lanes(0).element.width // 8
        start = e.at(table, builder.mul(args[6], I64(2**GROUP * LANES)), I8)

        for many in _cases(builder, args[7], LISTED):
            numbers = [e.load(e.at(groups, builder.add(args[6], I64(k)), I32)) for k in range(many)]
            shifts = [builder.mul(builder.zext(one, I64), I64(GROUP)) for one in numbers]

            def row(mu, _, shifts=shifts):
                word = e.load(e.at(bits, builder.add(args[4], mu), I64))
                address = e.row(rows, mu)
                totals = [e.load(address), constant(lanes, 0)]
                for k, shift in enumerate(shifts):
                    four = builder.and_(builder.lshr(word, shift), I64(2**GROUP - 1))
                    entry = builder.add(builder.mul(four, I64(size)), I64(k * 2**GROUP * size))
                    totals = [totals[1], builder.add(totals[0], e.load(e.at(start, entry, lanes)))]
                e.store(builder.add(*totals), address)
                return []

            e.loop(args[1], [], row)
        return context.get_dummy_value()

    intp = types.intp
    return types.void(out, intp, tables, bits, intp, groups, intp, intp), emit


@intrinsic
def has_short_popcounts(_typing):
    """Tell whether the machine counts the bits of all lanes of 16 bits in one instruction."""

    def emit(context, _builder, _signature, _args):
        return ir.Constant(ir.IntType(1), int("+avx512bitalg" in context.codegen().magic_tuple()[-1]))

    return types.boolean(), emit


@intrinsic
def add_counted(_typing, out, count, changes, bits, place):
    """Add the 64 rows of -1, 0, 1 behind `changes` to `count` rows, each with the sign of its bit.

    out[mu] += sum_k xi_k^mu changes[k] = 2 popcount(C & (xi^mu ^ D)) - popcount(C), in each lane,
    with 64 bits C where a change is not 0, and D where it is -1; they are worked on in quarters.
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        rows, bits, lanes, short = e.pointer(0), e.pointer(3), e.lanes(0), ir.VectorType(I16, LANES)
        quarters = [_changed_and_down(e, e.pointer(2), q * QUARTER, short) for q in range(BITS // QUARTER)]
        popcount, one = f"llvm.ctpop.v{LANES}i16", constant(short, 1)
        total = _sum(builder, [e.call(popcount, [changed], short) for changed, _ in quarters])

        def row(mu, _):
            word, found = e.load(e.at(bits, builder.add(args[4], mu), I64)), []
            for q, (changed, down) in enumerate(quarters):
                own = e.splat(builder.trunc(builder.lshr(word, I64(q * QUARTER)), I16))
                found.append(e.call(popcount, [builder.and_(changed, builder.xor(own, down))], short))
            twice, address = builder.shl(_sum(builder, found), one), e.row(rows, mu)
            more = resized(builder, builder.sub(twice, total), lanes)
            e.store(builder.add(e.load(address), more), address)
            return []

        e.loop(args[1], [], row)
        return context.get_dummy_value()

    return types.void(out, types.intp, changes, bits, types.intp), emit


def _changed_and_down(e, changes, first, short):
    """Emit, as 16 bits in each lane, which of 16 rows from `first` on are not 0, and which are -1."""
    b, last = e.b, first + QUARTER - 1

    def one(k, values):
        change = resized(b, e.load(e.row(changes, b.sub(I64(last), k))), short)
        news = b.and_(change, constant(short, 1)), b.lshr(change, constant(short, 15))
        return [b.add(b.add(old, old), new) for old, new in zip(values, news, strict=True)]

    return e.loop(I64(QUARTER), [constant(short, 0)] * 2, one)


@intrinsic
def fill_row(_typing, out, k, value):
    """Set all lanes of a row: out[k] = value."""

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        lanes = e.lanes(0)
        e.store(e.splat(resized(builder, args[2], lanes.element)), e.row(e.pointer(0), args[1]))
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
def take_row(_typing, out, k, rows, i, times):
    """Subtract a row from another, so many times: out[k] -= times rows[i]."""

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        address, row = e.row(e.pointer(0), args[1]), e.load(e.row(e.pointer(2), args[3]))
        some = builder.mul(row, e.splat(resized(builder, args[4], row.type.element)))
        e.store(builder.sub(e.load(address), some), address)
        return context.get_dummy_value()

    return types.void(out, types.intp, rows, types.intp, types.intp), emit


@intrinsic
def take_sum(_typing, out, k, rows, i, sweeps, spins, still):
    """Add the sum of some spins, S = 1 + 2 S', to a row: out[k] += sweeps + 2 (rows[i] + still spins[i])."""

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        address, wide = e.row(e.pointer(0), args[1]), e.lanes(0)
        row, state = (resized(builder, e.load(e.row(e.pointer(n), args[3])), wide) for n in (2, 5))
        sweeps, still = (e.splat(builder.trunc(args[n], wide.element)) for n in (4, 6))
        halves = builder.add(row, builder.mul(still, state))
        more = builder.add(sweeps, builder.add(halves, halves))
        e.store(builder.add(e.load(address), more), address)
        return context.get_dummy_value()

    intp = types.intp
    return types.void(out, intp, rows, intp, intp, spins, intp), emit


@intrinsic
def sum_rows(_typing, totals, squares, rows, count):
    """Set the sums of the first `count` rows, and those of their squares; totals, squares  # (32,) int64"""

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        rows, wide = e.pointer(2), ir.VectorType(I64, LANES)

        def one(k, values):
            row = builder.sext(e.load(e.row(rows, k)), wide)
            return [builder.add(values[0], row), builder.add(values[1], builder.mul(row, row))]

        for k, found in enumerate(e.loop(args[3], [constant(wide, 0)] * 2, one)):
            e.store(found, e.row(e.pointer(k), I64(0)))
        return context.get_dummy_value()

    return types.void(totals, squares, rows, types.intp), emit


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
