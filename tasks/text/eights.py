"""Eight bytes at a time: what arrays of bytes cannot do by themselves inside a kernel.

Loads and stores are unaligned and not checked: callers see to it that eight bytes are there.
"""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from tasks.text.arrow import Bytes
from tasks.text.kernel import inlined

_ONES = np.uint64(0x0101010101010101)
_HIGH = np.uint64(0x8080808080808080)
_QUOTES = np.uint64(0x2222222222222222)
_BACKSLASHES = np.uint64(0x5C5C5C5C5C5C5C5C)
_SPACES = np.uint64(0x2020202020202020)


def _place(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), ir.IntType(64).as_pointer())


def _load8(_context: Any, array: Any, _at: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_place(context, builder, signature.args[0], *arguments), align=1)

    return types.uint64(array, types.int64), code


def _store8(_context: Any, array: Any, _at: Any, _eight: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _place(context, builder, signature.args[0], *arguments[:2]), align=1)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.uint64), code


def _copy(_context: Any, out: Any, _to: Any, data: Any, _start: Any, _count: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place, source = (
            builder.gep(context.make_array(signature.args[which])(context, builder, arguments[which]).data, [arguments[which + 1]])
            for which in (0, 2)
        )
        cgutils.raw_memcpy(builder, place, source, arguments[4], 1)  # type: ignore[no-untyped-call]  # numba is untyped here
        return context.get_dummy_value()

    return types.void(out, types.int64, data, types.int64, types.int64), code


def _trailing_zeros(_context: Any, _number: Any) -> Any:
    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), code


load8 = cast("Callable[[Bytes, int], np.uint64]", intrinsic(_load8))
"""Gives `array[at:at + 8]` as one number, the first byte its lowest."""
store8 = cast("Callable[[Bytes, int, np.uint64], None]", intrinsic(_store8))
"""Writes eight bytes to `array[at:at + 8]`."""
copy = cast("Callable[[Bytes, int, Bytes, int, int], None]", intrinsic(_copy))
"""Copies `data[start:start + count]` to `out` from `to` on, by `copy(out, to, data, start, count)`; slices go a byte at a time."""

trailing_zeros = cast("Callable[[np.uint64], int]", intrinsic(_trailing_zeros))
"""Gives how many zero bits stand below the lowest one; 64 for nought."""


@inlined
def unplain(eight: np.uint64) -> np.uint64:
    """Mark the bytes that are not ASCII standing for itself in JSON by their highest bits; 0 where all are.

    Only the lowest mark is sure. Source: the test for a zero byte in a word, x - 01… & ~x & 80…, after xor
    with the byte looked for; a borrow comes only from a byte that is marked itself.
    """
    quotes, backslashes = eight ^ _QUOTES, eight ^ _BACKSLASHES
    found = (eight - _SPACES) & ~eight | (quotes - _ONES) & ~quotes | (backslashes - _ONES) & ~backslashes | eight
    return found & _HIGH


@inlined
def first_marked(marks: np.uint64) -> int:
    """Give the place, 0 to 7, of the lowest byte marked by its highest bit; 8 where none is."""
    return trailing_zeros(marks) >> 3


@inlined
def folded(eight: np.uint64) -> np.uint64:
    """Give eight bytes with their ASCII capitals as small letters."""
    low = eight & ~_HIGH
    from_a = low + np.uint64(0x3F3F3F3F3F3F3F3F)
    beyond_z = low + np.uint64(0x2525252525252525)
    return eight | ((from_a & ~beyond_z & ~eight & _HIGH) >> np.uint64(2))
