"""Statistics of a batch for batch normalisation: of a pack, merged in the order of packs, and running ones."""

from __future__ import annotations

from math import sqrt

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.turns import end_turn, is_my_turn
from nbcnn.lanes import fma, lane, load, splat


@kernel
def sum_lanes(v, count):
    """The sum of the first ``count`` numbers of a vector, in their order: blank lanes are left out."""
    s = lane(v, 0)
    for l in range(1, count):
        s += lane(v, l)
    return s


@kernel
def pack_statistics(x, place, part):
    """Of a pack x (C, M): mean and sum of squared differences from it, to part (2, C): equation (54)."""
    C, M = x.shape[:2]
    count = min(LANES, place[1] - place[0] * LANES)
    zero = splat(x.dtype.type(0))
    whole = M - M % 4
    for c in range(C):
        s0, s1, s2, s3 = zero, zero, zero, zero
        for m in range(0, whole, 4):
            s0, s1 = s0 + load(x, (c, m)), s1 + load(x, (c, m + 1))
            s2, s3 = s2 + load(x, (c, m + 2)), s3 + load(x, (c, m + 3))
        for m in range(whole, M):
            s0 = s0 + load(x, (c, m))
        mean = x.dtype.type(sum_lanes((s0 + s1) + (s2 + s3), count) / x.dtype.type(count * M))
        s0, s1, s2, s3 = zero, zero, zero, zero
        for m in range(0, whole, 4):
            d0, d1 = load(x, (c, m)) - mean, load(x, (c, m + 1)) - mean
            d2, d3 = load(x, (c, m + 2)) - mean, load(x, (c, m + 3)) - mean
            s0, s1, s2, s3 = s0 + d0 * d0, s1 + d1 * d1, s2 + d2 * d2, s3 + d3 * d3
        for m in range(whole, M):
            d = load(x, (c, m)) - mean
            s0 = s0 + d * d
        part[0, c], part[1, c] = mean, sum_lanes((s0 + s1) + (s2 + s3), count)


@kernel
def merge_statistics(part, w, numbers, statistics, whose, values):
    """Add those of a pack to statistics (4, C) = mean, 1/σ, w/σ, σ²: Chan, Golub and LeVeque 1983, equation (55).

    Made in turn, whose = (place, turn, late) of kernels/turns.py; ``values`` are those of an image's channel, numbers
    (2,) = eps, momentum. Until the last pack the last row is the sum of squared differences.
    """
    if not is_my_turn(whose):
        return
    piece = whose[0]
    before = piece[0] * LANES * values
    own = min(LANES, piece[1] - piece[0] * LANES) * values
    last = (piece[0] + 1) * LANES >= piece[1]
    kind = part.dtype.type
    count, share = kind(before + own), kind(own) / kind(before + own)
    for c in range(part.shape[1]):
        if before == 0:
            statistics[0, c], statistics[3, c] = part[0, c], part[1, c]
        else:
            difference = part[0, c] - statistics[0, c]
            statistics[0, c] += difference * share
            statistics[3, c] += part[1, c] + difference * difference * (kind(before) * share)
        if last:
            statistics[3, c] /= count
            statistics[1, c] = kind(1) / kind(sqrt(statistics[3, c] + numbers[0]))
            statistics[2, c] = w[c] * statistics[1, c]
    end_turn(whose)


@kernel
def merge_means(dw, db, means, whose, values):
    """Add dw, db (C,) of a pack to means (2, C), in turn: sums until the last pack, which divides by all values."""
    if not is_my_turn(whose):
        return
    piece = whose[0]
    kind = dw.dtype.type
    last, count = (piece[0] + 1) * LANES >= piece[1], kind(piece[1] * values)
    for c in range(dw.size):
        if piece[0] == 0:
            means[0, c], means[1, c] = dw[c], db[c]
        else:
            means[0, c] += dw[c]
            means[1, c] += db[c]
        if last:
            means[0, c] /= count
            means[1, c] /= count
    end_turn(whose)


@kernel
def clear_blank_lanes(dx, place):
    """Zeros in the lanes of dx (C, M) that hold no image: equation (58) gives them numbers, which reach no gradient."""
    count = min(LANES, place[1] - place[0] * LANES)
    if count < LANES:
        dx[:, :, count:] = 0


@kernel
def given_statistics(running_mean, running_var, w, numbers, statistics):
    """Statistics (4, C) from the running ones, for evaluation."""
    kind = w.dtype.type
    for c in range(w.size):
        statistics[0, c], statistics[3, c] = running_mean[c], running_var[c]
        statistics[1, c] = kind(1) / kind(sqrt(running_var[c] + numbers[0]))
        statistics[2, c] = w[c] * statistics[1, c]


@kernel
def update_running(statistics, piece, numbers, running, tracked, values):
    """Move running mean and variance, a tuple of two (C,), towards a batch's; tracked (1,) counts the batches.

    As PyTorch: new = (1 - momentum) · old + momentum · batch's, of the unbiased variance. A momentum below 0 means
    1 / batches: the mean of all batches.
    """
    running_mean, running_var = running
    kind = statistics.dtype.type
    count = piece[1] * values
    tracked[0] += 1
    momentum = numbers[1] if numbers[1] >= 0 else kind(1) / kind(tracked[0])
    unbiased = kind(count) / kind(count - 1)
    for c in range(running_mean.size):
        running_mean[c] = fma(kind(1) - momentum, running_mean[c], momentum * statistics[0, c])
        running_var[c] = fma(kind(1) - momentum, running_var[c], momentum * (statistics[3, c] * unbiased))
