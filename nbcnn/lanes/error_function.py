"""The error function of lanes, erf(v) = 2/√π · ∫₀ᵛ e**-t² dt, written with the functions of words.py.

Below 1 by its Taylor series, 2/√π · v · Σ (-v²)**k / (k! (2k + 1)), cut where the next term is less than a third of a
unit in the last place of the sum. Above 1 as 1 - e**-p(|v|), with a polynomial p for -log(1 - erf): fitted by least
squares of the error that it makes in erf, which is at most 1e-9 (float32, up to 4) and 7e-18 (float64, up to 6). Beyond
these erf is 1 in its precision. Off by at most 2 units in the last place, everywhere; NaN stays NaN.
"""

from __future__ import annotations

from math import factorial, pi, sqrt

import numpy as np
from numba import config, njit
from numba.extending import overload

from nbcnn.compiler.jit import OPTIONS
from nbcnn.lanes.math import exp

if config.DISABLE_JIT:
    from nbcnn.lanes.plain import splat, where
else:
    from nbcnn.lanes.intrinsics import splat, where
    from nbcnn.lanes.vector_type import LANES32, LANES64

FITTED = (
    0.00035283612660855966, 1.1270436496238476, 0.638219740068884, 0.1030423731626115, -0.021807596555081184,
    0.0029401375275684653, -0.00018562318820548247,
)  # fmt: skip
"""p for float32, lowest power first."""
FITTED_LONGER = (
    5.185755616490615e-07, 1.1283739425628538, 0.6366442651715313, 0.10270173672108053, -0.018987037660001885,
    -0.00041487142909059534, 0.001920289937568766, -0.0007740908247628519, 0.00013719395770961991,
    1.9216013646406935e-05, -2.24165825360682e-05, 8.544248441437554e-06, -2.1068629681956566e-06,
    3.681830245630639e-07, -4.5756973943675534e-08, 3.874514306061624e-09, -2.011946193330833e-10,
    4.843997275188989e-12,
)  # fmt: skip
"""p for float64."""


def _erf(real, fitted, end, terms):
    """erf in one precision; ``real`` is np.float32 or np.float64."""
    scale = 2 / sqrt(pi)
    rest = real(scale - 1)  # of the first factor, 1.128…: the 1 is exact
    series = tuple(real(scale * (-1) ** k / (factorial(k) * (2 * k + 1))) for k in range(terms - 1, 0, -1))
    powers = tuple(real(factor) for factor in reversed(fitted))
    end, one = real(end), real(1)

    @njit(**OPTIONS)
    def below_one(v):
        square = v * v
        p = splat(series[0])
        for factor in series[1:]:
            p = p * square + factor
        return v + v * (p * square + rest)

    @njit(**OPTIONS)
    def above_one(size):
        p = splat(powers[0])
        for factor in powers[1:]:
            p = p * size + factor
        return 1 - exp(-p)

    def erf(v):
        size = where(v < 0, -v, v)
        large = above_one(where(size > end, splat(end), size))
        return where(size < one, below_one(v), where(v < 0, -large, large))

    return erf


_single = _erf(np.float32, FITTED, 4, 11)
_double = _erf(np.float64, FITTED_LONGER, 6, 19)


def erf(v):
    """The error function, lane by lane: odd, from -1 to 1."""
    return (_single if v.dtype == np.float32 else _double)(v)


if not config.DISABLE_JIT:

    @overload(erf)
    def _of_lanes(v):
        return {LANES32: _single, LANES64: _double}.get(v)
