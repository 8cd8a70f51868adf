"""A wrong sum written out as its products, ``1·1 + 2·2``, for messages of the conformance suite."""

from __future__ import annotations

from itertools import product
from typing import Any

from nbcnn.conformance.formatting import figure
from nbcnn.conformance.signatures import Arrays
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d.problem import Conv2dProblem


def terms(p: Conv2dProblem, inputs: Arrays, name: str, place: tuple[int, ...], image: int | None) -> list[str]:
    """The products of the number at ``place`` of y or dx in an image, or of dw or db; no stride, dilation or groups."""
    (_, OH, OW), (KH, KW), (top, _, left, _) = p.y_shape, p.kernel_size, p.padding
    x, w, dy = inputs["x"], inputs["w"], inputs["dy"]
    found: list[tuple[Any, ...]] = []
    if name == "y":
        o, i, j = place
        found.append((inputs["b"][o],))
        for c, a, k in product(range(p.in_channels), range(KH), range(KW)):
            r, q = i + a - top, j + k - left
            if 0 <= r < p.height and 0 <= q < p.width:
                found.append((x[c, r, q, image], w[o, c, a, k]))
    elif name == "dx":
        c, r, q = place
        for o, a, k in product(range(p.out_channels), range(KH), range(KW)):
            i, j = r - a + top, q - k + left
            if 0 <= i < OH and 0 <= j < OW:
                found.append((dy[o, i, j, image], w[o, c, a, k]))
    else:
        for l, i, j in product(range(LANES), range(OH), range(OW)):
            if name == "db":
                found.append((dy[place[0], i, j, l],))
                continue
            o, c, a, k = place
            r, q = i + a - top, j + k - left
            if 0 <= r < p.height and 0 <= q < p.width:
                found.append((dy[o, i, j, l], x[c, r, q, l]))
        found = [one for one in found if one[0]]  # images without a gradient add nothing
    return ["·".join(_factor(number) for number in one) for one in found]


def _factor(number: Any) -> str:
    return f"({figure(number)})" if number < 0 else figure(number)
