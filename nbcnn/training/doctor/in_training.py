"""Findings in the course of a training: after each epoch, each rule's once."""

from __future__ import annotations

import numpy as np

from nbcnn.training.doctor.data_facts import DataFacts
from nbcnn.training.doctor.diagnosis import diagnose
from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding
from nbcnn.training.doctor.recorder import Recorder
from nbcnn.training.reporter import Reporter
from nbcnn.training.trainer import Step, Trainer


class InTraining:
    """Asks the rules after an epoch of a trainer. What an earlier part of a resumed training knew is not said again."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer, self._recorder = trainer, Recorder(trainer)
        self._facts = DataFacts(trainer.data)
        self._told = {finding.rule for finding in self._diagnose()} if trainer.records else set()

    def step(self, order: np.ndarray) -> Step:
        """The trainer's step on the images of these numbers (N,), with statistics where they are due."""
        return self._recorder.step(order)

    @property
    def seconds(self) -> float:
        """What the statistics of all steps so far took."""
        return self._recorder.seconds

    def report(self, reporter: Reporter) -> None:
        """Tell the reporter what is new."""
        for finding in self.new_findings():
            reporter.finding(finding)

    def new_findings(self) -> list[Finding]:
        """Those that were not there after the epochs before."""
        found = [finding for finding in self._diagnose() if finding.rule not in self._told]
        self._told |= {finding.rule for finding in found}
        return found

    def _diagnose(self) -> list[Finding]:
        trainer = self._trainer
        evidence = Evidence(trainer.network, trainer.records, self._recorder.rows, self._facts, trainer.tested)
        return diagnose(evidence, in_training=True)
