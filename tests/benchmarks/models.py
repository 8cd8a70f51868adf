"""docs/models.md: the models that come with nbcnn, their size, and what finished trainings from several seeds reached.

    nbcnn train resnet-mini --seeds 3                  # hours; the folder is runs/resnet-mini-seeds-1
    python tests/benchmarks/models.py runs/resnet-mini-seeds-1 --write docs/models.md

Each FOLDER is one that ``nbcnn train`` made, of one training or of several seeds. The trainings that are finished there
go to the log beside the page, docs/models.csv, in place of those of the same model and seed; the page has all of that
log. Without ``--write`` the page is printed and no file changes. Nothing is trained here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean, stdev

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.models_log import Line, Log, digest, finished, read_log, write_log

import nbcnn
from nbcnn.config import model_names
from nbcnn.errors import NbcnnError
from nbcnn.introspect.summary import summarize

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
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
EARLIER = {
    "alexnet-mini": ("67967918b9ea", "30.3 | 10 | 91.10 ± 0.12 % (3 seeds) (*)"),
    "resnet-mini": ("cb8eff5469bb", "84.7 | 20 | 94.56 ± 0.17 % (3 seeds) (*)"),
}
"""What trainings with a model's config (its digest) reached of which nothing else was kept, until the log has others."""
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

A row is made by `nbcnn train MODEL --seeds 3`; `python tests/benchmarks/models.py FOLDER... --write docs/models.md` adds
what that leaves to the log, [models.csv](models.csv), and makes this page from it. The log has a line for each epoch of
each seed. "{not_run}" means that it has none of a model. A run with another config than the model's file has now is refused.

(*) Of trainings of this state of the model's file whose logs were not kept. Of those from seed 0 whose line in the log
has no epoch, the result alone was.

`conv2d: auto` in the wide ones times the backends when a training starts, and takes the fastest for each layer
([choosing.md](choosing.md)); the run folder's `config.yaml` has the names that were chosen. The bits of a result depend
on them, so for the same bits train from that file.
"""


def page(log: Log) -> str:
    """The whole page, of a log's trainings."""
    lines = [
        "| model | idea | parameters | MACs | seconds an epoch | epochs | test accuracy | the book |",
        "|---|---|---|---|---|---|---|---|",
        *(row(name, [lines for (model, _), lines in sorted(log.items()) if model == name]) for name in IDEAS),
    ]
    return TEXT.format(table="\n".join(lines), not_run=NOT_RUN)


def with_folders(log: Log, folders: Iterable[Path]) -> Log:
    """The log with the trainings of these folders; raises ConfigError or CheckpointError for what is not one of them."""
    log = dict(log)
    for folder in folders:
        log |= finished(folder, IDEAS)
    return log


def row(name: str, trainings: list[list[Line]]) -> str:
    """One line of the table."""
    rows = summarize(nbcnn.load(name).root)
    size = f"{sum(row.parameters for row in rows):,} | {sum(row.macs for row in rows):,}"
    found = earlier(name) if not trainings else results(trainings)
    return f"| `{name}` | {IDEAS[name]} | {size} | {found} | {BOOK.get(name, '–')} |"


def earlier(name: str) -> str:
    """The cells of a model that the log does not have."""
    made_with, cells = EARLIER.get(name, ("", ""))
    return cells if made_with == digest(name) else " | ".join([NOT_RUN] * 3)


def results(trainings: list[list[Line]]) -> str:
    """The cells that trainings fill: the seconds are those of the fastest epoch."""
    accuracies = [[float(line["test_accuracy"]) for line in lines if line["test_accuracy"]][-1] for lines in trainings]
    seconds = min(float(line["seconds"]) for lines in trainings for line in lines)
    spread = f" ± {100 * stdev(accuracies):.2f}" if len(accuracies) > 1 else ""
    count = f"{len(accuracies)} seed{'s' if len(accuracies) > 1 else ''}"
    return f"{seconds:.1f} | {trainings[0][0]['epochs']} | {100 * fmean(accuracies):.2f}{spread} % ({count})"


def main() -> None:
    """Print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--write", type=Path, metavar="FILE")
    given = parser.parse_args()
    assert set(IDEAS) <= set(model_names())
    try:
        log = with_folders(read_log((given.write or PAGE).with_suffix(".csv")), given.folders)
    except NbcnnError as error:
        sys.exit(f"error: {error}")
    if given.write:
        write_log(given.write.with_suffix(".csv"), log)
        given.write.write_text(page(log), encoding="utf-8")
    else:
        print(page(log), end="")


if __name__ == "__main__":
    main()
