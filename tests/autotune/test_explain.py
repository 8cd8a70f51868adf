"""``nbcnn kernels explain``: what is counted, predicted, measured and marked; the table and the JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from memory import own_memory

from nbcnn.autotune import explain as module
from nbcnn.autotune.explain import Explanation, explain
from nbcnn.autotune.kernel_timing import Seconds
from nbcnn.autotune.roofline import Peak
from nbcnn.cli import main
from nbcnn.config import Overrides, load_config
from nbcnn.kernels.registry import backend

NET: dict[str, Any] = {
    "name": "net",
    "input": {"channels": 2, "height": 5, "width": 6},
    "layers": [
        {"conv2d": {"out_channels": 3, "kernel_size": [3, 2], "stride": [1, 2], "padding": [1, 0]}},
        "relu",
        {"conv2d": {"out_channels": 4, "kernel_size": 1, "backend": "pointwise"}},
        "flatten",
        {"linear": {"out_features": 2, "backend": "naive"}},
    ],
    "train": {"threads": 3},
}
PEAK = Peak(100e9, ((1 << 30, 10e9),))


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    return own_memory(monkeypatch, tmp_path / "cache")


def timer(problem: Any, names: Sequence[str], threads: int, directions: Sequence[str], **more: Any) -> Seconds:
    """A millisecond for the first name, two for the second; each direction half as long again as that before."""
    assert threads == 3
    return {name: {d: 1e-3 * (k + 1) * 1.5**n for n, d in enumerate(directions)} for k, name in enumerate(names)}


def explained(*backends: str, **more: Any) -> Explanation:
    return explain(load_config({**NET, **more}, Overrides(backends=backends)), timer, lambda threads, dtype: PEAK)


def test_layers_with_a_choice_are_explained_with_every_backend() -> None:
    found = explained()
    assert (found.name, found.threads, [layer.path for layer in found.layers]) == ("net", 3, ["0", "2", "4"])
    assert [candidate.name for candidate in found.layers[0].candidates] == [
        "direct",
        "fft",
        "im2col",
        "naive",
        "pointwise",
        "winograd",
        "winograd_2x2",
    ]
    assert found.layers[0].directions == ("forward", "grad_weight")
    assert found.layers[2].directions == ("forward", "grad_weight", "grad_input")
    configured = [[c.name for c in layer.candidates if c.configured] for layer in found.layers]
    fastest = [[c.name for c in layer.candidates if c.fastest] for layer in found.layers]
    assert configured == [["direct"], ["pointwise"], ["naive"]]
    assert fastest == [["direct"]] * 3
    assert explained(layers=["flatten"]).layers == ()


def test_predicted_is_the_roofline_of_the_work_that_the_backend_counts() -> None:
    linear = explained().layers[2]
    direct, naive = linear.candidates
    F, O = 4 * 5 * 3, 2  # 4 channels of 5 rows and 3 columns
    assert linear.macs == naive.passes["forward"].macs == 16 * F * O
    moved = 4 * (16 * F + 16 * O + F * O)
    assert naive.passes["forward"].bytes == moved
    assert naive.passes["forward"].predicted == pytest.approx(max(2 * 16 * F * O / 100e9, moved / 10e9))
    assert naive.passes["forward"].bound == "memory"
    assert naive.predicted == pytest.approx(3 * naive.passes["forward"].predicted)
    assert naive.measured == pytest.approx(2e-3 * (1 + 1.5 + 2.25))
    one = naive.passes["grad_weight"]
    assert one.measured == pytest.approx(3e-3)
    assert one.gflops == pytest.approx(2 * 16 * F * O / 3e-3 / 1e9)
    assert one.share == pytest.approx(one.gflops / 100)
    assert direct.scratch == 4 * backend("linear", "direct").workspace(linear.problem)


def test_arithmetic_is_the_bound_where_memory_is_quick() -> None:
    config = load_config(NET)
    found = explain(config, timer, lambda threads, dtype: Peak(1e9, ((1, 1e12),)))
    for layer in found.layers:
        for candidate in layer.candidates:
            for one in candidate.passes.values():
                assert one.bound == "arithmetic" and one.predicted == pytest.approx(2 * one.macs / 1e9)


def test_who_can_not_has_a_reason_and_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(backend("conv2d", "fft")), "tolerance", lambda self, problem: 0.5)
    found = explained("conv2d=pointwise").layers[0].candidates
    pointwise, fft = found[4], found[1]
    assert pointwise.configured and not pointwise.fastest and not pointwise.passes
    assert pointwise.reason == "the kernel is 3×2, it can only do 1×1"
    assert fft.reason is None and fft.not_for_auto == "its error bound 0.5 is above auto's 0.01"
    assert fft.tolerance == 0.5 and fft.passes


def test_auto_is_asked_first_and_its_choice_is_the_configured_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def settle(network: Any, training: bool, threads: int) -> None:
        assert (training, threads) == (True, 3)
        network.choose_backends({"0": "im2col", "2": "naive"})

    monkeypatch.setattr(module, "resolve_auto", settle)
    found = explained("conv2d=auto")
    assert [layer.auto for layer in found.layers] == [True, True, False]
    assert [[c.name for c in layer.candidates if c.configured] for layer in found.layers] == [
        ["im2col"],
        ["naive"],
        ["naive"],
    ]


def called(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(["kernels", "explain", *words])
    output = capsys.readouterr()
    assert stop.value.code == 0, output.err
    return output.out


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A model on the disk, and times that are no times."""
    monkeypatch.setattr(module, "time_kernels", timer)
    monkeypatch.setattr(module, "measured_peak", lambda threads, dtype: PEAK)
    (tmp_path / "net.yaml").write_text(load_config(NET).to_yaml())
    return str(tmp_path / "net.yaml")


def test_the_table_is_for_people(made_up: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = called(capsys, made_up)
    lines = out.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0] == "net: training on 3 threads, a pack of 16 images at a time"
    at = lines.index("layer 0, conv2d: 2 to 3 channels, kernel 3×2, stride 1×2, padding 1/0, image 5×6 to 5×3")
    assert lines[at + 1].split() == ["forward", "grad_weight"]
    assert lines[at + 2].split() == ["backend", "sum/µs", *["µs", "GFLOP/s", "peak"] * 2]
    assert lines[at + 3].split() == ["µs", "MACs", "bytes"] * 2
    macs = 16 * 3 * 5 * 3 * (2 * 3 * 2) - 16 * 3 * 2 * 3 * (2 * 2)  # the formula's, less those with padding
    naive = next(k for k, line in enumerate(lines) if k > at and line.startswith("   naive"))
    assert lines[naive].split() == ["naive", "measured", "10000", "4000", "0.0", "0%", "6000", "0.0", "0%"]
    moved = 4 * (16 * (2 * 5 * 6 + 3 * 5 * 3) + 3 * 2 * 3 * 2)
    assert lines[naive + 1].split() == [
        "predicted",
        "1.37",
        *["0.69", f"{macs / 1000:.1f}k", f"{moved / 1000:.1f}k"] * 2,
    ]
    assert "*> direct       measured      2500     1000" in out
    assert "   pointwise    can't do it: the kernel is 3×2, it can only do 1×1" in out
    assert " > naive        measured      9500" in out  # the configured one of the linear layer
    assert "max(2·MACs / 100 GFLOP/s, bytes / 10" in out.replace("\n", " ")
    assert "(chosen by auto)" not in out


def test_options_reach_it_and_json_has_all(made_up: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--backend", "conv2d=im2col", "--set", "layers[4].linear.backend=direct", "--threads", "3", "--json")
    found = json.loads(called(capsys, made_up, *words))
    assert found["threads"] == 3 and found["peak"] == {"flops": 100e9, "copied": [[1 << 30, 10e9]]}
    first = found["layers"][0]
    assert first["problem"]["op"] == "conv2d" and first["problem"]["words"] == "conv2d 3×2 /1×2 +1×0, 2→3 on 5×6"
    assert [c["name"] for c in first["candidates"] if c["configured"]] == ["im2col"]
    assert [c["name"] for c in found["layers"][2]["candidates"] if c["configured"]] == ["direct"]
    assert set(first["candidates"][0]["passes"]["forward"]) == {
        "macs", "bytes", "predicted", "bound", "measured", "gflops", "share"
    }  # fmt: skip


def test_a_network_without_a_choice_says_so(made_up: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no layer of it has more than one backend" in called(capsys, made_up, "--set", "layers=[flatten]")


def test_a_real_one_from_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = {**NET, "layers": NET["layers"][:2], "backends": {"conv2d": "auto"}, "train": {"threads": 2}}
    (tmp_path / "net.yaml").write_text(load_config(config).to_yaml())
    out = called(capsys, str(tmp_path / "net.yaml"))
    assert out.count("measured  ") == 4 and out.count("can't do it") == 3
    assert "> configured (chosen by auto)   * fastest" in out
    found = json.loads(called(capsys, str(tmp_path / "net.yaml"), "--json"))
    candidates = found["layers"][0]["candidates"]
    assert (
        found["layers"][0]["auto"]
        and sum(c["configured"] for c in candidates) == sum(c["fastest"] for c in candidates) == 1
    )
    for candidate in candidates[:4]:
        assert candidate["measured"] > 0 and candidate["predicted"] > 0


def test_a_backend_whose_scratch_does_not_fit_into_memory_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(backend("conv2d", "im2col")), "workspace", lambda self, problem: 10**15)
    im2col = explained().layers[0].candidates[2]
    assert im2col.reason is not None
    assert im2col.reason.startswith("its scratch of 4,000,000.0 GB for each of 3 threads does not fit, this ")
    assert im2col.passes == {}
