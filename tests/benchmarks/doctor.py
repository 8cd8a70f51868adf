"""The doctor on trainings with planted faults: recall, precision, false alarms, and whether its change mends them.

    python tests/benchmarks/doctor.py [--rounds 4] [--half made|kept] [--only FAULT ...] [--save FILE] [--write docs/doctor.md]

Each round plants every fault of doctor_faults.py once, in a healthy training drawn by seed; the healthy training is run
too, and the faulty one again with the change that the doctor proposes. Rounds of even numbers were looked at while the
rules were made, those of odd numbers were not. A fault is found where a rule that names its cause speaks; recall is the
share of faults found, precision the share of all findings that name a cause which was planted, and a false alarm is a
healthy training with a finding, in the course of it or afterwards. A fault is mended where, with the change, no rule
finds it again and at least half of what it took from the score is back.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.doctor_faults import FAULTS, Fault, Setting

import nbcnn
from nbcnn.errors import TrainingError
from nbcnn.runs.run_folder import Run
from nbcnn.training import loop
from nbcnn.training.doctor.diagnosis import rules
from nbcnn.training.doctor.doctor import Diagnosis, doctor
from nbcnn.training.doctor.finding import Finding
from nbcnn.training.reporter import Reporter


class Told(Reporter):
    """Keeps the findings of a running training."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def finding(self, finding: Finding) -> None:
        self.findings.append(finding)


@dataclass
class Outcome:
    """A training: what the doctor says of it, what it said in its course, and its scores."""

    diagnosis: Diagnosis
    told: list[Finding]
    scores: dict[str, float]
    rules: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.rules = [finding.rule for finding in self.diagnosis.findings]


class Record(NamedTuple):
    """Of a case: findings that are ``right`` and ``wrong``, whether the healthy training had an ``alarm``, whether the
    fault was ``told`` in the course of the training, and whether what mends it is ``by_config``, not by other data.
    """

    fault: str
    kept: bool
    found: bool
    mended: bool
    right: int
    wrong: int
    alarm: bool
    told: bool
    by_config: bool


@dataclass
class Case:
    """A fault with its three trainings; ``mended`` is None where nothing was proposed."""

    fault: Fault
    kept: bool
    healthy: Outcome
    faulty: Outcome
    mended: Outcome | None

    @property
    def found(self) -> bool:
        return bool({*self.fault.expected} & {*self.faulty.rules})

    @property
    def is_mended(self) -> bool:
        if self.mended is None or {*self.fault.expected} & {*self.mended.rules}:
            return False
        name = self.fault.score
        before, after, with_change = (one.scores[name] for one in (self.healthy, self.faulty, self.mended))
        return name == "none" or with_change >= after + (before - after) / 2

    @property
    def record(self) -> Record:
        """What the tables count."""
        expected = {*self.fault.expected}
        right = sum(rule in expected for rule in self.faulty.rules)
        wrong = len(self.faulty.rules) - right + len(self.healthy.rules)
        alarm = bool(self.healthy.rules or self.healthy.told)
        told = bool(expected & {finding.rule for finding in self.faulty.told})
        return Record(
            self.fault.name, self.kept, self.found, self.is_mended, right, wrong, alarm, told, self.fault.mend == "sets"
        )


def train(setting: Setting, folder: Path, sets: tuple[str, ...] = ()) -> Outcome:
    """Train, and ask the doctor."""
    told = Told()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(TrainingError):
            nbcnn.train(setting.config, data=(setting.train, setting.test), out=folder, reporter=told, sets=sets)
        run = Run(folder)
        return Outcome(doctor(folder), told.findings, scores(run, setting))


def scores(run: Run, setting: Setting) -> dict[str, float]:
    """Accuracy and mean accuracy of the classes, of the last checkpoint on the test images; what is left of the loss."""
    records = run.metrics()
    if not records or not (run.folder / "last.safetensors").exists():
        return {"accuracy": 0.0, "balanced": 0.0, "losses": -10.0, "loss": -10.0, "none": 0.0}
    result = nbcnn.evaluate(nbcnn.load(run.folder, which="last"))
    rows = result.confusion.sum(axis=1)
    recalls = np.diag(result.confusion)[rows > 0] / rows[rows > 0]
    losses = [row["val_loss"] if row["val_loss"] is not None else row["test_loss"] for row in records]
    return {
        "accuracy": result.accuracy,
        "balanced": float(recalls.mean()),
        "losses": -(losses[-1] / min(losses)),
        "loss": -losses[-1],
        "none": 0.0,
    }


def play(fault: Fault, kept: bool, folder: Path) -> Case:
    """The three trainings of a fault."""
    healthy = train(fault.before, folder / "healthy")
    faulty = train(fault.after, folder / "faulty")
    named = [finding for finding in faulty.diagnosis.findings if finding.rule in fault.expected]
    mended = None
    if named and fault.mend == "data":
        mended = train(fault.before, folder / "mended")
    elif named and named[0].sets:
        mended = train(fault.after, folder / "mended", named[0].sets)
    return Case(fault, kept, healthy, faulty, mended)


def cases(rounds: Iterable[int], only: tuple[str, ...] = ()) -> Iterable[Case]:
    """Every fault once in each round."""
    for round_ in rounds:
        for number, (name, plant) in enumerate(FAULTS.items()):
            if only and name not in only:
                continue
            kept = round_ % 2 == 1
            seed = 1000 * round_ + number + kept * 500_000
            with tempfile.TemporaryDirectory() as folder:
                yield play(plant(np.random.RandomState(seed), seed), kept, Path(folder))


@dataclass
class Table:
    """The figures of several cases."""

    cases: list[Record]

    def share(self, of: Iterable[bool]) -> float:
        """Of all cases."""
        return sum(of) / max(1, len(self.cases))

    @property
    def recall(self) -> float:
        return self.share(case.found for case in self.cases)

    @property
    def precision(self) -> float:
        right, wrong = sum(case.right for case in self.cases), sum(case.wrong for case in self.cases)
        return right / max(1, right + wrong)

    @property
    def false_alarms(self) -> float:
        return self.share(case.alarm for case in self.cases)

    @property
    def mended(self) -> float:
        found = [case for case in self.cases if case.found and case.by_config]
        return sum(case.mended for case in found) / max(1, len(found))

    def row(self, name: str) -> str:
        told = self.share(case.told for case in self.cases)
        figures = (self.recall, self.precision, self.false_alarms, self.mended, told)
        return f"| {name} | {len(self.cases)} | {' | '.join(f'{figure:.0%}' for figure in figures)} |"


def tell(case: Case) -> None:
    """A line for a case while the bench runs."""
    healthy, faulty, record = case.healthy, case.faulty, case.record
    flags = ("found" if record.found else "MISSED") + (
        " mended" if record.mended else " NOT MENDED" if record.found else ""
    )
    name = case.fault.score
    change = next((one.sets for one in faulty.diagnosis.findings if one.rule in case.fault.expected), ())
    after = f"{case.mended.scores[name]:.2f}" if case.mended else "-"
    alarms = f"  FALSE {healthy.rules} {[one.rule for one in healthy.told]}" if healthy.rules or healthy.told else ""
    also = [rule for rule in faulty.rules if rule not in case.fault.expected]
    print(
        f"{case.fault.name:<24} {case.fault.before.family:<10} {healthy.scores[name]:.2f} → {faulty.scores[name]:.2f} → {after}  "
        f"{flags} {faulty.rules} told {[one.rule for one in faulty.told]}{' ALSO ' + str(also) if also else ''} {change}{alarms}"
        f"{' AGAIN ' + str(case.mended.rules) if case.mended and case.mended.rules else ''}",
        flush=True,
    )


def report(done: list[Record]) -> str:
    """The table, by halves and by faults."""
    titles = "faults | recall | precision | false alarms | mended | told in the course"
    lines = [f"| | {titles} |", "|---|---|---|---|---|---|---|"]
    made, kept = ([case for case in done if case.kept is half] for half in (False, True))
    for name, own in (("seen while the rules were made", made), ("kept out", kept), ("all", done)):
        if own:
            lines.append(Table(own).row(name))
    lines += ["", "| fault planted | found | mended |", "|---|---|---|"]
    for name in dict.fromkeys(case.fault for case in done):
        own = [case for case in done if case.fault == name]
        found = sum(case.found for case in own)
        mended = f"{sum(case.mended for case in own)} of {found}" if own[0].by_config else "–"
        lines.append(f"| {name.replace('_', ' ')} | {found} of {len(own)} | {mended} |")
    return "\n".join(lines)


def table_of_rules() -> str:
    """The rules, what each looks for, and what it is told instead of."""
    lines = ["| rule | what it is | what it looks for |", "|---|---|---|"]
    for name, rule in rules().items():
        title, looks = (str(text).strip().splitlines()[0].rstrip(".") for text in (rule.__doc__, rule.look.__doc__))
        lines.append(f"| {name.replace('_', ' ')} | {title} | {looks} |")
    return "\n".join(lines)


def main() -> None:
    """Run the bench and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--half", choices=["made", "kept"])
    parser.add_argument("--only", nargs="*", default=())
    parser.add_argument("--save", type=Path, help="append a line for each case")
    parser.add_argument(
        "--read", type=Path, nargs="*", default=(), help="the lines of such files, instead of trainings"
    )
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    loop.draw_run = lambda *_: None  # type: ignore[assignment]
    os.fsync = lambda _: None  # nothing here has to survive a power cut
    wanted = [r for r in range(options.rounds) if options.half in (None, "kept" if r % 2 else "made")]
    since, done = time.time(), list[Record]()
    for path in options.read:
        done += [Record(*json.loads(line)) for line in path.read_text().splitlines()]
    for case in cases(wanted, tuple(options.only)) if not options.read else ():
        done.append(case.record)
        tell(case)
        if options.save:
            with options.save.open("a") as file:
                file.write(json.dumps(case.record) + "\n")
    text = report(done)
    print(f"\n{text}\n\n{time.time() - since:.0f} s")
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        for name, part in (("bench", text), ("rules", table_of_rules())):
            start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
            head, _, rest = page.partition(start)
            page = f"{head}{start}\n{part}\n\n{end}{rest.partition(end)[2]}"
        options.write.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
