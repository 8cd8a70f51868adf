"""Kernels that make the calls of a call list by their addresses, for one pack or for all packs that are left."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nbcnn.compiler.jit import kernel
from nbcnn.compiler.native_call import WORDS
from nbcnn.engine.ordered_sum import mark_finished
from nbcnn.kernels.turns import take_next


@intrinsic
def call_at(typingctx, address, row):
    """Call the native function at ``address`` with the words at address ``row``; gives its status, 0 for done."""

    def codegen(context, builder, sig, args):
        word = ir.IntType(64)
        function = ir.FunctionType(ir.IntType(32), [word] * WORDS).as_pointer()
        words = builder.inttoptr(args[1], word.as_pointer())
        row = [builder.load(builder.gep(words, [word(k)])) for k in range(WORDS)]
        return builder.call(builder.inttoptr(args[0], function), row)

    return types.int32(types.int64, types.int64), codegen


@kernel
def replay(addresses, rows):
    """Make the calls in order; gives the number of the first that failed, or -1."""
    for k in range(addresses.size):
        if call_at(addresses[k], rows.ctypes.data + k * rows.shape[1] * 8) != 0:
            return k
    return -1


DONE, LATE = -1, -2


@kernel
def replay_pieces(addresses, rows, where, pieces, moves):
    """Take pieces while there are any, and make all calls for each: its number is then in place[0].

    ``where`` is place, late, following, (1,) or longer, and finished (pieces,), where each is marked. ``moves`` is how
    arguments change from piece to piece: the words (k, 2) = row, column, their values (k,) for piece 0, and by how much
    they grow (1,). Gives DONE; LATE as soon as a call says so in late; or the number of a call that failed.
    """
    place, late, following, finished = where
    words, first, step = moves
    piece = take_next(following)
    while piece < pieces:
        place[0] = piece
        for k in range(first.size):
            rows[words[k, 0], words[k, 1]] = first[k] + piece * step[0]
        failed = replay(addresses, rows)
        if failed >= 0:
            return failed
        for k in range(late.size):
            if late[k] != 0:
                return LATE
        mark_finished(finished, piece)
        piece = take_next(following)
    return DONE
