from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kernels.reference_ops import conv2d_grad_input, conv2d_grad_weight
from PIL import Image

import nbcnn.bench.sweep_plots
from bench.fakes import contest, correlated, race_of, registered, take_of
from nbcnn.bench.batch import Packs, arrays_of, batch_contest, batch_race
from nbcnn.bench.crossover import Crossing, Only, changes, course, crossings, winner
from nbcnn.bench.output_folder import new_folder, save_sweeps
from nbcnn.bench.sweep import AXES, KERNELS, Point, Sweep, axes_of, sweep
from nbcnn.bench.sweep_plots import _mark, draw_sweep, styles
from nbcnn.engine.thread_pool import ThreadPool
from nbcnn.errors import CheckpointError, KernelError, PeerError
from nbcnn.kernels.conv2d.problem import Conv2dProblem


def along(name: str, *contests: Any) -> Sweep:
    axis = AXES[name]._replace(values=AXES[name].values[: len(contests)])
    points = [Point({name: value}, each) for value, each in zip(axis.values, contests, strict=True)]
    return Sweep(axis, points)


def test_an_axis_varies_one_thing_and_keeps_the_size() -> None:
    for kernel in AXES["kernel"].values:
        problem = AXES["kernel"].problem(kernel=kernel)
        assert problem.kernel_size == (kernel, kernel)
        assert problem.y_shape == (16, 28, 28)
    assert AXES["channels"].problem(channels=64).w_shape == (64, 64, 3, 3)
    assert AXES["image"].problem(image=96).x_shape == (8, 96, 96)
    assert AXES["batch"].problem(batch=64) == AXES["batch"].problem(batch=1)
    assert AXES["kernel"].fixed == "image 28×28, 16 channels in and out"
    assert AXES["map"].fixed == "8 channels in and out"


def test_axes_by_name() -> None:
    assert [axis.name for axis in axes_of(["batch,kernel"])] == ["kernel", "batch"]
    assert [axis.name for axis in axes_of(["all"])] == list(AXES)
    with pytest.raises(KernelError, match=r"--sweep kernl: there is no such axis; did you mean kernel\?"):
        axes_of(["kernl"])


def test_every_point_is_raced_and_absences_are_kept() -> None:
    speeds = {"direct": 0.001, "naive": 0.03, "pointwise": 0.0005}
    told: list[str] = []
    wanted = [f"conv2d={name}" for name in speeds]
    found = sweep(AXES["kernel"], wanted, race=race_of(speeds), tell=told.append)
    assert [point.at for point in found.points] == [{"kernel": k} for k in KERNELS]
    assert sorted(found.points[0].contest.seconds) == ["direct", "pointwise"]
    assert found.points[1].contest.absent == {
        "pointwise": "the kernel is 3×3, it can only do 1×1",
        "naive": "left out after one round, 30× slower than the best",
    }
    assert told[1] == "kernel size: 2 of 6, kernel 3"
    record = found.as_json()
    assert record["points"][1]["at"] == {"kernel": 3}
    assert {"contender": "pointwise", "absent": "the kernel is 3×3, it can only do 1×1"} in record["points"][1][
        "contenders"
    ]


def test_the_map_is_every_kernel_size_at_every_image_size() -> None:
    found = sweep(AXES["map"], ["conv2d=direct"], race=race_of({"direct": 0.001}))
    assert len(found.points) == len(KERNELS) * len(AXES["map"].values)
    assert found.points[-1].at == {"kernel": 11, "image": 128}


def test_batches_are_timed_as_batches() -> None:
    axis = AXES["batch"]._replace(values=(1, 40), channels=1, image=4)

    def turns(pool: Any, players: Any, rounds: int, seconds: float) -> Any:
        assert list(players) == [("direct", d) for d in ("forward", "grad_input", "grad_weight")]
        return dict.fromkeys(players, 0.0044)

    found = sweep(axis, ["conv2d=direct"], threads=1, turns=turns)
    per_image = [point.contest.image(point.contest.seconds["direct"]["forward"]) for point in found.points]
    assert per_image == pytest.approx([0.0044, 0.0044 / 40])


def test_peers_join_a_sweep_in_their_best_ways() -> None:
    def layer(self: Any, arrays: Any, threads: int) -> Any:
        kind.seen.append(len(arrays.x))
        return {way: {"forward": lambda: correlated(arrays)} for way in ("plain", "clever")}

    seconds = {"direct": 0.2, "naive": 0.3, "fake plain": 0.4, "fake clever": 0.1}
    wanted, told = ["conv2d=direct", "conv2d=naive"], {"direct": 0.001, "naive": 0.021}
    with registered("fake", layer=layer, seen=[]) as kind:
        take = take_of(seconds)
        axis = AXES["channels"]._replace(values=(1, 2), image=4)
        found = sweep(axis, wanted, 2, race=race_of(told), peers={"fake": kind()}, take=take)
        batch = sweep(
            AXES["batch"]._replace(values=(3, 20), channels=1, image=4),
            wanted[:1],
            race=race_of(told),
            peers={"fake": kind()},
            take=take_of(seconds),
        )
    assert take.names[0] == ["direct", "fake plain", "fake clever"]  # naive has left after a quick look
    contest = found.points[0].contest
    assert contest.absent == {"naive": "left out after one round, 21× slower than the best"}
    assert {name: list(times) for name, times in contest.seconds.items()} == {
        "direct": ["forward", "grad_input", "grad_weight"],
        "fake": ["forward"],
    }
    assert contest.image(contest.seconds["fake"]["forward"]) == pytest.approx(0.1 * 1.1 / 64)
    assert contest.behind("forward", "direct", "fake") == pytest.approx(2)
    assert [record["contender"] for record in contest.records()[:2]] == ["fake", "direct"]
    assert kind.seen == [64, 64, 3, 20]
    assert found.fixed == "kernel 3×3, image 4×4, 64 images at once"
    assert batch.fixed == "kernel 5×5, image 4×4, 1 channels in and out"


def test_a_peer_with_other_numbers_ends_a_sweep() -> None:
    axis = AXES["channels"]._replace(values=(1,), image=4)
    with (
        registered("fake", error=0.01) as kind,
        pytest.raises(PeerError, match=r"the results of forward of fake plain and of direct differ by 1.0e-02 of"),
    ):
        sweep(axis, ["conv2d=direct"], race=race_of({"direct": 1.0}), peers={"fake": kind()}, take=take_of({}))


def test_a_sweep_that_nobody_can_do_is_refused() -> None:
    axis = AXES["kernel"]._replace(values=(3, 5))
    with pytest.raises(
        KernelError, match="--sweep kernel: no backend can do any point of it: pointwise: the kernel is"
    ):
        sweep(axis, ["conv2d=pointwise"], race=race_of({}))


@pytest.mark.parametrize("images", [3, 40])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_batch_is_what_the_formula_says(images: int, threads: int) -> None:
    problem = Conv2dProblem(2, 3, 5, 6, (3, 3), padding=(1, 1, 1, 1))
    arrays, pool = arrays_of(problem, images), ThreadPool(threads)
    calls = Packs(arrays, "direct", threads).calls(pool)
    for _ in range(2):  # gradients do not pile up
        results = {direction: np.asarray(call()) for direction, call in calls.items()}
    pool.close()
    np.testing.assert_allclose(results["forward"], correlated(arrays), rtol=1e-4, atol=1e-4)
    x, w, dy = (a.astype(np.float64) for a in (arrays.x, arrays.w, arrays.dy))
    np.testing.assert_allclose(
        results["grad_input"], conv2d_grad_input(dy, w, (5, 6), padding=problem.padding), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(
        results["grad_weight"], conv2d_grad_weight(x, dy, (3, 3), padding=problem.padding), rtol=1e-4, atol=1e-3
    )


def test_a_batch_is_shared_out_over_threads() -> None:
    arrays = arrays_of(Conv2dProblem(1, 1, 3, 3, (1, 1)), 40)  # 3 packs
    assert [len(Packs(arrays, "direct", threads).call_lists["forward"]) for threads in (1, 2, 5)] == [1, 2, 3]
    found = batch_race(arrays, ["direct", "naive"], {}, 2, 1)
    assert set(found.seconds["naive"]) == {"forward", "grad_input", "grad_weight"}


def test_a_batch_contest_keeps_the_samples() -> None:
    problem = Conv2dProblem(1, 1, 3, 3, (1, 1))
    found = batch_contest(arrays_of(problem, 16), ["direct"], {"fft": "no"}, {}, 1, 2, take_of({"direct": 1.0}))
    assert found.samples["grad_weight"] == {"direct": [1.0, 1.1]}
    assert found.absent == {"fft": "no"}


# Crossings


def test_the_winner_and_its_margin() -> None:
    won = winner(contest(direct=1.0, fft=1.5, naive=4.0), "forward")
    assert won is not None
    assert (won.name, won.margin, won.clear) == ("direct", 1.5, True)
    alone = winner(contest(direct=1.0), "forward")
    assert alone is not None
    assert (alone.margin, alone.clear) == (None, True)
    assert winner(contest(fft=None), "forward") is None
    split = contest(direct=2.0, fft=2.1)
    split.samples["forward"] = {"direct": [2.0, 1.0, 4.0], "fft": [1.9, 2.1, 3.8]}  # behind by the median of all
    ahead = winner(split, "forward")
    assert ahead is not None
    assert (ahead.name, ahead.margin) == ("fft", pytest.approx(2.0 / 1.9))


def test_lines_cross_where_both_take_the_same_time() -> None:
    # direct grows with the square of the kernel size and fft does not: on logarithmic axes straight lines
    found = along("kernel", *(contest(direct=k**2 / 36, fft=1.0) for k in KERNELS))
    (crossing,) = crossings(found, "forward")
    assert (crossing.before, crossing.after, crossing.low, crossing.high) == ("direct", "fft", 5, 7)
    assert crossing.at == pytest.approx(6.0)
    assert str(crossing) == "direct → fft between 5 and 7"
    assert course(found, "forward") == "direct → fft between 5 and 7"


def test_a_tie_is_no_crossing() -> None:
    found = along(
        "kernel",
        contest(direct=1, fft=2),
        contest(direct=1.02, fft=1),
        contest(direct=1, fft=2),
        contest(direct=2, fft=1),
    )
    (crossing,) = crossings(found, "forward")
    assert (crossing.low, crossing.high) == (5, 7)


def test_who_pulls_away_after_a_tie_crossed_there() -> None:
    found = along("kernel", contest(direct=1, fft=2), contest(direct=1.02, fft=1), contest(direct=2, fft=1))
    (crossing,) = crossings(found, "forward")
    assert (crossing.low, crossing.high, crossing.at) == (3, 5, pytest.approx(3))


def test_a_crossing_with_someone_who_was_absent_lies_between_the_points() -> None:
    found = along("kernel", contest(pointwise=1, direct=2), contest(pointwise=None, direct=2))
    (crossing,) = crossings(found, "grad_weight")
    assert crossing.at is None
    assert str(crossing) == "pointwise → direct between 1 and 3"


def test_who_wins_at_a_single_point_wins_there_only() -> None:
    speeds = [(1, 2), (1, 2), (2, 1), (1, 2), (1, 2), (2, 1)]
    found = along("kernel", *(contest(direct=direct, fft=fft) for direct, fft in speeds))
    only, crossing = changes(found, "forward")
    assert only == Only(5, "fft", "direct")
    assert (crossing.low, crossing.high) == (9, 11)  # nobody knows what comes after the last point
    assert course(found, "forward") == "direct; fft at 5 only; direct → fft between 9 and 11"


def test_two_points_in_a_row_or_another_winner_after_are_two_crossings() -> None:
    twice = along("kernel", *(contest(direct=d, fft=3 - d) for d in (1, 2, 2, 1)))
    assert course(twice, "forward") == "direct → fft between 1 and 3; fft → direct between 5 and 7"
    tied = along("kernel", *(contest(direct=d, fft=f) for d, f in ((1, 2), (2, 1), (1, 1.02), (1, 2))))
    assert course(tied, "forward") == "direct → fft between 1 and 3; fft → direct between 5 and 7"
    third = along("kernel", contest(a=1, b=2, c=3), contest(a=2, b=1, c=3), contest(a=2, b=3, c=1))
    assert course(third, "forward") == "a → b between 1 and 3; b → c between 3 and 5"


def test_one_winner_all_along_is_named() -> None:
    assert course(along("kernel", contest(direct=1, fft=2), contest(direct=1.02, fft=1)), "forward") == (
        "direct all along"
    )
    late = along("kernel", contest(fft=None), contest(fft=1, direct=2))
    assert course(late, "grad_input") == "fft all along"


# Pictures


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    drawn: list[Any] = []
    real = nbcnn.bench.sweep_plots.save
    monkeypatch.setattr(
        nbcnn.bench.sweep_plots, "save", lambda figure, path: (drawn.append(figure), real(figure, path))
    )
    return drawn


def legend(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def texts(figure: Any) -> set[str]:
    from matplotlib.text import Text

    return {text.get_text() for text in figure.findobj(Text)}


def test_lines_of_all_who_took_part_with_crossings_marked(figures: list[Any], tmp_path: Path) -> None:
    contests = [contest(direct=k**2 / 36, fft=1.0, mine=None if k == 3 else 2.0, naive=None) for k in KERNELS]
    draw_sweep(along("kernel", *contests), tmp_path / "kernel.png", 2)
    with Image.open(tmp_path / "kernel.png") as image:
        assert image.format == "PNG"
    (figure,) = figures
    assert legend(figure) == ["direct", "fft", "mine"]
    above, below = figure.axes[0], figure.axes[3]
    lines = {line.get_label(): line for line in above.lines if not line.get_label().startswith("_")}
    assert list(lines["direct"].get_xdata()) == list(KERNELS)
    np.testing.assert_allclose(lines["direct"].get_ydata(), [k**2 / 36 / 16 * 1e6 for k in KERNELS])
    assert np.isnan(lines["mine"].get_ydata()).tolist() == [k == 3 for k in KERNELS]
    marks = [line.get_xdata()[0] for line in above.lines if line.get_label().startswith("_")]
    assert marks == pytest.approx([6.0])
    assert min(below.lines[1].get_ydata()) == 1.0
    assert {"direct → fft", "forward", "kernel size, pixels along a side", "time for one image, µs"} <= texts(figure)
    assert "image 28×28, 16 channels in and out; float32; 2 threads" in texts(figure)


def test_a_single_point_has_one_line_and_one_label(figures: list[Any], tmp_path: Path) -> None:
    contests = [contest(direct=2 if k == 5 else 1, fft=1 if k == 5 else 2) for k in KERNELS]
    draw_sweep(along("kernel", *contests), tmp_path / "kernel.png", 1)
    above = figures[0].axes[0]
    assert [line.get_xdata()[0] for line in above.lines if line.get_label().startswith("_")] == [5]
    assert [text.get_text() for text in above.texts] == ["fft at 5"]
    assert "Dotted: where the fastest changes, or wins at one point only." in " ".join(texts(figures[0]))


def test_the_note_on_dotted_lines_stands_where_there_are_some(figures: list[Any], tmp_path: Path) -> None:
    draw_sweep(along("kernel", *(contest(direct=1, fft=2) for _ in KERNELS)), tmp_path / "kernel.png", 1)
    assert "Marks: measured points. Who is less than 5% ahead has not overtaken." in texts(figures[0])


def test_the_same_words_stand_in_the_same_row_of_all_panels() -> None:
    from matplotlib.figure import Figure

    def heights(found: list[Crossing], rows: dict[str, int]) -> dict[str, float]:
        above, below = Figure(figsize=(4, 4)).subplots(2, 1)
        for axes in (above, below):
            axes.set_xscale("log")
            axes.set_xlim(1, 11)
        _mark(above, below, found, rows)
        return {text.get_text(): text.xyann[1] for text in above.texts}

    rows: dict[str, int] = {}
    near, alone = Crossing(3, 5, 4.0, "direct", "fft"), Crossing(3, 5, 4.2, "fft", "im2col")
    first, second = heights([near, alone], rows), heights([alone], rows)
    assert first["fft → im2col"] > first["direct → fft"]
    assert second == {"fft → im2col": first["fft → im2col"]}


def test_the_map_names_the_winners_and_their_margins(figures: list[Any], tmp_path: Path) -> None:
    axis = AXES["map"]
    points = [
        Point(
            {"kernel": kernel, "image": side},
            contest(direct=1.0, fft=0.5) if kernel == 11 else contest(direct=1.0, fft=1.02 if side == 8 else 3.5),
        )
        for kernel in KERNELS
        for side in axis.values
    ]
    draw_sweep(Sweep(axis, points), tmp_path / "map.png", 1)
    (figure,) = figures
    assert legend(figure) == ["direct", "fft"]
    words = [text.get_text() for text in figure.axes[0].texts]
    assert (words.count("fft"), words.count("direct")) == (5, 25)
    assert (words.count("2.0×"), words.count("3.5×"), words.count("≈")) == (5, 20, 5)
    cells = {tuple(np.round(patch.get_xy(), 2)): patch.get_facecolor() for patch in figure.axes[0].patches}
    assert len(cells) == 30
    tie, clear = cells[-0.48, -0.48], cells[-0.48, 0.52]
    assert sum(tie[:3]) > sum(clear[:3])  # paler
    assert {"8×8", "11×11", "image size, pixels"} <= texts(figure)


def test_backends_keep_their_colours_and_new_ones_get_others() -> None:
    few = styles(along("kernel", contest(fft=1, naive=1)))
    many = styles(along("kernel", contest(direct=1, fft=1, im2col=1, naive=1, pointwise=1, mine=1, other=1)))
    assert few["fft"] == many["fft"]
    assert len(set(many.values())) == len({colour for colour, _ in many.values()}) == 7


def test_a_sweep_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [str(new_folder(None)) for _ in range(2)] == ["bench-1", "bench-2"]
    folder = new_folder("a/b")
    files = save_sweeps(folder, {"x": 1}, [along("kernel", contest(direct=1), contest(direct=2))], 1)
    assert [str(file) for file in files] == ["a/b/sweep.json", "a/b/kernel.png"]
    assert all(file.exists() for file in files)
    with pytest.raises(CheckpointError, match="a/b exists already and is never overwritten; choose another --out"):
        new_folder("a/b")
