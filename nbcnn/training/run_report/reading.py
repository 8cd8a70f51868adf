"""The facts of a report, read from a run folder and computed from its weights and images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nbcnn.autotune.auto import resolve_auto
from nbcnn.autotune.layer_timing import LayerTime, layer_times, predicted_seconds
from nbcnn.autotune.roofline import known_peak, measured_peak
from nbcnn.compiler.host import target
from nbcnn.config import Config, Overrides, find_model, load_config
from nbcnn.config.yaml_tree import MAX_BYTES
from nbcnn.data import Dataset
from nbcnn.engine.engine import Engine
from nbcnn.engine.network import shapes_of
from nbcnn.errors import CheckpointError
from nbcnn.introspect.activations import activations
from nbcnn.runs.checkpoint import load_tensors, match_tensors
from nbcnn.runs.run_folder import Run
from nbcnn.training.doctor.doctor import examined, images_of
from nbcnn.training.evaluation import Evaluation, check_images, evaluate_with
from nbcnn.training.final_test import earlier_looks, load_best, read_result
from nbcnn.training.loading import class_names, read_info, trained_on, with_data_found
from nbcnn.training.model import Model
from nbcnn.training.prediction import probabilities
from nbcnn.training.run_report.facts import RunFacts
from nbcnn.util.files import read_file


class Known(NamedTuple):
    """What a training that has just ended need not read or compute again.

    Its images, the evaluation of the best weights on the test images with the confidences of its guesses, and that of
    the latest weights.
    """

    data: Dataset
    tested: Evaluation | None
    confidences: np.ndarray | None
    judged: Evaluation | None


def read_facts(run: Run, known: Known | None = None) -> RunFacts:
    """All that is there. Without ``known`` the machine's peak is measured, where it never was."""
    facts = RunFacts(run.folder.resolve().name, str(run.folder))
    with facts.attempt("config"):
        facts.config_text = read_file(find_model(run.folder), MAX_BYTES, CheckpointError).decode("utf-8", "replace")
    with facts.attempt("info"):
        facts.info = read_info(run)
    if not facts.info:
        facts.missing.setdefault("info", "run.json is not there: how and when the run was made is not known")
    with facts.attempt("metrics"):
        facts.records = run.metrics()
        if not facts.records:
            facts.missing["metrics"] = "no epoch of its training has ended yet"
    with facts.attempt("network"):
        facts.config = with_data_found(load_config(run.folder), facts.info, Overrides())
        _check_size(run, facts.config)
        facts.network = Model(facts.config)
        facts.network.classes = class_names(facts.info)
    if facts.network is not None:
        _of_network(run, facts, facts.network, known)
        with facts.attempt("looks"):
            facts.looks = _looks(run, facts)
    return facts


def _looks(run: Run, facts: RunFacts) -> int:
    """How often the test images were looked at; once where they were for other reasons than ``data.validation``'s."""
    if facts.config is None or facts.config.data.validation is None:
        return 1
    result = read_result(run)
    steps = max((record["step"] for record in facts.records), default=0)
    return result.looks if result else 1 + earlier_looks(run, steps)


def _check_size(run: Run, config: Config) -> None:
    """Raise CheckpointError where the weights are not those of the config, before arrays of its size are made."""
    for kind in ("best", "last"):
        path = run.folder / f"{kind}.safetensors"
        try:
            found, _ = load_tensors(path)
        except CheckpointError:  # it is missing or damaged, which is said where weights are wanted
            continue
        match_tensors(found, shapes_of(config), str(path))
        return


def _of_network(run: Run, facts: RunFacts, network: Model, known: Known | None) -> None:
    with facts.attempt("images"):
        facts.data = known.data if known else images_of(network.config, facts.info)
        check_images(network, facts.data)
        digest = trained_on(facts.info).get("sha256")
        if digest is not None and digest != facts.data.digest:
            facts.missing["digest"] = (
                "the images or labels have changed since the training, so what is said of them is of others"
            )
    if "images" in facts.missing:
        facts.data = None
    with facts.attempt("doctor"):
        why = [facts.missing["images"]] if "images" in facts.missing else []
        facts.diagnosis = examined(run, network, facts.data, why, known.judged if known else None)
    with facts.attempt("weights"):
        facts.best = load_best(run, network)
        facts.has_weights = True
    if facts.has_weights and facts.data is not None:
        with facts.attempt("test"):
            _evaluate(facts, network, facts.data, known)
        with facts.attempt("maps"):
            facts.maps = activations(network, facts.data.test.images[:1])
    with facts.attempt("times"):
        _times(facts, network, measured=known is None)


def _evaluate(facts: RunFacts, network: Model, data: Dataset, known: Known | None) -> None:
    if known is not None:
        facts.tested, facts.confidences = known.tested, known.confidences
    if facts.tested is None or facts.confidences is None:
        threads = network.config.train.threads
        resolve_auto(network, training=False, threads=threads)
        engine = Engine(network, training=False, threads=threads)
        try:
            facts.tested = evaluate_with(engine, data)
            facts.confidences = probabilities(engine.predict(data.test.images)).max(axis=1)
        finally:
            engine.close()


def _times(facts: RunFacts, network: Model, measured: bool) -> None:
    """The times that run.json has; they are measured now where it has none."""
    recorded = read_times(facts.info.get("timed"))
    facts.times = recorded or layer_times(network)
    if not recorded:
        facts.missing["timed"] = "the training did not record them, so they were measured when this report was made"
    elif facts.info.get("cpu") != target()[0]:
        facts.missing["peak"] = "this report was made on another kind of CPU than the training"
        return
    dtype = network.dtype.name
    peak = measured_peak(1, dtype) if measured else known_peak(1, dtype)
    if peak is None:
        facts.missing["peak"] = "this machine's speed has not been measured yet; nbcnn report does that"
        return
    facts.predicted = predicted_seconds(network, facts.times, peak)


def times_as_json(times: Sequence[LayerTime]) -> list[dict[str, Any]]:
    """As run.json has them."""
    return [
        {
            "layers": list(one.layers),
            "seconds": {direction: float(f"{seconds:.3g}") for direction, seconds in one.seconds.items()},
            "macs": one.macs,
        }
        for one in times
    ]


def read_times(found: Any) -> list[LayerTime]:
    """The other way round; [] for what no training wrote."""
    try:
        return [
            LayerTime(
                tuple(str(path) for path in one["layers"]),
                {str(direction): float(seconds) for direction, seconds in one["seconds"].items()},
                int(one["macs"]),
            )
            for one in found or ()
        ]
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
        return []
