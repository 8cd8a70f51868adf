"""Weight decay that spares bias and norm parameters, against the oracle parameter by parameter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nbcnn.optim import OPTIMIZERS, make_optimizer
from optim import oracle as ops

SHAPES = {
    "0.weight": (2, 1, 3, 3),
    "0.bias": (2,),
    "1.weight": (2,),
    "1.bias": (2,),
    "3.weight": (4, 3),
    "3.bias": (4,),
}
DECAYS = [True] * 18 + [False] * 6 + [True] * 12 + [False] * 4
"""A convolution, a norm, a linear layer."""


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.random.default_rng(seed).standard_normal((4, len(DECAYS))).astype(np.float32)
    return numbers[0].copy(), numbers[1:]


def test_bias_and_norm_parameters_do_not_decay() -> None:
    p, gradients = drawn(1)
    sgd = OPTIMIZERS.get("sgd")
    chosen = make_optimizer("sgd", sgd.Config(lr=0.5, momentum=0.5, weight_decay=0.25), SHAPES, "weights")
    wanted, velocity = p.astype(np.float64), np.zeros(len(DECAYS))
    for gradient in gradients:
        chosen.step(p, gradient)
        decayed = [ops.sgd_step(wanted, gradient, velocity, 0.5, 0.5, decay) for decay in (0.25, 0.0)]
        wanted, velocity = (np.where(DECAYS, *both) for both in zip(*decayed, strict=True))
    np.testing.assert_allclose(p, wanted, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("sgd", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
        ("adam", {"weight_decay": 0.1}),
        ("adamw", {"weight_decay": 0.1}),
        ("rmsprop", {"momentum": 0.5, "weight_decay": 0.1}),
    ],
)
def test_groups_have_the_bits_of_the_optimizer_with_and_without_decay(name: str, arguments: dict[str, Any]) -> None:
    config = OPTIMIZERS.get(name).Config(**arguments)
    ends = []
    for chosen in (
        make_optimizer(name, config, SHAPES, "weights"),
        make_optimizer(name, config, SHAPES),
        make_optimizer(name, config.model_copy(update={"weight_decay": 0.0}), SHAPES),
    ):
        p, gradients = drawn(2)
        for gradient in gradients:
            chosen.step(p, gradient)
        ends.append(p)
    grouped, decayed, plain = ends
    assert grouped.tobytes() == np.where(DECAYS, decayed, plain).tobytes()
    assert (decayed != plain).mean() > 0.9


def test_state_of_groups_is_all_that_there_is_to_restore() -> None:
    config, (p, gradients) = OPTIMIZERS.get("adamw").Config(), drawn(3)
    first, second = (make_optimizer("adamw", config, SHAPES, "weights") for _ in range(2))
    assert list(first.state) == [f"groups.{k}.{name}" for k in range(4) for name in ("moments", "count")]
    q = p.copy()
    for gradient in gradients:
        first.step(p, gradient)
    first, whole = make_optimizer("adamw", config, SHAPES, "weights"), p
    first.step(q, gradients[0])
    for key, array in second.state.items():
        array[...] = first.state[key]
    for gradient in gradients[1:]:
        second.step(q, gradient)
    assert q.tobytes() == whole.tobytes()


def test_without_a_decay_there_are_no_groups() -> None:
    sgd = OPTIMIZERS.get("sgd")
    assert type(make_optimizer("sgd", sgd.Config(lr=0.1), SHAPES, "weights")) is sgd
    assert type(make_optimizer("sgd", sgd.Config(lr=0.1, weight_decay=0.1), SHAPES)) is sgd
