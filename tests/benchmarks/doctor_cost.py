"""What the doctor's looks add to a training of LeNet, counted in its own steps.

    python tests/benchmarks/doctor_cost.py [--model lenet] [--rounds 30] [--threads 2]

Steps and looks are timed in turn, in one process; the figures are the medians of the quietest half of the rounds. The
share is that of an epoch's looks in its steps alone: evaluation and checkpoints, which the doctor adds nothing to, are
left out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

from nbcnn.config import Overrides, load_config
from nbcnn.data import load_dataset
from nbcnn.data.validation_split import hold_out
from nbcnn.engine.network import Network
from nbcnn.runs.run_folder import Run
from nbcnn.training.doctor.in_training import InTraining
from nbcnn.training.doctor.recorder import FIRST, is_due
from nbcnn.training.preparation import compile_kernels
from nbcnn.training.reporter import Reporter
from nbcnn.training.trainer import Trainer


def main() -> None:
    """Print the share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="lenet")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    config = load_config(options.model, Overrides(threads=options.threads))
    data = hold_out(load_dataset(config.data), config.data.validation, config.train.seed)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(Network(config), data)
        trainer.begin_in(Run.create(Path(folder) / "run", config.name))
        compile_kernels([trainer], Reporter().compiling, Reporter().compiled, 0)
        rules = InTraining(trainer)
        recorder = rules._recorder
        orders = list(trainer.batches())
        steps, looks, asked = [], [], []
        for number in range(options.rounds):
            for order in orders[:4]:
                since = time.perf_counter()
                trainer.step(order)
                steps.append(time.perf_counter() - since)
            before = trainer.network.parameters.copy()
            since = time.perf_counter()
            recorder._look(before)
            looks.append(time.perf_counter() - since)
            if number % 5 == 0:
                since = time.perf_counter()
                rules.new_findings()
                asked.append(time.perf_counter() - since)
        trainer.close()
    quiet = [median(sorted(times)[: max(1, len(times) // 2)]) for times in (steps, looks, asked)]
    step, look, ask = quiet
    count = len(orders)
    due = sum(is_due(10_000, done, count, config.train.batch_size) for done in range(1, count + 1))
    first = len(FIRST) * look / (config.train.epochs * count * step)
    share = (due * look + ask) / (count * step) + first
    print(
        f"{config.name}: a step {1e3 * step:.3f} ms, a look {1e3 * look:.2f} ms ({look / step:.1f} steps), the rules "
        f"{1e3 * ask:.2f} ms; {due} looks in {count} steps of an epoch: {share:.1%} of the steps' time"
    )


if __name__ == "__main__":
    main()
