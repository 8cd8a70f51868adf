"""``backend: auto``: what is asked, who wins, what is told, what the config says afterwards."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from memory import own_memory

import nbcnn
from nbcnn.autotune.auto import NEAR, SLOWEST, choice_listener, resolve_auto
from nbcnn.autotune.choice import Choice
from nbcnn.autotune.kernel_timing import Seconds
from nbcnn.cli import main
from nbcnn.compiler import kernel_cache
from nbcnn.config import Overrides, load_config
from nbcnn.data import write_idx
from nbcnn.engine.engine import Engine
from nbcnn.engine.serial import SerialExecutor
from nbcnn.errors import ConfigError, KernelError
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import MOST_ERROR, backend, backend_names
from nbcnn.runs.checkpoint import load_tensors
from nbcnn.training.model import Model

pytestmark = pytest.mark.usefixtures("no_pictures")

CONV: dict[str, Any] = {"out_channels": 2, "kernel_size": 3, "padding": 1}
NET: dict[str, Any] = {
    "name": "two",
    "input": {"channels": 2, "height": 6, "width": 6},
    "layers": [
        {"conv2d": CONV},
        "relu",
        {"sequential": [{"conv2d": CONV}]},
        "flatten",
        {"linear": {"out_features": 2}},
    ],
    "backends": {"conv2d": "auto"},
}


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    return own_memory(monkeypatch, tmp_path / "cache") / "choices"


class Clock:
    """Times that are made up, and what was asked for."""

    def __init__(self, steps: Mapping[str, float] | None = None, **seconds: float) -> None:
        self.seconds, self.of_steps = seconds, steps or {}
        self.races: list[tuple[Any, tuple[str, ...], int]] = []
        self.contenders: list[list[dict[str, str]]] = []

    def race(self, problem: Any, names: Sequence[str], threads: int, **more: Any) -> Seconds:
        self.races.append((problem, tuple(more["directions"]), threads))
        assert more["footprint"] > 0 and more["slowest"] == SLOWEST
        return {name: dict.fromkeys(more["directions"], self.seconds[name]) for name in names if name in self.seconds}

    def steps(
        self, network: Model, training: bool, threads: int, contenders: Sequence[Mapping[str, str]]
    ) -> list[float]:
        self.contenders.append([dict(names) for names in contenders])
        return [self.of_steps[names["0"] + names["2.0"]] for names in contenders]

    def settle(self, network: Model, training: bool = True, threads: int = 2) -> tuple[Choice, ...]:
        return resolve_auto(network, training, threads, self.race, self.steps)


def network(*backends: str, **more: Any) -> Model:
    return Model(load_config({**NET, **more}, Overrides(backends=backends)))


def test_the_fastest_sum_of_what_training_needs_wins() -> None:
    clock, net = Clock(direct=3.0, im2col=2.0, fft=5.0), network()
    first, second = clock.settle(net)
    assert [layer.backend for layer in net.layers()] == ["im2col", "direct", "im2col", None, "direct"]
    assert first.layers == ("0",) and second.layers == ("2.0",)
    assert dict(first.seconds) == {"direct": 6.0, "fft": 10.0, "im2col": 4.0}  # two directions
    assert first.slow == ("naive", "winograd", "winograd_2x2") and list(first.refused) == ["pointwise"]
    assert clock.contenders == []  # nobody was near
    assert net.chosen == {"0", "2.0"}


def test_the_first_layers_input_has_no_gradient_and_prediction_has_none() -> None:
    clock = Clock(direct=1.0)
    clock.settle(network())
    clock.settle(network(), training=False, threads=1)
    problem = Conv2dProblem(2, 2, 6, 6, (3, 3), padding=(1, 1, 1, 1))
    assert clock.races == [
        (problem, ("forward", "grad_weight"), 2),
        (problem, ("forward", "grad_weight", "grad_input"), 2),
        (problem, ("forward",), 1),  # and once for both layers
    ]


def test_those_that_are_near_are_compared_in_whole_steps_one_layer_after_the_other() -> None:
    near = 2.0 * NEAR - 0.01
    steps = {"directdirect": 9.0, "directim2col": 8.0, "im2colim2col": 8.5}
    clock = Clock(steps, direct=2.0, im2col=near, fft=3.0)
    first, second = clock.settle(network())
    assert [first.name, second.name] == ["direct", "im2col"]
    assert clock.contenders == [  # the second layer's takes longer, for it has one direction more
        [{"0": "direct", "1": "direct", "2.0": name, "4": "direct"} for name in ("direct", "im2col")],
        [{"0": name, "1": "direct", "2.0": "im2col", "4": "direct"} for name in ("direct", "im2col")],
    ]
    assert dict(second.steps) == {"direct": 9.0, "im2col": 8.0}
    told = "near, so in whole steps im2col 8000 ms, direct 9000 ms; far slower: naive, winograd, winograd_2x2 → im2col"
    assert told in str(second)
    again = Clock()
    assert [choice.name for choice in again.settle(network())] == ["direct", "im2col"]
    assert again.contenders == []


def test_what_was_chosen_is_remembered_for_the_same_question_only(memory: Path) -> None:
    clock = Clock(direct=3.0, im2col=2.0)
    made = clock.settle(network())
    again = Clock()
    found = again.settle(network(name="another"))
    assert again.races == [] and all(choice.remembered for choice in found)
    assert [(c.name, c.seconds, c.slow) for c in found] == [(c.name, c.seconds, c.slow) for c in made]
    assert len(list(memory.glob("conv2d-*.json"))) == 2
    for other in ({"threads": 3}, {"training": False}):
        clock = Clock(direct=1.0, im2col=2.0)
        assert {choice.name for choice in clock.settle(network(), **other)} == {"direct"}
        assert clock.races


def test_every_op_may_have_auto_and_one_with_a_single_backend_is_not_timed() -> None:
    clock = Clock(direct=1.0)
    found = clock.settle(network("relu=auto", "linear=auto", "conv2d=naive"))
    assert [choice.short for choice in found] == ["relu of 72 features: direct", "linear 72→2: direct"]
    assert [problem.op for problem, _, _ in clock.races] == ["linear"]


def test_the_config_names_what_was_chosen_wherever_it_stood() -> None:
    net = network(backends={"conv2d": "naive", "linear": "auto"}, layers=[
        {"conv2d": {**CONV, "backend": "auto"}}, {"sequential": [{"sequential": [{"conv2d": {**CONV, "backend": "auto"}}]}]},
        {"conv2d": CONV}, "flatten", {"linear": {"out_features": 2}},
    ])  # fmt: skip
    before = net.state_dict()
    Clock(im2col=1.0, direct=2.0).settle(net)
    assert "auto" not in net.config.to_yaml()
    assert net.config.backends == {"conv2d": "naive"}
    assert [layer.backend for layer in net.layers()] == ["im2col", "im2col", "naive", None, "direct"]
    again = Model(load_config(net.config.to_mapping()))
    assert [layer.backend for layer in again.layers()] == [layer.backend for layer in net.layers()]
    assert all(np.array_equal(value, net.tensors[name]) for name, value in before.items())
    for layer in net.layers():  # places in the file are kept
        assert layer.where.startswith("layers[")


def test_no_backend_at_all_is_an_error_with_each_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in backend_names("conv2d"):
        monkeypatch.setattr(
            type(backend("conv2d", name)), "supports", lambda self, problem, n=name: f"{n} is on strike"
        )
    words = r"layers\[0\]\.conv2d: auto finds no backend for conv2d 3×3 \+1, 2→2 on 6×6: direct: direct is on strike; fft: fft is"
    with pytest.raises(KernelError, match=words):
        Clock().settle(network())


def test_an_inexact_backend_wins_below_the_bound_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    fft = type(backend("conv2d", "fft"))
    monkeypatch.setattr(fft, "tolerance", lambda self, problem: MOST_ERROR)
    choice, _ = Clock(direct=2.0, fft=1.0).settle(network())
    assert choice.name == "fft" and str(choice).endswith("→ fft (inexact, by a share of at most 0.01)")
    monkeypatch.setattr(fft, "tolerance", lambda self, problem: 2 * MOST_ERROR)
    choice, _ = Clock(direct=2.0, fft=1.0).settle(network())
    assert choice.name == "direct"
    assert choice.refused["fft"] == "its error bound 0.02 is above auto's 0.01"
    assert "; too inexact: fft → direct" in str(choice)


def test_listeners_hear_before_timing_and_after_choosing() -> None:
    class Ear:
        def __init__(self) -> None:
            self.heard: list[str] = []

        def choosing(self, problem: str) -> None:
            self.heard.append(f"choosing {problem}")

        def chosen(self, choice: Choice) -> None:
            self.heard.append(str(choice))

    ear, net = Ear(), network(layers=[{"conv2d": CONV}])
    with choice_listener(ear):
        Clock(direct=0.0001, im2col=0.000615).settle(net)
    Clock(direct=0.0002).settle(network())
    assert ear.heard == [
        "choosing conv2d 3×3 +1, 2→2 on 6×6",
        "conv2d 3×3 +1, 2→2 on 6×6: direct 0.2 ms, im2col 1.23 ms; far slower: fft, naive, winograd, winograd_2x2"
        " → direct",
    ]


@pytest.mark.parametrize(
    ("layer", "network_wide", "option"),
    [({"backend": "auto"}, {}, ()), ({}, {"conv2d": "auto"}, ()), ({"backend": "naive"}, {}, ("conv2d = auto",))],
)
def test_auto_may_stand_wherever_a_backends_name_may(layer: Any, network_wide: Any, option: tuple[str, ...]) -> None:
    config = load_config(
        {**NET, "layers": [{"conv2d": {**CONV, **layer}}], "backends": network_wide}, Overrides(backends=option)
    )
    assert config.to_mapping()["layers"][0]["conv2d"]["backend"] == "auto"


def test_a_mistyped_auto_is_answered_with_it() -> None:
    for change in ({"layers": [{"conv2d": {**CONV, "backend": "atuo"}}]}, {"backends": {"conv2d": "atuo"}}):
        with pytest.raises(
            ConfigError, match=r"unknown backend 'atuo' for conv2d; did you mean auto\? \(known: auto, direct, fft"
        ):
            load_config({**NET, **change})
    with pytest.raises(
        ConfigError, match=r"--backend conv2d=atuo: unknown backend 'atuo' for conv2d; did you mean auto\?"
    ):
        load_config(NET, Overrides(backends=("conv2d=atuo",)))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    random, folder = np.random.default_rng(0), tmp_path / "data"
    folder.mkdir()
    for prefix, count in (("train", 48), ("t10k", 20)):
        write_idx(folder / f"{prefix}-images-idx3-ubyte.gz", random.integers(0, 255, (count, 8, 8), dtype=np.uint8))
        write_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", random.integers(0, 2, count).astype(np.uint8))
    return folder


TWO: dict[str, Any] = {"out_channels": 2, "kernel_size": 2}
SMALL: dict[str, Any] = {
    **NET,
    "name": "small",
    "input": {"channels": 1, "height": 8, "width": 8},
    "layers": [{"conv2d": TWO}, "relu", {"sequential": [{"conv2d": TWO}]}, "flatten", {"linear": {"out_features": 2}}],
    "train": {"epochs": 1},
}
"""Trained and timed in earnest: few taps, and a size that few backends can do, are compiled sooner."""


def test_a_real_training_chooses_tells_and_can_be_repeated_to_the_bit(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], memory: Path
) -> None:
    (tmp_path / "small.yaml").write_text(load_config(SMALL).to_yaml())
    words = ["train", str(tmp_path / "small.yaml"), "--data", str(data), "--threads", "2", "--out"]
    out = []
    for name in ("first", "second"):
        with pytest.raises(SystemExit) as stop:
            main([*words, str(tmp_path / name)])
        assert stop.value.code == 0
        out.append(capsys.readouterr().out)
    chosen = json.loads((tmp_path / "first" / "run.json").read_text())
    names = [chosen["backends"][path] for path in ("0", "2.0")]
    assert set(names) <= set(backend_names("conv2d"))
    assert "choosing backends, timed on a pack of 16 images (the answer is remembered) ...\n" in out[0]
    assert f"  conv2d 2×2, 1→2 on 8×8: {names[0]} " in out[0]
    assert "choosing" not in out[1]
    for text in out:
        assert f"conv2d={','.join(sorted(set(names)))} (auto), 2 threads" in text
    assert [(one["layers"], one["chosen"], one["remembered"]) for one in chosen["auto"]] == [
        (["0"], names[0], False), (["2.0"], names[1], False),
    ]  # fmt: skip
    assert all(one["seconds"][one["chosen"]] > 0 for one in chosen["auto"])
    assert "auto" not in (tmp_path / "first" / "config.yaml").read_text()
    for file in memory.iterdir():
        file.unlink()
    third = nbcnn.train(tmp_path / "first", threads=1, out=tmp_path / "third")
    assert not list(memory.iterdir())  # nothing was chosen anew
    first, *others = (load_tensors(tmp_path / name / "last.safetensors")[0] for name in ("first", "second", "third"))
    for other in others:
        assert all(np.array_equal(value, other[name]) for name, value in first.items())
    assert json.loads(third.info.read_text())["auto"] == []


def test_where_nothing_can_be_kept_nothing_is_promised(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], memory: Path
) -> None:
    memory.parent.mkdir(exist_ok=True)
    memory.write_text("a file where the folder should be")
    kernel_cache._safe_folder.cache_clear()
    (tmp_path / "small.yaml").write_text(load_config(SMALL).to_yaml())
    words = ["train", str(tmp_path / "small.yaml"), "--data", str(data), "--out", str(tmp_path / "run")]
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with pytest.raises(SystemExit):
            main(words)
    out, err = capsys.readouterr()
    assert err.count("choices of backends are not kept: ") == 1
    assert "choosing backends, timed on a pack of 16 images (the answer is not kept: see the warning) ...\n" in out
    assert "remembered" not in out
    chosen = [line for line in out.splitlines() if line.startswith("  conv2d ")]
    assert chosen and max(map(len, chosen)) <= 100


def test_python_takes_auto_too_and_evaluation_chooses_for_itself(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = nbcnn.train(
        {**SMALL, "backends": {}}, backends=("conv2d=auto",), data=str(data), threads=1, out=tmp_path / "run"
    )
    assert json.loads(run.info.read_text())["auto"][0]["directions"] == ["forward", "grad_weight"]
    net = nbcnn.load(run.folder, overrides=Overrides(backends=("conv2d=auto",), threads=1))
    assert [layer.backend for layer in net.layers() if layer.op == "conv2d"] == ["auto", "auto"]
    plain = nbcnn.load(run.folder)
    x = np.random.default_rng(0).standard_normal((3, 1, 8, 8)).astype(np.float32)
    np.testing.assert_allclose(net(x), plain(x), rtol=1e-4, atol=1e-5)
    assert "auto" not in [layer.backend for layer in net.layers()]
    capsys.readouterr()
    for _ in range(2):
        with pytest.raises(SystemExit):
            main(["eval", str(run.folder), "--backend", "conv2d=auto", "--threads", "2"])
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("choosing backends, timed on a pack")
    assert any(" → " in line for line in told) and " → " not in told[-1]
    assert told[-1].startswith("auto: conv2d 2×2, 2→2 on 7×7: ")


def test_an_engine_takes_no_network_with_auto() -> None:
    net = network("linear=auto", "conv2d=direct")
    with pytest.raises(KernelError, match=r"linear: backend auto is not resolved yet; call resolve_auto"):
        Engine(net, training=True, threads=1)
    with pytest.raises(KernelError, match=r"linear: backend auto is not resolved yet; call resolve_auto"):
        SerialExecutor(net)
    choices = resolve_auto(net, training=True, threads=1)
    Engine(net, training=True, threads=1).close()
    assert [choice.problem.op for choice in choices] == ["linear"]
    assert net.config.backends == {"conv2d": "direct"}


def test_a_comparison_says_what_auto_stood_for(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "small.yaml").write_text(load_config({**SMALL, "backends": {}}).to_yaml())
    variants = ("--backend", "conv2d=naive", "--backend", "conv2d=auto")
    for folder, words in (("one", "choosing backends, timed"), ("two", "auto: conv2d 2×2, 2→2 on 7×7: ")):
        with pytest.raises(SystemExit) as stop:
            main(
                [
                    "compare",
                    str(tmp_path / "small.yaml"),
                    *variants,
                    "--data",
                    str(data),
                    "--out",
                    str(tmp_path / folder),
                ]
            )
        assert stop.value.code == 0
        assert words in capsys.readouterr().out
        assert '"auto"' not in json.dumps(
            json.loads((tmp_path / folder / "compare.json").read_text())["variants"][1]["backends"]
        )


def test_a_candidate_whose_scratch_does_not_fit_into_memory_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    fft = type(backend("conv2d", "fft"))
    monkeypatch.setattr(fft, "workspace", lambda self, problem: 10**15)
    clock, net = Clock(direct=3.0, fft=1.0), network()
    first, _ = clock.settle(net)
    assert first.name == "direct"
    assert not any("fft" in names for _, names, _ in clock.races)
    assert first.refused["fft"].startswith("its scratch of 4,000,000.0 GB for each of 2 threads does not fit, this ")
    assert "; too large for memory: fft → direct" in str(first) and "too inexact" not in str(first)
    for name in ("direct", "im2col", "naive", "winograd", "winograd_2x2"):
        monkeypatch.setattr(type(backend("conv2d", name)), "workspace", lambda self, problem: 10**15)
    with pytest.raises(KernelError, match=r"layers\[0\].conv2d: auto finds no backend for .*; fft: its scratch of"):
        clock.settle(network())


def test_memory_that_runs_out_in_a_race_costs_the_largest_candidate_only() -> None:
    problem = Conv2dProblem(2, 2, 6, 6, (3, 3), padding=(1, 1, 1, 1))
    names = ("direct", "fft", "im2col", "naive", "winograd", "winograd_2x2")
    largest = max(names, key=lambda name: backend("conv2d", name).workspace(problem))

    tried = []

    class Full(Clock):
        def race(self, problem: Any, names: Sequence[str], threads: int, **more: Any) -> Seconds:
            tried.append((more["footprint"] > 0, threads))
            if largest in names:
                raise MemoryError
            return super().race(problem, names, threads, **more | {"footprint": 1})

    assert largest != "direct"
    first, second = Full(**{"direct": 2.0, "naive": 3.0, largest: 1.0}).settle(network())
    assert (first.name, second.name) == ("direct", "direct")
    assert first.refused[largest] == "its scratch did not fit into memory when it was timed"
    assert tried[:4] == [(True, 2), (False, 2), (False, 1), (False, 1)]  # the last without the largest

    class Empty(Clock):
        def race(self, problem: Any, names: Sequence[str], threads: int, **more: Any) -> Seconds:
            raise MemoryError

    scratch = {name: backend("conv2d", name).workspace(problem) for name in names}
    first, _ = Empty().settle(network())
    assert scratch[first.name] == min(scratch.values()) and not first.seconds


def test_steps_that_do_not_fit_side_by_side_leave_the_choice_to_the_kernels_own_times() -> None:
    class Full(Clock):
        def steps(self, *given: Any) -> list[float]:
            raise MemoryError

    first, _ = Full(direct=2.0, im2col=2.0 * NEAR - 0.01).settle(network())
    assert first.name == "direct" and not first.steps
