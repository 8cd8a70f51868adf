"""Ordered access of threads, pack after pack, by atomic counters.

Two numbers in memory are shared by the threads: the pack whose turn it is, and the next pack that no thread has taken.
They are read and written atomically, because a compiler may keep a plain number in a register, and a processor may let
other threads see plain writes in another order.
"""

from __future__ import annotations

from numba import config, types
from numba.extending import intrinsic

from nbcnn.compiler.jit import kernel

SPINS = 2000
"""How often a kernel looks before it gives up, some 20 µs: longer waits are better slept through (engine/worker.py)."""

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

    def swap(place, old, new):
        """Write ``new`` to place[0] where ``old`` is there; whether it was."""
        found = place[0] == old
        if found:
            place[0] = new
        return found

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

    @intrinsic
    def swap(typingctx, place, old, new):
        """Write ``new`` to place[0] where ``old`` is there; whether it was."""

        def codegen(context, builder, sig, args):
            numbers = [context.cast(builder, args[k], sig.args[k], types.int64) for k in (1, 2)]
            found = builder.cmpxchg(_place(context, builder, sig, args), *numbers, "acq_rel", "acquire")
            return builder.extract_value(found, 1)

        return types.boolean(place, old, new), codegen


@kernel
def is_my_turn(whose):
    """Whether the turn of a piece comes within SPINS looks; whose = (place, turn, late), (1,) or longer each.

    The piece is place[0], it is the turn of turn[0]; late[0] becomes 1 where its turn does not come, else 0.
    """
    place, turn, late = whose
    late[0] = 1
    for _ in range(SPINS):
        if read_atomic(turn) == place[0]:
            late[0] = 0
            return True
    return False


@kernel
def end_turn(whose):
    """It is the turn of the next piece, which sees all that was written before."""
    write_atomic(whose[1], whose[0][0] + 1)
