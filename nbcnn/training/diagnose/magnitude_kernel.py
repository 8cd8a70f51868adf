"""The kernel of the largest magnitude of an array: the cheapest test for NaN and infinity."""

from __future__ import annotations

import numpy as np

from nbcnn.compiler.jit import kernel

INFINITY = 0x7F800000
"""The bits of float32's infinity. Those of NaN are more, those of every number less."""


@kernel
def magnitude_bits(numbers):
    """The bits, less the sign, of the number of largest magnitude in float32 ``numbers`` (size,); 0 where size is 0.

    As whole numbers such bits have the order of the magnitudes, and NaN comes last: so no number hides one. LeNet's
    61,706 parameters take 1.6 µs; NumPy's isfinite and all 4.7, its minimum and maximum 5.3.
    """
    bits, largest = numbers.view(np.int32), np.int32(0)
    for i in range(bits.size):
        largest = max(largest, bits[i] & np.int32(0x7FFFFFFF))
    return largest
