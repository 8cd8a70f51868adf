"""Counter-based random numbers: a function of seed, purpose, epoch and index, without state.

Philox is a counter-based generator: its output is a keyed scrambling of a counter. Here the seed is the key, and
purpose, epoch and index are the upper three words of the 256-bit counter; the lowest word counts within the stream,
so two streams meet only after 2⁶⁴ blocks. Resuming a run therefore needs no saved generator state.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from nbcnn.errors import NbcnnError

WORD = 2**64


def stream(seed: int, purpose: str, epoch: int = 0, index: int = 0) -> np.random.Generator:
    """The generator of this place in the run; the same arguments give the same numbers.

    ``seed``, ``epoch`` and ``index`` lie in 0..2⁶⁴-1 (else NbcnnError); ``purpose`` is any short word, such as
    "shuffle" or "dropout".
    """
    for what, value in (("seed", seed), ("epoch", epoch), ("index", index)):
        if not 0 <= value < WORD:
            raise NbcnnError(f"{what} of a random stream must lie in 0..2^64-1, got {value}")
    # hash() differs from process to process; a digest does not.
    word = int.from_bytes(blake2b(purpose.encode(), digest_size=8).digest(), "little")
    counter = np.array([0, index, epoch, word], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=seed, counter=counter))
