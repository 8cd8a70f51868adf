"""``nbcnn explain``: what it prints adds up, is what Python gives, and every mistake gets a sentence."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stripes import TINY

import nbcnn
from nbcnn.cli import main
from nbcnn.functional import conv2d

Run = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Give a command's words: its exit code, what it printed, and its errors."""

    def call(words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(shlex.split(words))
        told = capsys.readouterr()
        return int(end.value.code or 0), told.out, told.err

    return call


def added_up(text: str) -> np.float32:
    """The printed products added to the printed start, each sum rounded to float32; every printed sum is checked."""
    lines = text.split("1. the direct sum")[1].split("\n  sum ")[0].splitlines()
    rows = [line.split() for line in lines if line.split() and line.split()[0].lstrip("-").isdigit()]
    (start,) = [line.split()[-1] for line in lines if "begins with" in line]
    total = np.float32(float(start))
    for row in rows:
        exact = Fraction(float(row[-2])) + Fraction(float(total))
        near = np.float32(float(exact))
        some = [near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))]
        total = min(some, key=lambda one: abs(Fraction(float(one)) - exact))
        assert np.float32(float(row[-1])) == total, row
    return total


def unbroken(text: str) -> str:
    """The text in one line."""
    return " ".join(text.split())


@pytest.mark.jit
def test_what_is_printed_adds_up_to_the_engines_number(run: Run) -> None:
    code, text, _ = run("explain conv lenet --layer 3 --pixel 3,2,2 --image 4")
    network = nbcnn.load("lenet")
    images, _ = nbcnn.data.load("fashion-mnist-mini", "test")
    config = network.config.to_mapping()
    cut = nbcnn.load({**config, "layers": config["layers"][:4]})
    cut.load_state_dict({name: network.tensors[name] for name in cut.tensors})
    y = cut.scores(images[4:5])[0][3, 2, 2]
    assert code == 0 and added_up(text) == y
    assert f"the engine (direct) computed {np.float32(y)!s}: the same bits" in text
    assert "layer 3 of lenet, on test image 4 of fashion-mnist-mini (Shirt)" in text


def test_the_books_example_is_printed(run: Run) -> None:
    code, text, _ = run("explain conv")
    assert code == 0 and added_up(text) == 19
    assert "OH = floor((3 - 1·(2 - 1) - 1) / 1) + 1 = floor(1 / 1) + 1 = 2" in text
    assert "row 0 of W (1×4) times column 0 of the windows (4×4) plus the bias, 4 multiply-adds" in unbroken(text)
    assert "  row     0  1  2  3\n  column  0  1  3  4\n" in text
    assert "winograd can't do it: kernel_size is (2, 2), it can only do (3, 3)" in text
    for backend in ("direct", "fft", "im2col", "naive"):
        assert f" {backend} 19 0 0.00 " in unbroken(text)


def test_the_options_of_the_example_are_those_of_a_convolution(run: Run) -> None:
    words = "--in-channels 4 --out-channels 2 --groups 2 --input-size 9,7 --kernel-size 3,2 --stride 2,1 --padding 1,2,0,1 --dilation 2,2"
    code, text, _ = run(f"explain conv {words} --pixel 1,1,2")  # kernels that test_conv2d.py has, too
    x, w = np.arange(252, dtype=np.float32).reshape(4, 9, 7), np.arange(24, dtype=np.float32).reshape(2, 2, 3, 2)
    y = conv2d(x, w, stride=(2, 1), padding=(1, 2, 0, 1), dilation=(2, 2), groups=2)
    assert code == 0 and added_up(text) == y[1, 1, 2]
    assert "input channels 2 to 3 (group 1)" in text
    assert "the floor drops row 10 (padding): it lies under no window, and its gradient is 0" in text
    code, text, _ = run("explain conv --kernel '1 0 -1; 2 0 -2; 1 0 -1' --input-size 3 --padding same --pixel 0,1,1")
    assert code == 0 and added_up(text) == -8
    assert "Aᵀ [Σ (G g Gᵀ) ⊙ (Bᵀ d B)] A, equation (36): the tile of 2×2 pixels from row 0" in unbroken(text)


def test_a_weight_is_traced_backwards(run: Run) -> None:
    code, text, _ = run("explain conv --weight 0,0,1,1")
    assert code == 0 and added_up(text) == 24
    assert "gradient dw[0,0,1,1]" in text and "equation (4): 4 multiply-adds" in text
    code, text, _ = run("explain conv lenet --layer 3 --weight 2,1,1,3 --json")
    found = json.loads(text)
    assert code == 0 and found["same_bits"] and found["direction"] == "grad_weight"
    assert len(found["sum"]["terms"]) == 100


def test_an_image_takes_the_place_of_the_examples_numbers(run: Run) -> None:
    images, _ = nbcnn.data.load("fashion-mnist-mini", "test")
    code, text, _ = run("explain conv --image 3 --kernel '1 -1' --pixel 0,14,13")
    x = images[3].astype(np.float32) / np.float32(255)
    assert code == 0 and added_up(text) == conv2d(x, np.array([[[[1, -1]]]], np.float32))[0, 14, 13]
    assert text.startswith("an example with test image 3 of fashion-mnist-mini (")


def test_only_the_books_numbers_are_called_the_books() -> None:
    from nbcnn.introspect.trace.example import explain_example

    def words(**options: Any) -> str:
        return explain_example(**options).words

    assert words() == words(input_size=(3, 3), kernel_size=(2, 2)) == "the book's example"
    for other in ({"input_size": 6}, {"stride": 2}, {"in_channels": 2}, {"kernel": np.ones((2, 2), np.float32)}):
        assert words(**other) == "an example"
    assert words(weight=(0, 0, 1, 1)) == "a weight of the book's example, where the gradient of each output is 1"
    assert words(padding=1, weight=(0, 0, 1, 1)).startswith("a weight of an example, where")


def test_json_is_what_python_gives(run: Run) -> None:
    from nbcnn.introspect.trace.example import explain_example

    code, text, _ = run("explain conv --json")
    assert code == 0 and json.loads(text) == {**explain_example().as_json(), "files": []}


def test_pages_and_pictures_are_written_to_a_new_folder(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "trace"
    code, text, _ = run(f"explain conv --input-size 5 --kernel-size 3 --out {out}")
    names = ["conv-1-direct.png", "conv-2-im2col.png", "conv-3-fft.png", "conv-4-winograd.png", "conv.html"]
    assert code == 0 and sorted(file.name for file in out.iterdir()) == names
    assert all(f"written to {out / name}" in text for name in names)
    code, _, error = run(f"explain conv --out {out}")
    assert code == 2 and str(out) in error


MISTAKES = {
    "--pixel 0,5,5": "error: pixel 0,5,5 is outside of the output, whose shape is 1×2×2 (output channel, row, column): row must be from 0 to 1, got 5",
    "--pixel 1,2": "Invalid value for '--pixel': expected 3 whole numbers divided by commas, o,i,j; got '1,2'",
    "--pixel a,b,c": "Invalid value for '--pixel': expected 3 whole numbers divided by commas, o,i,j; got 'a,b,c'",
    "--pixel 0,-1,0": "row must be from 0 to 1, got -1",
    "--weight 0,0,2,0": "error: weight 0,0,2,0 is outside of the weights, whose shape is 1×1×2×2",
    "--padding sam": "expected 1 or 2 or 4 whole numbers divided by commas, rows,columns or top,bottom,left,right, or same or valid; got 'sam'",
    "--kernel a": "expected rows of numbers divided by semicolons, as in '1 0 -1; 2 0 -2'; got 'a'",
    "--kernel '1 2; 3'": "expected rows of numbers divided by semicolons",
    "--kernel 1 --kernel-size 3": "--kernel has a size of its own; leave --kernel-size out.",
    "--kernel-size 5": "error: conv2d: a window of 5×5 does not fit the padded input of 3×3",
    "--layer 3": "--layer is for a layer of a MODEL; give one, as in nbcnn explain conv lenet --layer ...",
    "--image 1 --input-size 5": "--input-size is for the example's own numbers; an image has its size, so leave it out.",
    "--image 99999": "error: fashion-mnist-mini has no test image 99999: they are numbered from 0 to 1999",
    "lenet --stride 2": "--stride is for the example without MODEL; a layer of lenet has its own: choose it with --layer.",
    "lenet --layer 1": "error: layer 1 of lenet is sigmoid, and only conv2d can be traced: 0, 3",
    "lenet --layer 99": "error: lenet has no layer '99'; known: 0, 3 (its conv2d layers)",
    "lenet --image nope.png": "error: nope.png: no such file; expected a picture",
    "lenet --pixel 6,0,0": "error: pixel 6,0,0 is outside of the output, whose shape is 6×28×28",
    "mlp": "error: mlp has no conv2d layer to trace; nbcnn summary mlp lists its layers",
    "lenett": "did you mean lenet?",
}


@pytest.mark.parametrize("words", list(MISTAKES))
def test_a_mistake_gets_a_sentence(run: Run, words: str) -> None:
    code, _, error = run(f"explain conv {words}")
    assert code == 2 and MISTAKES[words] in error and "Traceback" not in error


def test_a_run_without_weights_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text((Path(__file__).parents[2] / "models/lenet.yaml").read_text())
    code, _, error = run(f"explain conv {tmp_path}")
    assert code == 2 and "has no weights yet: no epoch of its training has ended" in error


def test_the_layout_lab_prints_both_trainings(run: Run, stripes: Path, tmp_path: Path) -> None:
    model = tmp_path / "tiny.yaml"
    model.write_text(json.dumps({**TINY, "data": {"folder": str(stripes)}}), encoding="utf-8")
    code, text, _ = run(f"explain layout {model} --images 120 --image 2 --epochs 1 --out {tmp_path / 'lab'}")
    assert code == 0 and text.startswith("tiny, trained twice for 1 epoch on 120 pictures of ")
    rows = [line.split() for line in text.splitlines()]
    assert [row[0] for row in rows if len(row) == 9 and row[1].endswith("%")] == ["transposed", "reshaped"]
    assert sorted(file.name for file in (tmp_path / "lab").iterdir()) == ["layout.html", "layout.png"]
    code, text, _ = run(f"explain layout {model} --images 120 --epochs 1 --json")
    found = json.loads(text)
    assert code == 0 and [one["layout"] for one in found["runs"]] == ["transposed", "reshaped"] and found["files"] == []


def test_a_mistake_in_the_layout_lab_gets_a_sentence(run: Run) -> None:
    code, _, error = run("explain layout --image 2000")
    assert code == 2 and "fashion-mnist-mini has no test image 2000: they are numbered from 0 to 1999" in error
    code, _, error = run("explain layout lenett")
    assert code == 2 and "did you mean lenet?" in error
    code, _, error = run("explain nothing")
    assert code == 2 and "There is no command 'nothing'; known: conv, layout." in error
