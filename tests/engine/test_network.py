"""Networks: parameters, initialisation, shapes and their errors, loading."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

import nbcnn
from nbcnn.config import load_config
from nbcnn.errors import CheckpointError, DataError, KernelError, ShapeError
from nbcnn.introspect.summary import summarize
from nbcnn.training.evaluation import check_data
from nbcnn.training.model import Model

INPUT = {"channels": 1, "height": 28, "width": 28}


def build(*layers, **more):
    return Model(load_config({"name": "t", "input": INPUT, "layers": list(layers), **more}))


def test_lenet_has_the_parameters_of_the_book_under_pytorchs_names():
    net = nbcnn.load("lenet")
    assert net.parameters.size == 61_706
    assert {name: tensor.shape for name, tensor in net.tensors.items()} == {
        "0.weight": (6, 1, 5, 5),
        "0.bias": (6,),
        "3.weight": (16, 6, 5, 5),
        "3.bias": (16,),
        "7.weight": (120, 400),
        "7.bias": (120,),
        "9.weight": (84, 120),
        "9.bias": (84,),
        "11.weight": (10, 84),
        "11.bias": (10,),
    }


def test_nested_layers_have_nested_names():
    net = build(
        {"sequential": ["relu", {"conv2d": {"out_channels": 2, "kernel_size": 3}}]},
        "flatten",
        {"linear": {"out_features": 3}},
    )
    assert list(net.tensors) == ["0.1.weight", "0.1.bias", "2.weight", "2.bias"]
    assert net.out_shape == (3,)


def test_nesting_changes_nothing_but_names():
    conv, linear = {"conv2d": {"out_channels": 2, "kernel_size": 3}}, {"linear": {"out_features": 3}}
    flat, nested = build(conv, "relu", "flatten", linear), build({"sequential": [conv, "relu"]}, "flatten", linear)
    x = np.random.default_rng(0).random((5, 1, 28, 28), dtype=np.float32)
    assert np.array_equal(flat(x), nested(x))


@pytest.mark.parametrize(
    ("init", "bound"),
    [("default", 1 / sqrt(150)), ("xavier_uniform", sqrt(6 / (150 + 400))), ("kaiming_uniform", sqrt(6 / 150))],
)
def test_initialisation_has_the_distribution_of_its_name(init, bound):
    net = nbcnn.load("lenet", overrides=nbcnn.config.Overrides(sets=(f"train.init={init}",)))
    weight, bias = net.tensors["3.weight"], net.tensors["3.bias"]
    assert 0.97 * bound < np.abs(weight).max() <= bound
    assert abs(weight.mean()) < 0.05 * bound
    assert np.abs(bias).max() <= 1 / sqrt(150)
    assert bias.any()


def test_the_seed_decides_the_initial_parameters():
    config = {"name": "t", "input": INPUT, "layers": ["flatten", {"linear": {"out_features": 4}}]}
    first, again, other = (Model(load_config({**config, "train": {"seed": seed}})).parameters for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_kernel_larger_than_the_padded_input_is_answered_with_the_arithmetic(tmp_path):
    file = tmp_path / "big.yaml"
    file.write_text(
        "name: big\ninput: {channels: 1, height: 28, width: 28}\nlayers:\n"
        "  - conv2d: {out_channels: 2, kernel_size: 5, stride: 3}\n"
        "  - conv2d: {out_channels: 2, kernel_size: 11, padding: 1}\n"
    )
    with pytest.raises(
        ShapeError, match=r"big.yaml:5:5: layers\[1\].conv2d: .*height 11.*8 \+ 2·1 = 10 is less than 11"
    ):
        nbcnn.load(file)
    with pytest.raises(ShapeError, match=r"a window of width 9 does not fit .* 8 \+ 2·0 = 8 is less than 9"):
        build({"conv2d": {"out_channels": 1, "kernel_size": 21}}, {"max_pool2d": {"kernel_size": [8, 9]}})


def test_images_and_features_are_not_mixed_up():
    with pytest.raises(
        ShapeError, match=r"expected features, got an image \(1, 28, 28\); put a flatten .* 1·28·28 = 784"
    ):
        build({"linear": {"out_features": 10}})
    with pytest.raises(ShapeError, match=r"expected an image \(channels, height, width\), got 784 features"):
        build("flatten", {"conv2d": {"out_channels": 1, "kernel_size": 1}})


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((4, 28, 28, 1), r"probably \(N, H, W, C\), channels last"),
        ((1, 28, 28), r"one image without the batch axis: pass x\[None\]"),
        ((4, 28, 28), r"the channel axis is missing: pass x\[:, None\]"),
        ((4, 1, 28, 27), r"1 channel\(s\), 28 rows and 28 columns"),
    ],
)
def test_a_wrong_layout_is_recognised(shape, hint):
    with pytest.raises(ShapeError, match=hint):
        nbcnn.load("lenet")(np.zeros(shape, np.float32))


def test_bytes_and_lists_are_refused():
    net = nbcnn.load("lenet")
    with pytest.raises(ShapeError, match=r"got uint8 numbers; scale bytes as in training"):
        net(np.zeros((1, 1, 28, 28), np.uint8))
    with pytest.raises(ShapeError, match="got list; pass a NumPy array"):
        net([[0.0]])


def test_no_images_give_no_scores():
    assert nbcnn.load("lenet")(np.zeros((0, 1, 28, 28), np.float32)).shape == (0, 10)


def test_data_that_does_not_fit_the_network_is_refused():
    mini = nbcnn.data.load_dataset(nbcnn.load("lenet").config.data)
    with pytest.raises(
        DataError, match=r"labels of fashion-mnist-mini go from 0 to 9, the last layer gives only 8 scores"
    ):
        check_data(build("flatten", {"linear": {"out_features": 8}}), mini)
    with pytest.raises(DataError, match=r"the last layer gives \(1, 28, 28\) numbers an image.*flatten and linear"):
        check_data(build("relu"), mini)
    small = Model(
        load_config(
            {"name": "t", "input": {**INPUT, "height": 14}, "layers": ["flatten", {"linear": {"out_features": 10}}]}
        )
    )
    with pytest.raises(DataError, match=r"images are 1×28×28.*takes 1×14×28; set input"):
        check_data(small, mini)


def test_a_refused_problem_names_the_layer(monkeypatch):
    from nbcnn.kernels.conv2d.direct import Direct

    monkeypatch.setattr(Direct, "supports", lambda self, problem: "it is Sunday")
    nbcnn.kernels.registry.prepare.cache_clear()
    try:
        with pytest.raises(
            KernelError,
            match=r"layers\[0\].conv2d: backend direct can't do this conv2d: it is Sunday; these can: fft, im2col, naive",
        ):
            nbcnn.load("lenet")(np.zeros((1, 1, 28, 28), np.float32))
    finally:
        nbcnn.kernels.registry.prepare.cache_clear()


def test_a_state_dict_of_another_network_names_the_tensor_and_both_shapes():
    net = nbcnn.load("lenet")
    tensors = net.state_dict()
    tensors["3.weight"] = np.zeros((17, 6, 5, 5), np.float32)
    with pytest.raises(
        CheckpointError, match=r"3.weight is \(17, 6, 5, 5\) in the state dict and \(16, 6, 5, 5\) in the network"
    ):
        net.load_state_dict(tensors)


def test_summary_counts_what_the_book_counts():
    rows = summarize(nbcnn.load("lenet").root)
    assert [row.out_shape for row in rows][:7] == [
        (6, 28, 28),
        (6, 28, 28),
        (6, 14, 14),
        (16, 10, 10),
        (16, 10, 10),
        (16, 5, 5),
        (400,),
    ]
    assert rows[0].macs == 6 * 28 * 28 * 25
    assert rows[3].macs == 16 * 10 * 10 * 6 * 25
    assert [row.field.size if row.field else None for row in rows][:7] == [
        (5, 5),
        (5, 5),
        (6, 6),
        (14, 14),
        (14, 14),
        (16, 16),
        (16, 16),
    ]
    assert rows[-1].field is None
    assert rows[0].window == "5×5 +2"
    assert rows[2].window == "2×2 /2"


def test_numbers_that_float32_lacks_are_refused():
    net = nbcnn.load("lenet")
    x = np.zeros((2, 1, 28, 28))
    x[1, 0, 3, 4] = -1e39
    with pytest.raises(ShapeError, match=r"^x holds numbers that float32 can't, beyond 3\.4e38; scale pixels as in"):
        net(x)
    x[1, 0, 3, 4] = np.inf  # that float32 can
    with np.errstate(over="ignore"):  # kernels as plain Python warn
        assert net(x).shape == (2, 10)


def test_a_masked_array_is_refused():
    with pytest.raises(ShapeError, match=r"^x is a masked array; fill its gaps first: x\.filled\(0\)$"):
        nbcnn.load("lenet")(np.ma.zeros((1, 1, 28, 28), np.float32))


def test_backends_of_layers_that_stand_directly_in_branches_can_be_changed() -> None:
    conv = {"conv2d": {"out_channels": 1, "kernel_size": 3, "padding": 1, "backend": "auto"}}
    layers = [
        {"residual": {"body": [conv, conv], "shortcut": [conv]}},
        {"parallel": {"merge": "add", "branches": [[conv], [conv]]}},
        {"dense": [conv, {"sequential": [conv]}]},
        "flatten",
    ]
    given = {"name": "t", "input": {"channels": 1, "height": 8, "width": 8}, "layers": layers}
    network = nbcnn.Network(nbcnn.config.load_config(given))
    paths = [layer.path for layer in network.layers() if layer.backend == "auto"]
    assert len(paths) == 7
    network.choose_backends(dict.fromkeys(paths, "naive"))
    assert [layer.backend for layer in network.layers() if layer.op == "conv2d"] == ["naive"] * 7
