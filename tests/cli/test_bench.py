"""``nbcnn bench`` as a person gives it: one small real run of each kind, and what is said of mistakes."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from bench.fakes import registered

import nbcnn.bench.environment
import nbcnn.bench.scaling
import nbcnn.bench.sweep
from nbcnn.cli import main
from nbcnn.cli._bench import progress

SMALL = """\
name: small
input: {channels: 1, height: 6, width: 6}
layers:
  - conv2d: {out_channels: 2, kernel_size: 3}
  - relu
  - flatten
  - linear: {out_features: 2}
train: {batch_size: 16, optimizer: {sgd: {lr: 0.1}}}
"""
FLAT = """\
name: flat
input: {channels: 1, height: 4, width: 4}
layers:
  - flatten
  - linear: {out_features: 3}
train: {batch_size: 16, optimizer: {sgd: {lr: 0.1}}}
"""


def no(self: Any, *task: Any) -> dict[str, Any]:
    return {}


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Exit code, output and error output of ``nbcnn bench`` in a folder with small.yaml."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(nbcnn.bench.environment, "busy", lambda place: None)
    (tmp_path / "small.yaml").write_text(SMALL)
    (tmp_path / "flat.yaml").write_text(FLAT)

    def run(*words: str) -> tuple[Any, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["bench", *words])
        output = capsys.readouterr()
        assert "Traceback" not in output.err
        return stop.value.code, output.out, output.err

    return run


def compiling_alone(err: str) -> bool:
    """Whether nothing else is said; and that once, if kernels had to be."""
    return err == "" or (err.startswith("compiling kernels, ") and err.count("\n") == 1)


def test_layers_as_json(call: Any) -> None:
    code, out, err = call("lenet", "--rounds", "1", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["name"], found["threads"], found["rounds"]) == ("lenet", 1, 1)
    assert found["environment"]["versions"]["nbcnn"]
    assert [each["layers"] for each in found["layers"]] == [["0"], ["3"]]
    timed = [row for row in found["layers"][0]["contenders"] if "direction" in row]
    assert {row["contender"] for row in timed} == {"direct", "fft", "im2col", "naive"}
    assert {row["direction"] for row in timed} == {"forward", "grad_input", "grad_weight"}
    assert all(row["seconds_per_pack"] > 0 and row["gflops"] > 0 for row in timed)
    assert min(row["times_best"] for row in timed) == 1
    assert compiling_alone(err)  # progress is for terminals


def test_layers_as_a_table(call: Any) -> None:
    code, out, _ = call("small.yaml", "--rounds", "1", "--backend", "conv2d=direct", "--backend", "conv2d=pointwise")
    assert code == 0
    assert re.search(r"^forward +\* +direct +[\d.,]+ +[\d.]+ +[\d.]+ +1\.00$", out, re.M)
    assert "pointwise: the kernel is 3×3, it can only do 1×1" in out
    assert max(len(line) for line in out.splitlines()) <= 90
    code, out, _ = call("small.yaml", "--op", "relu", "--op", "linear", "--rounds", "1")
    assert code == 0
    assert re.search(r"^forward +\* +direct +[\d.]+ +[\d.]+ +1\.00$", out, re.M)  # relu has no rate
    assert "layer 3: linear 32 to 2" in out


def test_a_whole_network_beside_a_peer(call: Any) -> None:
    def same(self: Any, task: Any, x: Any) -> dict[str, Any]:
        return {"way": lambda: task.network(x)}

    with registered("fake", training=no, inference=same):
        words = ("--model", "small.yaml", "--rounds", "1", "--against", "fake", "--only", "training,inference")
        code, out, _ = call(*words)
        assert code == 0
        assert re.search(r"^ +unit +nbcnn +fake +ratio$", out, re.M)
        assert re.search(r"^training, batches of 16 +images/s +[\d,]+ +–$", out, re.M)
        assert re.search(r"^inference, 256 at once +images/s +[\d,]+ +way [\d,]+ +[\d.]+$", out, re.M)
        assert "ratio: above 1 nbcnn is ahead" in out
        code, out, _ = call(*words, "--threads", "1", "--json")
    found = json.loads(out)
    assert (found["name"], found["threads"], found["batch_size"]) == ("small", 1, 16)
    assert [row["measure"] for row in found["rows"]] == ["training", "inference"]
    assert len(found["rows"][1]["samples"]["fake way"]) == 1
    assert found["rows"][1]["ratios"]["fake"]["contender"] == "fake way"


def test_a_sweep_leaves_a_folder(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    axes = nbcnn.bench.sweep.AXES
    monkeypatch.setitem(axes, "kernel", axes["kernel"]._replace(values=(1, 3), image=4, channels=1))
    words = ("--sweep", "kernel", "--rounds", "1", "--backend", "conv2d=direct", "--backend", "conv2d=pointwise")
    code, out, err = call(*words)
    assert code == 0
    assert re.search(r"^ +3 +forward +direct +[\d.]+ +–$", out, re.M)
    assert re.search("^grad_input: (direct all along|pointwise → direct between 1 and 3)$", out, re.M)
    assert "– pointwise at kernel 3: the kernel is 3×3, it can only do 1×1" in out
    assert out.splitlines()[-2:] == ["bench-1/sweep.json", "bench-1/kernel.png"]
    assert compiling_alone(err)
    saved = json.loads(Path("bench-1/sweep.json").read_text())
    assert saved["sweeps"][0]["axis"] == "kernel"
    assert saved["environment"]["cpu"]
    code, out, _ = call(*words, "--out", "here", "--json")
    assert json.loads(out)["folder"] == "here"
    assert Path("here/kernel.png").exists()
    code, _, err = call(*words, "--out", "here")
    assert (code, "here exists already and is never overwritten" in err) == (2, True)


def test_a_network_grows_beside_a_peer(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def same(self: Any, task: Any, x: Any) -> dict[str, Any]:
        def slowly() -> Any:
            time.sleep(0.02)  # longer than anything that may disturb nbcnn
            return task.network(x)

        return {"way": slowly}

    monkeypatch.setattr(nbcnn.bench.scaling, "BATCH_SIZES", (1, 3))
    with registered("fake", training=no, inference=same):
        words = ("--model", "small.yaml", "--sweep", "batch", "--against", "fake", "--rounds", "1", "--threads", "1")
        code, out, err = call(*words)
        assert code == 0 and compiling_alone(err)
        assert "small along batch size: images 1×6×6, 1 thread; medians of 1 round in turn; µs/image" in out
        assert re.search(r"^batch +nbcnn\n +1 +[\d.,]+\n +3 +[\d.,]+$", out, re.M)  # training: nbcnn alone
        assert re.search(r"^ +3 +[\d.,]+ +way [\d.,]+ +[\d.]+$", out, re.M)
        assert re.search(r"^inference: fake never overtakes nbcnn", out, re.M)
        assert out.splitlines()[-3:] == ["bench-1/sweep.json", "bench-1/sweep.csv", "bench-1/batch.png"]
        saved = json.loads(Path("bench-1/sweep.json").read_text())
        assert (saved["name"], saved["threads"], saved["rounds"]) == ("small", 1, 1)
        assert saved["sweeps"][0]["overtaken"][0]["peer"] == "fake"
        code, out, _ = call(*words, "--out", "here", "--only", "inference", "--patience", "1e-9", "--json")
    (axis,) = json.loads(out)["sweeps"]
    assert [point["at"] for point in axis["points"]] == [1]
    assert axis["missing"][0]["why"].endswith("and a point may take 1e-09 (--patience)")


def test_convolutions_race_beside_a_peer(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    axes = nbcnn.bench.sweep.AXES
    monkeypatch.setitem(axes, "channels", axes["channels"]._replace(values=(1, 2), image=4))
    with registered("fake"):
        code, out, err = call("--sweep", "channels", "--rounds", "1", "--backend", "conv2d=direct", "--against", "fake")
    assert code == 0 and compiling_alone(err)
    assert re.search(r"^channels +direction +winner +by +direct +fake$", out, re.M)
    assert re.search(r"^ +2 +forward +\w+ +[\d.]+× +[\d.]+ +[\d.]+$", out, re.M)
    assert re.search(r"^ +2 +grad_input +direct +[\d.]+ +–$", out, re.M)
    assert "channels: kernel 3×3, image 4×4, 64 images at once; 1 thread, at most 1 round in turn; µs/image" in out


BUSY = "the machine is busy (load 9.0 on 2 processors): trust ratios more than times, and do not compare threads"


@pytest.fixture
def crowded(call: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(nbcnn.bench.environment, "busy", lambda place: BUSY)
    return call


def test_a_busy_machine_is_told_once_in_lines_that_fit(crowded: Any) -> None:
    code, out, err = crowded("small.yaml", "--op", "relu", "--op", "linear", "--rounds", "1")
    assert code == 0
    assert " ".join(err.split()) == f"warning: {BUSY}"
    assert max(map(len, err.splitlines())) <= 100
    assert "warning" not in out


@pytest.mark.parametrize(
    "words",
    [
        "lenett",
        "small.yaml --backend conv2d=pointwise",
        "--sweep kernl",
        "--sweep image --backend conv2d=pointwise",
        "--model small.yaml --only trainin",
        "--model small.yaml --sweep batch --only memory",
        "--model flat.yaml --sweep batch,channels",
        "--sweep kernel --against tosch",
        "--against tosch",
    ],
)
def test_mistakes_are_told_before_the_warning(crowded: Any, words: str) -> None:
    code, _, err = crowded(*words.split())
    assert code == 2
    assert "warning" not in err
    assert not list(Path().glob("bench-*"))


def test_on_a_terminal_progress_moves(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for a terminal
    with progress(BUSY) as tell:
        tell("layer 0: this [one]")
        tell("layer 1: that")
    captured = capsys.readouterr()
    assert captured.err.count("warning: the machine is busy") == 1
    assert captured.out == ""
    assert "layer 1: that" in captured.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("lenett", r"there is no model 'lenett'.*did you mean lenet\?"),
        ("--model lenett", r"there is no model 'lenett'.*did you mean lenet\?"),
        ("--sweep kernl", r"--sweep kernl: there is no such axis; did you mean kernel\?"),
        ("--against tosch", r"--against tosch: unknown peer 'tosch'; did you mean torch\?"),
        ("--against ,", "--against: there is nothing to compare with; known: onnxruntime, torch"),
        (
            "--against absent",
            "--against absent: no_such_module can't be imported here; to install: pip install nothing",
        ),
        ("--against here --op relu", "--against: there is nothing to compare with for --op relu"),
        ("--backend conv2d=pointwise", r"layers\[0\].conv2d: pointwise can't do this conv2d: the kernel is 5×5"),
        ("--sweep kernel --backend conv2d=dirct", r"unknown backend 'dirct' for conv2d; did you mean direct\?"),
        ("lenet --model lenet", "lenet races its layers, --model lenet measures a whole network; give one of them"),
        ("lenet --sweep all", "--sweep makes its own convolutions; leave out lenet"),
        ("--sweep all --against tosch", r"--against tosch: unknown peer 'tosch'; did you mean torch\?"),
        ("--sweep all --set train.epochs=3", "--set does not go with --sweep without --model"),
        ("--sweep all --op relu", "--op does not go with --sweep"),
        ("--sweep batch,imge --model lenet", r"--sweep imge: there is no such axis along .* did you mean image\?"),
        (
            "--sweep kernel --model lenet",
            "--sweep kernel: there is no such axis along which a network grows; .*known: a",
        ),
        (
            "--sweep batch --model lenet --only latency",
            "--only latency: a sweep has no such measure; .*known: inference",
        ),
        ("--sweep batch --model lenet --op relu", "--op does not go with --model"),
        ("--sweep batch --only training", "--only goes with --model"),
        ("--sweep batch --patience 3", "--patience goes with --sweep and --model"),
        ("--sweep threads --model lenet --threads 2", "--threads does not go with --sweep threads, which has its own"),
        (
            "--sweep channels --model flat.yaml",
            "--sweep channels: flat has no convolution that could have more channel",
        ),
        ("--sweep batch --model small.yaml --only training --against mute", "--against mute: .* it has no training"),
        ("--model lenet --op relu", "--op does not go with --model"),
        ("--only training", "--only goes with --model"),
        ("--out x", "--out goes with --sweep"),
        ("--model lenet --only trainng", r"--only trainng: there is no such measure; did you mean training\?"),
    ],
)
def test_mistakes(call: Any, words: str, sentence: str) -> None:
    with (
        registered("absent", modules=("no_such_module",), install="pip install nothing"),
        registered("here"),
        registered("mute", training=no),
    ):
        sentence = sentence.replace("known: onnxruntime", "known: absent, here, mute, onnxruntime")
        code, out, err = call(*words.split())
    assert code == 2
    assert re.search(sentence, err), err
    assert out == ""
    assert not list(Path().glob("bench-*"))
