"""What a notebook shows: tables of networks, runs, evaluations and predictions, and the progress of a training."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nbcnn
from nbcnn.training.notebook_reporter import NotebookReporter, default_reporter
from nbcnn.training.seeds_table import COLUMNS, SeedRuns
from nbcnn.util.html_table import table

NET: dict[str, Any] = {
    "name": "n",
    "input": {"channels": 1, "height": 8, "width": 8},
    "layers": [{"conv2d": {"out_channels": 2, "kernel_size": 3}}, "relu", "flatten", {"linear": {"out_features": 3}}],
    "train": {"epochs": 2, "batch_size": 16},
}


class Cells(HTMLParser):
    """The texts of a table's cells, row by row; a tag that is opened must be closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def data(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (60, 8, 8), np.uint8), np.arange(60) % 3


class Notebook(ModuleType):
    """Stands for IPython in a notebook's kernel; keeps what each display was changed to."""

    def __init__(self) -> None:
        super().__init__("IPython")
        self.shown: list[list[str]] = []
        self.shell: Any = SimpleNamespace(kernel=object())
        self.display = ModuleType("IPython.display")
        self.display.HTML = str  # type: ignore[attr-defined]
        self.display.display = self._display  # type: ignore[attr-defined]

    def get_ipython(self) -> Any:
        return self.shell

    def _display(self, content: str, display_id: bool) -> Any:
        assert display_id
        self.shown.append([content])
        return SimpleNamespace(update=self.shown[-1].append)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    made = Notebook()
    monkeypatch.setitem(sys.modules, "IPython", made)
    monkeypatch.setitem(sys.modules, "IPython.display", made.display)
    return made


def test_texts_are_escaped_and_columns_of_numbers_are_on_the_right() -> None:
    html = table(("name", "count"), [("<i>&", 12), ("b", "")], "a < b")
    assert Cells(html).rows == [["name", "count"], ["<i>&", "12"], ["b", ""]]
    assert "&lt;i&gt;&amp;" in html and "a &lt; b" in html
    assert 'right">12<' in html and 'left">b<' in html
    assert Cells(table(("a",), [])).rows == [["a"]]


def test_a_network_shows_its_summary() -> None:
    found = Cells(nbcnn.load(NET)._repr_html_())
    assert found.rows[1] == ["0", "conv2d", "2×6×6", "3×3", "20", "648", "288", "3×3", "direct"]
    assert found.rows[-1][:2] == ["", "total"] and found.rows[-1][4:6] == ["239", "864"]
    assert "n: input 1×8×8" in found.text


@pytest.mark.jit
def test_a_training_is_shown_where_it_goes_on(notebook: Notebook, tmp_path: Path, no_pictures: None) -> None:
    run = nbcnn.train(NET, data=(data(), data(1)), out=tmp_path / "run")
    ((first, *_, last),) = notebook.shown
    assert "239 parameters" in Cells(first).text and len(Cells(first).rows) == 1
    rows = Cells(last).rows
    assert rows == Cells(run._repr_html_()).rows and str(run.folder) in Cells(last).text
    assert [row[0] for row in rows] == ["epoch", "1", "2"]
    record = run.metrics()[1]
    assert rows[2][1:3] == [f"{record['train_loss']:.4f}", f"{100 * record['train_accuracy']:.1f} %"]

    evaluation = nbcnn.evaluate(run.folder)
    found = Cells(evaluation._repr_html_())
    assert found.rows[0] == ["class", *evaluation.columns, "right"]
    assert [[int(n) for n in row[1:-1]] for row in found.rows[1:]] == evaluation.confusion.tolist()
    assert f"accuracy {100 * evaluation.accuracy:.2f} %" in found.text
    prediction = nbcnn.predict(run.folder, data()[0][:1])[0]
    assert Cells(prediction._repr_html_()).rows[1] == [prediction.name, f"{100 * prediction.probability:.1f} %"]


def test_seeds_show_their_mean(tmp_path: Path) -> None:
    row = dict.fromkeys(COLUMNS, None) | {"folder": "seed-0", "epochs": 2, "checkpoint": "best", "epoch": 1}
    runs = SeedRuns(tmp_path, 0, 2, [row | {"seed": k, "test_accuracy": 0.5 + k / 4} for k in (0, 1)])
    rows = Cells(runs._repr_html_()).rows
    place = rows[0].index("test_accuracy")
    assert [row[0] for row in rows[1:]] == ["0", "1", "mean", "standard deviation"]
    assert [row[place] for row in rows[1:]] == ["0.5", "0.75", "0.625", "0.1768"]
    assert rows[3][rows[0].index("val_loss")] == ""


def test_elsewhere_nothing_is_shown(notebook: Notebook) -> None:
    assert isinstance(default_reporter(), NotebookReporter)
    notebook.shell = SimpleNamespace()  # IPython in a terminal
    assert not isinstance(default_reporter(), NotebookReporter)
    notebook.shell = None
    assert not isinstance(default_reporter(), NotebookReporter)
    del sys.modules["IPython"]
    assert not isinstance(default_reporter(), NotebookReporter)
