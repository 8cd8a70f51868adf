"""What follows a training: its pictures and report.html."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from nbcnn.autotune.layer_timing import layer_times
from nbcnn.compiler.compile_log import Compiled, total
from nbcnn.errors import NbcnnError, printable, shown
from nbcnn.plugins import blamed
from nbcnn.report.page import write_page
from nbcnn.training import pictures
from nbcnn.training.evaluation import Evaluation
from nbcnn.training.final_test import test_is_for_the_end
from nbcnn.training.loading import read_info
from nbcnn.training.pictures import Drawn
from nbcnn.training.run_report.page import report_page
from nbcnn.training.run_report.reading import Known, read_facts, times_as_json
from nbcnn.training.trainer import Trainer


def draw_run(trainer: Trainer, tested: Evaluation | None, compiled: Sequence[Compiled]) -> None:
    """Draw the pictures and make the report; the network gets the weights of the best checkpoint.

    ``tested`` is their evaluation on the test images, if it was made; ``compiled`` are the kernels of this training.
    """
    drawn = pictures.draw_run(trainer.run, trainer.executor, trainer.data, tested)
    make_report(trainer, drawn, compiled)


def make_report(trainer: Trainer, drawn: Drawn, compiled: Sequence[Compiled]) -> None:
    """The report at the end of a training; first run.json gets what was compiled and the times of the layers.

    Whatever goes wrong is a warning: the training is done, and nbcnn report makes it again. An old report is removed
    then. Raises CheckpointError alone where the folder is another one now.
    """
    run, network, data = trainer.run, trainer.network, trainer.data
    run.check()
    try:
        info = read_info(run)
        before = info.get("compiled")
        info["compiled"] = [*(before if isinstance(before, list) else []), _counted(compiled)]
        with suppress(NbcnnError, MemoryError):
            info["timed"] = times_as_json(layer_times(network))
        run.write_info(info)
        # The latest evaluation is that of the test images, where other images than they chose the checkpoint.
        same = data.validation is None or test_is_for_the_end(network, data)
        known = Known(data, drawn.tested, drawn.confidences, trainer.tested if same else None)
        with blamed():
            write_page(run.report, report_page(read_facts(run, known)))
    except Exception as error:
        with suppress(OSError):
            run.report.unlink(missing_ok=True)
        reason = "not enough memory" if isinstance(error, MemoryError) else f"{type(error).__name__}: {error}"
        warnings.warn(
            f"report.html could not be made ({' '.join(printable(reason).split())}); the training is done, and "
            f"nbcnn report {shown(run.folder)} makes it again",
            RuntimeWarning,
            stacklevel=2,
        )


def _counted(compiled: Sequence[Compiled]) -> dict[str, Any]:
    """What run.json keeps: how many kernels were compiled, in how many seconds, and how many were loaded."""
    kernels, seconds = total(compiled, "compiled")
    return {"kernels": kernels, "seconds": round(seconds, 3), "loaded": total(compiled, "loaded")[0]}
