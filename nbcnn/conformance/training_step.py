"""Check of a backend in training steps of a small network, as an engine runs them."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbcnn.config import Config, load_config
from nbcnn.conformance.formatting import figure
from nbcnn.conformance.jacobian import EPS
from nbcnn.conformance.report import Report
from nbcnn.conformance.signatures import Array
from nbcnn.engine.engine import Engine
from nbcnn.engine.network import Network, layers_of, leaves
from nbcnn.kernels import registry
from nbcnn.kernels.ops import op as definition
from nbcnn.util import activity

CHECK = "network"
ATOL, RTOL = 1e-7, 1e-5


def check_network(op: str, name: str, report: Report) -> None:
    """The gradient of every parameter against differences of the loss, and the same bits on 1, 2 and 3 threads."""
    for layers in definition(op).layers(name):
        config = load_config({"name": "check", "input": {"channels": 2, "height": 6, "width": 5}, "layers": layers})
        if not _accepted(config, op, name):
            continue
        words = _words(layers)
        activity.tell(now="a kernel in a training step", problem=words)
        try:
            _gradient(config, words, report)
            for dtype in ("float32", "float64"):
                _threads(config, words, dtype, report)
        except Exception as error:
            report.fail(CHECK, f"an engine stops with {type(error).__name__}: {error}", words)
        return
    report.notes.append(f"{CHECK}: left out, it takes none of the problems of the small networks")


def _accepted(config: Config, op: str, name: str) -> bool:
    problems = [layer.problem for layer in leaves(layers_of(config)) if layer.op == op and layer.backend == name]
    return all(registry.backend(op, name).supports(problem) is None for problem in problems)


def _gradient(config: Config, words: str, report: Report) -> None:
    """Every parameter's derivative of the mean loss of 5 images, in float64."""
    network = Network(config, "float64")
    engine = Engine(network, threads=1)
    x, labels = _images(network, 5)
    engine.train_step(x, labels, np.arange(5))
    got, wanted = engine.gradient.copy(), np.empty_like(engine.gradient)
    for index in range(wanted.size):
        kept, losses = network.parameters[index], []
        for step in (EPS, -EPS):
            network.parameters[index] = kept + step
            losses.append(engine.train_step(x, labels, np.arange(5)).losses.mean())
        network.parameters[index] = kept
        wanted[index] = (losses[0] - losses[1]) / (2 * EPS)
    engine.close()
    bound = ATOL + RTOL * np.abs(wanted)
    wrong = np.flatnonzero(~(np.abs(got - wanted) <= bound))
    if not wrong.size:
        report.ok(CHECK, worst=float((np.abs(got - wanted) / bound).max()))
        return
    first = int(wrong[0])
    report.fail(
        CHECK,
        f"{wrong.size} of {wanted.size} derivatives of the loss are wrong, first that of {_parameter(network, first)}: "
        f"got {figure(got[first])}, differences give {figure(wanted[first])}",
        words,
    )


def _threads(config: Config, words: str, dtype: str, report: Report) -> None:
    """Losses and gradient of 75 images, 5 packs of which the last is not full, bit by bit."""
    network = Network(config, dtype)
    x, labels = _images(network, 75)
    found: list[tuple[bytes, bytes]] = []
    for threads in (1, 2, 3):
        engine = Engine(network, threads=threads)
        for _ in range(3):
            losses = engine.train_step(x, labels, np.arange(75)).losses
            found.append((losses.tobytes(), engine.gradient.tobytes()))
        engine.close()
    if len(set(found)) == 1:
        report.ok(CHECK)
        return
    which = "losses differ" if len({losses for losses, _ in found}) > 1 else "gradients differ"
    report.fail(
        CHECK,
        f"{which} in their bits between training steps on 1, 2 and 3 threads",
        f"{words}, {dtype}",
        hint="a race or uninitialised scratch?",
    )


def _images(network: Network, count: int) -> tuple[Array, Array]:
    random = np.random.default_rng(count)
    labels = random.integers(0, network.out_shape[0], count)
    return random.standard_normal((count, *network.in_shape)).astype(network.dtype), labels


def _parameter(network: Network, number: int) -> str:
    """``0.weight[1, 0, 2, 2]`` for a place in the flat parameters."""
    for name, tensor in network.tensors.items():
        if number < tensor.size:
            return f"{name}[{', '.join(str(int(i)) for i in np.unravel_index(number, tensor.shape))}]"
        number -= tensor.size
    raise IndexError(number)


def _words(layers: list[Any]) -> str:
    """``a network of conv2d (kernel_size 3, padding 1), tanh, flatten, linear (out_features 3)``."""
    said = []
    for layer in layers:
        kind, numbers = (layer, {}) if isinstance(layer, str) else next(iter(layer.items()))
        inside = ", ".join(f"{key} {value}" for key, value in numbers.items() if key != "backend")
        said.append(f"{kind} ({inside})" if inside else kind)
    return f"a network of {', '.join(said)}"
