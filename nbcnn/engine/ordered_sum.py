"""Sum of the packs' gradients in the order of the packs, by several threads; atomic reads and writes for it.

Two numbers in memory are shared by the threads: the pack whose gradient is added next, and the next pack that no thread
has taken. They are read and written atomically, because a compiler may keep a plain number in a register, and a
processor may let other threads see plain writes in another order.
"""

from __future__ import annotations

from numba import config, types
from numba.extending import intrinsic

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.packs import add
from nbcnn.lanes.block_sums import BLOCK

SPINS = 2000
"""How often a kernel looks before it gives up, some 20 µs: longer waits are better slept through (worker.py)."""

if config.DISABLE_JIT:

    def read_atomic(turn):
        """Whose turn it is: turn[0]."""
        return turn[0]

    def write_atomic(turn, piece):
        """Make it the turn of ``piece``; all that was written before is seen by who sees this."""
        turn[0] = piece

    def take_next(following):
        """The next piece that nobody has taken: following[0], which goes up by 1."""
        following[0] += 1
        return following[0] - 1

else:

    def _place(context, builder, sig, args):
        return context.make_array(sig.args[0])(context, builder, args[0]).data

    @intrinsic
    def read_atomic(typingctx, turn):
        """Whose turn it is: turn[0]."""

        def codegen(context, builder, sig, args):
            return builder.load_atomic(_place(context, builder, sig, args), ordering="acquire", align=8)

        return types.int64(turn), codegen

    @intrinsic
    def write_atomic(typingctx, turn, piece):
        """Make it the turn of ``piece``; all that was written before is seen by who sees this."""

        def codegen(context, builder, sig, args):
            number = context.cast(builder, args[1], sig.args[1], types.int64)
            builder.store_atomic(number, _place(context, builder, sig, args), ordering="release", align=8)
            return context.get_dummy_value()

        return types.void(turn, piece), codegen

    @intrinsic
    def take_next(typingctx, following):
        """The next piece that nobody has taken: following[0], which goes up by 1."""

        def codegen(context, builder, sig, args):
            one = context.get_constant(types.int64, 1)
            return builder.atomic_rmw("add", _place(context, builder, sig, args), one, "monotonic")

        return types.int64(following), codegen


@kernel
def wait_for_batch(following, pieces, looks):
    """Wait until somebody takes the first of the next batch's pieces; gives up after so many looks, 1 ns or so each.

    Before that, following[0] is at least ``pieces``, where it was left, or 0, which a batch begins with.
    """
    for _ in range(looks):
        if 0 < read_atomic(following) < pieces:
            break


@kernel
def wait_in_turn(piece, turn):
    """Wait as add_in_turn would, which then need not: so that the two can be timed apart."""
    for _ in range(SPINS):
        if read_atomic(turn) == piece[0]:
            break


@kernel
def add_in_turn(total, done, part, piece, turn, late):
    """total += part, both (size,), when it is the turn of piece[0]; then the next one's turn comes.

    Piece 0 begins the sum, whatever the total was. More than BLOCK pieces are summed in blocks (lanes/block_sums.py):
    the total is then that of the block, and ``done`` (size,) the sum of the blocks before it.

    ``late`` (1,) becomes 1, and nothing is added, where the turn does not come within SPINS looks; else 0.
    """
    late[0] = 1
    for _ in range(SPINS):
        if read_atomic(turn) == piece[0]:
            if piece[0] % BLOCK == 0:
                if piece[0] == BLOCK:
                    done[:] = total
                elif piece[0] > BLOCK:
                    add(done, total)
                total[:] = 0
            add(total, part)
            late[0] = 0
            write_atomic(turn, piece[0] + 1)
            break
