"""The command line, through click's runner and once as a real process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nbcnn.cli import main
from nbcnn.cli._tables import wrapped
from nbcnn.data import write_idx

YAML = """\
name: small
input: {channels: 1, height: 10, width: 10}
layers:
  - conv2d: {out_channels: 2, kernel_size: 3}
  - tanh
  - avg_pool2d: {kernel_size: 2}
  - flatten
  - linear: {out_features: 2}
train: {epochs: 8, batch_size: 16, optimizer: {adam: {lr: 0.02}}}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a network, its images (dark or with a bright middle) and a finished run."""
    folder, rng = tmp_path_factory.mktemp("cli"), np.random.default_rng(0)
    (folder / "data").mkdir()
    for prefix, count in (("train", 64), ("t10k", 20)):
        labels = rng.integers(0, 2, count).astype(np.uint8)
        images = rng.integers(0, 40, (count, 10, 10), dtype=np.uint8)
        images[labels == 1, 3:7, 3:7] += 180
        write_idx(folder / "data" / f"{prefix}-images-idx3-ubyte.gz", images)
        write_idx(folder / "data" / f"{prefix}-labels-idx1-ubyte.gz", labels)
    (folder / "small.yaml").write_text(YAML)
    assert call("train", folder / "small.yaml", "--data", folder / "data", "--out", folder / "run")[0] == 0
    return folder


def call(*words, capsys=None):
    """Exit code and output of ``nbcnn`` with these words."""
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    output = capsys.readouterr() if capsys else None
    return stop.value.code, output


def refused(capsys, *words):
    """The sentence of a call that must fail with exit code 2 and no traceback."""
    capsys.readouterr()
    code, output = call(*words, capsys=capsys)
    assert code == 2
    assert "Traceback" not in output.err
    return output.err


def test_training_says_what_it_does_and_what_to_do_next(place, capsys):
    code, output = call(
        "train", place / "small.yaml", "--data", place / "data", "--out", place / "again", capsys=capsys
    )
    assert code == 0
    assert "small: 86 parameters, conv2d=direct" in output.out  # 2·9 + 2 + 32·2 + 2
    assert "64 training and 20 test images" in output.out
    assert output.out.count("epoch ") >= 2
    assert "test accuracy 100.0% after epoch 8" in output.out
    assert f" eval {place / 'again'}\n" in output.out
    assert "adam (lr 0.02), batches of 16, 8 epochs, seed 0" in output.out
    assert max(len(line) for line in output.out.splitlines() if line.startswith("epoch")) <= 82


def test_eval_prints_accuracy_loss_and_images(place, capsys):
    code, output = call("eval", place / "run", "--json", capsys=capsys)
    result = json.loads(output.out)
    assert (code, result["images"], result["accuracy"]) == (0, 20, 1.0)
    assert 0 < result["loss"] < 0.5
    code, output = call("eval", place / "run", "--last", capsys=capsys)
    assert "accuracy 100.00%" in output.out


def test_long_lines_are_broken_between_words_and_set_in():
    line = "  conv2d 5×5: " + ", ".join(f"kernel-{n} 0.{n} ms" for n in range(12)) + " → kernel-0"
    first, *more = wrapped(line).splitlines()
    assert len(line) > 195 and max(map(len, (first, *more))) <= 100
    assert first.startswith("  conv2d 5×5: kernel-0") and more
    assert all(one.startswith("      ") and one[6] != " " for one in more)
    assert " ".join(one.strip() for one in (first, *more)) == line.strip()
    assert all(one.rstrip(",").endswith((" ms", "→ kernel-0")) for one in (first, *more))
    assert wrapped("epoch  1  test loss") == "epoch  1  test loss"


def test_predict_says_what_was_done_to_a_picture(place, capsys):
    picture = np.full((30, 20, 3), 250, np.uint8)
    picture[10:20, 5:15] = 20
    Image.fromarray(picture).save(place / "picture.png")
    code, output = call("predict", place / "run", place / "picture.png", capsys=capsys)
    assert code == 0
    assert "picture.png: 1 " in output.out
    for step in ("colour to grey", "inverted: the background is light", "20×30 resized to 7×10 and padded to 10×10"):
        assert step in " ".join(output.out.split())
    assert max(map(len, output.out.splitlines()[1:])) <= 100


def test_summary_and_kernels(place, capsys):
    code, output = call("summary", "lenet", capsys=capsys)
    assert code == 0
    assert "61,706" in output.out
    code, output = call("summary", place / "run", "--json", capsys=capsys)
    assert json.loads(output.out)["parameters"] == 2 * 9 + 2 + 32 * 2 + 2
    code, output = call("kernels", capsys=capsys)
    for backend in ("direct", "fft", "im2col", "naive"):
        assert any(line.startswith("conv2d") and backend in line.split() for line in output.out.splitlines())


def test_overrides_reach_the_resolved_config(place, capsys):
    words = ("--set", "train.optimizer.adam.lr=0.01", "--epochs", 1, "--seed", 7, "--threads", 1, "--batch-size", 32)
    code, _ = call("train", place / "run", "--out", place / "changed", "--backend", "conv2d=fft", *words)
    assert code == 0
    text = (place / "changed" / "config.yaml").read_text()
    for part in ("lr: 0.01", "epochs: 1", "seed: 7", "threads: 1", "batch_size: 32", "backend: fft"):
        assert part in text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", "lenett"], "there is no model 'lenett'.*did you mean lenet?"),
        (["train", "lenet", "--backend", "conv2d=dirct"], "unknown backend 'dirct' for conv2d; did you mean direct?"),
        (["train", "lenet", "--set", "train.epohcs=3"], "unknown key 'epohcs'; did you mean epochs?"),
        (["train", "lenet", "--data", "fashion"], "fashion-mnist"),
        (["train", "lenet", "--epochs", "0"], "0 is not in the range x>=1"),
        (["trian", "lenet"], "There is no command 'trian'; did you mean train?"),
        (["help"], "There is no command 'help'; write nbcnn --help, or nbcnn COMMAND --help"),
        (["version"], "There is no command 'version'; write nbcnn --version"),
        (["test"], "There is no command 'test'; did you mean eval?"),
        (["residual"], "There is no command 'residual'; known: bench"),
        (["models"], "the models that come with nbcnn are alexnet-mini, densenet-mini"),
        (["--lr", "1"], "No such option '--lr'; options stand after the command"),
        (["train", "lenet", "--lr", "1"], "No such option '--lr'; write --set train.optimizer.adam.lr="),
        (["train", "lenet", "--learning_rate", "1"], "write --set train.optimizer.adam.lr="),
        (["train", "lenet", "--train.epochs", "1"], "No such option '--train.epochs'; write --set train.epochs="),
        (["train", "lenet", "--dataset", "x"], "No such option '--dataset'; did you mean --data?"),
        (["train", "lenet", "--epoch", "1"], "No such option '--epoch'; did you mean --epochs?"),
        (["train", "lenet", "--device", "cpu"], "No such option '--device'; everything is computed on the CPU"),
        (["train", "lenet", "--residual"], "No such option '--residual'; known: --allow-changes"),
        (["train", "lenet", "epochs=3"], r"unexpected extra argument \(epochs=3\); .* write --set train.epochs=3"),
        (["summary", "lenet", "--version"], "No such option '--version'; write nbcnn --version, without a command"),
        (["eval", "lenet"], "lenet is not trained yet: train it .nbcnn train lenet. and give its run folder"),
        (["predict", "lenet", "x.png"], "lenet is not trained yet"),
        (["eval", "nope"], "nope: no such run folder"),
        (["eval", "nowhere", "--weights", "x"], "there is no model 'nowhere'"),
        (["predict", "nowhere", "x.png"], "nowhere: no such run folder"),
    ],
)
def test_a_mistake_gets_one_clear_sentence(capsys, words, sentence):
    import re

    error = refused(capsys, *words)
    assert re.search(sentence, error), error


def test_mistakes_about_files(place, capsys, tmp_path):
    import re

    (tmp_path / "not.png").write_text("hello")
    (tmp_path / "other.yaml").write_text(YAML.replace("out_channels: 2", "out_channels: 3"))
    (tmp_path / "cut").mkdir()
    for file in (place / "data").iterdir():
        (tmp_path / "cut" / file.name).write_bytes(file.read_bytes()[: 300 if "train-images" in file.name else None])
    cases = {
        ("predict", place / "run", tmp_path / "not.png"): "not.png is not an image",
        ("eval", place / "run", "--data", tmp_path / "cut"): "train-images-idx3-ubyte.gz: .*(truncated|ends too early)",
        ("train", place / "run", "--out", place / "run"): "exists already and is never overwritten",
        ("eval", tmp_path): "is not a run folder: it has no config.yaml",
        ("eval", tmp_path / "other.yaml", "--weights", place / "run" / "best.safetensors"): (
            r"0.weight is \(2, 1, 3, 3\) in the file and \(3, 1, 3, 3\) in the network"
        ),
        ("train", "lenet", "--data", place / "data"): "its images are 1×10×10 .*the network takes 1×28×28",
    }
    for words, sentence in cases.items():
        error = refused(capsys, *words)
        assert re.search(sentence, error), error


def test_debug_shows_the_traceback(capsys):
    code, output = call("train", "lenett", "--debug", capsys=capsys)
    assert code == 2
    assert "error: there is no model 'lenett'" in output.err
    assert "Traceback" in output.err


def test_as_a_real_process(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "nbcnn", "train", "lenet", "--epochs", "1", "--set", "train.batch_size=250"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert "run folder: runs/lenet-1" in done.stdout
    assert Path(tmp_path, "runs", "lenet-1", "best.safetensors").exists()
    failed = subprocess.run(
        [sys.executable, "-m", "nbcnn", "train", "nothing.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 2
    assert failed.stderr.startswith("error: there is no file")
    assert "Traceback" not in failed.stderr


def test_what_can_be_guessed_is_guessed_though_a_picture_is_bad(place, capsys):
    Image.fromarray(np.full((10, 10), 20, np.uint8)).save(place / "dark.png")
    (place / "text.png").write_text("hello")
    code, output = call("predict", place / "run", place / "text.png", place / "dark.png", "--json", capsys=capsys)
    assert code == 2
    assert "text.png is not an image" in output.err
    (guess,) = json.loads(output.out)
    assert guess["picture"].endswith("dark.png")
    assert sum(each["probability"] for each in guess["guesses"]) == pytest.approx(1)


def test_ctrl_c_says_what_is_kept(place, capsys, monkeypatch):
    from nbcnn.engine.engine import Engine

    def interrupted(self, *given, step=Engine.train_step, made=[]):  # noqa: B006
        made.append(1)
        if len(made) > 6:
            raise KeyboardInterrupt
        return step(self, *given)

    monkeypatch.setattr(Engine, "train_step", interrupted)
    code, output = call("train", place / "run", "--out", place / "cut", capsys=capsys)
    assert code == 130
    assert f"stopped; saved in {place / 'cut'} after epoch 1. To go on:\n" in output.out
    assert f"train --resume {place / 'cut'}" in output.out


def test_a_network_too_large_for_memory_is_told(tmp_path, capsys):
    (tmp_path / "huge.yaml").write_text(YAML.replace("out_features: 2", "out_features: 100000000000000"))
    error = refused(capsys, "train", tmp_path / "huge.yaml")
    assert "the largest is 4.weight (100000000000000, 32)" in error
    code, output = call("summary", tmp_path / "huge.yaml", capsys=capsys)
    assert code == 0
    assert "3,300,000,000,000,020" in output.out


def test_a_full_disk_under_the_output_is_told():
    command = [sys.executable, "-m", "nbcnn", "summary", "lenet"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
