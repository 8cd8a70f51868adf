"""Branches that do not fit: the sentence with both shapes, and the shortcut that it proposes, built."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from nbcnn.config import load_config
from nbcnn.errors import ShapeError
from nbcnn.training.model import Model


def build(*layers: Any, channels: int = 3, height: int = 9, width: int = 8) -> Model:
    size = {"channels": channels, "height": height, "width": width}
    return Model(load_config({"name": "t", "input": size, "layers": list(layers)}))


def conv(channels: int, **more: Any) -> dict[str, Any]:
    return {"conv2d": {"out_channels": channels, "kernel_size": 3, "padding": 1, **more}}


BODIES: dict[str, list[Any]] = {
    "more channels": [conv(5)],
    "a stride": [conv(5, stride=2), conv(5)],
    "two strides": [conv(3, stride=2), conv(3, stride=2)],
    "unequal strides": [conv(4, stride=[1, 3])],
    "pooling": [{"max_pool2d": {"kernel_size": 3, "stride": 2, "padding": 1}}],
}


@pytest.mark.parametrize("size", [(9, 8), (8, 8), (7, 12), (1, 5)])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_the_shortcut_that_a_message_proposes_fits(body: list[Any], size: tuple[int, int]) -> None:
    where = {"height": size[0], "width": size[1]}
    out = build(*body, **where).out_shape
    with pytest.raises(ShapeError) as caught:
        build({"residual": {"body": body}}, **where)
    told = str(caught.value)
    assert told.startswith(
        f"layers[0].residual: the body gives {out} and the shortcut (3, {size[0]}, {size[1]}), which"
    )
    proposed = re.search(r"a 1×1 convolution makes it fit: shortcut: (\[.*\])$", told)
    assert proposed, told
    assert build({"residual": {"body": body, "shortcut": yaml.safe_load(proposed[1])}}, **where).out_shape == out


WRONG: list[tuple[Any, str]] = [
    ({"residual": {"body": [{"conv2d": {"out_channels": 3, "kernel_size": 3}}]}}, "the body gives (3, 7, 6) and the shortcut (3, 9, 8), which can't be added; pad the body's"),
    ({"residual": {"body": ["flatten"]}}, "the body gives (216,) and the shortcut (3, 9, 8), which can't be added; both must have the same shape"),
    ({"residual": {"body": [conv(4)], "shortcut": [conv(5)]}}, "the body gives (4, 9, 8) and the shortcut (5, 9, 8), which can't be added; this makes it fit: "),
    ({"parallel": {"merge": "add", "branches": [[conv(4)], [conv(5)]]}}, "branches of shapes (4, 9, 8) and (5, 9, 8) can't be added: all must be equal"),
    ({"parallel": {"merge": "concat", "branches": [[conv(4)], [conv(4, stride=2)]]}}, "branches of shapes (4, 9, 8) and (4, 5, 4) can't be concatenated: rows and columns must be equal"),
    ({"parallel": {"merge": "concat", "branches": [[conv(4)], ["flatten"]]}}, "branches of shapes (4, 9, 8) and (216,) can't be concatenated"),
    ({"parallel": {"merge": "multiply", "branches": [[conv(4)], [conv(5), "global_avg_pool2d"]]}}, "branches of shapes (4, 9, 8) and (5, 1, 1) can't be multiplied: the second must be like the first, or have (4, 1, 1)"),
    ({"parallel": {"merge": "multiply", "branches": [[conv(4)]] * 3}}, "merge: multiply takes 2 branches, got 3"),
    ({"dense": [conv(4), conv(4, stride=2)]}, "layers[0].dense[1].conv2d gives (4, 5, 4) of (7, 9, 8); in dense all layers keep rows and columns, here 9×8"),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "words"), WRONG, ids=[words for _, words in WRONG])
def test_what_can_not_be_joined_is_said_with_the_shapes(layer: Any, words: str) -> None:
    with pytest.raises(ShapeError) as caught:
        build(layer)
    assert str(caught.value).startswith(f"layers[0].{next(iter(layer))}: {words}")
