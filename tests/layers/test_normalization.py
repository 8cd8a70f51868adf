"""group_norm and layer_norm: numbers by hand, PyTorch's names of state, what depends on what, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nbcnn.config import load_config
from nbcnn.engine.engine import Engine
from nbcnn.errors import NbcnnError
from nbcnn.introspect.summary import summarize
from nbcnn.training.model import Model


def build(*layers: Any, dtype: str = "float32", channels: int = 4, height: int = 3, width: int = 2) -> Model:
    size = {"channels": channels, "height": height, "width": width}
    return Model(load_config({"name": "t", "input": size, "layers": list(layers)}), dtype)


def images(network: Model, count: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (3 + 2 * random.standard_normal((count, *network.in_shape))).astype(network.dtype)


def test_group_norm_by_hand() -> None:
    """Two groups of two channels, of one pixel each: 1 and 3 have mean 2 and variance 1."""
    network = build({"group_norm": {"num_groups": 2, "eps": 3.0}}, height=1, width=1)
    x = np.array([1, 3, 10, 10], np.float32).reshape(1, 4, 1, 1)
    np.testing.assert_array_equal(network(x).reshape(-1), [-0.5, 0.5, 0, 0])  # divided by √(1 + 3)
    network.load_state_dict({"0.weight": np.float32([2, 4, 1, 1]), "0.bias": np.float32([0, 1, 5, 6])})
    np.testing.assert_array_equal(network(x).reshape(-1), [-1, 3, 5, 6])


def test_names_and_first_values_are_pytorchs() -> None:
    network = build(
        {"group_norm": {"num_groups": 2}}, "layer_norm", "flatten", "layer_norm", {"group_norm": {"num_groups": 4}}
    )
    assert {name: tensor.shape for name, tensor in network.tensors.items()} == {
        "0.weight": (4,),
        "0.bias": (4,),
        "1.weight": (4, 3, 2),
        "1.bias": (4, 3, 2),
        "3.weight": (24,),
        "3.bias": (24,),
        "4.weight": (24,),
        "4.bias": (24,),
    }
    for name, tensor in network.tensors.items():
        np.testing.assert_array_equal(tensor, 1 if name.endswith("weight") else 0, err_msg=name)
    without = build(
        {"group_norm": {"num_groups": 2, "affine": False}},
        {"layer_norm": {"elementwise_affine": False}},
        {"layer_norm": {"bias": False}},
    )
    assert list(without.tensors) == ["2.weight"]


@pytest.mark.parametrize("init", ["xavier_uniform", "kaiming_uniform"])
def test_no_rule_of_initialisation_changes_the_first_values(init: str) -> None:
    size = {"channels": 4, "height": 3, "width": 2}
    layers = [{"conv2d": {"out_channels": 4, "kernel_size": 1}}, {"group_norm": {"num_groups": 2}}]
    network = Model(load_config({"name": "t", "input": size, "layers": layers, "train": {"init": init}}))
    assert np.all(network.tensors["1.weight"] == 1) and not network.tensors["1.bias"].any()
    assert np.ptp(network.tensors["0.weight"]) > 0


@pytest.mark.parametrize("layer", [{"group_norm": {"num_groups": 2}}, {"group_norm": {"num_groups": 1}}, "layer_norm"])
def test_each_group_has_mean_0_and_variance_1(layer: Any) -> None:
    network = build(layer, dtype="float64", height=7, width=6)
    groups = layer["group_norm"]["num_groups"] if isinstance(layer, dict) else 1
    y = network(images(network, 5)).reshape(5, groups, -1)
    np.testing.assert_allclose(y.mean(2), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(2), 1, rtol=1e-4)  # but for eps


def test_one_group_of_all_channels_is_layer_norm_but_for_the_weights() -> None:
    x = images(build("layer_norm"), 3)
    one, other = build({"group_norm": {"num_groups": 1}})(x), build("layer_norm")(x)
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_large_mean_does_not_cancel() -> None:
    """Σ x² - m² in one pass would leave nothing of a variance of 1 beside a mean of 4096."""
    network = build({"group_norm": {"num_groups": 1}}, height=20, width=20)
    x = images(network, 2)
    np.testing.assert_allclose(network(x + 4096), network(x), atol=2e-3)
    long = build("layer_norm", height=60, width=60)  # 14,400 numbers, in blocks
    x = images(long, 1)
    exact = (x - x.mean(dtype="f8")) / np.sqrt(x.var(dtype="f8") + 1e-5)
    np.testing.assert_allclose(long(x), exact, atol=2e-6)


def test_an_image_is_normalised_alone() -> None:
    """The same bits in any batch, in a pack and one by one; a NaN stays in its image."""
    network = build({"group_norm": {"num_groups": 2}}, "layer_norm", height=5, width=5)
    x = images(network, 20)
    y = network(x)
    for count in (1, 3, 17):
        np.testing.assert_array_equal(network(x[:count]), y[:count])
    x[4, 0, 0, 0] = np.nan
    spoilt = network(x)
    assert np.isnan(spoilt[4]).all()
    np.testing.assert_array_equal(np.delete(spoilt, 4, 0), np.delete(y, 4, 0))


def test_gradients_are_the_same_on_any_number_of_threads_and_blank_images_add_nothing() -> None:
    layers: list[Any] = [
        {"conv2d": {"out_channels": 6, "kernel_size": 2}},
        {"group_norm": {"num_groups": 3}},
        "relu",
        {"layer_norm": {"bias": False}},
        "flatten",
        {"linear": {"out_features": 3}},
    ]
    network = build(*layers, height=6, width=6)
    x, labels = images(network, 75), np.random.default_rng(1).integers(0, 3, 75)
    found = set()
    for threads in (1, 2, 3):
        engine = Engine(network, threads=threads)
        losses = engine.train_step(x, labels, np.arange(75)).losses
        found.add((losses.tobytes(), engine.gradient.tobytes()))
        engine.close()
    assert len(found) == 1
    engine = Engine(network, threads=1)
    engine.train_step(x, labels, np.arange(3))  # 13 blank images beside 3
    alone = engine.gradient.copy()
    engine.train_step(np.concatenate([x[:3], np.full_like(x[:13], 9)]), labels[:16], np.arange(3))
    engine.close()
    np.testing.assert_array_equal(engine.gradient, alone)
    assert np.isfinite(alone).all() and alone.any()


def test_an_output_depends_on_all_pixels() -> None:
    rows = summarize(build({"conv2d": {"out_channels": 2, "kernel_size": 2}}, {"group_norm": {"num_groups": 2}}).root)
    assert rows[0].field is not None and rows[1].field is None
    assert [row.parameters for row in rows] == [2 * 4 * 4 + 2, 4]
    (_, row) = summarize(build({"conv2d": {"out_channels": 1, "kernel_size": 1, "stride": 2}}, "layer_norm").root)
    assert row.field is not None and row.field.size == (3, 1)  # the second column is under no window


WRONG: list[tuple[Any, str]] = [
    ({"group_norm": {"num_groups": 3}}, "num_groups 3 must divide the 4 channels: 4 = 1·3 + 1"),
    ({"group_norm": {"num_groups": 8}}, "num_groups 8 must divide the 4 channels: 4 = 0·8 + 4"),
    ({"group_norm": {"num_groups": 0}}, "layers[0].group_norm.num_groups: expected a whole number of at least 1"),
    ("group_norm", "layers[0].group_norm: num_groups is missing"),
    ({"group_norm": {"num_groups": 2, "eps": 0}}, "layers[0].group_norm.eps: expected a number above 0, got 0"),
    ({"group_norm": {"num_groups": 2, "eps": 1e-50}}, "1e-50 is 0 or nearly so in float32"),
    ({"group_norm": {"num_groups": 2, "num_channels": 4}}, "unknown key 'num_channels'; it follows from the input and the layers before; leave it out"),
    ({"layer_norm": {"normalized_shape": [4, 3, 2]}}, "unknown key 'normalized_shape'; it follows from the input and the layers before; leave it out"),
    ({"GroupNorm": {"num_groups": 2}}, "unknown layer 'GroupNorm'; did you mean group_norm?"),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "words"), WRONG, ids=[str(layer) for layer, _ in WRONG])
def test_what_is_wrong_is_said_with_the_arithmetic(layer: Any, words: str) -> None:
    with pytest.raises(NbcnnError) as raised:
        build(layer)
    assert words in str(raised.value)


def test_a_group_of_one_number_is_refused() -> None:
    with pytest.raises(
        NbcnnError,
        match="an image has 4 numbers in 4 groups, 1 in each, which is its own mean: group_norm would make it 0",
    ):
        build({"group_norm": {"num_groups": 4}}, height=1, width=1)
    with pytest.raises(
        NbcnnError, match="an image has 1 number, which is its own mean: layer_norm would make it 0 for every image"
    ):
        build("layer_norm", channels=1, height=1, width=1)
    with pytest.raises(NbcnnError, match="num_groups 5 must divide the 24 features: 24 = 4·5 \\+ 4"):
        build("flatten", {"group_norm": {"num_groups": 5}})
