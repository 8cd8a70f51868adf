"""The sentences of the functions on arrays for what does not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nbcnn.functional as F  # noqa: N812
from nbcnn.errors import KernelError, ShapeError


def zeros(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.zeros(shape, dtype)


X, W = zeros(2, 3, 5, 5), zeros(4, 3, 2, 2)

SENTENCES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "not an array": (
        lambda: F.conv2d([[1.0]], W),  # type: ignore[arg-type]
        ShapeError,
        r"x must be a NumPy array of float32 or float64, got list; write np\.asarray\(x, np\.float32\)\[None, None\]$",
    ),
    "the book's image": (
        lambda: F.conv2d(np.arange(9).reshape(3, 3), W),
        ShapeError,
        r"x must be .*, got int64; write x\.astype\(np\.float32\)\[None, None\]$",
    ),
    "the book's kernel": (
        lambda: F.conv2d(X, np.arange(4).reshape(2, 2)),
        ShapeError,
        r"w must be .*, got int64; write w\.astype\(np\.float32\)\[None, None\]$",
    ),
    "a kernel without channels": (
        lambda: F.conv2d(X, zeros(2, 2)),
        ShapeError,
        r"w must have 4 axes \(O, C/groups, KH, KW\), got shape \(2, 2\); for one kernel for one channel write w\[None",
    ),
    "bytes": (
        lambda: F.conv2d(zeros(1, 1, 3, 3, dtype="uint8"), W),
        ShapeError,
        r"uint8; write x\.astype\(np\.float32\)$",
    ),
    "one image's features": (
        lambda: F.linear(zeros(5), zeros(2, 5)),
        ShapeError,
        r"x must have 2 axes \(N, F\), got shape \(5,\); for one image write x\[None\]$",
    ),
    "whole numbers": (
        lambda: F.relu(np.zeros(3, int)),
        ShapeError,
        r"x must be a NumPy array .*, got int64; write x\.astype",
    ),
    "masked": (
        lambda: F.relu(np.ma.masked_less(zeros(3), 0)),
        ShapeError,
        r"^x is a masked array; fill its gaps first: x\.filled\(0\)$",
    ),
    "half precision": (
        lambda: F.linear(zeros(1, 2), zeros(1, 2, dtype="float16")),
        ShapeError,
        r"w must .* got float16",
    ),
    "two precisions": (
        lambda: F.conv2d(X, W.astype("float64")),
        ShapeError,
        r"all arrays must have one dtype, got x float32, w float64, b float64; convert them with \.astype",
    ),
    "axes": (
        lambda: F.conv2d(X[0, 0], W),
        ShapeError,
        r"x must have 4 axes \(N, C, H, W\), or 3 for one image, got shape \(5, 5\); "
        r"for one image of one channel write x\[None, None\]$",
    ),
    "axes of a weight": (
        lambda: F.conv2d(X, W[0]),
        ShapeError,
        r"w must have 4 axes \(O, C/groups, KH, KW\), got shape \(3, 2, 2\); for one output channel write w\[None\], for",
    ),
    "axes of pooling": (
        lambda: F.global_avg_pool2d(X[None]),
        ShapeError,
        r"x must have 4 axes \(N, C, H, W\), or 3 for one image, got shape \(1, 2, 3, 5, 5\)",
    ),
    "axes of features": (
        lambda: F.linear(X, W),
        ShapeError,
        r"x must have 2 axes \(N, F\), .*\(2, 3, 5, 5\); .* x\.reshape\(len\(x\), -1\)$",
    ),
    "bias": (
        lambda: F.conv2d(X, W, zeros(3)),
        ShapeError,
        r"conv2d: b must have one number for each of the 4 output channels, got shape \(3,\)",
    ),
    "channels": (
        lambda: F.conv2d(zeros(2, 5, 5, 5), W),
        ShapeError,
        r"conv2d: x has 5 channels and w \(4, 3, 2, 2\) takes 3·1 \(groups\) = 3$",
    ),
    "channels last": (
        lambda: F.conv2d(X.transpose(0, 2, 3, 1), W),
        ShapeError,
        r"x has 5 channels .* takes 3·1 .*; x looks like \(N, H, W, C\), channels last: pass x\.transpose\(0, 3, 1, 2\)",
    ),
    "groups": (
        lambda: F.conv2d(X, W, groups=2),
        ShapeError,
        r"conv2d: groups 2 must divide the 3 input and the 4 output channels: 3 = 1·2 \+ 1$",
    ),
    "groups that divide neither": (
        lambda: F.conv2d(X, W, groups=5),
        ShapeError,
        r"groups 5 must divide the 3 input and the 4 output channels: 3 = 0·5 \+ 3, 4 = 0·5 \+ 4$",
    ),
    "no groups": (
        lambda: F.conv2d(X, W, groups=0),
        ShapeError,
        r"conv2d: groups must be one whole number of at least 1, got 0",
    ),
    "groups that are a truth": (lambda: F.conv2d(X, W, groups=True), ShapeError, r"groups must be .*, got True"),
    "window": (
        lambda: F.conv2d(X, zeros(4, 3, 8, 2), padding=(1, 0)),
        ShapeError,
        r"conv2d: a window of 8×2 does not fit the padded input of 7×5 \(5 \+ 2·1 by 5 \+ 2·0\)",
    ),
    "dilated window": (
        lambda: F.conv2d(X, W, dilation=(1, 5)),
        ShapeError,
        r"conv2d: a window of 2×6 \(2×2 with dilation 1×5\) does not fit the padded input of 5×5",
    ),
    "stride": (
        lambda: F.conv2d(X, W, stride=0),
        ShapeError,
        r"stride must be one whole number of at least 1, or two, got 0",
    ),
    "stride of three": (
        lambda: F.conv2d(X, W, stride=(1, 2, 3)),
        ShapeError,
        r"stride must be .* or two, got \(1, 2, 3\)",
    ),
    "window and four sides": (
        lambda: F.conv2d(X, zeros(4, 3, 8, 2), padding=(1, 0, 2, 2)),
        ShapeError,
        r"conv2d: a window of 8×2 does not fit the padded input of 6×9 \(5 \+ 1 \+ 0 by 5 \+ 2·2\)",
    ),
    "padding": (
        lambda: F.conv2d(X, W, padding=-1),
        ShapeError,
        r"padding must be one whole number of at least 0, two \(rows, columns\), "
        r"four \(top, bottom, left, right\), 'same' or 'valid', got -1$",
    ),
    "a word": (lambda: F.conv2d(X, W, padding="smae"), ShapeError, r"padding must be .*'same' or 'valid', got 'smae'"),
    "three sides": (lambda: F.conv2d(X, W, padding=(1, 2, 3)), ShapeError, r"padding must be .*, got \(1, 2, 3\)"),
    "five sides": (
        lambda: F.conv2d_grad_weight(X, W.shape, X, padding=[1, 2, 3, 4, 5]),
        ShapeError,
        r"padding must be .*, got \[1, 2, 3, 4, 5\]",
    ),
    "a negative side": (
        lambda: F.conv2d_grad_input((2, 3, 5, 5), W, X, padding=(0, 0, -1, 0)),
        ShapeError,
        r"padding must be .*, got \(0, 0, -1, 0\)",
    ),
    "a truth for padding": (lambda: F.conv2d(X, W, padding=True), ShapeError, r"padding must be .*, got True"),
    "no rows": (
        lambda: F.conv2d(zeros(2, 3, 0, 5), W, padding=1),
        ShapeError,
        r"conv2d: x must have at least one row and one column, got shape \(2, 3, 0, 5\)",
    ),
    "real padding": (lambda: F.conv2d(X, W, padding=(0.5, 1)), ShapeError, r"padding must be .* got \(0\.5, 1\)"),  # type: ignore[arg-type]
    "grad_output": (
        lambda: F.conv2d_grad_input((2, 3, 5, 5), W, zeros(2, 4, 4, 3)),
        ShapeError,
        r"conv2d_grad_input: grad_output must have shape \(2, 4, 4, 4\), got \(2, 4, 4, 3\)",
    ),
    "grad_output of other images": (
        lambda: F.conv2d_grad_weight(X, W.shape, zeros(3, 4, 4, 4)),
        ShapeError,
        r"conv2d_grad_weight: grad_output must have shape \(2, 4, 4, 4\), got \(3, 4, 4, 4\)",
    ),
    "input size": (
        lambda: F.conv2d_grad_input((5, 5), W, zeros(2, 4, 4, 4)),
        ShapeError,
        r"input_size must be 4 whole numbers \(N, C, H, W\), or 3 for one image, got \(5, 5\)",
    ),
    "a batch for one image": (
        lambda: F.conv2d_grad_input((3, 5, 5), W, zeros(2, 4, 4, 4)),
        ShapeError,
        r"conv2d_grad_input: grad_output must have shape \(4, 4, 4\), got \(2, 4, 4, 4\)",
    ),
    "one image for a batch": (
        lambda: F.conv2d_grad_weight(X, W.shape, zeros(4, 4, 4)),
        ShapeError,
        r"conv2d_grad_weight: grad_output must have shape \(2, 4, 4, 4\), got \(4, 4, 4\)",
    ),
    "weight size": (
        lambda: F.conv2d_grad_weight(X, (4, 3, 2), zeros(2, 4, 4, 4)),
        ShapeError,
        r"weight_size must be 4 whole numbers \(O, C/groups, KH, KW\), got \(4, 3, 2\)",
    ),
    "a size that is no whole number": (
        lambda: F.conv2d_grad_input((2, 3, 6.0, 6), W, zeros(2, 4, 4, 4)),
        ShapeError,
        r"input_size must be 4 whole numbers \(N, C, H, W\), or 3 for one image, got \(2, 3, 6.0, 6\)",
    ),
    "a stride that is no whole number": (
        lambda: F.conv2d(X, W, stride=2.5),
        ShapeError,
        r"stride must be one whole number of at least 1, or two, got 2.5",
    ),
    "no padding at all": (
        lambda: F.conv2d(X, W, padding=None),
        ShapeError,
        r"padding must be .*, got None",
    ),
    "groups that are no whole number": (
        lambda: F.conv2d(X, W, groups=1.0),
        ShapeError,
        r"groups must be one whole number of at least 1, got 1.0",
    ),
    "an empty kernel": (
        lambda: F.conv2d(X, zeros(4, 3, 0, 2)),
        ShapeError,
        r"w must have at least 1 output channel, input channel, row and column, got \(4, 3, 0, 2\)",
    ),
    "the mean loss of nothing": (
        lambda: F.cross_entropy(zeros(0, 3), np.zeros(0, int)),
        ShapeError,
        r"there is no mean of no images; use reduction='sum' or 'none'",
    ),
    "pooling padding": (
        lambda: F.max_pool2d(X, 2, padding=2),
        ShapeError,
        r"max_pool2d: padding \[2, 2\] is more than half of kernel_size \[2, 2\]; "
        r"four sides \[top, bottom, left, right\] may be wider",
    ),
    "pooling padding on four sides": (
        lambda: F.avg_pool2d(X, (2, 3), padding=(1, 1, 0, 3)),
        ShapeError,
        r"avg_pool2d: padding \[1, 1, 0, 3\] has a side that is not below the window's 2×3, "
        r"so that a window could hold nothing but padding",
    ),
    "dilated pooling padding": (
        lambda: F.max_pool2d(X, 2, padding=(0, 3, 0, 0), dilation=2),
        ShapeError,
        r"max_pool2d: padding \[0, 3, 0, 0\] has a side that is not below the window's 3×3",
    ),
    "pooling has no words": (
        lambda: F.max_pool2d(X, 2, padding="same"),
        ShapeError,
        r"padding must be one whole number of at least 0, two \(rows, columns\) or four .*, got 'same'",
    ),
    "no columns": (
        lambda: F.max_pool2d(zeros(2, 3, 5, 0), 1),
        ShapeError,
        r"max_pool2d: x must have at least one row and one column, got shape \(2, 3, 5, 0\)",
    ),
    "no pixel to pool": (
        lambda: F.global_max_pool2d(zeros(2, 3, 0, 0)),
        ShapeError,
        r"max_pool2d: x must have at least one row and one column, got shape \(2, 3, 0, 0\)",
    ),
    "pooling window": (
        lambda: F.avg_pool2d(X, (2, 6)),
        ShapeError,
        r"avg_pool2d: a window of 2×6 does not fit the padded input of 5×5",
    ),
    "dilated pooling window": (
        lambda: F.max_pool2d(X, 3, padding=1, dilation=(1, 4)),
        ShapeError,
        r"max_pool2d: a window of 3×9 \(3×3 with dilation 1×4\) does not fit the padded input of 7×7 \(5 \+ 2·1 by",
    ),
    "ceil_mode": (
        lambda: F.avg_pool2d(X, 2, ceil_mode="no"),  # type: ignore[arg-type]
        ShapeError,
        r"ceil_mode must be True or False, got 'no'",
    ),
    "count_include_pad": (
        lambda: F.avg_pool2d(X, 2, count_include_pad=1),  # type: ignore[arg-type]
        ShapeError,
        r"count_include_pad must be True or False, got 1",
    ),
    "divisor": (
        lambda: F.avg_pool2d(X, 2, divisor_override=0),
        ShapeError,
        r"avg_pool2d: divisor_override must be a whole number other than 0, or None, got 0",
    ),
    "real divisor": (
        lambda: F.avg_pool2d(X, 2, divisor_override=2.5),  # type: ignore[arg-type]
        ShapeError,
        r"divisor_override must be a whole number other than 0, or None, got 2.5",
    ),
    "pooling dilation": (
        lambda: F.max_pool2d(X, 2, dilation=(2, 0)),
        ShapeError,
        r"dilation must be one whole number of at least 1, or two, got \(2, 0\)",
    ),
    "dim of log_softmax": (
        lambda: F.log_softmax(zeros(2, 3), -3),
        ShapeError,
        r"log_softmax: dim -3 does not exist in an array of shape \(2, 3\)",
    ),
    "features": (
        lambda: F.linear(zeros(2, 3), zeros(4, 5)),
        ShapeError,
        r"linear: x \(2, 3\) has 3 features and w \(4, 5\) takes 5",
    ),
    "a bias of another length": (
        lambda: F.linear(zeros(2, 3), zeros(4, 3), zeros(5)),
        ShapeError,
        r"linear: b must have shape \(4,\), got \(5,\)",
    ),
    "dim": (
        lambda: F.softmax(zeros(2, 3), 2),
        ShapeError,
        r"softmax: dim 2 does not exist in an array of shape \(2, 3\)",
    ),
    "targets": (
        lambda: F.cross_entropy(zeros(2, 3), np.zeros(3, int)),
        ShapeError,
        r"cross_entropy: target must be 2 whole numbers, got int64 of shape \(3,\)",
    ),
    "real targets": (
        lambda: F.cross_entropy(zeros(2, 3), zeros(2)),
        ShapeError,
        r"cross_entropy: target must be 2 whole numbers, got float32",
    ),
    "classes": (
        lambda: F.cross_entropy(zeros(2, 3), np.array([0, 3])),
        ShapeError,
        r"cross_entropy: targets go from 0 to 3, x has 3 classes",
    ),
    "negative class": (
        lambda: F.cross_entropy(zeros(2, 3), np.array([-1, 2])),
        ShapeError,
        r"cross_entropy: targets go from -1 to 2, x has 3 classes",
    ),
    "reduction": (
        lambda: F.cross_entropy(zeros(2, 3), np.array([0, 1]), reduction="average"),
        ShapeError,
        r"cross_entropy: reduction must be mean, sum or none, got 'average'",
    ),
    "unknown backend": (
        lambda: F.conv2d(X, W, backend="im2cool"),
        KernelError,
        r"unknown backend 'im2cool' for conv2d: did you mean im2col\? \(known: .*direct.*\)",
    ),
    "refused": (
        lambda: F.conv2d(X, W, dilation=2, backend="pointwise"),
        KernelError,
        r"backend pointwise can't do this conv2d: the kernel is 2×2, it can only do 1×1; these can: direct, fft, im2col",
    ),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_what_does_not_fit_is_told_in_a_sentence(case: str) -> None:
    call, kind, sentence = SENTENCES[case]
    with pytest.raises(kind, match=sentence):
        call()
