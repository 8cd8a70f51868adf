"""The rules of the source that a machine can check: who imports whom, how long files are, what never appears."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "nbcnn").rglob("*.py"), *(ROOT / "plugins").glob("*.py")])
KERNELS = sorted((ROOT / "nbcnn" / "kernels").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MOST_LINES = 260
MOST_ARGUMENTS = 6


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)}: imports are absolute"
            found.add(node.module or "")
    return found


def contracts(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = lint_imports(config_filename=str(path), no_cache=True)
    return code, capsys.readouterr().out


def test_imports_point_one_way(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    code, text = contracts(ROOT / "pyproject.toml", capsys)
    assert code == 0, text
    assert "3 kept, 0 broken" in text


def test_an_import_the_other_way_is_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    turned = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    turned = turned.replace('"autotune",\n    "engine",', '"engine",\n    "autotune",')
    assert turned.count('"engine",\n    "autotune"') == 1
    (tmp_path / "pyproject.toml").write_text(turned, encoding="utf-8")
    code, text = contracts(tmp_path / "pyproject.toml", capsys)
    assert code != 0
    assert "nbcnn.autotune is not allowed to import nbcnn.engine" in text


def modules() -> dict[str, Path]:
    """Every module of nbcnn by its dotted name."""
    found = {}
    for path in sorted((ROOT / "nbcnn").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def arrows(known: Mapping[str, Path]) -> dict[str, set[str]]:
    """Which modules each one imports: at the top, in functions, and for types alone."""
    found: dict[str, set[str]] = {name: set() for name in known}
    for name, path in known.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found[name] |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                module = node.module or ""
                found[name] |= {f"{module}.{alias.name}" for alias in node.names} & known.keys() or {module}
        found[name] = (found[name] & known.keys()) - {name}
    return found


def circle(found: Mapping[str, set[str]]) -> list[str]:
    """The modules of a circle, in order, or []."""
    try:
        tuple(TopologicalSorter(found).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_imports_run_in_a_circle() -> None:
    """Not even lazy ones, or those for types: the package can be read from the bottom up."""
    assert circle(arrows(modules())) == []


def test_a_circle_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f():\n    import nbcnn.b\n")
    (tmp_path / "b.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from nbcnn.a import f\n")
    found = arrows({"nbcnn.a": tmp_path / "a.py", "nbcnn.b": tmp_path / "b.py"})
    assert set(circle(found)) == {"nbcnn.a", "nbcnn.b"}


ROOMS = [path.name for path in sorted((ROOT / "nbcnn").iterdir()) if path.is_dir() and path.name != "__pycache__"]


def test_the_package_has_few_rooms() -> None:
    marker = "py.typed"  # no room: it says that the package is typed
    entries = [path.name for path in (ROOT / "nbcnn").iterdir() if path.name not in ("__pycache__", marker)]
    assert len(entries) <= 24, sorted(entries)


def test_the_tests_stand_in_the_same_rooms() -> None:
    """tests/ROOM/test_FILE.py; what is of no room tests the shipped plugins, the project, or what can be trusted."""
    others = {"shipped_plugins", "project", "trust", "fuzz", "benchmarks"}
    rooms = {path.relative_to(ROOT / "tests").parts[0] for path in TESTS if path.name.startswith("test_")}
    assert rooms <= {*ROOMS, *others}
    assert not list((ROOT / "tests").glob("test_*.py"))


OF_NO_ONE_FILE = {
    "cli/test_commands.py": "the command line as a whole",
    "compiler/test_machine_code.py": "what all of the compiler comes to",
    "functional/test_onnx_nodes.py": "ONNX's tests of its operators, on the functions",
    "functional/test_pytorch_samples.py": "PyTorch's samples, on the functions",
    "introspect/test_branches.py": "summaries and receptive fields through branches",
    "kernels/test_added_op.py": "an op that a plugin adds",
    "kernels/test_activations.py": "activations and softmax, which are alike",
    "kernels/test_gradients.py": "every op's gradient against differences",
    "kernels/test_long_sums.py": "what holds for the sums of every op",
    "kernels/test_planes_apart.py": "what holds for every op",
    "kernels/test_pool2d.py": "max_pool2d and avg_pool2d, which are alike",
    "kernels/test_short_blocks.py": "what holds for the sums of every op",
    "layers/test_image_layers.py": "padding, enlargement, blur and pooling to a size, which are alike",
    "lanes/test_refusals.py": "what both kinds of lanes refuse",
    "training/test_batch_norm_runs.py": "runs of networks with batch norm, resumed too",
}
"""Tests that have no file's name, and why."""


def nameless() -> set[str]:
    """Tests in rooms whose names begin with that of no file, op or sub-package of the room, nor with the room's own."""
    found = set()
    for room in ROOMS:
        inside = {path.stem for path in (ROOT / "nbcnn" / room).rglob("*.py")}
        inside |= {path.name for path in (ROOT / "nbcnn" / room).rglob("*") if path.is_dir()} | {room}
        names = tuple(name.strip("_") for name in inside if name != "__init__")
        for path in (ROOT / "tests" / room).glob("test_*.py"):
            if not path.stem.removeprefix("test_").startswith(names):
                found.add(str(path.relative_to(ROOT / "tests")))
    return found


def test_tests_are_named_for_the_files_that_they_test() -> None:
    assert nameless() == set(OF_NO_ONE_FILE)


def test_a_test_of_another_name_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("nbcnn/cli/_output.py", "tests/cli/test_output.py", "tests/cli/test_printing.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert nameless() == {"cli/test_printing.py"}


def test_trust_says_what_it_tests_by_its_files() -> None:
    text = (ROOT / "tests" / "trust" / "__init__.py").read_text(encoding="utf-8")
    told = set(re.findall(r"^    (\w+\.py) ", text, re.M))
    assert told == {path.name for path in TESTS if path.parent.name == "trust"} - {"__init__.py"}


def test_kernels_import_nothing_above_them() -> None:
    outside = {"numpy", "numba", "llvmlite"}
    below = ("nbcnn.kernels", "nbcnn.lanes", "nbcnn.compiler", "nbcnn.util", "nbcnn.errors")
    for path in KERNELS:
        for module in imported(path):
            top = module.partition(".")[0]
            if top == "nbcnn":
                assert module.startswith(below), f"{named(path)} imports {module}"
            else:
                assert top in outside or top in sys.stdlib_module_names, f"{named(path)} imports {module}"


def compiled(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and any(ast.unparse(d) == "kernel" for d in node.decorator_list):
            yield node


def test_kernels_take_few_arguments() -> None:
    kernels = [(path, node) for path in KERNELS for node in compiled(path)]
    assert len(kernels) > 30
    for path, node in kernels:
        assert len(node.args.args) <= MOST_ARGUMENTS, f"{named(path)}: {node.name} has {len(node.args.args)} arguments"


def test_files_are_short() -> None:
    lines = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    long = [f"{path} has {count} lines" for path, count in lines.items() if count > MOST_LINES]
    assert not long, f"{long}; one idea a file"


HEAVY = ("numpy", "numba", "matplotlib", "PIL", "pooch", "requests", "pydantic", "yaml", "safetensors", "rich")


def verbs(folder: Path, *before: str) -> Iterator[tuple[str, ...]]:
    """All commands, by the files that they are."""
    for path in sorted(folder.iterdir()):
        if path.name[0] not in "_.":
            yield (*before, path.stem)
            if path.is_dir():
                yield from verbs(path, *before, path.stem)


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    """By the help of no command: each in turn, so that the first that imports something is named."""
    commands = [(), *verbs(ROOT / "nbcnn" / "cli")]
    assert {("train",), ("warmup",), ("kernels", "check"), ("plugin", "new")} <= set(commands)
    script = (
        "import sys, nbcnn, nbcnn.cli\n"
        f"for words in {commands}:\n"
        "    try:\n        nbcnn.cli.main([*words, '--help'])\n"
        f"    except SystemExit:\n        print('>', *words, [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    told = [line for line in done.stdout.splitlines() if line.startswith("> ")]
    assert told == [" ".join([">", *words, "[]"]) for words in commands]


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_nothing_turns_data_into_code() -> None:
    for path in SOURCES:
        if named(path) != "nbcnn/compiler/jit.py":  # its entries are its own, in a folder that nobody else can write to
            pickles = imported(path) & {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
            assert not pickles, f"{named(path)} imports {pickles}"
        for name, call in calls(path):
            assert name not in ("eval", "exec", "compile", "yaml.load", "yaml.unsafe_load"), f"{named(path)}: {name}()"
            assert not any(word.arg == "allow_pickle" for word in call.keywords), named(path)
            assert "extractall" not in name, named(path)


def comments_and_names(path: Path) -> Iterator[str]:
    """Tokens of a file that are comments or names, but no strings."""
    with io.BytesIO(path.read_bytes()) as file:
        for token in tokenize.tokenize(file.readline):
            if token.type in (tokenize.COMMENT, tokenize.NAME):
                yield token.string


def test_nothing_is_left_for_later() -> None:
    later, left_out = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"), {"skip", "skipif", "xfail", "importorskip", "SkipTest"}
    for path in [*SOURCES, *TESTS]:
        words = set(comments_and_names(path))
        found = [word for word in words if later.search(word)]
        assert not found, f"{named(path)}: {found}"
        assert path not in TESTS or not words & left_out, f"{named(path)}: run it or remove it"


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "nbcnn" / "py.typed").exists()
