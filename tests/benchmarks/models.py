"""docs/models.md: the models that come with nbcnn, their size, and what finished trainings from several seeds reached.

    nbcnn train resnet-mini --seeds 3                  # hours; the folder is runs/resnet-mini-seeds-1
    python tests/benchmarks/models.py runs/resnet-mini-seeds-1 runs/mlp-seeds-1 --write docs/models.md

Each FOLDER is one that ``nbcnn train MODEL --seeds N`` made, with one or more of its seeds finished. All cells of trainings come from the folders that are
given: give all of them. Without ``--write`` the page is printed. Nothing is trained here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import nbcnn
from nbcnn.config import Config, load_config, model_names
from nbcnn.errors import CheckpointError, ConfigError, NbcnnError
from nbcnn.introspect.summary import summarize
from nbcnn.runs.run_folder import Run
from nbcnn.training.config_diff import changes
from nbcnn.training.seeds_table import SeedRuns

BOOK = {
    "lenet-d2l": "0.82",
    "lenet-bn": "0.79 to 0.81",
    "vgg-mini": "0.92",
    "nin-mini": "0.77",
    "googlenet-mini": "0.89",
    "resnet-mini": "0.92 (ResNet-18)",
    "densenet-mini": "0.82",
}
"""Test accuracies that "Dive into Deep Learning" prints for networks of the same idea."""
IDEAS = {
    "lenet-d2l": "LeNet, the book's recipe",
    "mlp": "multilayer perceptron, dropout",
    "lenet-bn": "batch normalization",
    "alexnet-mini": "depth, max pooling, dropout",
    "vgg-mini": "blocks of 3×3",
    "nin-mini": "1×1, global pooling",
    "googlenet-mini": "branches",
    "resnet-mini": "residuals",
    "densenet-mini": "concatenation of all before",
    "mobilenet-mini": "depthwise, squeeze and excitation",
}
"""What each model of the table is there to show."""
NOT_RUN = "not run"
TEXT = """\
# Models

<!-- made by: python tests/benchmarks/models.py FOLDER... --write docs/models.md -->

Each is a YAML file in [`models/`](../models), made for 28×28×1 and Fashion-MNIST; its first line names the idea and
the source. `nbcnn train resnet-mini` trains one, `nbcnn summary resnet-mini` shows its layers, `nbcnn expand resnet-mini`
the network without blocks. For colour images of 32×32, in a folder of your own:

```sh
nbcnn train resnet-mini --data my-images --set input.channels=3 --set input.height=32 --set input.width=32
```

{table}

Parameters and MACs (multiply-adds of one image, forward) are those of `nbcnn summary`. Seconds an epoch are those
of the training steps of the fastest epoch (other work on a machine only makes epochs slower) on 2 cores with AVX-512.
The accuracy is that on the 10,000 test images of Fashion-MNIST, mean ± standard deviation over the seeds. A tenth of the
training images is held out and chooses the checkpoint; the test images are looked at once, at the end. `lenet-d2l` alone keeps
the book's convention and has the accuracy after the last epoch.

The book is "Dive into Deep Learning": accuracies that its chapters print for networks of the same idea, mostly larger
ones, many on images enlarged to between 96 and 224 pixels. Network, recipe and size of image are not those here, so
they say what to expect and are no contest. "–": none is given here.

A row is made by `nbcnn train MODEL --seeds 3`, and this page from the folders that this leaves, by
`python tests/benchmarks/models.py FOLDER... --write docs/models.md`. "{not_run}" means that no folder was given for it.
A run with another config than the model's file has now is refused.

`conv2d: auto` in the wide ones times the backends when a training starts, and takes the fastest for each layer
([choosing.md](choosing.md)); the run folder's `config.yaml` has the names that were chosen. The bits of a result depend
on them, so for the same bits train from that file.
"""


def page(folders: Iterable[Path]) -> str:
    """The whole page; raises ConfigError or CheckpointError for a folder whose numbers do not belong in it."""
    trained: dict[str, SeedRuns] = {}
    for folder in folders:
        name, runs = finished(folder)
        if name in trained:
            raise CheckpointError(f"{folder} and {trained[name].folder} are both of {name}; give one of them")
        trained[name] = runs
    lines = [
        "| model | idea | parameters | MACs | seconds an epoch | epochs | test accuracy | the book |",
        "|---|---|---|---|---|---|---|---|",
        *(row(name, trained.get(name)) for name in IDEAS),
    ]
    return TEXT.format(table="\n".join(lines), not_run=NOT_RUN)


def finished(folder: Path) -> tuple[str, SeedRuns]:
    """The model that was trained in a folder, and its runs: one at least is finished, with the config the model has."""
    runs = SeedRuns.read(folder)
    config = load_config(runs.config)
    if config.name not in IDEAS:
        raise ConfigError(f"{folder} is of {config.name}, which is not in the table: {', '.join(IDEAS)}")
    if not runs.rows:
        raise CheckpointError(f"{folder}: none of {runs.count} seeds is finished; nbcnn train --resume {folder}")
    if different := changes(comparable(load_config(config.name)), comparable(config)):
        raise ConfigError(f"{folder} was trained with another config than {config.name} has: {'; '.join(different)}")
    return config.name, runs


def comparable(config: Config) -> Config:
    """Without what is no matter of the model: the seed, and the folder where the data were."""
    data = config.data.model_copy(update={"data_dir": None})
    return config.model_copy(update={"data": data, "train": config.train.model_copy(update={"seed": 0})})


def row(name: str, runs: SeedRuns | None) -> str:
    """One line of the table."""
    rows = summarize(nbcnn.load(name).root)
    size = f"{sum(row.parameters for row in rows):,} | {sum(row.macs for row in rows):,}"
    return f"| `{name}` | {IDEAS[name]} | {size} | {results(runs)} | {BOOK.get(name, '–')} |"


def results(runs: SeedRuns | None) -> str:
    """The cells that a training fills."""
    if runs is None:
        return " | ".join([NOT_RUN] * 3)
    accuracy, deviation = runs.mean("test_accuracy"), runs.standard_deviation("test_accuracy")
    if accuracy is None:
        raise CheckpointError(f"{runs.json} has a run without a test accuracy; train anew")
    epochs, count = int(runs.rows[0]["epochs"]), len(runs.rows)
    spread = "" if deviation is None else f" ± {100 * deviation:.2f}"
    reached = f"{100 * accuracy:.2f}{spread} % ({count} seed{'s' if count > 1 else ''})"
    return f"{fastest_epoch(runs):.1f} | {epochs} | {reached}"


def fastest_epoch(runs: SeedRuns) -> float:
    """Seconds of the training steps of the fastest epoch; raises CheckpointError for a run without metrics."""
    times = [record["seconds"] for row in runs.rows for record in Run.open(runs.folder / row["folder"]).metrics()]
    if not times:
        raise CheckpointError(f"{runs.folder} has a run without metrics; train anew")
    return min(times)


def main() -> None:
    """Print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--write", type=Path, metavar="FILE")
    given = parser.parse_args()
    assert set(IDEAS) <= set(model_names())
    try:
        text = page(given.folders)
    except NbcnnError as error:
        sys.exit(f"error: {error}")
    if given.write:
        given.write.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
