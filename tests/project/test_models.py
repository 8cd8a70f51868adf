"""The models that come with nbcnn: what their comments say, that they learn, and the same networks in PyTorch."""

from __future__ import annotations

import re
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from exhaustive import parametrize

import nbcnn
from nbcnn.cli import nbcnn as command_line
from nbcnn.config import Overrides, load_config
from nbcnn.engine.network import Network, views, with_settings
from nbcnn.engine.serial import SerialExecutor
from nbcnn.introspect.summary import summarize
from nbcnn.layers.dropout import DropoutConfig
from nbcnn.runs.checkpoint import load_tensors, save_tensors
from nbcnn.training.model import Model

MODELS = Path(__file__).parents[2] / "models"
NAMES = (
    "mlp", "lenet-bn", "alexnet-mini", "vgg-mini", "nin-mini", "googlenet-mini", "resnet-mini", "densenet-mini",
    "mobilenet-mini",
)  # fmt: skip
COLOURED = ("input.channels=3", "input.height=32", "input.width=32")


def direct(name: str) -> tuple[str, ...]:
    """Backends that need no timing, of which ``auto`` would do much for each new shape."""
    return () if name == "mlp" else ("conv2d=direct",)


def expanded(name: str) -> list[Any]:
    """The layers as ``nbcnn expand`` prints them."""
    printed = CliRunner().invoke(command_line, ["expand", name])
    assert printed.exit_code == 0, printed.output
    return list(yaml.safe_load(printed.stdout)["layers"])


@pytest.mark.parametrize("name", NAMES)
def test_the_comments_are_true(name: str) -> None:
    lines = (MODELS / f"{name}.yaml").read_text().splitlines()
    assert len(lines) < 60 and max(map(len, lines)) < 132
    assert lines[0].startswith("# ") and re.search(r"\b(19|20)\d\d\b", lines[0]) and lines[2] == f"name: {name}"
    rows = summarize(nbcnn.load(name).root)
    parameters, macs = sum(row.parameters for row in rows), sum(row.macs for row in rows)
    assert lines[1] == f"# {parameters:,} parameters, {macs:,} MACs an image."
    printed = CliRunner().invoke(command_line, ["summary", name]).stdout
    assert re.search(rf"total +{parameters:,} +{macs:,} ", printed)


@pytest.mark.parametrize("name", NAMES)
def test_the_recipe_is_honest(name: str) -> None:
    config = load_config(name)
    assert (config.data.name, config.data.validation) == ("fashion-mnist", 0.1)
    assert config.train.schedule.name == "one_cycle" and config.train.weight_decay_on == "weights"
    assert config.train.augment.random_horizontal_flip.p == 0.5


def lists_of_layers(layers: list[Any]) -> list[list[Any]]:
    """The list itself and all inside it."""
    found = [layers]
    for entry in layers:
        given = next(iter(entry.values())) if isinstance(entry, dict) else None
        inner = [given] if isinstance(given, list) else []
        if isinstance(given, dict):
            inner = [v for v in given.values() if isinstance(v, list) and v and not isinstance(v[0], int)]
        for one in inner:
            lists = one if one and all(isinstance(entry, list) for entry in one) else [one]
            found += [each for layers in lists for each in lists_of_layers(layers)]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_no_bias_stands_before_a_batch_norm(name: str) -> None:
    pairs = [pair for layers in lists_of_layers(expanded(name)) for pair in pairwise(layers)]
    before = [first for first, second in pairs if "batch_norm" in str(second)[:14] and isinstance(first, dict)]
    weighted = [given for first in before for kind, given in first.items() if kind in ("conv2d", "linear")]
    assert not [given for given in weighted if given["bias"]]
    assert len(weighted) >= (0 if name in ("mlp", "alexnet-mini", "densenet-mini") else 4)


@pytest.mark.parametrize("name", NAMES)
def test_coloured_images_of_32_pixels(name: str) -> None:
    network = nbcnn.load(name, overrides=Overrides(sets=COLOURED, backends=direct(name)))
    assert (network.in_shape, network.out_shape) == ((3, 32, 32), (10,))


@pytest.mark.jit
@parametrize("name", NAMES, quick={"mlp", "lenet-bn"})
def test_a_few_hundred_images_are_learned_from(name: str, tmp_path: Path, no_pictures: None) -> None:
    """Through the command's own path: a training, its checkpoints, and the test images at the end."""
    mini = nbcnn.data.load("fashion-mnist-mini")
    images = (mini.train.images[:256], mini.train.labels[:256]), (mini.test.images[:32], mini.test.labels[:32])
    few = {"epochs": 2, "batch_size": 16, "backends": direct(name)}
    run = nbcnn.train(name, data=images, out=tmp_path / "run", **few)
    first, second = (record["train_loss"] for record in run.metrics())
    assert second < first and second < 2.4
    assert nbcnn.evaluate(run.folder).images == 32


if find_spec("torch"):
    import torch

    from project.torch_networks import network as in_pytorch

    @pytest.mark.jit
    @parametrize("name", NAMES, quick={"mlp", "lenet-bn", "resnet-mini"})
    def test_weights_go_to_pytorch_and_back(name: str, tmp_path: Path) -> None:
        random = np.random.default_rng(0)
        x = random.standard_normal((5, 1, 28, 28)).astype(np.float32)
        there = in_pytorch(expanded(name), torch.from_numpy(x))
        torch.manual_seed(0)
        for tensor_name, tensor in there.state_dict().items():
            if tensor_name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif tensor.is_floating_point():
                tensor.add_(0.05 * torch.randn(tensor.shape))
        here = Model(load_config(name, Overrides(backends=direct(name))))
        here.load_state_dict(there.state_dict())
        with torch.no_grad():
            scores = there.eval()(torch.from_numpy(x)).numpy()
        assert np.abs(scores).max() > 1e-2
        np.testing.assert_allclose(here(x), scores, rtol=0, atol=1e-4)
        save_tensors(tmp_path / "weights.safetensors", here.state_dict(), {})
        back = load_tensors(tmp_path / "weights.safetensors")[0]
        there.load_state_dict({key: torch.from_numpy(value) for key, value in back.items()}, strict=True)
        with torch.no_grad():
            np.testing.assert_array_equal(there(torch.from_numpy(x)).numpy(), scores)

    @pytest.mark.jit
    @parametrize("name", NAMES, quick={"mlp", "lenet-bn", "resnet-mini"})
    def test_gradients_are_those_of_pytorch(name: str) -> None:
        """In float64, where no number is so near 0 that rounding decides; batch norm on the batch, nothing dropped."""
        random = np.random.default_rng(1)
        x, labels = random.standard_normal((9, 1, 28, 28)), random.integers(0, 10, 9)
        config = load_config(name, Overrides(backends=direct(name)))
        layers = with_settings(config.layers, lambda layer: {"p": 0.0} if isinstance(layer, DropoutConfig) else {})
        here = Network(config.model_copy(update={"layers": layers}), "float64")
        there = in_pytorch(expanded(name), torch.from_numpy(x).float()).double().train()
        for module in there.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        tensors = {key: value.copy() for key, value in here.state_dict().items()}
        there.load_state_dict({key: torch.from_numpy(value) for key, value in tensors.items()}, strict=True)
        smoothing = config.train.label_smoothing
        loss = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)(
            there(torch.from_numpy(x)), torch.from_numpy(labels)
        )
        loss.backward()
        executor = SerialExecutor(here)
        found = executor.train_step(x, labels, np.arange(9)).losses.mean()
        assert found == pytest.approx(loss.item(), rel=1e-12)
        gradients = views(executor.gradient, here.shapes)
        expected = {key: parameter.grad.numpy() for key, parameter in there.named_parameters()}
        assert gradients.keys() == expected.keys()
        largest = max(float(np.abs(gradient).max()) for gradient in expected.values())
        for key, gradient in expected.items():
            np.testing.assert_allclose(gradients[key], gradient, rtol=0, atol=1e-11 * largest, err_msg=key)
