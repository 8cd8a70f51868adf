"""Wrong numbers that no layer made alone: weights, pixels, sums, updates, plugins, and kernels that break the contract."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from plugin_files import TEMPLATES, forget_compiled

from nbcnn.config import Config, load_config
from nbcnn.errors import TrainingError
from nbcnn.plugins import load_plugin, unload_plugin
from trust import wrong_numbers
from trust.wrong_numbers import (  # noqa: F401 (planted_backends is a fixture)
    FIRST,
    LATER,
    PLANTED,
    Fault,
    Planter,
    failure,
    largest,
    order,
    planted_backends,
    trainer,
)

pytestmark = pytest.mark.trust


def test_large_weights_overflow_in_their_layer(tmp_path: Path, count: Callable[..., None]) -> None:
    for threads in (1, 3):
        made = trainer(wrong_numbers.config(tmp_path, "  - flatten\n  - linear: {out_features: 4}\n", threads=threads))
        weight = made.network.tensors["1.weight"]
        weight[:] = 1e30
        weight[2] = 5e36
        pixels = made.data.train.images[order(1)[:16]].reshape(16, -1).astype("f8") / 255
        sums = pixels @ weight.astype("f8").T
        wrong = int((sums > np.finfo("f4").max).sum())
        assert 0 < wrong < 16
        first = int(order(1)[np.flatnonzero((sums > np.finfo("f4").max).any(axis=1))[0]])
        lines = failure(made)
        rest = sums[sums <= np.finfo("f4").max].max()
        assert lines[1:] == [
            f"it began in {tmp_path}/numbers.yaml:5:5: layers[1].linear, forward: of 64 outputs {wrong} are infinite, "
            f"the largest of the others is {rest:.2g}",
            f"what went in: inputs up to {pixels.max():.2g}, weights up to 5e+36, biases up to "
            f"{largest(made.network.tensors['1.bias'])}, all of them numbers; "
            f"first in training image {first} (counted from 0), in pack 1 of 3",
            "try a smaller step, for instance --set train.optimizer.sgd.lr=..., or another init",
        ]
        count("wrong numbers located")


def test_layers_that_run_as_one_are_told_apart(tmp_path: Path, count: Callable[..., None]) -> None:
    """relu and avg_pool2d are one call in training, and only the sum of the windows overflows."""
    layers = "  - conv2d: {out_channels: 1, kernel_size: 1}\n  - relu\n  - avg_pool2d: {kernel_size: 2}\n"
    made = trainer(wrong_numbers.config(tmp_path, layers + "  - flatten\n  - linear: {out_features: 4}\n"))
    made.step(order(1))
    assert "1+2" in [call.layer for call in made.executor.workers[0].stages("train")[0].calls]
    made.network.tensors["0.weight"][:] = 3e38
    made.network.tensors["0.bias"][:] = 0
    lines = failure(made, 2, done=1)
    found = f"it began in {tmp_path}/numbers.yaml:6:5: layers[2].avg_pool2d, forward: of 576 outputs "
    assert lines[1].startswith(found)
    windows = made.data.train.images[order(2)[:16]].reshape(16, 6, 2, 6, 2).astype("f8").sum(axis=(2, 4)) * 3e38 / 255
    assert f"{int((windows > np.finfo('f4').max).sum())} are infinite" in lines[1]
    count("wrong numbers located")


def test_a_weight_that_was_wrong_before(tmp_path: Path, count: Callable[..., None]) -> None:
    made = trainer(wrong_numbers.config(tmp_path))
    made.network.tensors["8.weight"][3, 1:3] = np.nan, np.inf
    lines = failure(made)
    rest = largest(made.network.tensors["8.weight"])
    assert lines[1:] == [
        f"it began before the step, in 8.weight of {wrong_numbers.place(tmp_path, 8)}: of 84 numbers 1 is NaN and 1 is infinite, "
        f"the largest of the others is {rest}",
        "load other weights, or train anew",
    ]
    count("wrong numbers located")


def test_pixels_that_were_scaled_too_far(tmp_path: Path, count: Callable[..., None]) -> None:
    # A file can't say so: it is refused for what float32 makes of it (tests/config/test_precision.py).
    def with_std(std: float) -> Config:
        config = wrong_numbers.config(tmp_path)
        data = load_config(config.to_mapping() | {"data": {"mean": 0.0}}).data
        return config.model_copy(update={"data": data.model_copy(update={"std": (std,)})})

    nothing_left = with_std(1e-45)
    assert "pixels, scaled with data.mean [0.0] and data.std [1e-45]" in failure(trainer(nothing_left))[1]
    made = trainer(with_std(2e-39))
    pixels = made.data.train.images[order(1)[:16]].astype("f8") / (255 * 2e-39)
    wrong = int((pixels > np.finfo("f4").max).sum())
    lines = failure(made)
    assert wrong > 16
    assert lines[1].startswith(
        f"it began in the pixels, scaled with data.mean [0.0] and data.std [2e-39]: of 2,304 numbers {wrong:,} are infinite"
    )
    assert re.fullmatch(r"first in training image \d+ \(counted from 0\), in pack 1 of 3", lines[2])
    assert lines[3].startswith("give data.mean and data.std of pixels counted from 0 (black) to 1 (white)")
    count("wrong numbers located")


@pytest.mark.parametrize("threads", [1, 3])
def test_a_sum_of_gradients_that_are_numbers(
    tmp_path: Path, planter: Planter, count: Callable[..., None], threads: int
) -> None:
    made = trainer(wrong_numbers.config(tmp_path, backends=PLANTED, threads=threads))
    problem = list(made.network.layers())[3].problem
    planter.faults = [Fault(problem, "grad_weight", int(i) + 1, 2e38, count=4) for i in (order(1)[2], order(1)[20])]
    lines = failure(made)
    assert lines[0].startswith("the gradient became inf at step 1")
    assert lines[1].startswith(
        f"it began in the sum of the packs' gradients, with that of pack 2 of 3, in 3.weight of {wrong_numbers.place(tmp_path, 3)}: "
        "of 54 numbers 4 are infinite, the largest of the others is "
    )
    count("wrong numbers located")


@pytest.mark.parametrize("threads", [1, 3])
def test_a_lane_that_no_image_fills(tmp_path: Path, planter: Planter, count: Callable[..., None], threads: int) -> None:
    made = trainer(wrong_numbers.config(tmp_path, backends=PLANTED, threads=threads))
    problem = list(made.network.layers())[8].problem
    planter.faults = [Fault(problem, "forward", int(order(1)[LATER]) + 1, lane=11)]
    lines = failure(made)
    assert lines[1].startswith(f"it began in {wrong_numbers.place(tmp_path, 8)}, forward: of 112 outputs 3 are NaN")
    assert lines[2].endswith("it was in lane 11 of pack 3 of 3, which no image fills: its pixels are 0")
    count("wrong numbers located")


def test_a_kernel_that_spoils_its_input(tmp_path: Path, planter: Planter, count: Callable[..., None]) -> None:
    made = trainer(wrong_numbers.config(tmp_path, backends=PLANTED, threads=1))
    image = int(order(1)[FIRST])
    fault = Fault(list(made.network.layers())[3].problem, "forward", image + 1)
    fault.strike = lambda inputs, *_: inputs[0][0, 1, 1:3].__setitem__((..., FIRST), np.nan)  # type: ignore[method-assign]
    planter.faults = [fault]
    lines = failure(made)
    assert lines[0].startswith("the gradient became nan at step 1")
    assert lines[1].startswith(
        f"it began in {wrong_numbers.place(tmp_path, 3)}, forward: of 1,152 inputs, which it may not change, 2 are NaN, "
    )
    assert lines[2] == f"first in training image {image} (counted from 0), in pack 1 of 3"
    assert "nbcnn kernels check conv2d=planted holds it against" in lines[3]
    count("wrong numbers located")


def test_a_kernel_that_gives_other_results_each_time(tmp_path: Path, planter: Planter) -> None:
    made = trainer(wrong_numbers.config(tmp_path, backends=PLANTED, threads=1))
    problem = list(made.network.layers())[3].problem
    fault = Fault(problem, "forward", int(order(1)[0]) + 1)
    strike = fault.strike
    fault.strike = lambda *a: None if fault.made else strike(*a)  # type: ignore[method-assign]
    planter.faults = [fault]
    lines = failure(made)
    assert lines[0].startswith("the loss became nan at step 1")
    assert lines[1] == (
        "the step was made again, call by call, and all of its numbers were finite: a kernel gives other results"
    )
    assert lines[2].startswith(
        "find out which kernel does not give the same result each time: nbcnn kernels check avg_pool2d=planted, nbcnn "
        "kernels check conv2d=planted, nbcnn kernels check linear=planted"
    )


@pytest.mark.parametrize(
    ("optimizer", "gradient", "first", "second"),
    [
        ("sgd: {lr: 1e30}", 1e10, "a parameter became inf", "in 3.weight of {place}: of 54 numbers 4 are infinite, "),
        ("adam: {lr: 1e-3}", 1e25, "the optimizer's moments became inf", "in moments, which adam keeps: of {moments} numbers 4 are infinite, "),
        ("adamw: {lr: 1e-3}", -1e25, "the optimizer's moments became inf", "in moments, which adamw keeps: of {moments} numbers 4 are infinite, "),
    ],
)  # fmt: skip
def test_an_update_that_overflows(
    tmp_path: Path,
    planter: Planter,
    count: Callable[..., None],
    optimizer: str,
    gradient: float,
    first: str,
    second: str,
) -> None:
    made = trainer(wrong_numbers.config(tmp_path, backends=PLANTED, optimizer="{" + optimizer + "}", threads=1))
    layer = list(made.network.layers())[3]
    image = int(order(1)[0])
    planter.faults = [Fault(layer.problem, "grad_weight", image + 1, gradient, count=4)]
    with pytest.raises(TrainingError) as caught:
        made.step(order(1))
    made.close()
    lines = str(caught.value).splitlines()
    name = optimizer.partition(":")[0]
    second = second.format(place=wrong_numbers.place(tmp_path, 3), moments=2 * made.network.parameters.size)
    assert lines[0].startswith(f"{first} at step 1 (epoch 1)")
    assert lines[1].startswith(f"it began in the update by {name}, {second}")
    assert lines[2] == f"what went in: gradients up to {largest(made.executor.gradient)}, all of them numbers"
    assert abs(float(np.abs(made.executor.gradient).max()) - abs(gradient)) <= 1e-6 * abs(gradient)
    assert lines[3] == f"try a smaller step, for instance --set train.optimizer.{name}.lr=..., or another init"
    count("wrong numbers located")


def test_a_state_of_small_numbers_is_looked_at_in_time(tmp_path: Path, count: Callable[..., None]) -> None:
    """A weight decay of 1e30 has a square, and neither weights nor gradient are large."""
    made = trainer(wrong_numbers.config(tmp_path, optimizer="{adam: {lr: 1e-3, weight_decay: 1e+30}}", threads=1))
    for _ in range(15):
        made.step(order(1))
    with pytest.raises(TrainingError, match=r"the optimizer's moments became inf at step 16 \(epoch 1\)") as caught:
        made.step(order(1))
    made.close()
    assert "\nit began in the update by adam, in moments, which adam keeps: of 400 numbers " in str(caught.value)
    count("wrong numbers located")


def test_a_test_image(tmp_path: Path, planter: Planter, count: Callable[..., None]) -> None:
    made = trainer(wrong_numbers.config(tmp_path, backends=PLANTED, threads=3))
    made.step(order(1))
    planter.faults = [Fault(list(made.network.layers())[6].problem, "forward", 100)]
    with pytest.raises(TrainingError) as caught:
        made.end(1.0)
    made.close()
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("the test loss became nan at step 1 (epoch 1)")
    assert lines[1].startswith(f"it began in {wrong_numbers.place(tmp_path, 6)}, forward: of 192 outputs 3 are NaN")
    assert lines[2].endswith("first in test image 99 (counted from 0), in pack 7 of 8")
    count("wrong numbers located")


@pytest.mark.parametrize(
    ("layer", "outputs"),
    [("leaky_relu: {negative_slope: 3e+38}", [-0.5, 0.25, -8, -9]), ("layer_norm: {eps: 1e-12}", [0.002, 0, 0, 0])],
)
def test_a_kernel_is_not_suspected_of_what_an_argument_makes(
    layer: str, outputs: list[float], tmp_path: Path, count: Callable[..., None]
) -> None:
    """A slope, or a division by what is small, makes more of a number than sums of it could."""
    made = trainer(wrong_numbers.config(tmp_path, f"  - flatten\n  - linear: {{out_features: 4}}\n  - {layer}\n"))
    made.network.tensors["1.weight"][:] = 0
    made.network.tensors["1.bias"][:] = outputs
    if "2.weight" in made.network.tensors:
        made.network.tensors["2.weight"][:] = 3e38
    kind, lines = layer.partition(":")[0], failure(made)
    assert lines[1].startswith(f"it began in {tmp_path}/numbers.yaml:6:5: layers[2].{kind}, forward: of 64 outputs")
    assert lines[-1].startswith("try a smaller step")
    count("wrong numbers located")


def test_a_layer_of_a_plugin(tmp_path: Path, count: Callable[..., None]) -> None:
    file = tmp_path / "leaky.py"
    file.write_text((TEMPLATES / "layer.py").read_text())
    plugin = load_plugin(file)
    try:
        layers = "  - flatten\n  - linear: {out_features: 4}\n  - leaky: {negative_slope: 3e+38}\n"
        made = trainer(wrong_numbers.config(tmp_path, layers))
        made.network.tensors["1.weight"][:] = 0
        made.network.tensors["1.bias"][:] = -0.5, 0.25, -8, -9
        lines = failure(made)
        assert lines[1:] == [
            f"it began in {tmp_path}/numbers.yaml:6:5: layers[2].leaky, forward: of 64 outputs 32 are infinite, "
            "the largest of the others is 1.5e+38",
            f"first in training image {order(1)[0]} (counted from 0), in pack 1 of 3",
            "look at what the layer leaky computes forward, or try a smaller step",
        ]
        count("wrong numbers located")
    finally:
        unload_plugin(plugin)
        forget_compiled(tmp_path)
