"""Cross-entropy with label smoothing and class weights, and its gradient (docs/math.md).

``targets`` (2, K + 1) are numbers of each class: what every image has of it, ``targets[0]``, and what its own class has
besides, ``targets[1]``. ``targets[0, K]`` is the sum of the former.
"""

from __future__ import annotations

from math import log

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.scores import largest_and_total
from nbcnn.lanes import exp, lane, load, splat, store
from nbcnn.lanes.block_sums import block_length


@kernel
def soft_loss(x, labels, losses, targets):
    """scores x (K,), labels (16,), plain losses (16,) -> losses: sum over k of target_k · (log total - (x_k - m))"""
    K = x.shape[0]
    everywhere = targets[0, K]
    largest, total = largest_and_total(x, None)
    length, zero = block_length(K), splat(x.dtype.type(0))
    s = shared = zero
    if everywhere > 0:  # else 0 · infinity would make no number of a score that is -infinity
        for first in range(0, K, length):
            for k in range(first, min(first + length, K)):
                s += splat(targets[0, k]) * (load(x, (k,)) - largest)
            s, shared = zero, shared + s
    for l in range(LANES):
        own = targets[1, labels[l]] * losses[l]
        if everywhere > 0:
            own += everywhere * x.dtype.type(log(lane(total, l))) - lane(shared, l)
        losses[l] = own


@kernel
def soft_gradient(x, labels, scale, dx, targets):
    """scale (16,) -> dx (K,) = scale (sum of targets · softmax(x) - target); a blank image has scale 0"""
    K = x.shape[0]
    largest, total = largest_and_total(x, None)
    for l in range(LANES):  # the sum of each image's targets, where dx has room for it
        dx[0, l] = targets[0, K] + targets[1, labels[l]]
    whole, factor = load(dx, (0,)), load(scale, (0,))
    for k in range(K):
        share = exp(load(x, (k,)) - largest) / total
        store(dx, (k,), factor * (whole * share - splat(targets[0, k])))
    for l in range(LANES):
        dx[labels[l], l] -= scale[l] * targets[1, labels[l]]
