"""Whether kernels run as plain Python in these tests."""

import numba

SLOWLY = bool(numba.config.DISABLE_JIT)
"""Under NUMBA_DISABLE_JIT=1: the same tests, but for those marked ``jit``."""
