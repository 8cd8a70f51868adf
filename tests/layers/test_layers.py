"""Arguments of the layers: what they take, the shapes that follow, what is shown, and the sentences for what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exhaustive import parametrize

import nbcnn
import nbcnn.functional as F  # noqa: N812
from nbcnn.config import load_config
from nbcnn.engine.pack_buffers import PackBuffers
from nbcnn.errors import ConfigError, KernelError, NbcnnError, ShapeError
from nbcnn.introspect.summary import Row, summarize
from nbcnn.training.model import Model


def build(*layers: Any, channels: int = 4, height: int = 9, width: int = 8) -> Model:
    size = {"channels": channels, "height": height, "width": width}
    return Model(load_config({"name": "t", "input": size, "layers": list(layers)}))


def conv2d(**arguments: Any) -> dict[str, Any]:
    return {"conv2d": {"out_channels": 6, "kernel_size": 3, **arguments}}


def rows(*layers: Any, **size: int) -> list[Row]:
    return summarize(build(*layers, **size).root)


LAYERS: dict[str, tuple[Any, tuple[int, ...], str]] = {
    # layer on 4×9×8, its output, its window in the summary
    "conv2d": (conv2d(), (6, 7, 6), "3×3"),
    "padding": (conv2d(padding=2), (6, 11, 10), "3×3 +2"),
    "padding of axes": (conv2d(padding=[2, 0]), (6, 11, 6), "3×3 +2×0"),
    "padding on four sides": (conv2d(padding=[1, 0, 0, 2]), (6, 8, 8), "3×3 +1,0,0,2"),
    "four sides alike": (conv2d(padding=[1, 1, 1, 1]), (6, 9, 8), "3×3 +1"),
    "same": (conv2d(padding="same"), (6, 9, 8), "3×3 +1"),
    "same of an even kernel": (conv2d(kernel_size=4, padding="same"), (6, 9, 8), "4×4 +1,2,1,2"),
    "same and stride": (conv2d(padding="same", stride=2), (6, 5, 4), "3×3 /2 +1,1,0,1"),
    "same and dilation": (conv2d(padding="same", dilation=[1, 3]), (6, 9, 8), "3×3 +1×3 d1×3"),
    "valid": (conv2d(padding="valid"), (6, 7, 6), "3×3"),
    "dilation": (conv2d(dilation=3), (6, 3, 2), "3×3 d3"),
    "groups": (conv2d(groups=2), (6, 7, 6), "3×3 g2"),
    "everything": (conv2d(groups=2, stride=[2, 1], padding=1, dilation=2), (6, 4, 6), "3×3 /2×1 +1 d2 g2"),
    "max_pool2d": ({"max_pool2d": {"kernel_size": 2}}, (4, 4, 4), "2×2 /2"),
    "ceil": ({"max_pool2d": {"kernel_size": 2, "ceil_mode": True}}, (4, 5, 4), "2×2 /2 ceil"),
    "dilated": ({"max_pool2d": {"kernel_size": 3, "stride": 1, "dilation": 2}}, (4, 5, 4), "3×3 d2"),
    "sides": ({"max_pool2d": {"kernel_size": 3, "padding": [2, 0, 0, 1]}}, (4, 3, 3), "3×3 /3 +2,0,0,1"),
    "average": (
        {"avg_pool2d": {"kernel_size": [3, 2], "stride": 2, "padding": [1, 0], "ceil_mode": True}},
        (4, 5, 4),
        "3×2 /2 +1×0 ceil",
    ),
    "average, sides": ({"avg_pool2d": {"kernel_size": 2, "padding": [0, 1, 0, 0]}}, (4, 5, 4), "2×2 /2 +0,1,0,0"),
    "global_max_pool2d": ("global_max_pool2d", (4, 1, 1), "9×8"),
    "global_avg_pool2d": ("global_avg_pool2d", (4, 1, 1), "9×8"),
}


@pytest.mark.parametrize("case", LAYERS)
def test_shapes_and_windows(case: str) -> None:
    layer, shape, window = LAYERS[case]
    (row,) = rows(layer)
    assert (row.out_shape, row.window) == (shape, window)
    assert build(layer).out_shape == shape


@parametrize("case", LAYERS, quick=lambda case: "conv2d" not in LAYERS[case][0] or case in ("padding", "everything"))
def test_a_layer_computes_what_the_function_does(case: str) -> None:
    layer, _, _ = LAYERS[case]
    kind, arguments = next(iter(layer.items())) if isinstance(layer, dict) else (layer, {})
    network = build(layer)
    x = np.random.default_rng(1).standard_normal((3, 4, 9, 8)).astype(np.float32)
    if kind == "conv2d":
        more = {key: arguments[key] for key in arguments.keys() - {"out_channels", "kernel_size"}}
        y = F.conv2d(x, network.tensors["0.weight"], network.tensors["0.bias"], **more)
    else:
        y = getattr(F, kind)(x, **arguments)
    np.testing.assert_array_equal(network(x), y)


def test_the_receptive_field_grows_with_dilation() -> None:
    fields = [row.field for row in rows(conv2d(dilation=2), {"max_pool2d": {"kernel_size": 2, "dilation": [1, 2]}})]
    assert [field and field.size for field in fields] == [(5, 5), (6, 7)]


def test_a_window_over_the_whole_image_sees_everything() -> None:
    fields = [row.field for row in rows(conv2d(), "global_avg_pool2d", conv2d(kernel_size=1))]
    assert fields[0] is not None and fields[1:] == [None, None]


FIELDS: dict[str, list[Any]] = {
    "a padded window of the image's size": [conv2d(kernel_size=5, padding=2)],
    "a padded window at stride 1": [{"max_pool2d": {"kernel_size": 5, "padding": 2, "stride": 1}}],
    "the same size": [conv2d(kernel_size=5, padding="same")],
    "a window of the image's size": [conv2d(kernel_size=5)],
    "a larger window, padded": [conv2d(kernel_size=9, padding=4)],
    "a window with gaps": [conv2d(kernel_size=3, dilation=2)],
    "linear after rows that the floor drops": [{"avg_pool2d": {"kernel_size": 2}}, "flatten", {"linear": {"out_features": 2}}],
    "linear after rows that the stride skips": [conv2d(kernel_size=1, stride=2), "flatten", {"linear": {"out_features": 2}}],
    "linear after all rows": [conv2d(kernel_size=2), "flatten", {"linear": {"out_features": 2}}],
    "one column wide": [conv2d(kernel_size=[5, 1]), {"avg_pool2d": {"kernel_size": [1, 5]}}],
    "global after padding": [conv2d(kernel_size=3, padding=1), "global_avg_pool2d", conv2d(kernel_size=1)],
}  # fmt: skip


@pytest.mark.parametrize("layers", FIELDS.values(), ids=FIELDS)
def test_all_is_said_only_where_every_output_depends_on_every_pixel(layers: list[Any]) -> None:
    size = (5, 5)
    network = build(*layers, height=5, width=5)
    field = rows(*layers, height=5, width=5)[-1].field
    x = np.random.default_rng(2).standard_normal((1, 4, *size)).astype(np.float32)
    before = network(x)
    depends = np.ones((*before[0].shape, *size), bool)  # on which pixels each output does
    for i, j in np.ndindex(*size):
        changed = x.copy()
        changed[0, :, i, j] += 1e4
        depends[..., i, j] = network(changed)[0] != before[0]
    assert (field is None) == bool(depends.all())
    if field is not None and before.ndim == 2:  # linear: all outputs see the same rows and columns
        extent = [int(np.ptp(np.flatnonzero(depends[0].any(axis=axis)))) + 1 for axis in (1, 0)]
        assert list(field.size) == extent


def test_weights_of_groups_are_pytorchs() -> None:
    network = build(conv2d(groups=2), conv2d(groups=6, bias=False))
    assert {name: tensor.shape for name, tensor in network.tensors.items()} == {
        "0.weight": (6, 2, 3, 3),
        "0.bias": (6,),
        "1.weight": (6, 1, 3, 3),
    }
    bound = 1 / np.sqrt(2 * 9)  # equation (26), with the channels of one group
    assert 0.9 * bound < np.abs(network.tensors["0.weight"]).max() <= bound


def test_global_pooling_takes_images_of_any_size() -> None:
    layers = (conv2d(padding="same"), "global_max_pool2d", "flatten", {"linear": {"out_features": 3}})
    shapes = [
        {name: t.shape for name, t in build(*layers, height=h, width=w).tensors.items()} for h, w in ((5, 7), (9, 4))
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("padding", "kept"), [(2, (2, 2)), ([1, 0], (1, 0)), ([1, 0, 2, 3], (1, 0, 2, 3)), ("same", "same")]
)
def test_padding_in_the_resolved_config(padding: Any, kept: Any) -> None:
    config = load_config(
        {"name": "t", "input": {"channels": 4, "height": 9, "width": 9}, "layers": [conv2d(padding=padding)]}
    )
    assert config.layers[0].model_dump()["padding"] == kept
    mapping = config.to_mapping()
    assert mapping["layers"][0]["conv2d"]["padding"] == (kept if kept == "same" else list(kept))
    assert load_config(mapping).to_mapping() == mapping


def test_backends_of_global_pooling_are_those_of_pooling() -> None:
    network = build("global_max_pool2d", {"global_avg_pool2d": {"backend": "direct"}})
    assert [(layer.op, layer.backend) for layer in network.layers()] == [
        ("max_pool2d", "direct"),
        ("avg_pool2d", "direct"),
    ]


SIDES = "a whole number of at least 0, or a list of two (rows, columns) or four (top, bottom, left, right)"
WORDS = SIDES + ", or same or valid"
MOST = "padding [2, 2] is more than half of kernel_size [3, 3]; four sides [top, bottom, left, right] may be wider"
WRONG: list[tuple[Any, type[NbcnnError], str]] = [
    (conv2d(padding="smae"), ConfigError, f"layers[0].conv2d.padding: expected {WORDS}, got 'smae'"),
    (conv2d(padding=-1), ConfigError, f"layers[0].conv2d.padding: expected {WORDS}, got -1"),
    (conv2d(padding=[1, 2, 3]), ConfigError, f"layers[0].conv2d.padding: expected {WORDS}, got [1, 2, 3]"),
    (conv2d(padding=[1, 2, 3, 4, 5]), ConfigError, f"layers[0].conv2d.padding: expected {WORDS}, got [1, 2, 3, 4, 5]"),
    (
        conv2d(padding=[1, -2]),
        ConfigError,
        "layers[0].conv2d.padding[1]: expected a whole number of at least 0, got -2",
    ),
    (conv2d(padding=[0, 0, 1, -2]), ConfigError, "conv2d.padding[3]: expected a whole number of at least 0, got -2"),
    (conv2d(padding=[0, 0, 1, 0.5]), ConfigError, "conv2d.padding[3]: expected a whole number of at least 0, got 0.5"),
    (conv2d(padding=True), ConfigError, f"layers[0].conv2d.padding: expected {WORDS}, got true"),
    (conv2d(padding=None), ConfigError, f"layers[0].conv2d.padding: expected {WORDS}, got null"),
    (conv2d(dilation=0), ConfigError, "layers[0].conv2d.dilation: expected a whole number of at least 1, or"),
    (
        conv2d(dilation=[1, 0]),
        ConfigError,
        "layers[0].conv2d.dilation[1]: expected a whole number of at least 1, got 0",
    ),
    (conv2d(groups=0), ConfigError, "layers[0].conv2d.groups: expected a whole number of at least 1, got 0"),
    (conv2d(groups=True), ConfigError, "layers[0].conv2d.groups: expected a whole number of at least 1, got true"),
    (conv2d(groups=[2, 2]), ConfigError, "layers[0].conv2d.groups: expected a whole number of at least 1, got [2, 2]"),
    (conv2d(groups=4), ShapeError, "groups 4 must divide the 4 input and the 6 output channels: 6 = 1·4 + 2"),
    (conv2d(groups=3), ShapeError, "groups 3 must divide the 4 input and the 6 output channels: 4 = 1·3 + 1"),
    (conv2d(ceil_mode=True), ConfigError, "unknown key 'ceil_mode'; only pooling rounds sizes up; leave it out"),
    (
        conv2d(dilation=5),
        ShapeError,
        "a kernel of height 11 (dilated: 5·(3 - 1) + 1) does not fit the padded input: 9 + 2·0 = 9 is less than 11; "
        "use a smaller kernel, more padding",
    ),
    (conv2d(kernel_size=11, padding=[0, 2, 0, 2]), ShapeError, "the padded input: 8 + 0 + 2 = 10 is less than 11;"),
    ({"max_pool2d": {"kernel_size": 3, "padding": 2}}, ConfigError, f"layers[0].max_pool2d: {MOST}"),
    ({"max_pool2d": {"kernel_size": 2, "padding": "same"}}, ConfigError, f"padding: expected {SIDES}, got 'same'"),
    (
        {"avg_pool2d": {"kernel_size": 3, "padding": [0, 3, 0, 0]}},
        ConfigError,
        "layers[0].avg_pool2d: padding [0, 3, 0, 0] has a side that is not below the window's 3×3, so that a window",
    ),
    (
        {"max_pool2d": {"kernel_size": 2, "padding": [0, 0, 0, 4], "dilation": 3}},
        ConfigError,
        "layers[0].max_pool2d: padding [0, 0, 0, 4] has a side that is not below the window's 4×4",
    ),
    (
        {"max_pool2d": {"kernel_size": 2, "padding": 1, "dilation": [1, 9]}},
        ShapeError,
        "column 0 of the output has no pixel to choose from: its window looks at columns -1, 8 of an input that has "
        "columns 0 to 7; use less dilation or less padding",
    ),
    (
        {"max_pool2d": {"kernel_size": 2, "ceil_mode": "yes"}},
        ConfigError,
        "ceil_mode: expected true or false, got 'yes'",
    ),
    (
        {"max_pool2d": {"kernel_size": 2, "return_indices": True}},
        ConfigError,
        "unknown key 'return_indices'; the places of the largest pixels are not kept; leave it out",
    ),
    (
        {"avg_pool2d": {"kernel_size": 2, "dilation": 2}},
        ConfigError,
        "unknown key 'dilation'; only conv2d and max_pool2d have dilation; leave it out",
    ),
    (
        {"avg_pool2d": {"kernel_size": 2, "groups": 2}},
        ConfigError,
        "unknown key 'groups'; only conv2d has groups of channels; leave it out",
    ),
    (
        {"avg_pool2d": {"kernel_size": 2, "divisor_override": 0}},
        ConfigError,
        "layers[0].avg_pool2d: divisor_override is 0; expected a whole number other than 0, or null",
    ),
    (
        {"avg_pool2d": {"kernel_size": 2, "divisor_override": 0.5}},
        ConfigError,
        "divisor_override: expected a whole number, or null, got 0.5",
    ),
    (
        {"global_avg_pool2d": {"output_size": 1}},
        ConfigError,
        "unknown key 'output_size'; only adaptive_avg_pool2d has it: use that layer, or leave it out",
    ),
    (
        {"global_avg_pool2d": {"kernel_size": 2}},
        ConfigError,
        "unknown key 'kernel_size'; known: backend",
    ),
    (
        {"global_max_pool2d": {"backend": "fft"}},
        ConfigError,
        "unknown backend 'fft' for max_pool2d; known: auto, direct",
    ),
]


@pytest.mark.parametrize(("layer", "kind", "sentence"), WRONG, ids=[sentence[:60] for _, _, sentence in WRONG])
def test_what_is_wrong_is_told_in_a_sentence(layer: Any, kind: type[NbcnnError], sentence: str) -> None:
    with pytest.raises(kind) as caught:
        build(layer)
    assert sentence in str(caught.value)


def test_shape_errors_say_where_in_the_file(tmp_path: Any) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(
        "name: n\ninput: {channels: 3, height: 8, width: 8}\nlayers:\n- conv2d: {out_channels: 4, kernel_size: 1, groups: 2}\n"
    )
    with pytest.raises(ShapeError, match=r"net\.yaml:4:3: layers\[0\]\.conv2d: groups 2 must divide .*: 3 = 1·2 \+ 1"):
        nbcnn.load(path)


def test_pooling_of_features() -> None:
    with pytest.raises(ShapeError, match=r"expected an image \(channels, height, width\), got 288 features; move this"):
        build("flatten", "global_avg_pool2d")


def test_a_backend_that_cannot_do_a_layer_says_so() -> None:
    network = build(conv2d(backend="pointwise", dilation=2))
    with pytest.raises(
        KernelError, match=r"layer 0 \(conv2d\)|layers\[0\]\.conv2d.*backend pointwise can't do this conv2d"
    ):
        network(np.zeros((1, 4, 9, 8), np.float32))


@pytest.mark.parametrize("kind", ["relu", "flatten"])
def test_a_layer_is_not_bound_to_a_copy(kind: str) -> None:
    """Where memory with gaps can't be seen in another shape, nobody would fill the copy, and zeros would come out."""
    network = build(kind)
    (layer,), whole = network.root.children, np.zeros((4, 9, 16, 16), np.float32)
    buffers = PackBuffers(network, training=True)
    for x, dx in ((whole[:, :, :8], whole[:, :, :8].copy()), (whole[:, :, :8].copy(), whole[:, :, :8])):
        with pytest.raises(
            KernelError, match=rf"{kind}.*: it is bound to a part of an array with gaps .*; bind it to a"
        ):
            layer.bind(buffers, x, dx, True)
    assert layer.bind(buffers, whole[:, :, :8].copy(), whole[:, :, :8].copy(), True).y.size == 4 * 9 * 8 * 16
