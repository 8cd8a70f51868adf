"""Training from Python: what a run folder holds, that it can be trained again, that a diverged run stops."""

from __future__ import annotations

import json

import numpy as np
import pytest
from stripes import TINY

import nbcnn
from nbcnn.config import Overrides, load_config
from nbcnn.errors import CheckpointError, ConfigError, DataError, TrainingError
from nbcnn.runs.checkpoint import load_tensors

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture(scope="module")
def run(stripes, tmp_path_factory):
    return nbcnn.train(TINY, Overrides(data=str(stripes)), out=tmp_path_factory.mktemp("out") / "run")


def test_a_run_learns_and_its_folder_is_complete(run):
    records = run.metrics()
    assert [record["epoch"] for record in records] == [1, 2, 3]
    assert [record["step"] for record in records] == [11, 22, 33]
    assert records[-1]["test_accuracy"] > 0.95
    assert records[-1]["train_loss"] < records[0]["train_loss"]
    names = {path.name for path in run.folder.iterdir()}
    assert names == {
        "config.yaml",
        "run.json",
        "metrics.jsonl",
        "metrics.csv",
        "curves.png",
        "confusion.png",
        "samples.png",
        "report.html",
        "last.safetensors",
        "best.safetensors",
        "state.safetensors",
        "last.json",
        "statistics.jsonl",
    }
    info = json.loads(run.info.read_text())
    assert info["backends"]["0"] == "direct"
    assert info["data"]["train"] == 210


def test_evaluating_the_run_gives_what_its_metrics_say(run):
    best = max(record["test_accuracy"] for record in run.metrics())
    result = nbcnn.evaluate(run.folder)
    assert result.accuracy == best
    assert result.images == result.confusion.sum() == 50
    assert np.trace(result.confusion) == round(best * 50)


def test_the_networks_scores_agree_with_the_evaluation(run, stripes):
    net = nbcnn.load(run.folder)
    images = nbcnn.data.load_dataset(net.config.data).test.images
    guesses = net(images.astype(np.float32) / 255).argmax(axis=1)
    assert np.array_equal(guesses, nbcnn.evaluate(run.folder).guesses)


def test_the_resolved_config_trains_to_the_same_bits(run, tmp_path):
    again = nbcnn.train(run.config, out=tmp_path / "again")
    first, second = (load_tensors(r.weights_path("last"))[0] for r in (run, again))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert load_config(again.config) == load_config(run.config)


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_do_not_change_a_bit(run, tmp_path, threads):
    other = nbcnn.train(run.config, Overrides(threads=threads), out=tmp_path / "other")
    first, second = (load_tensors(r.weights_path("last"))[0] for r in (run, other))
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("backend", ["naive", "im2col", "fft"])
def test_other_kernels_train_to_the_same_network_up_to_rounding(run, tmp_path, backend):
    other = nbcnn.train(run.config, Overrides(backends=(f"conv2d={backend}",)), out=tmp_path / backend)
    first, second = (load_tensors(r.weights_path("last"))[0] for r in (run, other))
    for name in first:
        if backend == "naive":
            assert np.array_equal(first[name], second[name])
        else:
            np.testing.assert_allclose(second[name], first[name], atol=2e-4)


def test_training_stops_when_the_loss_is_no_number_and_keeps_the_last_good_checkpoint(stripes, tmp_path):
    config = {**TINY, "train": {"epochs": 3, "batch_size": 105, "optimizer": {"sgd": {"lr": 0.1}}}}
    good = nbcnn.train(config, Overrides(data=str(stripes), epochs=1), out=tmp_path / "good")
    assert good.weights_path("last").exists()
    wild = {**config, "train": {**config["train"], "optimizer": {"sgd": {"lr": 1e30}}}}
    with pytest.raises(
        TrainingError, match=r"(?s)the loss became (nan|inf) at step \d \(epoch [12]\).*--set train.optimizer.sgd.lr"
    ):
        nbcnn.train(wild, Overrides(data=str(stripes)), out=tmp_path / "wild")


def test_a_run_that_diverges_later_keeps_the_epochs_before(stripes, tmp_path, monkeypatch):
    from nbcnn.optim.adam import Adam

    def poisoned(self, parameters, gradients, step=Adam.step):
        step(self, parameters, gradients)
        if self._count[0] == 15:
            parameters[0] = np.nan

    monkeypatch.setattr(Adam, "step", poisoned)
    with pytest.raises(
        TrainingError, match=r"a parameter became nan at step 15 \(epoch 2\).*checkpoints of epoch 1 are in"
    ):
        nbcnn.train(TINY, Overrides(data=str(stripes)), out=tmp_path / "run")
    assert all(np.isfinite(tensor).all() for tensor in load_tensors(tmp_path / "run" / "last.safetensors")[0].values())
    assert [json.loads(line)["epoch"] for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()] == [1]


def test_a_folder_that_exists_is_never_overwritten(run, stripes):
    with pytest.raises(CheckpointError, match="exists already and is never overwritten; choose another --out"):
        nbcnn.train(TINY, Overrides(data=str(stripes)), out=run.folder)


def test_options_by_name_and_their_mistakes(stripes, tmp_path):
    run = nbcnn.train(TINY, data=str(stripes), epochs=1, out=tmp_path / "named")
    assert len(run.metrics()) == 1
    with pytest.raises(ConfigError, match=r"unknown option .epoch.; did you mean epochs\?"):
        nbcnn.train(TINY, epoch=1)
    with pytest.raises(ConfigError, match=r"overrides must be nbcnn.Overrides\(...\), got dict"):
        nbcnn.train(TINY, {"train.epochs": 1})
    with pytest.raises(CheckpointError, match="lenet is not trained yet: train it"):
        nbcnn.evaluate("lenet")
    with pytest.raises(DataError, match="data must be the name of a data set or a folder, got tuple"):
        nbcnn.evaluate(run.folder, (1, 2))


def test_more_scores_than_classes_are_told(stripes, tmp_path):
    config = {**TINY, "layers": [*TINY["layers"][:-1], {"linear": {"out_features": 5}}]}
    with pytest.warns(
        RuntimeWarning, match=r"layers\[4\].linear gives 5 scores, and .* has 3 classes; out_features: 3"
    ):
        nbcnn.train(config, data=str(stripes), epochs=1, out=tmp_path / "many")


def test_of_equal_accuracies_the_lower_loss_is_best(run):
    from nbcnn.runs.checkpoint import load_tensors as load_file

    records = run.metrics()
    best = min(records, key=lambda record: (-record["test_accuracy"], record["test_loss"]))
    assert load_file(run.weights_path("best"))[1]["epoch"] == str(best["epoch"])


def test_overrides_reach_a_config_made_in_python(run, tmp_path):
    again = nbcnn.train(load_config(run.config), epochs=1, out=tmp_path / "one")
    assert [record["epoch"] for record in again.metrics()] == [1]


def test_a_parameter_that_is_no_number_at_the_end_of_an_epoch_stops_training(stripes, tmp_path, monkeypatch):
    from nbcnn.optim.adam import Adam

    def poisoned(self, parameters, gradients, step=Adam.step):
        step(self, parameters, gradients)
        if self._count[0] == 11:
            parameters[-1] = np.inf

    monkeypatch.setattr(Adam, "step", poisoned)
    with pytest.raises(TrainingError, match=r"a parameter became inf at step 11 \(epoch 1\)"):
        nbcnn.train(TINY, data=str(stripes), out=tmp_path / "run")
    assert not (tmp_path / "run" / "last.safetensors").exists()
