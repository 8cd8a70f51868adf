"""Progress display of ``nbcnn compare``: a bar, a line per epoch, a table and its conclusions."""

from __future__ import annotations

import textwrap
from shlex import quote
from typing import TYPE_CHECKING

from nbcnn.cli._display import Display, loss_text, with_plugins
from nbcnn.cli._tables import NO_BREAK, plain_table, show, wrapped
from nbcnn.report.verdict import verdicts
from nbcnn.training.comparison import Reporter
from nbcnn.util.formatting import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from nbcnn.autotune.choice import Choice
    from nbcnn.data import Dataset
    from nbcnn.engine.network import Network
    from nbcnn.report.bit_divergence import Comparison, Variant
    from nbcnn.training.doctor.finding import Finding

_WIDTH = 88


class CompareProgress(Display, Reporter):
    """A line an epoch with every variant's loss, above a bar that counts steps."""

    def __init__(self, stderr: bool = False) -> None:
        super().__init__(stderr)
        self._comparison: Comparison | None = None

    def start(self, comparison: Comparison, network: Network, data: Dataset) -> None:
        """Print the network, the variants, the data and the folder."""
        self._comparison, settings = comparison, network.config.train
        threads = counted(comparison.threads, "thread")
        line = (
            f"{comparison.model}: {comparison.parameters:,} parameters, {threads}, {len(comparison.variants)} variants "
            f"side by side: {' '.join(variant.name for variant in comparison.variants)}"
        )
        self._print(wrapped(line))
        self._data(data)
        self._augmented(settings)
        self._print(
            f"{settings.optimizer.name}, batches of {settings.batch_size}, {_length(comparison)}, seed {settings.seed}"
        )
        self._print(f"folder: {comparison.folder}")

    def chosen(self, choice: Choice) -> None:
        """Called with every choice; one from the cache too, for a variant's name is the option's text."""
        super().chosen(choice)
        if choice.remembered:
            self._print(f"auto: {choice.short}")

    def step(self, comparison: Comparison, epoch: int) -> None:
        """Move the bar."""
        if self._task is None:
            total = comparison.epochs * comparison.epoch_steps
            self._task = self._bar.add_task("", total=min(total, comparison.steps_asked or total), numbers="")
        parted = [variant.parted.step for variant in comparison.variants if variant.parted]
        apart = f"parted at step {min(parted)}" if parted else "no bit differs yet"
        self._bar.update(self._task, advance=1)
        self._bar.show(self._task, f"epoch {epoch}/{comparison.epochs}", [f"step {comparison.steps:,}", apart])

    def epoch_done(self, comparison: Comparison, epoch: int) -> None:
        """Print the epoch's line: the losses side by side."""
        part = comparison.part
        losses = "  ".join(
            _outcome(variant, loss_text(variant.last.get(f"{part}_loss", 0))) for variant in comparison.variants
        )
        self._print(wrapped(f"epoch {epoch:>{len(str(comparison.epochs))}}  {part} loss  {losses}"))

    def finding(self, names: Sequence[str], finding: Finding) -> None:
        """Say what the doctor has found, and in which variants, unless in all."""
        found = self._comparison
        everywhere = found is not None and len(names) == len(found.variants)
        options = f" ({finding.options})" if finding.sets else ""
        self._print(wrapped(f"  {'' if everywhere else ', '.join(names) + ': '}{finding.sentence}{options}"))

    def stopped(self) -> None:
        """Say what is left of a comparison that was interrupted."""
        self.close()
        found = self._comparison
        if found is None:
            return
        if not found.steps:
            self._print(f"stopped before the first step; {found.folder} holds no checkpoint yet")
            return
        epochs = max(len(variant.records) for variant in found.variants)
        kept = [f"the checkpoints of epoch {epochs}" if epochs else "no checkpoint yet"]
        kept += [path.name for path in (found.json, found.picture) if path.exists()]
        listed = ", ".join(kept[:-1]) + " and " + kept[-1] if kept[1:] else kept[0]
        self._print(f"stopped after step {found.steps:,}; {found.folder} keeps {listed}")

    def summary(self, comparison: Comparison) -> None:
        """The table, what it means, and what to do next."""
        self.close()
        self._print("")
        show(_table(comparison))
        for sentence in verdicts(comparison):
            self._print("\n" + textwrap.fill(sentence, _WIDTH, subsequent_indent="  ", break_on_hyphens=False))
        self._print(f"\npicture: {comparison.picture}\nnumbers: {comparison.json}\n\nnext:")
        last = next((variant for variant in reversed(comparison.variants) if variant.records), None)
        if last:
            command = with_plugins(f"eval {quote(str(last.folder))}")
            self._print(f"  {command}\n      one of the variants on the test images")


def _table(comparison: Comparison) -> Table:
    weights = ("parts\nat step", "weights\ndiffering", "|Δw|\nthen", "|Δw|\nat end")
    part = comparison.part
    outcome = ("train\nloss", f"{part}\nloss", f"{part}\naccuracy", "images\n/s", "\nspeed")
    table = plain_table(["\nvariant"], weights + outcome)
    for variant in comparison.variants:
        last, parted = variant.last, variant.parted
        if parted:
            apart = [f"{parted.step:,}", f"{parted.differing:,}", f"{parted.largest:.1e}"]
            apart += [f"{variant.differences[-1]:.1e}"]
        elif variant is comparison.reference:
            apart = ["reference", "", "", ""]
        else:
            apart = ["never" if variant.same_bits else "unknown", "0" if variant.same_bits else "", "0", "0"]
        if variant.diverged:
            results = ["diverged", f"at step {variant.diverged.step:,}", ""]
        elif last:
            results = [loss_text(last[f"{name}_loss"]) for name in ("train", part)] + [
                f"{last[f'{part}_accuracy']:.1%}"
            ]
        else:
            results = ["", "", ""]
        pace = [f"{comparison.images_per_second(variant):,.0f}", f"{comparison.speed(variant):.2f}"]
        table.add_row(variant.name, *apart, *results, *(pace if variant.seconds else ("", "")))
    return table


def _outcome(variant: Variant, number: str) -> str:
    return f"{variant.name}{NO_BREAK}{'diverged' if variant.diverged else number}"


def _length(comparison: Comparison) -> str:
    if comparison.steps_asked:
        return counted(comparison.steps_asked, "step")
    return f"{comparison.epochs} epoch{'s' if comparison.epochs > 1 else ''}"
