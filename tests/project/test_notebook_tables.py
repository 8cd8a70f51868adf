"""What a notebook shows of results (_repr_html_): the right numbers, and nothing of a file's as markup."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nbcnn
from nbcnn.exercises.class_answers import ClassGrades
from nbcnn.introspect.check.finding import Finding as CheckFinding
from nbcnn.introspect.check.finding import Report
from nbcnn.report.bit_divergence import Comparison, FirstDifference, Variant
from nbcnn.report.layout_result import LayoutLab, LayoutRun
from nbcnn.training.doctor.doctor import Diagnosis
from nbcnn.training.doctor.finding import Finding
from nbcnn.training.run_report.report import RunReport

NASTY = '<script>alert(1)</script>"onload='
NET: dict[str, Any] = {
    "name": "n",
    "input": {"channels": 1, "height": 8, "width": 8},
    "layers": [{"conv2d": {"out_channels": 2, "kernel_size": 3}}, "relu", "flatten", {"linear": {"out_features": 3}}],
}
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 1, 8, 8), dtype=np.uint8)


class Rows(HTMLParser):
    """The texts of a table's cells, row by row; a tag that is no table's or paragraph's is refused."""

    def __init__(self, shown: Any) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.text = ""
        self._cell = False
        self.feed(shown._repr_html_())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("table", "caption", "thead", "tbody", "tr", "th", "td", "p"), tag
        assert all(name == "style" for name, _ in attrs), attrs
        if tag == "tr":
            self.rows.append([])
        self._cell = tag in ("td", "th")
        if self._cell:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._cell = False

    def handle_data(self, data: str) -> None:
        self.text += data + " "
        if self._cell:
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def network() -> nbcnn.Model:
    return nbcnn.load(NET)


def test_a_trace(network: nbcnn.Model) -> None:
    trace = nbcnn.explain_conv(network, IMAGES[0], pixel=(1, 2, 3))
    found = Rows(trace)
    assert "the same bits as the engine's" in found.text and "forward at 1,2,3" in found.text
    first, last = found.rows[1], found.rows[9]
    assert first[:2] == ["0,0,0", "0,2,3"] and last[:2] == ["0,2,2", "0,4,5"]
    x, w = float(first[2]), float(first[3])
    assert w == pytest.approx(float(network.tensors["0.weight"][1, 0, 0, 0]), rel=1e-6)
    assert float(first[4]) == pytest.approx(x * w, rel=1e-6)
    assert np.float32(last[5]) == np.float32(trace.engine)
    assert {"direct", "naive", "fft"} <= {row[0] for row in found.rows[11:]}
    assert "<script>" not in replace(trace, words=NASTY)._repr_html_()


def test_what_layers_compute(network: nbcnn.Model) -> None:
    found = nbcnn.activations(network, IMAGES)
    row = Rows(found).rows[1]
    output = found.outputs["0"]
    assert row == [
        "0",
        "conv2d",
        "2×6×6",
        *(f"{f(output.astype(float)):.4g}" for f in (np.mean, np.std, np.min, np.max)),
    ]
    assert "outputs of 2 images" in Rows(found).text


def test_saliency_fields_filters_and_shifts(network: nbcnn.Model) -> None:
    maps = nbcnn.saliency(network, IMAGES)
    rows = Rows(maps).rows
    assert [row[1] for row in rows[1:]] == [str(one) for one in network.scores(IMAGES).argmax(axis=1)]
    row, column = np.argwhere(maps.gradient[1] == maps.gradient[1].max())[0]
    assert rows[2][3] == f"row {row}, column {column}"
    field = Rows(nbcnn.measured_field(network, IMAGES, "0"))
    assert field.rows[1] == ["in theory", "3", "3", "3 to 5", "3 to 5"] and "layer 0 conv2d, unit at 3,3" in field.text
    assert field.rows[2][1:3] == ["3", "3"]
    kernels = Rows(nbcnn.filters(network)[0])
    weight = network.tensors["0.weight"][1]
    assert kernels.rows[2] == ["1", *(f"{f(weight):.4g}" for f in (np.mean, np.std, np.min, np.max))]
    shifts = Rows(nbcnn.equivariance(network, IMAGES, shifts=2))
    assert shifts.rows[1] == ["0 conv2d", "0", "0"] and shifts.rows[-1][0] == "predictions changed"


def test_findings() -> None:
    one = Finding(NASTY, NASTY, NASTY, (NASTY,), NASTY, "dead_relus")
    found = Rows(Diagnosis(NASTY, 3, 4, (one,), (NASTY,)))
    assert found.rows[1][:2] == ["dead relus", NASTY] and "1 finding" in found.text
    assert "nothing is wrong" in Rows(Diagnosis("r", 1, 1, ())).text
    check = Rows(Report(NASTY, (CheckFinding("flattened_early", 1.0, 2.0, NASTY, NASTY, "0", "x"),), ("a", "b")))
    assert check.rows[1] == ["flattened early", NASTY, NASTY, ""] and "1 finding of 2 rules" in check.text
    assert "no findings of 1 rule" in Rows(Report("n", (), ("a",))).text


def test_exercises() -> None:
    graded = nbcnn.exercises.grade("output_shape", 14, name="Ada")
    found = Rows(graded)
    assert [row[1] for row in found.rows[1:]] == ["14", graded.answer, f"{graded.credit:.0%}"]
    assert graded.why.splitlines()[0] in found.text
    task = nbcnn.exercises.task("output_shape", "Ada")
    assert task.question.splitlines()[0] in Rows(task).text and "credit" not in Rows(task).text
    grades = Rows(ClassGrades(0, {NASTY: [graded, replace(graded, credit=0.25)]}))
    assert grades.rows[1] == [NASTY, f"{graded.credit + 0.25:g}", "2"]


def test_trainings_side_by_side(tmp_path: Path) -> None:
    runs = tuple(LayoutRun(layout, 0.5, 0.25, (0.125,), (1.0,)) for layout in ("transposed", "reshaped"))  # type: ignore[arg-type]
    lab = LayoutLab(NASTY, NASTY, False, 1, 10, 10, (2,), runs, np.zeros((1, 1, 3)), {})
    assert Rows(lab).rows[0][3:] == ["moved 2", "same 2"]
    assert Rows(lab).rows[2] == ["reshaped", "50.0%", "25.0%", "12.5%", "100.0%"]
    parted = FirstDifference(*([3] + [None] * (len(FirstDifference._fields) - 1)))  # type: ignore[list-item]
    record = {"test_loss": 0.5, "test_accuracy": 0.25}
    variants = [Variant("a", tmp_path), Variant(NASTY, tmp_path, parted=parted, records=[record])]
    comparison = Comparison(tmp_path, NASTY, variants, 0, 1, 8, 1, 9, "d", 10, 10, 2, batches=[8, 8])
    assert Rows(comparison).rows[1:] == [["a", "the reference", "", ""], [NASTY, "step 3", "0.5000", "25.00%"]]
    assert Rows(RunReport(tmp_path / "x.html", {NASTY: NASTY})).rows[1] == [NASTY, NASTY]
