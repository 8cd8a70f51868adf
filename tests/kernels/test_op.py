"""Every op's definition: its problems are of it, its formula gives the arrays that its kernels owe, its names build."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from nbcnn.config import load_config
from nbcnn.conformance.grid import grid
from nbcnn.conformance.inputs import rounded, whole
from nbcnn.conformance.signatures import given
from nbcnn.kernels.contract import array_type
from nbcnn.kernels.op import Op
from nbcnn.kernels.ops import OPS, op
from nbcnn.kernels.registry import backend, backend_names
from nbcnn.training.model import Model

EPS, TINY = float(np.finfo("float32").eps), float(np.finfo("float32").tiny)


@pytest.fixture(params=OPS.names())
def definition(request: pytest.FixtureRequest) -> Op:
    return op(request.param)


def written(problem: Any) -> set[str]:
    return {name for signature in problem.kernels.signatures() for name in signature.writes}


def test_its_problems_are_all_of_it_and_have_sizes(definition: Op) -> None:
    lists = {
        "cases": [case.problem for case in grid(definition.name).cases],  # those whose windows fit
        "tiny": definition.tiny(),
        "busy": definition.busy(),
        "small": definition.small(),
    }
    assert all(lists.values()), lists
    for problem in [p for some in lists.values() for p in some] + [*definition.edge_cases().values()]:
        assert problem.op == definition.name
        assert isinstance(problem, definition.problem)
        assert min((*problem.x_shape, *problem.y_shape, 1)) >= 1, problem
        assert problem == type(problem)(**vars(problem))
    assert {problem.dtype for problem in lists["cases"]} == {"float32"}
    assert {problem.dtype for problem in lists["tiny"]} == {"float64"}


def test_its_long_sums_are_long(definition: Op) -> None:
    for problem in definition.long_sums():
        assert max(np.prod(problem.x_shape), np.prod(problem.y_shape, initial=1)) >= 8192, problem
        equal = definition.equal(problem, 0.1)
        for name, array in (equal or {}).items():
            assert array.shape == array_type(problem, name).shape, (problem, name)


def test_its_formula_gives_every_array_that_kernels_write(definition: Op) -> None:
    """Finite numbers of the right shape, from whole numbers and from others; and a bound, or terms, for each."""
    for problem in definition.tiny():
        for inputs in (rounded(problem, 1), *([whole(problem, 1)] if definition.name != "cross_entropy" else [])):
            assert set(inputs) >= set(given(problem))
            for name in given(problem):
                assert inputs[name].shape == array_type(problem, name).shape, (problem, name)
            found = definition.oracle(problem, inputs)
            assert set(found) == written(problem)
            for name, array in found.items():
                assert array.shape == array_type(problem, name).shape, (problem, name)
                assert np.isfinite(array).all(), (problem, name)
            terms = definition.terms(problem)
            if terms is None:
                bounds = definition.bounds_of(problem, inputs, found, EPS, TINY)
                assert set(bounds) == written(problem)
                for name, bound in bounds.items():
                    assert 0 <= np.min(bound), bounds
                    assert np.max(bound) < 1e-3 * max(1, np.abs(found[name]).max()), bounds
            else:
                assert set(terms) == written(problem)
                assert min(terms.values()) >= 1


def test_its_words_tell_its_problems_apart(definition: Op) -> None:
    cases = list(definition.cases())
    told = {definition.words(case.problem, case.bias) for case in cases}
    assert len(told) == len(set(cases))


def test_its_layers_are_trainable_networks_with_it(definition: Op) -> None:
    (name, *_) = [one for one in backend_names(definition.name) if one == "direct"]
    for layers in definition.layers(name):
        shape = {"channels": 2, "height": 6, "width": 5}
        network = Model(load_config({"name": "n", "input": shape, "layers": layers}))
        assert network.out_shape == (3,)
        (layer,) = [one for one in network.layers() if one.op == definition.name][:1]
        assert layer.backend == name
        assert backend(definition.name, name).supports(layer.problem) is None
        step = definition.step(layer.problem)
        assert json.loads(json.dumps(step))["op"] == definition.name
        node, attributes = definition.onnx_node(step)
        assert node is None or node == definition.onnx
        assert isinstance(attributes, dict)
