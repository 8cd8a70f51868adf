"""A network that grows: its points, where an axis ends, who overtakes whom, what is printed, saved and drawn."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import nbcnn.bench.end_to_end
import nbcnn.bench.scaling
import nbcnn.bench.scaling_plots
import nbcnn.training.model
from bench.fakes import contest, registered, take_of
from nbcnn.bench.environment import free_memory
from nbcnn.bench.output_folder import save_growths, unused_removed
from nbcnn.bench.rows import Row
from nbcnn.bench.scaled_config import macs, widened, widest, with_batch, with_image
from nbcnn.bench.scaling import AXES, Growth, Point, grow, growth_axes, growth_measures, places, thread_counts
from nbcnn.bench.scaling_crossover import leads, overtaken, sentence
from nbcnn.bench.scaling_plots import draw_growth, growth_styles
from nbcnn.bench.sweep import AXES as CONVOLUTIONS
from nbcnn.bench.sweep import Point as Race
from nbcnn.bench.sweep import Sweep
from nbcnn.bench.sweep_plots import styles
from nbcnn.cli._scaling import growth_tables
from nbcnn.config import Config, Overrides, load_config
from nbcnn.engine.engine import Engine
from nbcnn.engine.network import layers_of, leaves
from nbcnn.errors import KernelError, PeerError, ShapeError

FLAT = {
    "name": "flat",
    "input": {"channels": 1, "height": 4, "width": 4},
    "layers": ["flatten", {"linear": {"out_features": 3}}],
    "train": {"batch_size": 16, "optimizer": {"sgd": {"lr": 0.5}}},
}
CONVOLVED = {
    "name": "convolved",
    "input": {"channels": 2, "height": 8, "width": 12},
    "layers": [
        {"conv2d": {"out_channels": 4, "kernel_size": 3, "groups": 2}},
        {"sequential": ["relu", {"conv2d": {"out_channels": 4, "kernel_size": 3, "groups": 4}}]},
        {"conv2d": {"out_channels": 6, "kernel_size": 3, "groups": 2}},
        "flatten",
        {"linear": {"out_features": 5}},
        {"linear": {"out_features": 3}},
    ],
}
SPEEDS = {"nbcnn": 0.01, "fake plain": 0.04, "fake clever": 0.02}


def config(**change: Any) -> Config:
    return load_config({**FLAT, **change})


def weights(plain: dict[str, Any]) -> list[tuple[int, ...]]:
    root = layers_of(load_config(plain))
    return [p.shape for layer in leaves(root) for name, p in layer.parameters().items() if name == "weight"]


def growth(peers: list[str] | None = None, axis: str = "batch", **rates: dict[int, dict[str, float]]) -> Growth:
    """Of points with these images a second: measure → value → contender → rate, the same in two rounds."""
    values = sorted({at for found in rates.values() for at in found})
    points = []
    for at in values:
        rows = {
            measure: Row(measure, measure, "images/s", True, {name: [x, x] for name, x in found[at].items()})
            for measure, found in rates.items()
            if at in found
        }
        points.append(Point(at, "", {"training": at, "inference": at}, rows))
    return Growth(AXES[axis], "net", "images 1×4×4, 1 thread", 1, peers or ["torch"], points, [])


def rates(*pairs: tuple[float, float]) -> dict[int, dict[str, float]]:
    return {2**k: {"nbcnn": own, "torch eager": other} for k, (own, other) in enumerate(pairs)}


# The network of another size


def test_a_wider_network_keeps_its_input_and_its_answer() -> None:
    base = load_config(CONVOLVED)
    assert weights(base.to_mapping()) == [(4, 1, 3, 3), (4, 1, 3, 3), (6, 2, 3, 3), (5, 72), (3, 5)]
    # one group for each channel stays so where channels grow; other groups keep their number
    assert weights(widened(base, 3)) == [(12, 1, 3, 3), (12, 1, 3, 3), (18, 6, 3, 3), (15, 216), (3, 15)]
    assert widened(base, 1) == base.to_mapping()
    assert widest(base) == 6
    assert load_config(CONVOLVED).to_mapping() == base.to_mapping()


def test_other_batches_and_other_images() -> None:
    base = load_config(CONVOLVED)
    assert load_config(with_batch(base, 7)).train.batch_size == 7
    assert with_image(base, 16)["input"] == {"channels": 2, "height": 16, "width": 24}
    assert weights(with_image(base, 16))[-2:] == [(5, 6 * 10 * 18), (3, 5)]


def test_work_is_counted_for_one_image() -> None:
    assert macs(config()) == 48
    assert macs(load_config(CONVOLVED)) == 6 * 10 * 4 * 9 + 4 * 8 * 4 * 9 + 2 * 6 * 6 * 2 * 9 + 72 * 5 + 15


def test_points_of_an_axis() -> None:
    base = load_config("lenet-d2l")
    batch = places(AXES["batch"], base, 2)
    assert [(place.at, place.images, place.threads) for place in batch[:2]] == [(1, 1, 2), (2, 2, 2)]
    assert [place.plain["train"]["batch_size"] for place in batch] == [place.at for place in batch]
    image = places(AXES["image"], base, 2)
    assert [place.at for place in image] == [16, 24, 28, 32, 48, 64, 96]  # its own among them
    assert {place.images for place in image} == {256}
    channels = places(AXES["channels"], base, 2)
    assert [(place.at, place.note) for place in channels[:3]] == [(16, ""), (32, "×2"), (64, "×4")]
    assert channels[0].plain == load_config("lenet-d2l", Overrides(threads=2)).to_mapping()


def test_threads_are_those_that_there_are_and_twice_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [thread_counts(n) for n in (1, 2, 6, 8)] == [[1, 2], [1, 2, 4], [1, 2, 4, 6, 12], [1, 2, 4, 8, 16]]
    monkeypatch.setattr(nbcnn.bench.scaling, "available_threads", lambda: 2)
    found = places(AXES["threads"], config(), 1)
    assert [(place.at, place.threads, place.note) for place in found] == [
        (1, 1, ""),
        (2, 2, ""),
        (4, 4, "oversubscribed"),
    ]


def test_axes_and_measures_by_name() -> None:
    assert [axis.name for axis in growth_axes(["threads,batch"])] == ["batch", "threads"]
    assert [axis.name for axis in growth_axes(["all"])] == ["batch", "image", "channels", "threads"]
    assert growth_measures([]) == growth_measures(["inference", "training"]) == ("training", "inference")
    assert growth_measures(["inference"]) == ("inference",)


# Measuring


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nbcnn.bench.scaling, "BATCH_SIZES", (1, 4, 16))
    monkeypatch.setattr(nbcnn.bench.scaling, "HEIGHTS", (1, 8))


@pytest.mark.usefixtures("few")
def test_every_point_is_measured_beside_the_peers() -> None:
    told: list[str] = []
    with registered("fake") as kind:
        peer, take = kind(), take_of(SPEEDS)
        found = grow(AXES["batch"], config(), {"fake": peer}, threads=2, rounds=3, take=take, tell=told.append)
    assert [point.at for point in found.points] == [1, 4, 16]
    assert found.missing == []
    assert take.names == [["nbcnn", "fake plain"], ["nbcnn", "fake plain", "fake clever"]] * 3
    assert set(peer.threads) == {2}
    last = found.points[-1].rows
    assert last["training"].median("nbcnn") == pytest.approx(16 / 0.011)
    assert last["inference"].median("fake clever") == pytest.approx(16 / 0.022)
    assert leads(found, "inference", "fake") == pytest.approx({1: 2, 4: 2, 16: 2})
    assert told[0] == "batch size 1 (1 of 3): training"
    assert told[-1] == "batch size 16 (3 of 3): inference on 16 images"
    record = found.as_json()
    assert record["points"][1]["rows"][0]["ratios"]["fake"]["ratio"] == pytest.approx(4)


@pytest.mark.usefixtures("few")
def test_one_measure_alone() -> None:
    take = take_of(SPEEDS)
    found = grow(AXES["image"], config(), {}, ["inference"], rounds=1, take=take)
    assert found.measures == ["inference"]
    assert take.names == [["nbcnn"]] * 3


def test_each_number_of_threads_is_the_engines_and_the_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nbcnn.bench.scaling, "available_threads", lambda: 2)
    engines: list[tuple[bool, int]] = []

    class Seen(Engine):
        def __init__(self, network: Any, training: bool = True, threads: int | None = None) -> None:
            super().__init__(network, training, threads)
            engines.append((training, self.thread_pool.size))

    monkeypatch.setattr(nbcnn.training.model, "Engine", Seen)
    monkeypatch.setattr(nbcnn.bench.end_to_end, "Engine", Seen)
    with registered("fake") as kind:
        peer = kind()
        found = grow(AXES["threads"], config(), {"fake": peer}, threads=1, rounds=1, take=take_of(SPEEDS))
    assert sorted(set(peer.threads)) == [1, 2, 4]
    assert engines == [(True, 1), (False, 1), (True, 2), (False, 2), (True, 4), (False, 4)]
    assert [(point.at, point.note) for point in found.points] == [(1, ""), (2, ""), (4, "oversubscribed")]


@pytest.mark.usefixtures("few")
def test_an_axis_ends_where_a_point_would_take_too_long() -> None:
    # 3 rounds: 3 + 3·2 runs of nbcnn's 1.1 s; then four times the work
    found = grow(AXES["batch"], config(), {}, ["training"], rounds=3, patience=39, take=take_of({"nbcnn": 1.0}))
    assert [point.at for point in found.points] == [1]
    assert found.missing == [
        (4, "the axis ends before it: it would take about 40 s, and a point may take 39 (--patience)")
    ]
    patient = grow(AXES["batch"], config(), {}, ["training"], rounds=3, patience=40, take=take_of({"nbcnn": 1.0}))
    assert len(patient.points) == 3


@pytest.mark.usefixtures("few")
def test_an_axis_ends_where_memory_does() -> None:
    # batch 4: 32 images and numbers of 1 contender; parameters 51, activations 16 + 3 features
    needed = 32 * 16 * (1 + 4) + 4 * (19 * 2 * 4 + 4 * 51)
    for free, points in ((2 * needed - 1, [1]), (2 * needed, [1, 4])):
        found = grow(AXES["batch"], config(), {}, take=take_of(SPEEDS), memory=lambda free=free: float(free))
        assert [point.at for point in found.points] == points
        (missing,) = found.missing
        assert re.match("the axis ends before it: it would take about 0.0 GB of memory, and 0.0 are free", missing[1])
    assert len(grow(AXES["batch"], config(), {}, take=take_of(SPEEDS), memory=lambda: None).points) == 3
    free_now = free_memory()
    assert free_now is None or 1e7 < free_now < 1e13


@pytest.mark.usefixtures("few")
def test_a_size_that_the_network_can_not_have_is_left_out_with_the_reason() -> None:
    layers = [{"conv2d": {"out_channels": 1, "kernel_size": 3}}, "flatten", {"linear": {"out_features": 3}}]
    found = grow(AXES["image"], config(layers=layers), {}, rounds=1, take=take_of(SPEEDS))
    assert [point.at for point in found.points] == [4, 8]
    ((at, why),) = found.missing
    assert at == 1
    assert re.match(r"left out: .*conv2d", why)


def test_where_no_point_can_be_measured_the_reason_is_raised() -> None:
    with pytest.raises(ShapeError, match="flat: its output is"):
        grow(AXES["batch"], config(layers=["relu"]), {}, take=take_of(SPEEDS))


@pytest.mark.usefixtures("few")
def test_a_peer_must_compute_the_same_at_every_point() -> None:
    with registered("fake", error=0.01) as kind:
        with pytest.raises(
            PeerError, match=r"the gradients of 1.weight of fake plain and of nbcnn .* differ by 1.0e-02"
        ):
            grow(AXES["batch"], config(), {"fake": (peer := kind())}, take=take_of(SPEEDS))
        assert len(peer.threads) == 1  # at the first point, not after all of them
        peer = kind()
        right, peer.error = type(peer).inference, 0.0

        def inference(task: Any, x: np.ndarray) -> Any:
            peer.error = 0.01 if len(x) == 4 else 0.0
            return right(peer, task, x)

        peer.inference = inference
        found = grow(AXES["batch"], config(), {"fake": peer}, ["inference"], take=take_of(SPEEDS))
    assert [point.at for point in found.points] == [1, 16]
    assert re.match("left out: the outputs of fake plain and of nbcnn differ by 1.0e-02 of the", found.missing[0][1])


# Overtaking


def test_a_peer_overtakes_where_the_lines_meet() -> None:
    # on logarithmic axes 2 → 1 → ½ → ¼ is a straight line, level at 2
    found = growth(training=rates((8, 2), (4, 2), (2, 4), (1, 8)))
    assert leads(found, "training", "torch") == {1: 4, 2: 2, 4: 0.5, 8: 0.125}
    assert sentence(found, "training", "torch") == (
        "nbcnn is ahead at first (4.0 times as fast at 1); "
        "torch overtakes nbcnn from about 2.8 images on (8.0 times as fast at 8)"
    )
    (record,) = overtaken(found)
    assert (record["measure"], record["peer"]) == ("training", "torch")
    assert record["changes"][0]["at"] == pytest.approx(8**0.5)


def test_nbcnn_overtakes_a_peer() -> None:
    found = growth(inference=rates((1, 20), (2, 8), (8, 2), (9, 1)))
    assert sentence(found, "inference", "torch") == (
        "torch is ahead at first (20 times as fast at 1); "
        "nbcnn overtakes torch from about 2.8 images on (9.0 times as fast at 8)"
    )


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (((3, 2), (7, 2)), "torch never overtakes nbcnn from 1 to 2 images: nbcnn is 1.50 to 3.5 times as fast"),
        (((2, 3), (2, 7)), "torch is ahead of nbcnn from 1 to 2 images: 1.50 to 3.5 times as fast"),
        (((1, 1.04), (1.04, 1)), "torch and nbcnn are level from 1 to 2 images"),
        (((2, 1), (1, 1.04)), "torch never overtakes nbcnn from 1 to 2 images: nbcnn is 0.96 to 2.0 times as fast"),
        (((4, 2),), "torch never overtakes nbcnn at 1 images: nbcnn is 2.0 times as fast"),
        (
            ((2, 1), (1, 3), (2, 1)),
            "nbcnn is ahead at first (2.0 times as fast at 1); torch is ahead at 2 alone (3.0 times as fast)",
        ),
        (
            ((2, 1), (1, 3), (1, 3), (2, 1)),
            "nbcnn is ahead at first (2.0 times as fast at 1); torch overtakes nbcnn from about 1.3 images on (3.0 "
            "times as fast at 2); nbcnn overtakes torch from about 6.1 images on (2.0 times as fast at 8)",
        ),
    ],
)
def test_who_overtakes_whom_in_words(pairs: Any, words: str) -> None:
    assert sentence(growth(training=rates(*pairs)), "training", "torch") == words


def test_a_peer_without_the_measure_is_not_spoken_of() -> None:
    found = growth(["torch", "onnxruntime"], training=rates((2, 1), (2, 1)))
    assert sentence(found, "training", "onnxruntime") is None
    assert [record["peer"] for record in overtaken(found)] == ["torch"]


def test_each_point_has_the_peers_best_way_there() -> None:
    ways = {
        1: {"nbcnn": 10.0, "torch eager": 5.0, "torch channels_last": 4.0},
        2: {"nbcnn": 10.0, "torch eager": 5.0, "torch channels_last": 20.0},
    }
    found = growth(training=ways)
    assert leads(found, "training", "torch") == {1: 2, 2: 0.5}
    assert overtaken(found)[0]["changes"][0]["at"] == pytest.approx(2**0.5)


# What is printed, saved, drawn

BOTH = {
    1: {"nbcnn": 1e6 / 217, "torch channels_last": 1e6 / 176, "onnxruntime io_binding": 1e6 / 27.5},
    1024: {"nbcnn": 1e6 / 12, "torch channels_last": 1e6 / 28, "onnxruntime io_binding": 1e6 / 23.4},
}


def test_tables_fit_and_say_who_overtakes_whom(capsys: pytest.CaptureFixture[str]) -> None:
    found = growth(["torch", "onnxruntime"], training=rates((2, 1)), inference=BOTH)
    found.missing.append((2048, "the axis ends before it: " + "it would take a long time " * 5))
    found.points[-1] = found.points[-1]._replace(note="oversubscribed")
    growth_tables([found, found], 3)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    assert out.startswith("net along batch size: images 1×4×4, 1 thread; medians of 3 rounds in turn; µs/image\n")
    row = r"^ 1024  oversubscribed +12 +channels_last 28 +2\.33 +io_binding 23\.4 +1\.95$"
    assert len(re.findall(row, out, re.M)) == 2
    assert "training: torch never overtakes nbcnn at 1 images" in out
    assert "inference: onnxruntime is ahead at first (7.9 times as fast at 1)" in out
    assert "  – batch 2048: the axis ends before it: it would take" in out
    assert out.count("ratio: above 1 nbcnn is ahead") == 1


def test_the_folder_has_everything(tmp_path: Path) -> None:
    found = growth(["torch", "onnxruntime"], training=rates((2, 1)), inference=BOTH)
    empty = growth()._replace(axis=AXES["image"])
    files = save_growths(tmp_path, {"x": 1}, [found, empty])
    assert [file.name for file in files] == ["sweep.json", "sweep.csv", "batch.png"]
    assert json.loads(files[0].read_text()) == {"x": 1}
    lines = list(csv.DictReader(files[1].read_text().splitlines()))
    assert len(lines) == 2 + 6
    assert lines[-1] == {
        "axis": "batch",
        "at": "1024",
        "measure": "inference",
        "contender": "onnxruntime io_binding",
        "images_per_second": "42735",
        "seconds_per_image": "2.34e-05",
        "ratio": "1.95",
    }


def test_a_failure_leaves_no_empty_folder(tmp_path: Path) -> None:
    for name, kept in (("empty", False), ("full", True)):
        (tmp_path / name).mkdir()
        if kept:
            (tmp_path / name / "file").touch()
        with pytest.raises(KernelError), unused_removed(tmp_path / name):
            raise KernelError("no")
        assert (tmp_path / name).exists() == kept


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    drawn: list[Any] = []
    real = nbcnn.bench.scaling_plots.save
    monkeypatch.setattr(
        nbcnn.bench.scaling_plots, "save", lambda figure, path: (drawn.append(figure), real(figure, path))
    )
    return drawn


def test_a_picture_has_times_above_and_ratios_below(figures: list[Any], tmp_path: Path) -> None:
    found = growth(["torch", "onnxruntime"], training=rates((8, 2), (2, 8)), inference=BOTH)
    found.points[0].rows["inference"].samples["nbcnn"][:] = [1e6 / 434, 1e6 / 217, 1e6 / 217]
    for name, rate in (("torch channels_last", 1e6 / 176), ("onnxruntime io_binding", 1e6 / 27.5)):
        found.points[0].rows["inference"].samples[name][:] = [rate] * 3
    draw_growth(found, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG"
    (figure,) = figures
    training, inference, below, ratios = figure.axes
    lines = {line.get_label(): line for line in inference.lines if not line.get_label().startswith("_")}
    assert list(lines) == ["nbcnn", "torch", "onnxruntime"]
    assert list(lines["torch"].get_xdata()) == [1, 1024]
    np.testing.assert_allclose(lines["torch"].get_ydata(), [176, 28])
    np.testing.assert_allclose(ratios.lines[1].get_ydata(), [176 / 217, 28 / 12])
    bands = [band.get_paths()[0].get_extents() for band in ratios.collections]
    assert [band.ymin for band in bands] == pytest.approx([176 / 434, 27.5 / 434])  # all rounds
    assert [band.ymax for band in bands] == pytest.approx([28 / 12, 23.4 / 12])
    assert [text.get_text() for text in training.texts] == ["1.4"]
    assert [line.get_xdata()[0] for line in below.lines if line.get_linestyle() == ":"] == pytest.approx([2**0.5])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["nbcnn", "torch", "onnxruntime"]
    assert {axes.get_xscale() + axes.get_yscale() for axes in figure.axes} == {"loglog"}


def test_alone_a_network_has_times_only(figures: list[Any], tmp_path: Path) -> None:
    found = growth(training={1: {"nbcnn": 1.0}, 2: {"nbcnn": 2.0}})._replace(peers=[])
    draw_growth(found, tmp_path / "a.png")
    assert len(figures[0].axes) == 1


def test_peers_have_the_same_colours_in_all_pictures() -> None:
    beside = growth_styles(["torch", "mine", "onnxruntime"])
    race = styles(Sweep(CONVOLUTIONS["batch"], [Race({"batch": 1}, contest(direct=1, torch=1, onnxruntime=1, own=1))]))
    assert (beside["torch"], beside["onnxruntime"]) == (race["torch"], race["onnxruntime"])
    assert len(set(beside.values())) == len(set(race.values())) == 4
