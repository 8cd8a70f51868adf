"""Sum of the packs' gradients in the order of the packs, by several threads."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.packs import add
from nbcnn.kernels.turns import SPINS, end_turn, is_my_turn, read_atomic, write_atomic
from nbcnn.lanes.block_sums import BLOCK


@kernel
def mark_finished(finished, piece):
    """All calls of a piece are made; what they wrote is seen by who sees this in finished (pieces,)."""
    write_atomic(finished[piece:], 1)


@kernel
def all_finished(finished, pieces):
    """Whether all pieces are marked; waits for them, SPINS looks at each."""
    for piece in range(pieces):
        for _ in range(SPINS):
            if read_atomic(finished[piece:]) != 0:
                break
        if read_atomic(finished[piece:]) == 0:
            return False
    return True


@kernel
def wait_in_turn(place, turn):
    """Wait as add_in_turn would, which then need not: so that the two can be timed apart."""
    for _ in range(SPINS):
        if read_atomic(turn) == place[0]:
            break


@kernel
def add_in_turn(total, done, part, whose):
    """total += part, both (size,), when it is this piece's turn (kernels/turns.py); then the next one's turn comes.

    Piece 0 begins the sum, whatever the total was. More than BLOCK pieces are summed in blocks (lanes/block_sums.py):
    the total is then that of the block, and ``done`` (size,) the sum of the blocks before it. Nothing is added where
    the turn does not come in time.
    """
    if not is_my_turn(whose):
        return
    piece = whose[0][0]
    if piece % BLOCK == 0:
        if piece == BLOCK:
            for k in range(total.size):  # done[:] = total takes Numba 2 s to compile, this 0.05
                done[k] = total[k]
        elif piece > BLOCK:
            add(done, total)
        total[:] = 0
    add(total, part)
    end_turn(whose)
