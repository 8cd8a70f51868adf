"""Loading of a config: from a model's name, a file, a run folder or a mapping to a validated ``Config``."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nbcnn.config.backends import choose_backends, replaced_ops
from nbcnn.config.folders import absolute_folders
from nbcnn.config.messages import explain, find
from nbcnn.config.overrides import Overrides, apply, plain_number
from nbcnn.config.problems import Problem, raise_all
from nbcnn.config.schema import Config
from nbcnn.config.substitution import substitute
from nbcnn.config.tree import KeyPath, Tree
from nbcnn.config.yaml_tree import LARGEST, MAX_BYTES, MAX_DEPTH, key_path, read_yaml, show
from nbcnn.errors import ConfigError
from nbcnn.layers.base import LayerConfig
from nbcnn.layers.entries import Loc, kind_of, replacing
from nbcnn.plugins import load_environment, near
from nbcnn.util.suggestions import nearest
from nbcnn.util.user_folders import expanded

_NO_OVERRIDES = Overrides()


def load_config(source: str | PathLike[str] | Mapping[str, Any], overrides: Overrides = _NO_OVERRIDES) -> Config:
    """The config of a shipped model (by name), a YAML file, a run folder, or a mapping made in Python.

    Every layer with kernels carries the name of its backend: the command line's choice, else its own, else the
    network's, else ``direct``. Folders of images are absolute; a file's are relative to the file. Raises ConfigError
    with all problems at once, a line each: file:line:column, key path, what was expected, what was there.
    The plugins of NBCNN_PLUGINS are loaded first, and raise PluginError; a file can't name any.
    """
    tree, base, problems = _with_overrides(source, overrides)
    raise_all(_not_text(tree.root, (), tree))
    tree, more = substitute(tree)
    raise_all([*problems, *more] if more else ())
    config: Config | None = None
    with near(Path(base) if base else None), replacing(replaced_ops(overrides.backends)):
        try:
            config = Config.model_validate(_tuples(tree.root))
        except ValidationError as error:
            problems += explain(error, Config, tree)
        config, more = choose_backends(config, overrides.backends)
    raise_all(problems + more)
    assert config is not None
    _check_written(config)
    _place(config.layers, ("layers",), tree)
    for key in ("warmup", "class_weights"):  # what only the data can show to be wrong
        written, _ = find(tree, ("train", key))
        config.train.placed(key, str(Problem(tree.place(written), ("train", key), "")))
    return config


def written_tree(source: str | PathLike[str] | Mapping[str, Any], overrides: Overrides = _NO_OVERRIDES) -> Tree:
    """The values of a config as they are written, blocks and all, with overrides applied; nothing else is checked."""
    return _with_overrides(source, overrides)[0]


def _with_overrides(
    source: str | PathLike[str] | Mapping[str, Any], overrides: Overrides
) -> tuple[Tree, str, list[Problem]]:
    """The tree of a source, the folder of its file, and the overrides that could not be applied."""
    load_environment()
    if isinstance(source, Mapping):
        tree, base = Tree(_plain(source, ())), ""
    else:
        path = find_model(source)
        tree, base = _read(path), str(path.parent)
    # The folder's own place: from behind a link to it, .. would lead elsewhere.
    absolute_folders(tree.root.get("data"), os.path.realpath(base) if base else "")
    return tree, base, apply(overrides, tree)


def find_model(source: str | PathLike[str]) -> Path:
    """The YAML file that a model's name, a path or a run folder stands for; raises ConfigError if there is none."""
    if isinstance(source, str) and source in model_names():
        return _models_folder() / f"{source}.yaml"
    if not isinstance(source, (str, PathLike)):
        raise ConfigError(f"expected a model's name, a path or a mapping, got {type(source).__name__}")
    path = expanded(source)
    try:
        if path.is_dir():
            if (path / "config.yaml").is_file():
                return _no_link_out(path / "config.yaml")
            raise ConfigError(f"{path} is a folder without a config.yaml; expected a run folder or a YAML file")
        if path.is_file() and path.suffix == ".safetensors":
            raise ConfigError(f"{path} is a checkpoint, which holds parameters; {_config_beside(path)}")
        if path.is_file():
            return path
    except (OSError, ValueError):  # a name that no file can have
        pass
    raise ConfigError(_not_there(str(source), path))


def _no_link_out(config: Path) -> Path:
    """A run folder's config, unless it is a link to a file elsewhere: messages about that would show what is in it."""
    if config.is_symlink() and not Path(os.path.realpath(config)).is_relative_to(os.path.realpath(config.parent)):
        raise ConfigError(f"{config} is a link that leads out of {config.parent}; copy the file there")
    return config


def _config_beside(checkpoint: Path) -> str:
    folder = checkpoint.parent
    if (folder / "config.yaml").is_file():
        return f"its network is in {folder / 'config.yaml'}: give that file, or the run folder {folder}"
    return "give the YAML file of its network"


def _not_there(source: str, path: Path) -> str:
    """The hint for a source that is neither a model nor on the disk: something near it, of the kind it looks like."""
    give = "give a model's name, a YAML file or a run folder"
    if path.suffix not in (".yaml", ".yml"):
        if path.name != source:
            return f"there is no file or folder {show(source)}; {give}"
        return f"there is no model {show(source)}; {give}; {nearest(source, model_names())}"
    if path.stem in model_names():
        return f"there is no file {show(source)}; the model that comes with nbcnn is called {path.stem}, without suffix"
    beside = path.parent.iterdir() if path.parent.is_dir() else ()
    files = {file.stem: file for file in sorted(beside) if file.suffix in (".yaml", ".yml")}
    near = [str(files[stem]) for stem in get_close_matches(path.stem, files, n=3, cutoff=0.6)]
    return f"there is no file {show(source)}; " + (f"did you mean {' or '.join(near)}?" if near else give)


def model_names() -> list[str]:
    """The models that come with nbcnn, sorted."""
    return sorted(file.stem for file in _models_folder().glob("*.yaml"))


def _models_folder() -> Path:
    """``models`` inside the installed package, or beside it in a working copy."""
    package = Path(__file__).parent.parent
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def _read(path: Path) -> Tree:
    shown = os.path.relpath(path) if path.is_absolute() and path.is_relative_to(Path.cwd()) else str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{shown}: can't be read: {error.strerror or error}") from None
    return read_yaml(data, shown)


def _check_written(config: Config) -> None:
    """Check that the config with all its defaults, as a run folder holds it, is within the limits of a YAML file."""
    if words := _why_unread(config.to_yaml()):
        raise ConfigError(f"with every default written out, as in a run folder, it could not be read again: {words}")


@lru_cache(maxsize=32)  # reading is most of what a load takes, and the same network is loaded again and again
def _why_unread(text: str) -> str:
    """Why this text is refused as a config.yaml, or nothing."""
    try:
        read_yaml(text.encode(), "config.yaml")
    except ConfigError as error:
        return str(error)
    return ""


def _plain(value: Any, path: KeyPath) -> Any:
    """A copy of a mapping made in Python, held to a file's limits: lists for tuples and arrays, text for paths."""
    value = plain_number(value)
    if len(path) >= MAX_DEPTH and isinstance(value, (Mapping, list, tuple)):
        raise ConfigError(f"{key_path(path[:3])}: nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                place = f"{key_path(path)}: " if path else ""
                raise ConfigError(f"{place}expected a name as the key, got {show(key)}")
        return {key: _plain(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, (*path, index)) for index, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{key_path(path)}: expected a finite number, got {value}")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST:
        raise ConfigError(f"{key_path(path)}: the whole number is too large; the largest is {LARGEST}")
    return str(value) if isinstance(value, Path) else value


def _not_text(value: Any, path: KeyPath, tree: Tree) -> Iterator[Problem]:
    r"""Texts that UTF-8 can't hold: ``"\ud800"`` in YAML, the names of files that are in another encoding."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _not_text(key, (*path, key), tree)
            yield from _not_text(item, (*path, key), tree)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _not_text(item, (*path, index), tree)
    elif isinstance(value, str) and re.search("[\ud800-\udfff]", value):
        words = f"expected text that UTF-8 can hold, got {show(value)}; write it anew, or rename the file or folder"
        yield Problem(tree.place(path), path, words)


def _tuples(value: Any) -> Any:
    """The same values with tuples for lists, as frozen models hold them."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _place(value: Any, loc: Loc, tree: Tree) -> None:
    """Give every layer inside ``value`` its place in the file: ``models/x.yaml:5:5: layers[2].conv2d``.

    For one of a block it is ``models/x.yaml:5:5 (used at models/x.yaml:9:5: layers[2]): blocks.NAME.layers[0].conv2d``.
    """
    if isinstance(value, tuple):
        for index, item in enumerate(value):
            _place(item, (*loc, index), tree)
    elif isinstance(value, LayerConfig):
        kind, (path, _) = kind_of(value), find(tree, loc)
        written, place = tree.where_written(path), tree.place(path)
        here = " ".join(part for part in (str(place or ""), written.used and f"({written.used})") if part)
        words = ": ".join(part for part in (here, key_path((*written.path, kind))) if part)
        value.placed(words, written.path)
        for name, item in value:
            _place(item, (*loc, kind, name), tree)
