"""The documentation says what is so: numbers of equations, keys, options, paths, links, and code that runs."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from exhaustive import parametrize
from pages import CODES
from pages import blocks as fenced
from plugin_files import empty_folder  # noqa: F401 (a fixture)
from trust.counts import KINDS

import nbcnn
from nbcnn import functional
from nbcnn.cli import nbcnn as command_line
from nbcnn.config import Config, DataConfig, InputConfig, TrainConfig, load_config, model_names
from nbcnn.config.augment import (
    AugmentConfig,
    MixupConfig,
    RandomAffineConfig,
    RandomCropConfig,
    RandomErasingConfig,
    RandomHorizontalFlipConfig,
)
from nbcnn.config.schedule import WarmupConfig
from nbcnn.config.train import EarlyStopping, EMAConfig
from nbcnn.data import dataset_names
from nbcnn.kernels.registry import backend_names, op_names
from nbcnn.layers.base import LAYERS
from nbcnn.optim import OPTIMIZERS
from nbcnn.optim.schedules import SCHEDULES

ROOT = Path(__file__).parents[2]
COURSE = ROOT / "docs" / "course"
PAGES = sorted(page for folder in (ROOT, ROOT / "docs", COURSE, ROOT / "plugins") for page in folder.glob("*.md"))
SECTIONS = {"Whole file": Config, "input": InputConfig, "data": DataConfig, "train": TrainConfig}
SOURCES = sorted([*(ROOT / "nbcnn").rglob("*.py"), *(ROOT / "plugins").glob("*.py")])
NUMBERED = ("math.md", "fast-convolution.md")
"""Pages whose headings number the equations, each number once."""

by_name = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(page: Path, language: str) -> list[str]:
    return [block.text for block in fenced(page.read_text(encoding="utf-8")) if block.kind == language]


def headings(page: Path) -> list[str]:
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    return re.findall(r"^#+ (.*)$", prose, re.M)


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def section(page: Path, title: str) -> str:
    """The text below a heading, up to the next heading."""
    text = page.read_text(encoding="utf-8")
    match = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", text, re.S | re.M)
    assert match, f"{page.name} has no heading {title!r}"
    return match[1]


def table(text: str) -> dict[str, list[str]]:
    """The rows of the first table, by their first cell without backticks; the other cells as they stand."""
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("|")]
    return {row[0].strip().strip("`"): [cell.strip() for cell in row[1:]] for row in rows[2:]}


def test_there_are_pages() -> None:
    names = {page.name for page in PAGES}
    assert names >= {"README.md", "CONTRIBUTING.md", "math.md", "yaml.md", "cli.md", "reading-order.md", "design.md"}


# Equations


def cited(text: str) -> set[int]:
    """The numbers in ``equation (3)``, ``equations (3) and (4)``, ``Equations (3), (4)``, ``equations (3) to (6)``."""
    found: set[int] = set()
    for match in re.finditer(r"equations? (\(\d+\)(?:(?:,| and| to|, and) \(\d+\))*)", text, re.I):
        parts = re.findall(r"(to)?\s*\((\d+)\)", match[1])
        for position, (to, number) in enumerate(parts):
            first = int(parts[position - 1][1]) if to else int(number)
            found |= set(range(first, int(number) + 1))
    return found


def test_how_equations_are_cited() -> None:
    assert cited("Equation (3); equations (4) and (6), see equations (20) to (24).") == {3, 4, 6, 20, 21, 22, 23, 24}


def test_equations_are_numbered_and_cited() -> None:
    numbers = [
        int(n) for name in NUMBERED for h in headings(ROOT / "docs" / name) for n in re.findall(r"^\((\d+)\) ", h)
    ]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 26
    pages = [page for page in PAGES if page.name not in NUMBERED]
    citing = {path: cited(path.read_text(encoding="utf-8")) for path in [*SOURCES, *PAGES]}
    for path, found in citing.items():
        assert found <= set(numbers), f"{path.relative_to(ROOT)} cites an equation that no page has"
    everywhere = set().union(*(citing[path] for path in [*SOURCES, *pages]))
    assert everywhere == set(numbers)
    in_kernels = set().union(*(found for path, found in citing.items() if {"kernels", "optim"} & {*path.parts}))
    assert in_kernels >= set(range(1, 25))


# The network file


@cache
def resolved() -> dict[str, Any]:
    """What a config holds in which only the required keys are set, and each layer stands once."""
    layers: list[Any] = []
    needed = {"conv2d": {"out_channels": 1, "kernel_size": 1}, "linear": {"out_features": 1}}
    needed |= {name: {"kernel_size": 1} for name in ("max_pool2d", "avg_pool2d")}
    needed |= {"zero_pad2d": {"padding": 0}, "reflect_pad2d": {"padding": 0}}
    needed |= {"group_norm": {"num_groups": 1}}
    needed |= {"adaptive_avg_pool2d": {"output_size": 8}, "upsample": {"scale_factor": 1}}
    needed |= {"residual": {"body": ["relu"]}, "repeat": {"times": 2, "body": ["relu"]}, "dense": {"layers": ["relu"]}}
    needed |= {"parallel": {"branches": [["relu"], ["identity"]], "merge": "add"}}
    vectors = ["flatten", "batch_norm1d", "linear"]
    for name in [*sorted(set(LAYERS.names()) - {*vectors, "sequential"}), *vectors]:
        layers.append({name: needed.get(name, {})})
    layers.append({"sequential": {"layers": ["relu"]}})
    data = {"name": "bare", "input": {"channels": 1, "height": 8, "width": 8}, "layers": layers}
    mapping = {"blocks": {}, **load_config(data).to_mapping()}  # of blocks only their layers are left
    mapping["layer"] = {kind: arguments for entry in mapping["layers"] for kind, arguments in entry.items()}
    mapping["layer"]["upsample"]["scale_factor"] = None  # one of two keys has to be given
    return mapping


def check_rows(title: str, model: Any, defaults: dict[str, Any]) -> dict[str, list[str]]:
    """Every field has a row with its default, and no row is about something else."""
    rows = table(section(ROOT / "docs/yaml.md", title))
    assert set(rows) == set(model.model_fields), title
    for key, (takes, default, meaning) in rows.items():
        assert takes
        assert meaning, f"{title}: {key}"
        if model.model_fields[key].is_required():
            assert default == "required", f"{title}: {key}"
        elif default.startswith("`"):
            value = yaml.safe_load(default.strip("`"))
            if key in ("optimizer", "schedule"):
                value = TrainConfig.model_validate({key: value}).model_dump(mode="json")[key]
            assert value == plain(defaults[key]), f"{title}: {key}"
        else:  # a whole section, which has a table of its own
            assert key in SECTIONS, f"{title}: {key}"
    return rows


def plain(value: Any) -> Any:
    """As YAML 1.1 reads it back: PyYAML takes 1e-08 for text."""
    return repr(value) if isinstance(value, float) and "e" in repr(value) else value


@pytest.mark.parametrize("title", list(SECTIONS))
def test_every_key_of_a_section_is_documented(title: str) -> None:
    mapping = resolved()
    check_rows(title, SECTIONS[title], mapping if title == "Whole file" else mapping[title])


def test_every_way_to_augment_is_documented() -> None:
    check_rows("augment", AugmentConfig, AugmentConfig().model_dump(mode="json"))
    for title, model, required in (
        ("random_crop", RandomCropConfig, {"padding": 1}),
        ("random_horizontal_flip", RandomHorizontalFlipConfig, {}),
        ("random_affine", RandomAffineConfig, {"degrees": (0.0, 0.0)}),
        ("random_erasing", RandomErasingConfig, {}),
        ("mixup", MixupConfig, {}),
    ):
        check_rows(title, model, model.model_validate(required).model_dump(mode="json"))


@pytest.mark.parametrize("name", LAYERS.names())
def test_every_layer_is_documented(name: str) -> None:
    layer = LAYERS.get(name)
    if not layer.Config.model_fields:
        assert "no arguments" in section(ROOT / "docs/yaml.md", name)
        return
    rows = check_rows(name, layer.Config, resolved()["layer"][name])
    if layer.op:
        assert re.findall(r"`(\w+)`", rows["backend"][0]) == backend_names(layer.op)


@pytest.mark.parametrize("name", OPTIMIZERS.names())
def test_every_optimizer_is_documented(name: str) -> None:
    model = OPTIMIZERS.get(name).Config
    needed = {"lr": 0.001} if model.model_fields["lr"].is_required() else {}
    check_rows(name, model, model.model_validate(needed).model_dump(mode="json"))


@pytest.mark.parametrize("name", SCHEDULES.names())
def test_every_schedule_is_documented(name: str) -> None:
    model = SCHEDULES.get(name).Config
    if not model.model_fields:
        assert "no arguments" in section(ROOT / "docs/yaml.md", name)
        return
    needed = {"step": {"step_size": 1}, "multi_step": {"milestones": (1,)}}.get(name, {})
    check_rows(name, model, model.model_validate(needed).model_dump(mode="json"))


def test_averages_and_early_stopping_are_documented() -> None:
    check_rows("ema", EMAConfig, EMAConfig().model_dump(mode="json"))
    check_rows("early_stopping", EarlyStopping, EarlyStopping(patience=1).model_dump(mode="json"))


def test_the_warm_up_is_documented() -> None:
    check_rows("warmup", WarmupConfig, WarmupConfig(steps=1).model_dump(mode="json") | {"steps": None})


def test_every_backend_is_documented() -> None:
    rows = table(section(ROOT / "docs/yaml.md", "backends"))
    assert {op: re.findall(r"`(\w+)`", cells[0]) for op, cells in rows.items()} == {
        op: backend_names(op) for op in op_names()
    }


def examples() -> Iterator[str]:
    for line in (ROOT / "docs/yaml.md").read_text(encoding="utf-8").splitlines():
        found = re.search(r"Examples?: (.*)$", line)
        yield from re.findall(r"`([^`]+)`", found[1]) if found else ()


@pytest.mark.parametrize("example", list(examples()))
def test_examples_of_the_network_file_are_right(example: str) -> None:
    base: dict[str, Any] = {"name": "e", "input": {"channels": 1, "height": 9, "width": 9}, "layers": ["relu"]}
    value = yaml.safe_load(example)
    if isinstance(value, list):
        value = {"layers": value}
    elif "optimizer" in value or "schedule" in value:
        value = {"train": value}
    load_config({**base, **value})


@by_name
def test_network_files_in_the_docs_are_right(page: Path, tmp_path: Path) -> None:
    for text in blocks(page, "yaml"):
        path = tmp_path / "example.yaml"
        path.write_text(text, encoding="utf-8")
        nbcnn.load(path)


# The command line


def commands(command: click.Command, words: tuple[str, ...] = ("nbcnn",)) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(words), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, (*words, name))


ALL_COMMANDS = dict(commands(command_line))


@pytest.mark.parametrize("name", list(ALL_COMMANDS))
def test_every_command_and_option_is_documented(name: str) -> None:
    text = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    command = ALL_COMMANDS[name]
    assert re.search(rf"\b{name}\b", text)
    for parameter in command.get_params(click.Context(command)):
        if isinstance(parameter, click.Option):
            for option in [*parameter.opts, *parameter.secondary_opts]:
                assert re.search(rf"(?<![\w-]){option}(?![\w-])", text), f"docs/cli.md lacks {option} of {name}"
        else:
            assert (parameter.metavar or parameter.human_readable_name.upper()).split("|")[0] in text


def test_no_option_is_documented_that_is_not_there() -> None:
    real = {
        option
        for command in ALL_COMMANDS.values()
        for parameter in command.get_params(click.Context(command))
        for option in [*parameter.opts, *parameter.secondary_opts]
    }
    for page in PAGES:
        lines = re.findall(r"^nbcnn .*$", page.read_text(encoding="utf-8"), re.M)
        inline = re.findall(r"`(--[a-z-]+)[^`]*`|`nbcnn ([^`]*)`", page.read_text(encoding="utf-8"))
        for text in [*lines, *(" ".join(parts) for parts in inline)]:
            found = set(re.findall(r"(?<!\S)--[a-z][a-z-]*", text))
            assert found <= real | {"--all-files"}, f"{page.name}: {text}"


def give(line: str, where: str) -> None:
    """Parse what stands after ``nbcnn``; AssertionError or click's error where there is no such command or option."""
    words, command = shlex.split(line, comments=True), command_line
    while isinstance(command, click.Group) and (words or not command.invoke_without_command):
        below = command.get_command(click.Context(command), words[0]) if words else None
        assert below is not None, f"{where}: nbcnn {line}"
        command, words = below, words[1:]
    command.make_context("nbcnn", words)


@by_name
def test_commands_in_the_docs_can_be_given(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nbcnn.plugins.load_plugin", lambda what: None)  # plugins in the docs are not there to load
    for block in [text for kind in ("", "sh example", *CODES) for text in blocks(page, kind)]:
        for line in re.findall(r"^(?:\.venv/bin/)?nbcnn (.*)$", block, re.M):
            give(line, page.name)


def test_every_topic_has_a_command_that_can_be_given() -> None:
    rows = table((ROOT / "docs" / "topics.md").read_text(encoding="utf-8"))
    assert len(rows) >= 40
    commands = [command for command, _ in rows.values()]
    for command in commands:
        written = re.fullmatch(r"`nbcnn (.*)`", command)
        assert written, f"docs/topics.md: {command}"
        give(written[1], "docs/topics.md")
    assert len(set(commands)) == len(commands)
    chapters = set(re.findall(r"course/([\w-]+\.md)", " ".join(chapter for _, chapter in rows.values())))
    assert chapters == {page.name for page in COURSE.glob("[1-9]-*.md")}


def test_every_environment_variable_is_documented() -> None:
    text = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    names = {name for path in SOURCES for name in re.findall(r"\bNBCNN_[A-Z_]+\b", path.read_text(encoding="utf-8"))}
    assert names
    for name in names:
        assert f"`{name}`" in text


def test_every_model_and_data_set_is_documented() -> None:
    for names, page in ((model_names(), "cli.md"), (dataset_names(), "data.md")):
        for name in names:
            assert f"`{name}`" in (ROOT / "docs" / page).read_text(encoding="utf-8")


# Python


def test_the_public_interface_is_documented() -> None:
    text = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    for name in nbcnn.__all__:
        assert re.search(rf"`nbcnn\.{name}\b", text), f"docs/python.md lacks nbcnn.{name}"
    for name in ("train", "load", "evaluate", "compare"):
        assert signature(getattr(nbcnn, name)) in table(section(ROOT / "docs/python.md", "Train, load, evaluate"))
    here = [f for f in vars(functional).values() if inspect.isfunction(f)]
    assert {function.__name__ for function in here} == set(functional.__all__)
    assert len(here) >= 14
    for function in here:
        words = signature(function).removeprefix("nbcnn.")
        assert f"`{words}`" in section(ROOT / "docs/python.md", "The ops"), words


def signature(function: Any) -> str:
    """``nbcnn.load(source, *, weights=None)``; ``backend``, which all ops take, is left out."""
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "backend"
    ]
    text = inspect.Signature(parameters).__str__().replace("'", '"')
    return f"nbcnn.{function.__name__}{text}"


@parametrize(
    "page",
    [page for page in PAGES if blocks(page, "python") and page.parent != COURSE],  # there it runs between commands
    quick=lambda page: page.name not in ("python.md", "math.md"),
    ids=lambda page: page.name,
)
@pytest.mark.usefixtures("folder")
def test_python_in_the_docs_runs(page: Path) -> None:
    names: dict[str, Any] = {}
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), names)


# Paths


@by_name
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name} links to {target}"
        assert file.is_relative_to(ROOT)
        if anchor:
            assert anchor in [slug(heading) for heading in headings(file)], f"{page.name} links to {target}"


def test_the_reading_order_is_as_long_as_it_says() -> None:
    text = (ROOT / "docs/reading-order.md").read_text(encoding="utf-8")
    stated = re.search(r"main path is less than ([\d,]+) lines", text)
    assert stated
    path = section(ROOT / "docs/reading-order.md", "The main path")
    steps = re.findall(r"\]\(\.\./([^)]+)\)", path)
    assert len(steps) == len(set(steps)) >= 10
    lines = sum(len((ROOT / step).read_text(encoding="utf-8").splitlines()) for step in steps)
    limit = int(stated[1].replace(",", ""))
    assert limit - 400 < lines < limit <= 1_200
    leads = re.findall(r"\*\*\[([^]]+)\]", path)
    assert leads == ["training/loop.py", "engine/serial.py", "kernels/conv2d/naive.py"]


def test_every_dependency_has_its_reason() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    reasons = section(ROOT / "docs/design.md", "Dependencies")
    for requirement in project["dependencies"]:
        name, bound = requirement.split(">=")
        assert bound
        assert re.search(rf"^\|.*\b{name}\b.*\|.*\|.*\|$", reasons, re.M), f"docs/design.md lacks the reason for {name}"


def test_the_counts_of_the_trust_tests_are_in_their_page() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text()
    part = text[text.index("<!-- short -->") : text.index("<!-- end of short -->")]
    for kind, meaning in KINDS.items():
        found = re.search(rf"^\| {kind} \| ([\d,]+) \| {re.escape(meaning)} \|$", part, re.MULTILINE)
        assert found and int(found[1].replace(",", "")) > 0, f"{kind} is missing: pytest -m trust --reliability"
