"""NaN, infinity and overflow: caught at their step, and named with layer, direction, counts and image."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exhaustive import parametrize

from nbcnn.errors import TrainingError
from nbcnn.kernels.cross_entropy.op import LossProblem
from nbcnn.training.trainer import Trainer
from trust import wrong_numbers
from trust.wrong_numbers import (  # noqa: F401 (planted_backends is a fixture)
    BATCH,
    CLASSES,
    FIRST,
    LATER,
    PLANTED,
    Fault,
    Planter,
    failure,
    largest,
    order,
    others,
    planted_backends,
    trainer,
)

pytestmark = pytest.mark.trust


def layer_cases() -> list[Any]:
    """Every layer with kernels, in every direction that it has; -1 is the loss."""
    made = []
    for index, line in enumerate(wrong_numbers.LAYERS.splitlines()):
        kind = line.strip("- ").partition(":")[0]
        weighted, first = kind in ("conv2d", "linear"), index == 0
        directions = ["forward"] * (kind != "flatten") + ["grad_input"] * (kind != "flatten" and not first)
        for direction in directions + ["grad_weight"] * weighted:
            made += [
                pytest.param(index, direction, output, id=f"{index} {kind} {direction} {output}")
                for output in range(1 + (direction == "grad_weight"))
            ]
    return [*made, *(pytest.param(-1, direction, 0, id=f"loss {direction}") for direction in ("forward", "grad_input"))]


@pytest.mark.parametrize(("index", "direction", "output"), layer_cases())
@parametrize("threads, step", list(product((1, 3), (1, 2))), quick=[(3, 2)])
def test_it_is_named(
    tmp_path: Path,
    planter: Planter,
    count: Callable[..., None],
    long: bool,
    threads: int,
    step: int,
    index: int,
    direction: str,
    output: int,
) -> None:
    located, spots, steps = 0, (FIRST, LATER), (step,)
    if long:
        spots, steps = tuple(range(0, BATCH, 3)), (step, 3)[:step]
    for value, spot, step in product((np.nan, np.inf), spots, steps):
        config = wrong_numbers.config(tmp_path, backends=PLANTED, threads=threads)
        made = trainer(config)
        layers = list(made.network.layers())
        problem = LossProblem(CLASSES) if index < 0 else layers[index].problem
        image = int(order(step)[spot])
        fault = Fault(problem, direction, image + 1, value, output=output)
        planter.faults = [fault]
        # Where relu gave 0, its gradient is 0 whatever comes from above, NaN too.
        masked = direction == "grad_input" and index > 0 and layers[index - 1].op == "relu"
        if (np.isinf(value) or masked) and _ends_there(made, step):
            continue
        lines = failure(made, step)
        located += 1
        where = wrong_numbers.place(tmp_path, index) if index >= 0 else "the loss"
        images, pack = min(16, BATCH - spot // 16 * 16), spot // 16 + 1
        out, summed = fault.made[-1]["out"], direction == "grad_weight"
        seen = out if summed else out[..., :images]
        wrong = int(np.sum(np.isnan(seen) if np.isnan(value) else np.isinf(seen)))
        assert wrong == min(3, out.size if summed else out[..., 0].size)
        noun = wrong_numbers.ARRAYS[_kind(index, layers), direction][1][output]
        words = "NaN" if np.isnan(value) else "infinite"
        counted = f"of {seen.size:,} {noun} {wrong} {'is' if wrong == 1 else 'are'} {words}"
        way = direction if direction == "forward" else f"backward ({direction})"
        assert lines[1] == f"it began in {where}, {way}: {counted}, {others(seen)}"
        at = (
            f"it was in pack {pack} of 3"
            if summed
            else f"first in training image {image} (counted from 0), in pack {pack} of 3"
        )
        assert lines[2].endswith(f", all of them numbers; {at}")
        for one in fault.made[-1]["inputs"]:
            if one.dtype == np.float32 and one.shape != (16,):
                assert f" up to {largest(one[..., :images] if one.shape[-1] == 16 else one)}" in lines[2]
        if index >= 0:
            op = layers[index].op
            assert lines[3] == (
                f"such numbers are too small to make it by any sum, so look at the kernel: nbcnn kernels check "
                f"{op}=planted holds it against the formula"
            )
        assert len(lines) == 4
    assert located * (2 if masked else 1) >= len(spots) * len(steps), "NaN never ends"
    count("wrong numbers located", located)


def _kind(index: int, layers: list[Any]) -> type:
    return LossProblem.kernels if index < 0 else layers[index].problem.kernels


def _ends_there(made: Trainer, step: int) -> bool:
    """Whether an infinity came to nothing, as in sigmoid or where relu has no gradient: then nothing is wrong."""
    copy = Trainer(made.network, made.data)
    before = made.network.parameters.copy()
    try:
        for number in range(1, step + 1):
            copy.step(order(number))
    except TrainingError:
        return False
    finally:
        copy.close()
        made.network.parameters[:], after = before, made.network.parameters.copy()
    made.close()
    assert np.isfinite(after).all() and np.isfinite(copy.executor.gradient).all()
    return True
