"""``report.html`` and ``nbcnn report``: what stands in the page, what is escaped, what is missing and why."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import PHONE, SCREEN, Browser, browser
from exhaustive import parametrize
from PIL import Image

import nbcnn
from nbcnn.cli import main
from nbcnn.errors import CheckpointError, ConfigError, NbcnnError
from nbcnn.runs.run_folder import Run
from nbcnn.training.run_report import at_the_end as module
from nbcnn.training.run_report.facts import RunFacts

CLASSES = ('"onload=', "<script>alert(1)", "a & $b_c$")
"""In the order of their folders."""
NET: dict[str, Any] = {
    "name": "n",
    "input": {"channels": 1, "height": 8, "width": 8},
    "layers": [
        {"conv2d": {"out_channels": 2, "kernel_size": 3}},
        "relu",
        {"max_pool2d": {"kernel_size": 2}},
        "flatten",
        {"linear": {"out_features": 3}},
    ],
    "train": {"epochs": 3, "batch_size": 8, "seed": 5, "optimizer": {"adam": {"lr": 0.01}}},
}
SECTIONS = (
    "result", "findings", "curves", "confusion", "samples", "network", "fields", "filters", "features", "backends",
    "cost", "reproduce", "reading",
)  # fmt: skip


class Page(HTMLParser):
    """Sections by id: their texts, their tables (lists of rows), their pictures; every tag and attribute of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.rows: dict[str, list[list[str]]] = {}
        self.pictures: dict[str, list[tuple[str, np.ndarray]]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._at = "top"
        self._cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if tag == "section":
            self._at = str(given.get("id"))
        if tag == "tr":
            self.rows.setdefault(self._at, []).append([])
        if tag in ("td", "th"):
            self._cell = True
            self.rows[self._at][-1].append("")
        if tag == "img":
            data = base64.b64decode(str(given["src"]).partition("base64,")[2])
            with Image.open(io.BytesIO(data)) as image:
                self.pictures.setdefault(self._at, []).append((str(given["alt"]), np.asarray(image)))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._cell = False

    def handle_data(self, data: str) -> None:
        self.texts[self._at] = self.texts.get(self._at, "") + data + " "
        if self._cell:
            self.rows[self._at][-1][-1] += data

    def row(self, section: str, first: str) -> list[str]:
        return next(row for row in self.rows[section] if row and row[0] == first)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """On images of three classes with names that would be markup, in a folder whose name would be too."""
    folder, random = tmp_path_factory.mktemp("report"), np.random.default_rng(0)
    for number, name in enumerate(CLASSES):
        for split, count in (("train", 16), ("test", 10)):
            place = folder / "images" / split / name
            place.mkdir(parents=True)
            for n in range(count):
                pixels = random.integers(0, 100, (8, 8))
                pixels[:, 2 * number : 2 * number + 2] += random.integers(20, 150)
                Image.fromarray(pixels.astype(np.uint8)).save(place / f"{n}.png")
    return nbcnn.train(NET | {"data": {"folder": str(folder / "images"), "grayscale": True}}, out=folder / "run <b>'\"")


@pytest.fixture(scope="module")
def page(run: Run) -> Page:
    return Page(run.report.read_text(encoding="utf-8"))


@pytest.fixture
def copy(run: Run, tmp_path: Path) -> Run:
    """One that a test may spoil."""
    return Run(shutil.copytree(run.folder, tmp_path / "copy"))


def made(run: Run) -> tuple[Page, dict[str, str]]:
    found = nbcnn.write_report(run.folder)
    assert found.file == run.report
    return Page(run.report.read_text(encoding="utf-8")), found.missing


def test_all_sections_are_there_and_the_contents_lead_to_them(page: Page) -> None:
    ids = [given["id"] for tag, given in page.tags if tag == "section"]
    assert [one for one in ids if one != "lacks"] == list(SECTIONS)
    assert [given["href"] for tag, given in page.tags if tag == "a"] == [f"#{name}" for name in SECTIONS]


def test_result(run: Run, page: Page) -> None:
    tested = nbcnn.evaluate(run.folder)
    for figure in (f"{tested.accuracy:.2%} of 30 test images", f"{tested.loss:.4f} test loss", "3 of 3 epochs"):
        assert figure in page.texts["result"]
    assert f"{2 * 9 + 2 + 18 * 3 + 3} parameters" in page.texts["result"]
    best = max(run.metrics(), key=lambda r: (r["test_accuracy"], -r["test_loss"]))["epoch"]
    assert f"that of epoch {best}: the test images chose it" in page.texts["result"]


def test_curves_go_through_the_metrics(run: Run, page: Page) -> None:
    """Heights are a straight function of the values, the same for all lines of a chart."""
    dots = [(str(g["class"]).split()[1], float(str(g["cy"]))) for tag, g in page.tags if tag == "circle"]
    assert len(dots) == 3 * 2 + 3 * 2 + 3
    records = run.metrics()
    for chart, what in ((dots[:6], "loss"), (dots[6:12], "accuracy")):
        values = [r[f"{part}_{what}"] for part in ("train", "test") for r in records]
        assert [kind for kind, _ in chart] == ["train"] * 3 + ["test"] * 3
        slope, base = np.polyfit(values, [y for _, y in chart], 1)
        assert slope < 0  # pixels go downwards
        np.testing.assert_allclose(np.polyval([slope, base], values), [y for _, y in chart], atol=0.11)
    assert page.row("curves", "2")[1:3] == [f"{records[1]['train_loss']:.4f}", f"{records[1]['train_accuracy']:.2%}"]


def test_confusion_and_wrong_guesses(run: Run, page: Page) -> None:
    tested, data = (
        nbcnn.evaluate(run.folder),
        nbcnn.data.load(str(run.folder.parent / "images"), size=(8, 8), grayscale=True),
    )
    for name, counts in zip(CLASSES, tested.confusion, strict=True):
        assert page.row("confusion", name)[1:] == [str(n) if n else "·" for n in counts]
    wrong = int((tested.labels != tested.guesses).sum())
    shown = page.pictures.get("samples", [])
    assert len(shown) == min(24, wrong) > 0
    for words, pixels in shown:
        number = int(re.findall(r"test image (\d+),", words)[0])
        assert np.array_equal(pixels, data.test.images[number, 0])
        truth, guess = (CLASSES[k] for k in (tested.labels[number], tested.guesses[number]))
        assert words == f"test image {number}, {truth}, taken for {guess}" and truth != guess


def test_the_network_and_what_it_has_learned(run: Run, page: Page) -> None:
    assert page.row("network", "0") == ["0", "conv2d", "2×6×6", "3×3", "3×3", "direct", "20", "648", "288"]
    assert page.row("network", "4")[-3:] == ["57", "54", "12"]
    assert page.row("fields", "2")[3:6] == ["4", "2", "0"]  # 3 + (2 - 1)·1
    weight = nbcnn.load(run.folder).tensors["0.weight"]
    for kernel, (words, pixels) in enumerate(page.pictures["filters"]):
        assert words == f"kernel {kernel}, channel 0" and pixels.shape == (3, 3, 3)
        redder = np.sign(pixels[:, :, 0].astype(int) - pixels[:, :, 2])
        clear = np.abs(weight[kernel, 0]) > 0.05 * np.abs(weight).max()
        assert np.array_equal(redder[clear], np.sign(weight[kernel, 0])[clear])
    names = [words for words, _ in page.pictures["features"]]
    assert names[0].startswith("test image 0, ") and names[1:3] == ["0 conv2d, channel 0", "0 conv2d, channel 1"]
    assert names[-1] == "outputs of 4 linear" and page.pictures["features"][-1][1].shape == (1, 3, 3)


def test_backends_and_cost(run: Run, page: Page) -> None:
    assert page.row("backends", "0")[1:3] == ["conv2d", "direct"] and "im2col" in page.row("backends", "0")[3]
    info = json.loads(run.info.read_text())
    ((compiled),) = info["compiled"]
    assert f"{compiled['loaded']:,} were loaded from the cache" in page.texts["backends"]
    timed = {tuple(one["layers"]): one for one in info["timed"]}
    assert set(timed) == {("0",), ("1", "2"), ("4",)}
    cells = page.row("cost", "0")
    assert cells[1] == "conv2d, direct" and cells[2] == f"{2 * 16 * 648:,}"  # of its image there is no gradient
    assert float(cells[3].replace(",", "")) == pytest.approx(1e6 * timed["0",]["seconds"]["forward"], rel=0.01)
    shares = [float(row[5].rstrip("%")) for row in page.rows["cost"][1:-1]]
    assert sum(shares) == pytest.approx(100, abs=0.3)


def test_the_findings_are_the_doctors(run: Run, page: Page) -> None:
    found = nbcnn.doctor(run.folder).findings
    for one in found:
        assert one.statistic in page.texts["findings"] and one.remedy in page.texts["findings"]
    assert bool(found) != ("Nothing is wrong with it" in page.texts["findings"])


def test_what_it_says_makes_the_same_run_again(run: Run, page: Page, tmp_path: Path) -> None:
    info = json.loads(run.info.read_text())
    assert page.row("reproduce", "seed")[1] == "5"
    for key in ("nbcnn", "Python", "NumPy", "Numba"):
        assert page.row("reproduce", key)[1] == info[key.lower()]
    assert page.row("reproduce", "SHA-256 of the images and labels")[1] == info["data"]["sha256"]
    assert run.config.read_text().strip() in page.texts["reproduce"]
    assert "nbcnn train config.yaml --out '../run <b>'\"'\"'\"-again'" in page.texts["reproduce"]
    again = nbcnn.train(str(run.config), out=tmp_path / "again")
    assert (again.folder / "best.safetensors").read_bytes() == (run.folder / "best.safetensors").read_bytes()


def test_names_from_files_are_no_markup(run: Run, page: Page) -> None:
    text = run.report.read_text(encoding="utf-8")
    assert "<script>alert" not in text and "&lt;script&gt;alert(1)" in text
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not {name for _, given in page.tags for name in given if name.startswith("on")}
    assert not [tag for tag, _ in page.tags if tag == "b" and "<b>" in tag]
    assert "run run <b>'\"" in page.texts["top"]
    assert "a & $b_c$" in page.row("confusion", "true class")


def test_what_somebody_wrote_into_the_files_is_no_markup(copy: Run) -> None:
    nasty = "<img src=x onerror=alert(1)>"
    info = json.loads(copy.info.read_text())
    for key in ("nbcnn", "cpu", "started", "machine", "blas", "threads"):
        info[key] = nasty
    info["data"] = dict.fromkeys(("name", "source", "sha256", "train", "test"), nasty)
    info["settings"] = {nasty: nasty}
    info["plugins"] = [{"name": nasty, "file": nasty, "sha256": nasty}, nasty]
    info["auto"] = [{"layers": ["0"], "chosen": nasty, "seconds": {nasty: 1.0}, "steps": {nasty: nasty}}, 3]
    info["compiled"], info["resumed"] = [nasty, {"kernels": nasty}], [{"started": nasty, "step": nasty}]
    info["timed"] = [{"layers": [nasty], "seconds": {nasty: 1}, "macs": 2}]
    info["classes"] = [nasty, "b", "c"]
    copy.info.write_text(json.dumps(info))
    found, _ = made(copy)
    assert "<img src=x" not in copy.report.read_text(encoding="utf-8")
    assert not {name for _, given in found.tags for name in given if name.startswith("on")}
    assert found.texts["reproduce"].count(nasty) > 10 and nasty in found.texts["backends"]


def test_the_same_run_gives_the_same_bytes(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of the training, from the folder, and from elsewhere; but for the prediction, which needs a peak."""
    first = nbcnn.write_report(run.folder, tmp_path / "a.html").file.read_bytes()
    monkeypatch.chdir(run.folder)
    assert nbcnn.write_report(".", tmp_path / "b.html").file.read_bytes() == first
    before, after = (Page(text.decode()) for text in (run.report.read_bytes(), first))
    for name in SECTIONS:
        if name != "cost":
            assert before.texts[name] == after.texts[name], name


@pytest.mark.parametrize(
    ("gone", "missing", "left", "empty"),
    [
        (["best.safetensors"], {"the best checkpoint": "has no best.safetensors; it has last"}, "network", "filters"),
        (["run.json"], {"run.json": "run.json is not there"}, "confusion", None),
        (["metrics.jsonl"], {"metrics": "no epoch of its training has ended yet"}, "confusion", "curves"),
        (["statistics.jsonl"], {}, "confusion", None),
        (
            ["metrics.jsonl", "statistics.jsonl", "best.safetensors", "last.safetensors"],
            {
                "metrics": "no epoch of its training has ended yet",
                "findings": "no step of its training was made",
                "the best checkpoint": "has no weights yet",
            },
            "network",
            "samples",
        ),
    ],
)
def test_what_is_missing_is_said(
    copy: Run, gone: list[str], missing: dict[str, str], left: str, empty: str | None
) -> None:
    for name in gone:
        (copy.folder / name).unlink()
    found, said = made(copy)
    told = {
        part: reason
        for part, reason in said.items()
        if part not in ("predicted times", "times that the training measured")
    }
    assert set(told) == set(missing)
    for part, words in missing.items():
        assert words in told[part] and words in found.texts["lacks"]
    assert "Not here" not in found.texts[left]
    if empty:
        assert "Not here: " in found.texts[empty]
    if gone == ["statistics.jsonl"]:
        assert "there is no statistics.jsonl" in found.texts["findings"]


def test_images_that_are_gone_or_others(copy: Run, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    shutil.copytree(run.folder.parent / "images", folder)
    text, info = copy.config.read_text(), json.loads(copy.info.read_text())
    copy.config.write_text(re.sub(r"folder: .*", f"folder: {folder}", text))
    copy.info.write_text(json.dumps(info | {"data": info["data"] | {"folder": None}}))
    victim = next((folder / "test").rglob("*.png"))
    victim.unlink()
    found, said = made(copy)
    assert "have changed since the training" in said["the same images"]
    assert "of 29 test images" in found.texts["result"]
    shutil.rmtree(folder)
    found, said = made(copy)
    assert str(folder) in said["images"] and "Not here: " in found.texts["samples"]
    assert found.row("network", "0")[1] == "conv2d" and len(found.pictures["filters"]) == 2


def test_a_backend_that_nobody_knows(copy: Run) -> None:
    """As where the plugin that had it is not loaded."""
    copy.config.write_text(copy.config.read_text().replace("backend: direct", "backend: of_a_plugin", 1))
    found, said = made(copy)
    assert "of_a_plugin" in said["the network"] and "config.yaml:" in said["the network"]
    assert "Not here: " in found.texts["network"] and "of_a_plugin" in found.texts["reproduce"]
    assert len([tag for tag, _ in found.tags if tag == "polyline"]) == 5


@pytest.mark.parametrize("name", ["config.yaml", "run.json", "metrics.jsonl", "best.safetensors", "last.safetensors"])
def test_damaged_files(copy: Run, name: str) -> None:
    (copy.folder / name).write_bytes(b"\xff{<script>\n\x00")
    found, said = made(copy)
    assert said and "Wrong guesses" in found.texts["samples"]


def test_a_section_that_fails_leaves_the_others(copy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no <ink>")

    monkeypatch.setattr("nbcnn.training.run_report.sections.confusion.share_table", fail)
    found, said = made(copy)
    assert said["confusion"] == "ValueError: no <ink>" and "ValueError: no <ink>" in found.texts["lacks"]
    assert found.pictures["samples"]


def test_refusals(run: Run, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such run folder"):
        nbcnn.write_report(tmp_path / "none")
    with pytest.raises(CheckpointError, match="lenet is not trained yet"):
        nbcnn.write_report("lenet")
    for name in ("seed-5", "seed-6"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").touch()
    with pytest.raises(CheckpointError, match=r"it has no config.yaml; it holds 2 runs: name one, as .*seed-5$"):
        nbcnn.write_report(tmp_path)
    with pytest.raises(ConfigError, match=r"x\.png: a report is a page; give it a name that ends in \.html"):
        nbcnn.write_report(run.folder, tmp_path / "x.png")
    with pytest.raises(CheckpointError, match=re.escape(str(tmp_path / "no" / "x.html"))):
        nbcnn.write_report(run.folder, tmp_path / "no" / "x.html")


@parametrize(
    "error, words",
    [
        (CheckpointError("cannot write x: No space left on device"), "No space left on device"),
        (MemoryError(), "not enough memory"),
        (ZeroDivisionError("a font"), "ZeroDivisionError: a font"),
    ],
    quick=lambda case: "font" in case[1],
)
def test_a_training_does_not_fail_for_its_report(
    run: Run, copy: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    """The old report does not stay for a new one."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(module, "write_page", fail)
    with pytest.warns(RuntimeWarning, match=f"report.html could not be made.*{words}.*nbcnn report .* makes it again"):
        resumed = nbcnn.resume(copy.folder, epochs=4)
    assert len(resumed.metrics()) == 4 and not resumed.report.exists()


def test_a_resumed_run_has_a_new_report(copy: Run) -> None:
    nbcnn.resume(copy.folder, epochs=4)
    found = Page(copy.report.read_text(encoding="utf-8"))
    assert "4 of 4 epochs" in found.texts["result"] and "Part 2 of the training" in found.texts["backends"]


def test_the_command(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["report", str(run.folder), "--out", str(tmp_path / "x.html")])
    assert end.value.code == 0 and f"written to {tmp_path / 'x.html'}" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["report", str(run.folder), "--out", str(tmp_path / "x.html"), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == str(tmp_path / "x.html") and set(told) == {"run", "file", "missing"}
    with pytest.raises(SystemExit) as end:
        main(["report", str(tmp_path)])
    assert end.value.code == 2 and "is not a run folder: it has no config.yaml" in capsys.readouterr().err


def test_it_is_small(run: Run) -> None:
    assert run.report.stat().st_size < 200_000
    assert issubclass(CheckpointError, NbcnnError)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as one:
        yield one


@pytest.mark.browser
@pytest.mark.parametrize("width", [PHONE, SCREEN])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_opens_without_errors_and_fits(chromium: Browser, run: Run, width: int, dark: bool) -> None:
    chromium.open(run.report, width, dark)
    assert chromium.errors == []
    assert [one for one in chromium.requests if not one.startswith("data:")] == [run.report.resolve().as_uri()]
    assert chromium.value("innerWidth") == width
    assert chromium.value("document.documentElement.scrollWidth") <= width
    assert chromium.value("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    loose = """[...document.querySelectorAll('section *')].filter(x => !x.closest('.scroll') && !x.closest('svg')
        && x.getBoundingClientRect().right > innerWidth + 1).map(x => x.outerHTML.slice(0, 80))"""
    assert chromium.value(loose) == []
    ink = chromium.value("getComputedStyle(document.querySelector('.chart text')).fill")
    assert ink == ("rgb(162, 169, 180)" if dark else "rgb(92, 99, 112)")


@pytest.mark.browser
def test_on_paper_nothing_is_cut(chromium: Browser, run: Run) -> None:
    chromium.open(run.report)
    chromium.paper()
    assert chromium.value("document.querySelector('nav').offsetParent === null")
    assert chromium.printed().startswith(b"%PDF")


def test_nothing_of_a_file_elsewhere_is_shown(copy: Run, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the-secret: 1\n")
    copy.config.unlink()
    copy.config.symlink_to(tmp_path / "secret")
    with pytest.raises(NbcnnError, match="link that leads out") as doctors:
        nbcnn.doctor(copy.folder)
    _, said = made(copy)
    assert "is a link that leads out" in said["config.yaml"] and "is a link that leads out" in said["the network"]
    assert "the-secret" not in copy.report.read_text(encoding="utf-8") + str(doctors.value)


def test_no_network_is_made_for_weights_that_do_not_fit_it(copy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    copy.config.write_text(copy.config.read_text().replace("out_channels: 2", "out_channels: 3"))
    monkeypatch.setattr("nbcnn.training.run_report.reading.Model", lambda *_: pytest.fail("it was made"))
    found, said = made(copy)
    assert "best.safetensors does not fit this network: 0.weight is (2, 1, 3, 3)" in said["the network"]
    assert "2 of 3" not in found.texts["result"] and "Not here: " in found.texts["network"]


def test_places_are_named_without_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the page is the same wherever it is made, and does not show where on the disk it was."""
    folder = tmp_path / "runs" / "a-1"
    folder.mkdir(parents=True)
    for place in (tmp_path, folder, folder.parent, Path("/")):
        monkeypatch.chdir(place)
        facts = RunFacts("a-1", str(folder))
        for name in (str(folder), os.path.relpath(folder)):
            if name != ".":
                assert facts.without_folder(f"in {name}/config.yaml:3:1, not {name}, {name}0 x") == (
                    f"in config.yaml:3:1, not a-1, {name}0 x"
                )
    assert facts.without_folder("a-1 and b/a-1/c") == "a-1 and b/a-1/c"
