"""``nbcnn.write_report``: report.html of a run, anew from its folder; and that of a training that has just ended."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from nbcnn.autotune.layer_timing import layer_times
from nbcnn.compiler.compile_log import Compiled, total
from nbcnn.errors import CheckpointError, ConfigError, NbcnnError, printable, shown
from nbcnn.plugins import blamed
from nbcnn.report.page import write_page
from nbcnn.training.final_test import test_is_for_the_end
from nbcnn.training.loading import read_info, trained
from nbcnn.training.pictures import Drawn
from nbcnn.training.run_report.page import ABSENT, report_page
from nbcnn.training.run_report.reading import Known, read_facts, times_as_json
from nbcnn.training.seeds_table import is_seeds
from nbcnn.training.trainer import Trainer
from nbcnn.util.html_table import table
from nbcnn.util.user_folders import expanded


class RunReport(NamedTuple):
    """The ``file`` that was written, and what it lacks: a sentence by the part's name."""

    file: Path
    missing: dict[str, str]

    def _repr_html_(self) -> str:
        """In a notebook: where it is, and what it lacks."""
        return table(("missing", "why"), list(self.missing.items()), f"report {self.file}")


@blamed()
def write_report(run: str | Path, out: str | Path | None = None) -> RunReport:
    """Write the report of a run folder, by default into it as report.html; nothing is trained, nothing else is written.

    What can't be read or computed any more is named in the report with its reason. Raises CheckpointError where there
    is no run, or the file can't be written, ConfigError for a file that is no .html.
    """
    if is_seeds(expanded(run)):
        raise CheckpointError(
            f"{shown(run)} holds a run for each of several seeds; name one of them, as {shown(run)}/seed-0"
        )
    found = trained(run)
    file = found.report if out is None else expanded(out)
    if file.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"{shown(file)}: a report is a page; give it a name that ends in .html")
    facts = read_facts(found)
    write_page(file, report_page(facts))
    return RunReport(file, {ABSENT.get(part, part): reason for part, reason in facts.missing.items()})


def report_of_training(trainer: Trainer, drawn: Drawn, compiled: Sequence[Compiled]) -> None:
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
