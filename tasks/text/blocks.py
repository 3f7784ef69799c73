"""Sixty-four places at a time: masks with a bit for each place, the first its lowest bit.

Loads are unaligned and not checked: callers see to it that 64 places are there (`scratch.PAD`).
"""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from tasks.text.arrow import Bytes, Offsets
from tasks.text.classes import INNER, SPACE, WORD, Classes
from tasks.text.eights import trailing_zeros
from tasks.text.kernel import inlined, kernel

BLOCK = 64
ONE = np.uint64(1)
NONE = np.uint64(0)
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
HIGHEST = np.uint64(BLOCK - 1)
"""By so many places a mask is shifted for its highest bit alone."""

_Build = Callable[[Any, Any, Any], Any]
"""Given a builder, 64 values and as often the value asked for: which of them are meant, as 64 bits."""


def _equal(builder: Any, held: Any, wanted: Any) -> Any:
    return builder.icmp_unsigned("==", held, wanted)


def _equal_small(builder: Any, held: Any, wanted: Any) -> Any:
    return builder.icmp_unsigned("==", builder.or_(held, ir.Constant(held.type, [0x20] * BLOCK)), wanted)


def _letter(builder: Any, held: Any, _wanted: Any) -> Any:
    small = builder.or_(held, ir.Constant(held.type, [0x20] * BLOCK))
    return builder.icmp_unsigned("<", builder.sub(small, ir.Constant(held.type, [ord("a")] * BLOCK)), ir.Constant(held.type, [26] * BLOCK))


def _shared(builder: Any, held: Any, wanted: Any) -> Any:
    return builder.icmp_unsigned("!=", builder.and_(held, wanted), ir.Constant(held.type, [0] * BLOCK))


def _negative(builder: Any, held: Any, _wanted: Any) -> Any:
    return builder.icmp_signed("<", held, ir.Constant(held.type, [0] * BLOCK))


def _masking(build: _Build, bits: int) -> Any:
    """Give the intrinsic that loads 64 places of so many bits each and asks `build` about them."""
    vector = ir.VectorType(ir.IntType(bits), BLOCK)

    def masked(_context: Any, array: Any, _at: Any, _wanted: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            held, at, wanted = arguments
            place = builder.gep(context.make_array(signature.args[0])(context, builder, held).data, [at])
            loaded = builder.load(builder.bitcast(place, vector.as_pointer()), align=1)
            nothing, places = ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(ir.IntType(32), BLOCK), [0] * BLOCK)
            one = builder.insert_element(nothing, builder.trunc(wanted, ir.IntType(bits)), ir.IntType(32)(0))
            every = builder.shuffle_vector(one, nothing, places)
            return builder.bitcast(build(builder, loaded, every), ir.IntType(64))

        return types.uint64(array, types.int64, types.int64), code

    return intrinsic(masked)


def _blank(builder: Any, held: Any, _wanted: Any) -> Any:
    control = builder.or_(_within(builder, held, 0x09, 5), _within(builder, held, 0x1C, 4))
    return builder.or_(builder.icmp_unsigned("==", held, _every(0x20)), control)


bytes_equal = cast("Callable[[Bytes, int, int], np.uint64]", _masking(_equal, 8))
"""Marks the places from `at` on that hold a byte."""
bytes_like = cast("Callable[[Bytes, int, int], np.uint64]", _masking(_equal_small, 8))
"""Marks the places from `at` on that hold an ASCII letter given as a small one, in either case; beside letters more may match."""
classed_as = cast("Callable[[Classes, int, int], np.uint64]", _masking(_shared, 16))
"""Marks the places from `at` on whose class has one of the given bits."""

_letters = cast("Callable[[Bytes, int, int], np.uint64]", _masking(_letter, 8))
_blanks = cast("Callable[[Bytes, int, int], np.uint64]", _masking(_blank, 8))
_high_bits = cast("Callable[[Bytes, int, int], np.uint64]", _masking(_negative, 8))


def _place(context: Any, builder: Any, kind: Any, array: Any, at: Any, vector: Any) -> Any:
    return builder.bitcast(builder.gep(context.make_array(kind)(context, builder, array).data, [at]), vector.as_pointer())


_BYTES, _CLASSES = ir.VectorType(ir.IntType(8), BLOCK), ir.VectorType(ir.IntType(16), BLOCK)


def _every(value: int, vector: Any = _BYTES) -> Any:
    return ir.Constant(vector, [value] * BLOCK)


def _within(builder: Any, values: Any, first: int, count: int) -> Any:
    return builder.icmp_unsigned("<", builder.sub(values, _every(first)), _every(count))


def _mark_ascii(_context: Any, text: Any, marks: Any, _at: Any) -> Any:
    def code(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        loaded = builder.load(_place(context, builder, text, arguments[0], arguments[2], _BYTES), align=1)
        small = builder.or_(loaded, _every(0x20))
        word = builder.or_(_within(builder, small, ord("a"), 26), _within(builder, loaded, ord("0"), 10))
        spaces = builder.select(_blank(builder, loaded, None), _every(SPACE, _CLASSES), _every(0, _CLASSES))
        marked = builder.select(word, _every(WORD, _CLASSES), spaces)
        builder.store(marked, _place(context, builder, marks, arguments[1], arguments[2], _CLASSES), align=1)
        return context.get_dummy_value()

    return types.void(text, marks, types.int64), code


def _make_small(_context: Any, text: Any, _at: Any) -> Any:
    def code(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, text, arguments[0], arguments[1], _BYTES)
        loaded = builder.load(place, align=1)
        capital = _within(builder, loaded, ord("A"), 26)
        builder.store(builder.select(capital, builder.or_(loaded, _every(0x20)), loaded), place, align=1)
        return context.get_dummy_value()

    return types.void(text, types.int64), code


mark_ascii = cast("Callable[[Bytes, Classes, int], None]", intrinsic(_mark_ascii))
"""Writes the classes of the bytes from `at` on, which are ASCII, as far as they are WORD or SPACE; it reads no table."""
make_small = cast("Callable[[Bytes, int], None]", intrinsic(_make_small))
"""Makes the ASCII capitals from `at` on small letters."""


def _ones(_context: Any, _mask: Any) -> Any:
    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), code


ones = cast("Callable[[np.uint64], int]", intrinsic(_ones))
"""Counts the bits that are set."""


@inlined
def high_bits(text: Bytes, at: int) -> np.uint64:
    """Mark the bytes from `at` on that are not ASCII."""
    return _high_bits(text, at, 0)


@inlined
def blanks(text: Bytes, at: int) -> np.uint64:
    """Mark the bytes from `at` on that are ASCII white space."""
    return _blanks(text, at, 0)


@inlined
def letters(text: Bytes, at: int) -> np.uint64:
    """Mark the bytes from `at` on that are ASCII letters."""
    return _letters(text, at, 0)


@inlined
def lowest(mask: np.uint64) -> np.uint64:
    """Give the lowest set bit alone."""
    return mask & (NONE - mask)


@inlined
def first_bits(count: int) -> np.uint64:
    """Give a mask of so many bits; of 64 where there are more."""
    return ALL if count >= BLOCK else (ONE << np.uint64(count)) - ONE


@inlined
def carried(mask: np.uint64, inner: np.uint64, before: np.uint64) -> np.uint64:
    """Mark the further bytes of marked characters too; `before` tells by its lowest bit whether the last byte before is marked."""
    for _ in range(3):
        mask |= ((mask << ONE) | before) & inner
    return mask


@inlined
def put_places(mask: np.uint64, at: int, out: Offsets, count: int) -> int:
    """Write the places of set bits to `out`, from `count` on, that of the lowest bit being `at`; their number so far is given.

    Eight are written at a time, whether there are so many or not: behind the last one seven more must have room.
    """
    end = count + ones(mask)
    while count < end:
        for k in range(8):
            out[count + k] = at + trailing_zeros(mask)
            mask &= mask - ONE
        count += 8
    return end


@inlined
def find(text: Bytes, at: int, end: int, byte: int) -> int:
    """Give the place of the first such byte from `at` on; `end` where there is none before it."""
    while at < end:
        found = bytes_equal(text, at, byte)
        if found:
            return min(at + trailing_zeros(found), end)
        at += BLOCK
    return end


@kernel
def characters(marks: Classes, start: int, end: int) -> int:
    """Count the characters that begin between two places."""
    count = 0
    for at in range(start, end, BLOCK):
        count += ones(~classed_as(marks, at, INNER) & first_bits(end - at))
    return count
