"""``nbcnn.doctor``: the findings on a run, from its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

from nbcnn.autotune.auto import resolve_auto
from nbcnn.config import Config, Overrides, load_config
from nbcnn.data import Dataset, load_dataset
from nbcnn.data.classes import in_terms_of
from nbcnn.data.validation_split import hold_out
from nbcnn.engine.engine import Engine
from nbcnn.engine.network import Network
from nbcnn.errors import CheckpointError, DataError
from nbcnn.plugins import blamed
from nbcnn.runs.checkpoint import load_weights
from nbcnn.runs.run_folder import Run
from nbcnn.training.doctor import statistics_file
from nbcnn.training.doctor.data_facts import DataFacts
from nbcnn.training.doctor.diagnosis import diagnose
from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding
from nbcnn.training.evaluation import Evaluation, evaluate_with
from nbcnn.training.loading import class_names, read_info, trained, with_data_found
from nbcnn.util.html_table import table


@dataclass(frozen=True)
class Diagnosis:
    """The findings on a run of so many ``epochs`` and ``looks``, the steps with statistics.

    ``missing`` says what could not be looked at, a sentence each.
    """

    run: str
    epochs: int
    looks: int
    findings: tuple[Finding, ...]
    missing: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        """In a notebook: a row for each finding, and what could not be looked at."""
        rows = [
            (one.rule.replace("_", " "), one.where, one.statistic, one.cause, one.remedy, one.options)
            for one in self.findings
        ]
        found = (
            f"{len(rows)} finding{'s' * (len(rows) > 1)}" if rows else "nothing is wrong, as far as the rules can tell"
        )
        words = "; ".join([f"run {self.run}, {self.epochs:,} epochs, statistics of {self.looks:,} steps", found])
        head = ("rule", "where", "statistic", "cause", "remedy", "options")
        return table(head, rows, "; ".join([words, *self.missing]))

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "run": self.run,
            "epochs": self.epochs,
            "looks": self.looks,
            "findings": [finding.as_json() for finding in self.findings],
            "missing": list(self.missing),
        }


@blamed()
def doctor(run: str | PathLike[str]) -> Diagnosis:
    """Look for what went wrong in the training in a run folder, or what holds it back.

    Reads its metrics, its statistics of layers and its images, and evaluates the latest weights. Nothing is trained and
    nothing written. Raises CheckpointError where there is no run, or none of its steps was made.
    """
    found = trained(run)
    info = read_info(found)
    config = with_data_found(load_config(found.folder), info, Overrides())
    network = Network(config)
    try:
        data, missing = images_of(config, info), []
    except DataError as error:
        data, missing = None, [f"the images can't be read, so they were not looked at: {error}"]
    return replace(examined(found, network, data, missing), run=str(run))


def examined(
    run: Run,
    network: Network,
    data: Dataset | None,
    missing: Sequence[str] = (),
    judged: Evaluation | None = None,
) -> Diagnosis:
    """The diagnosis of a run by its network, which gets the latest weights, and its images, with validation held out.

    ``judged`` is the evaluation of these weights, where it was made already: the network then keeps its own.
    Raises CheckpointError where none of its steps was made.
    """
    records, rows = run.metrics(), statistics_file.read(run)
    if not records and not rows:
        raise CheckpointError(
            f"{run.folder}: no step of its training was made, so there is nothing to look at; train it first"
        )
    if not rows:
        missing = ["there is no statistics.jsonl, so layers were not looked at: train again to have one", *missing]
    judged = _judged(run, network, data) if data and judged is None else judged
    findings = diagnose(Evidence(network, records, rows, DataFacts(data) if data else None, judged))
    return Diagnosis(str(run.folder), len(records), len(rows), tuple(findings), tuple(missing))


def images_of(config: Config, info: Mapping[str, Any]) -> Dataset:
    """The images of a run as it was trained with them, those for validation held out; raises DataError."""
    whole, names = load_dataset(config.data), class_names(info)
    whole = in_terms_of(whole, names, len(names)) if names and not whole.numbered else whole
    return hold_out(whole, config.data.validation, config.train.seed)


def _judged(run: Run, network: Network, data: Dataset) -> Evaluation | None:
    """The evaluation of the latest weights on what judges epochs; None where no epoch has ended."""
    path = run.folder / "last.safetensors"
    if not path.is_file():
        return None
    network.load_state_dict(load_weights(path, network.tensor_shapes)[0], str(path))
    resolve_auto(network, training=False, threads=network.config.train.threads)
    engine = Engine(network, training=False, threads=network.config.train.threads)
    try:
        return evaluate_with(engine, data, data.validation or data.test)
    finally:
        engine.close()
