"""Comparing: the step, the tensor and the size of the first difference, and what is told, written and drawn of it."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from kernels.networks import LENET_LIKE
from PIL import Image

import nbcnn
from nbcnn.cli import main
from nbcnn.cli._compare_progress import CompareProgress
from nbcnn.data import write_idx
from nbcnn.engine.engine import Engine
from nbcnn.engine.network import views
from nbcnn.errors import ConfigError, DataError, KernelError
from nbcnn.kernels import registry
from nbcnn.kernels.conv2d.direct import Direct
from nbcnn.report.bit_divergence import (
    Comparison,
    Divergence,
    FirstDifference,
    Variant,
    differing,
    first_difference,
    largest_difference,
)
from nbcnn.report.comparison import draw_comparison, trailing_means
from nbcnn.report.verdict import verdicts
from nbcnn.runs.checkpoint import load_tensors
from nbcnn.training.comparison import Reporter
from nbcnn.training.doctor.finding import Finding

SGD = {"epochs": 2, "batch_size": 16, "optimizer": {"sgd": {"lr": 0.125}}, "seed": 3}
SMALL = {
    "name": "small",
    "input": {"channels": 1, "height": 8, "width": 8},
    "layers": LENET_LIKE,
    "train": SGD,
}
BOTH = ["conv2d=direct", "conv2d=fft"]
WILD = ("train.optimizer.sgd.lr=3e38", "train.optimizer.sgd.weight_decay=1")
LARGE = "train.optimizer.sgd.lr=8"  # so that a gradient's rounding reaches the weights in the first step
PACKS = 4  # 64 images; 4 steps of one pack an epoch


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("compare"), np.random.default_rng(0)
    for prefix, count in (("train", 16 * PACKS), ("t10k", 20)):
        labels = random.integers(0, 4, count).astype(np.uint8)
        images = random.integers(0, 256, (count, 8, 8), dtype=np.uint8)
        write_idx(folder / f"{prefix}-images-idx3-ubyte", images)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", labels)
    return str(folder)


@pytest.fixture(autouse=True)
def _quickly(request, monkeypatch):
    """No pictures but for the tests that look at them: they take most of the time."""
    if "pictures" not in request.fixturenames:
        monkeypatch.setattr("nbcnn.training.comparison.draw_run", lambda *arguments: None)
        monkeypatch.setattr("nbcnn.training.comparison.draw_comparison", lambda *arguments: None)


@pytest.fixture
def pictures():
    """Draw them."""


@pytest.fixture
def planted(monkeypatch):
    """Register a backend of conv2d whose weight gradients ``spoil(call, dw)`` may change; calls are counted from 1.

    A call is a pack through one of the two convolutions; warming up makes two, in the order of the backward pass. The
    doctor's looks, which make calls besides, are left out.
    """
    monkeypatch.setattr("nbcnn.training.doctor.recorder.is_due", lambda *_: False)

    def plant(name, spoil):
        class Planted(Direct):
            def build(self, problem):
                kernels, calls = super().build(problem), []

                def grad_weight(x, dy, dw, db, scratch):
                    kernels.grad_weight(x, dy, dw, db, scratch)
                    calls.append(1)
                    if len(calls) > 1:  # the first is the warming up
                        spoil(len(calls) - 1, problem, dw)

                return kernels._replace(grad_weight=grad_weight)

        monkeypatch.setitem(registry.backends("conv2d")._things, name, Planted)
        registry.backend.cache_clear()
        registry.prepare.cache_clear()

    yield plant
    registry.backend.cache_clear()
    registry.prepare.cache_clear()


def compared(data, tmp_path, backends, **options):
    return nbcnn.compare(SMALL, backends, data=data, threads=1, out=tmp_path / "out", **options)


def test_a_weight_that_is_wrong_by_1e_7_at_step_3_is_found_there(data, tmp_path, planted):
    first = 1  # input channels: the gradient of layer 0, not of layer 3

    def spoil(call, problem, dw):
        if call == 3 and problem.x_shape[0] == first:
            dw[1, 0, 2, 0] += 8e-7  # times the step size, 1/8

    planted("spoilt", spoil)
    result = compared(data, tmp_path, ["conv2d=direct", "conv2d=spoilt"])
    parted = result.variants[1].parted
    assert (parted.step, parted.differing, parted.tensor) == (3, 1, "0.weight")
    assert parted.tensors == {"0.weight": 1}
    assert parted.largest == pytest.approx(1e-7, rel=0.2)  # a weight of 0.1 is rounded to 7e-9
    assert result.variants[1].differences[:2] == [0, 0]
    assert result.variants[1].differences[2] == parted.largest
    assert result.steps == 2 * PACKS
    reference = load_tensors(result.reference.folder / "last.safetensors")[0]
    other = load_tensors(result.variants[1].folder / "last.safetensors")[0]
    apart = max(np.abs(other[name] - reference[name]).max() for name in reference)
    assert result.variants[1].differences[-1] == pytest.approx(apart, rel=1e-6) and apart > 0


def test_the_tensor_of_a_later_layer_is_named(data, tmp_path, planted):
    def spoil(call, problem, dw):
        if call == 5 and problem.x_shape[0] == 2:
            dw += 0.5

    planted("loud", spoil)
    result = compared(data, tmp_path, ["conv2d=direct", "conv2d=loud"])
    parted = result.variants[1].parted
    assert (parted.step, parted.tensor, parted.tensors) == (5, "3.weight", {"3.weight": 2 * 3 * 3 * 3})
    assert parted.largest == pytest.approx(0.5 / 8, rel=1e-4)
    assert parted.gradient > 1e-2
    (told,) = verdicts(result)
    assert re.search(
        r"parts from conv2d=direct at step 5, farthest in 3.weight, and probably not by rounding alone: from .*, where "
        r"rounding mostly stays below 0.001; nbcnn kernels check conv2d=loud tells whether a backend is wrong\.$",
        told,
    )


def test_naive_has_the_same_bits_as_direct_to_the_last_step(data, tmp_path):
    result = compared(data, tmp_path, ["conv2d=direct", "conv2d=naive"])
    naive = result.variants[1]
    assert naive.same_bits and naive.parted is None
    assert naive.differences == [0.0] * 8
    assert naive.losses == result.reference.losses
    (told,) = verdicts(result)
    assert told.startswith("conv2d=naive: the same bits as conv2d=direct to the last step (8)")
    files = [load_tensors(variant.folder / "last.safetensors")[0] for variant in result.variants]
    assert all(files[0][name].tobytes() == files[1][name].tobytes() for name in files[0])


def test_fft_parts_at_once_and_by_rounding(data, tmp_path):
    result = compared(data, tmp_path, BOTH, sets=(LARGE,))
    parted = result.variants[1].parted
    assert parted.step == 1
    assert 1e-9 < parted.gradient < 1e-5
    assert 0 < parted.largest < 1e-5
    told = verdicts(result)
    assert ", by rounding: from equal weights its gradient is off by" in told[0]
    assert "of 20 test images get" in told[0]
    assert told[1].startswith("What it means: the same formula, summed in another order")
    assert len(told) == 2


def test_each_variant_trains_as_it_would_alone(data, tmp_path, pictures):
    result = compared(data, tmp_path, BOTH)
    for variant in result.variants:
        alone = nbcnn.train(SMALL, data=data, threads=1, backends=(variant.name,), out=tmp_path / variant.name)
        ours, theirs = (load_tensors(folder / "last.safetensors")[0] for folder in (variant.folder, alone.folder))
        assert all(ours[name].tobytes() == theirs[name].tobytes() for name in theirs)
        files = {path.name for path in alone.folder.iterdir()}
        assert {path.name for path in variant.folder.iterdir()} == files
        looks = [(folder / "statistics.jsonl").read_text() for folder in (variant.folder, alone.folder)]
        assert looks[0] == looks[1] and looks[0]
        for mine, its in zip(variant.records, alone.metrics(), strict=True):
            assert {k: mine[k] for k in mine if "second" not in k} == {k: its[k] for k in its if "second" not in k}
        assert nbcnn.evaluate(variant.folder).images == 20


def test_compare_json_has_all_numbers(data, tmp_path):
    result = compared(data, tmp_path, [*BOTH, "conv2d=im2col, linear = direct"], steps=5, sets=(LARGE,))
    found = json.loads(result.json.read_text())
    assert found == result.to_mapping()
    assert (found["steps"], found["steps_asked"], found["batches"]) == (5, 5, [16] * 5)
    assert (found["parameters"], found["seed"], found["train_images"], found["test_images"]) == (
        2 * 9 + 2 + 3 * 18 + 3 + 5 * 3 + 5 + 4 * 5 + 4,
        3,
        64,
        20,
    )
    names = [variant["name"] for variant in found["variants"]]
    assert names == ["conv2d=direct", "conv2d=fft", "conv2d=im2col,linear=direct"]
    assert [variant["folder"] for variant in found["variants"]] == names
    for variant in found["variants"]:
        assert len(variant["losses"]) == len(variant["seconds"]) == len(variant["differences"]) == 5
        assert [(record["epoch"], record["step"]) for record in variant["records"]] == [(1, 4), (2, 5)]
        assert variant["records"][1]["train_loss"] == variant["losses"][4]
    assert found["variants"][0]["speed"] == 1
    assert found["variants"][0]["same_bits"] is True
    assert found["variants"][1]["parted"]["step"] == 1
    assert found["variants"][1]["backends"] == {"0": "fft", "1": "direct", "2": "direct", "3": "fft"} | {
        str(layer): "direct" for layer in (4, 5, 7, 8, 9)
    }


def test_speed_and_images_per_second_are_medians():
    comparison = Comparison("f", "m", [Variant("a", "f"), Variant("b", "f")], 0, 1, 8, 1, 1, "d", 24, 1, 3)
    comparison.batches = [8, 8, 8]
    comparison.variants[0].seconds = [1.0, 1.0, 100.0]
    comparison.variants[1].seconds = [2.0, 4.0, 100.0]
    assert comparison.images_per_second(comparison.variants[0]) == 8
    assert comparison.images_per_second(comparison.variants[1]) == 2
    assert comparison.speed(comparison.variants[1]) == 0.5


def test_one_that_diverges_is_left_behind_and_the_others_go_on(data, tmp_path, planted):
    def spoil(call, problem, dw):
        if call == 5:
            dw[0, 0, 0, 0] = np.nan

    planted("nan", spoil)
    result = compared(data, tmp_path, ["conv2d=direct", "conv2d=nan", "conv2d=fft"])
    good, bad, other = result.variants
    assert bad.diverged.step == 5
    assert "the gradient became nan at step 5 (epoch 2)" in bad.diverged.why
    assert "nbcnn kernels check conv2d=nan" in bad.diverged.why  # the step made again is finite: it is call 5 no more
    assert bad.parted is None
    assert len(bad.losses) == len(bad.differences) == 4
    assert len(good.losses) == len(other.losses) == 8
    assert not good.diverged and not other.diverged
    assert "diverged at step 5" in verdicts(result)[0]
    assert json.loads(result.json.read_text())["variants"][1]["differences"] == [0, 0, 0, 0]
    assert nbcnn.evaluate(bad.folder).images == 20  # its first epoch


def test_a_reference_that_diverges(data, tmp_path, planted):
    planted("nan", lambda call, problem, dw: dw.fill(np.nan) if call == 2 else None)
    result = compared(data, tmp_path, ["conv2d=nan", "conv2d=direct"])
    told = verdicts(result)
    assert told[0].startswith(
        "conv2d=nan: diverged at step 2; weights are held against it up to the step before. The step was made again, "
    )
    assert len(result.variants[1].differences) == 1
    assert len(result.variants[1].losses) == 8


def test_all_that_diverge_end_it(data, tmp_path):
    result = compared(data, tmp_path, ["conv2d=direct", "conv2d=naive"], sets=WILD)
    steps = {variant.diverged.step for variant in result.variants}
    assert len(steps) == 1
    assert result.steps == steps.pop() < 8


def test_steps_may_end_within_an_epoch_and_the_folder_is_an_ordinary_run(data, tmp_path):
    result = compared(data, tmp_path, BOTH, steps=2)
    assert [variant.last["step"] for variant in result.variants] == [2, 2]
    assert nbcnn.load(result.variants[1].folder).config.backends["conv2d"] == "fft"


def test_the_next_free_folder(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = [nbcnn.compare(SMALL, BOTH, data=data, steps=1).folder for _ in range(2)]
    assert [str(folder) for folder in folders] == ["compare/small-1", "compare/small-2"]


def test_overrides_backends_hold_for_all_variants(data, tmp_path):
    common = nbcnn.Overrides(data=data, backends=("conv2d=naive",), epochs=1)
    result = nbcnn.compare(SMALL, ["linear=direct", "conv2d=fft"], common, out=tmp_path / "out")
    assert [variant.backends["0"] for variant in result.variants] == ["naive", "fft"]


def test_a_reporter_is_told(data, tmp_path):
    told = []

    class Listening(Reporter):
        def start(self, comparison, network, data):
            told.append("start")

        def step(self, comparison, epoch):
            told.append(comparison.steps)

        def epoch_done(self, comparison, epoch):
            told.append(f"epoch {epoch}")

    compared(data, tmp_path, BOTH, epochs=1, reporter=Listening())
    assert told == ["start", 1, 2, 3, 4, "epoch 1"]


@pytest.mark.parametrize(
    ("backends", "sentence"),
    [
        ([], "needs at least two variants, and there is none; give one --backend for each"),
        (["conv2d=fft"], "needs at least two variants, and there is one: conv2d=fft; give one --backend for each"),
        ("conv2d=fft", r"backends must be a list such as \['conv2d=direct', 'conv2d=fft'\], got 'conv2d=fft'"),
        ([*BOTH, "conv2d = fft"], "--backend conv2d = fft is given twice; training it again gives the same bits"),
        (["linear=direct,conv2d=fft", "conv2d=fft,linear=direct"], "linear=direct is given twice"),
        (["conv2d=direct,conv2d=fft", "conv2d=fft"], "conv2d=direct,conv2d=fft: conv2d stands there twice"),
        (
            ["conv2d=direct", "conv2d=dirct"],
            r"--backend conv2d=dirct: unknown backend 'dirct' for conv2d; did you mean d",
        ),
        (
            ["conv2d=direct,naive"],
            "--backend conv2d=direct,naive: a comma joins ops of one variant, each as OP=NAME; give each variant a "
            "--backend of its own: --backend conv2d=direct --backend conv2d=naive$",
        ),
        (["conv2d=fft", "conv2d=direct, naive"], "variant a --backend of its own: --backend conv2d=direct --backend"),
        (["conv2d=direct", "conv2d=fft,"], "--backend : expected OP=NAME, for instance"),
        (["conv2d=direct", "conv=fft"], r"--backend conv=fft: unknown op 'conv'; did you mean conv2d\?"),
    ],
)
def test_mistakes_about_variants(data, tmp_path, backends, sentence):
    with pytest.raises(ConfigError, match=sentence):
        compared(data, tmp_path, backends)
    assert not (tmp_path / "out").exists()


def test_other_mistakes(data, tmp_path, planted):
    with pytest.raises(ConfigError, match="steps must be a whole number of at least 1, or None for all, got 0"):
        compared(data, tmp_path, BOTH, steps=0)
    with pytest.raises(ConfigError, match=r"unknown option 'step'; known: backends, batch_size"):
        compared(data, tmp_path, BOTH, step=3)
    compared(data, tmp_path, BOTH, steps=1)
    with pytest.raises(nbcnn.NbcnnError, match="out exists already and is never overwritten; choose another --out"):
        compared(data, tmp_path, BOTH, steps=1)


def test_a_backend_that_refuses_a_layer_is_told_before_a_folder_is_made(data, tmp_path, monkeypatch):
    monkeypatch.setattr(Direct, "supports", lambda self, problem: "it is Sunday" if problem.x_shape[0] > 1 else None)
    registry.prepare.cache_clear()
    with pytest.raises(KernelError, match=r"layers\[3\].conv2d: backend direct can't do this conv2d: it is Sunday"):
        compared(data, tmp_path, ["conv2d=naive", "conv2d=direct"])
    assert not (tmp_path / "out").exists()


# The measure


def test_bits_not_values_are_compared():
    a, b = np.array([0.0, np.nan, 1.0, 2.0], np.float32), np.array([-0.0, np.nan, 1.0, 2.0], np.float32)
    b[3] = np.nextafter(np.float32(2), np.float32(3))
    assert differing(a, b).tolist() == [True, False, False, True]
    assert largest_difference(a[2:], b[2:]) == 2**-22
    assert np.isnan(largest_difference(a, b))


def test_what_a_parting_says():
    shapes = {"0.weight": (2, 3), "0.bias": (2,), "1.weight": (4,)}
    ours, theirs = (views(np.ones(12, np.float32), shapes) for _ in range(2))
    gradients = [views(np.full(12, 3, np.float32), shapes) for _ in range(2)]
    assert first_difference(7, ours, theirs, *gradients) is None
    ours["0.bias"][1] = 1.5
    ours["1.weight"][2:] = 0.75, -2.0
    gradients[0]["1.weight"][0] = 9
    found = first_difference(7, ours, theirs, *gradients)
    assert found == FirstDifference(7, 3, 3.0, 1.5, "1.weight", {"0.bias": 1, "1.weight": 2}, 1.0)


# The picture


def test_trailing_means():
    assert trailing_means([4.0, 2.0, 0.0, 10.0], 2).tolist() == [4, 3, 1, 5]
    assert trailing_means([4.0, 2.0], 1).tolist() == [4, 2]


def lines(comparison, path, monkeypatch):
    """Draw, and give the lines of both panels: (label, y) each."""
    from nbcnn.report import comparison as compare

    kept = []
    monkeypatch.setattr(compare, "save", lambda figure, path: kept.append(figure))
    draw_comparison(comparison, path)
    return [[(line.get_label(), line) for line in axes.lines] for axes in kept[0].axes]


def test_the_picture_shows_coinciding_curves_and_the_differences(data, tmp_path, monkeypatch, pictures):
    result = compared(data, tmp_path, ["conv2d=direct", "conv2d=naive", "conv2d=fft"], sets=(LARGE,))
    with Image.open(result.picture) as picture:
        assert picture.size[0] == 11 * 120
    losses, apart = lines(result, tmp_path / "x.png", monkeypatch)
    assert [label.partition(":")[0] for label, _ in losses] == ["conv2d=direct", "conv2d=naive", "conv2d=fft"]
    widths = [line.get_linewidth() for _, line in losses]
    assert widths == sorted(widths, reverse=True) and len(set(widths)) == 3
    assert len({str(line.get_linestyle()) for _, line in losses}) >= 2
    assert np.allclose(losses[0][1].get_ydata(), result.reference.losses)
    labels = dict(apart)
    assert "conv2d=naive: the same bits at every step" in labels
    assert labels["conv2d=fft: largest |Δw|"].get_ydata().tolist() == result.variants[2].differences
    assert labels["conv2d=fft: largest |Δw|"].axes.get_yscale() == "log"


def test_a_runaway_loss_does_not_flatten_the_others(tmp_path, monkeypatch):
    wild = Variant("wild", tmp_path, losses=[2.0, 1e30], diverged=Divergence(3, "no number"))
    tame = Variant("tame", tmp_path, losses=[2.0, 1.5, 1.0])
    both = Comparison(tmp_path, "m", [tame, wild], 0, 1, 8, 1, 1, "d", 24, 1, 3, batches=[8, 8, 8])
    losses, _ = lines(both, tmp_path / "x.png", monkeypatch)
    assert losses[0][1].axes.get_ylim() == pytest.approx((0, 2.1))
    assert [label for label, _ in losses][:2] == ["tame", "wild:  diverged at step 3"]
    (cross,) = (line for _, line in losses if line.get_marker() == "x")
    assert (list(cross.get_xdata()), list(cross.get_ydata())) == ([2], [pytest.approx(2.1)])
    only = Comparison(tmp_path, "m", [wild, wild], 0, 1, 8, 1, 1, "d", 24, 1, 3, batches=[8, 8])
    assert lines(only, tmp_path / "x.png", monkeypatch)[0][0][1].axes.get_yscale() == "log"


def test_nothing_is_drawn_of_nothing(tmp_path):
    empty = Comparison(tmp_path, "m", [Variant("a", tmp_path)], 0, 1, 8, 1, 1, "d", 24, 1, 3)
    with pytest.raises(DataError, match="there is no comparison to draw: no step has been made yet"):
        draw_comparison(empty, tmp_path / "x.png")


# The command line


def call(capsys, *words):
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    return stop.value.code, capsys.readouterr()


@pytest.fixture
def words(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(nbcnn.load(SMALL).config.to_yaml())
    variants = [word for name in ("direct", "naive", "fft") for word in ("--backend", f"conv2d={name}")]
    return ["compare", "small.yaml", "--data", data, "--threads", 1, *variants]


def test_the_command(words, capsys, pictures):
    code, output = call(capsys, *words, "--steps", 5, "--set", LARGE)
    assert code == 0
    text = output.out
    assert "small: 121 parameters, 1 thread, 3 variants side by side" in text
    assert "sgd, batches of 16, 5 steps, seed 3" in text
    assert "folder: compare/small-1" in text
    table = text[text.index("parts") :].splitlines()
    direct, naive, fft = (line.split() for line in table[2:5])
    assert direct[:2] == ["conv2d=direct", "reference"] and direct[-1] == "1.00"
    assert naive[:5] == ["conv2d=naive", "never", "0", "0", "0"]
    assert fft[:2] == ["conv2d=fft", "1"] and re.fullmatch(r"\d\.\de-\d\d", fft[3])
    assert "conv2d=naive: the same bits as conv2d=direct to the last step (5)" in text
    assert "picture: compare/small-1/compare.png" in text
    assert " eval compare/small-1/conv2d=fft\n" in text
    assert max(map(len, text.splitlines())) <= 100
    code, output = call(capsys, "eval", "compare/small-1/conv2d=fft")
    assert code == 0
    assert "20 test images" in output.out


def test_what_the_doctor_finds_is_told_once_with_its_variants(data, tmp_path):
    """Variants of the same bits have the same findings."""
    told = []

    class Listening(Reporter):
        def finding(self, names, finding):
            told.append((list(names), finding.rule))

    both, wild = ["conv2d=direct", "conv2d=naive"], ("train.optimizer.sgd.lr=1000",)
    compared(data, tmp_path, both, sets=wild, epochs=1, reporter=Listening())
    assert told == [(["conv2d=direct", "conv2d=naive"], "step_too_large")]


def test_the_command_names_the_variants_of_a_finding(capsys):
    finding = Finding("the number", "the cause", "the remedy", ("train.epochs=9",))
    progress = CompareProgress()
    progress._comparison = SimpleNamespace(variants=["a", "b"])
    progress.finding(["a", "b"], finding)
    progress.finding(["b"], finding)
    assert capsys.readouterr().out.splitlines() == [
        "  the number: the cause; the remedy (--set train.epochs=9)",
        "  b: the number: the cause; the remedy (--set train.epochs=9)",
    ]


def test_the_command_in_json(words, capsys):
    code, output = call(capsys, *words, "--steps", 2, "--json", "--out", "here")
    assert code == 0
    found = json.loads(output.out)
    with open("here/compare.json") as file:
        assert found == json.load(file)
    assert "folder: here" in output.err


def test_the_command_with_too_few_variants(words, capsys):
    code, output = call(capsys, *words[:-4])
    assert code == 2
    assert output.err.startswith("error: a comparison needs at least two variants, and there is one: conv2d=direct;")


@pytest.mark.parametrize(("after", "kept"), [(2, ""), (5, "no checkpoint yet"), (17, "the checkpoints of epoch 1")])
def test_ctrl_c_leaves_what_is_done(words, capsys, monkeypatch, pictures, after, kept):
    def interrupted(self, *given, step=Engine.train_step, made=[]):  # noqa: B006
        made.append(1)
        if len(made) > after:
            raise KeyboardInterrupt
        return step(self, *given)

    monkeypatch.setattr(Engine, "train_step", interrupted)
    code, output = call(capsys, *words)
    assert code == 130
    done = after // 3
    if done:
        assert f"stopped after step {done}; compare/small-1 keeps {kept}, compare.json and compare.png" in output.out
    else:
        assert "stopped before the first step; compare/small-1 holds no checkpoint yet" in output.out
    with open("compare/small-1/compare.json") as file:
        found = json.load(file)
    assert (found["interrupted"], found["steps"]) == (True, done)
    assert {len(variant["losses"]) for variant in found["variants"]} == {done}


def test_ctrl_c_while_pictures_are_drawn(words, capsys, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("nbcnn.training.comparison.draw_comparison", interrupted)
    code, output = call(capsys, *words)
    assert code == 130
    assert "stopped after step 8; compare/small-1 keeps the checkpoints of epoch 2 and compare.json\n" in output.out


def test_a_diverged_variant_in_the_table(words, capsys):
    code, output = call(capsys, *words, *(word for text in WILD for word in ("--set", text)))
    assert code == 0
    assert re.search(r"conv2d=naive +never +0 +0 +0 +diverged +at step \d", output.out), output.out
