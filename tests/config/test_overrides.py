"""What the command line changes: --set, the short options, --data and --backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from configs import EVERYTHING, HEAD, TINY, cases, problems, written

from nbcnn.config import Config, Overrides, load_config
from nbcnn.layers import LayerConfig
from nbcnn.layers.entries import kind_of

SETS_WRONG = r"""
train.epohcs=3
    train.epohcs: unknown key 'epohcs'; did you mean epochs? (known:
epochs=3
    epochs: unknown key 'epochs'; did you mean train.epochs? (known here: backends, blocks, data, input, layers, name, train)
hieght=3
    hieght: unknown key 'hieght'; did you mean input.height? (known here: backends,
trian.epochs=3
    trian: unknown key 'trian'; did you mean train? (known:
train.epochs=three
    train.epochs: expected a whole number of at least 1, got 'three'
train.epochs=
    train.epochs: expected a whole number of at least 1, got null
train.optimizer.adam.lr=-1
    train.optimizer.adam.lr: expected a number above 0, got -1
train.optimizer.adm.lr=1
    train.optimizer.adm: unknown optimizer 'adm'; did you mean adam? (known:
train.epochs
    expected KEY.PATH=VALUE, for instance --set train.epochs=3
=3
    expected KEY.PATH=VALUE, for instance --set train.epochs=3
train..epochs=3
    expected KEY.PATH=VALUE, for instance --set train.epochs=3
data.mean=[1
    not valid YAML: a ',' or the closing ']' is missing
data.mean=&a 1
    the anchor &a is not allowed; drop it
data.mean={a: 1, a: 2}
    the key 'a' is given twice, first in the same text; keep one
name.x=5
    name is 'tiny'; nothing can be set below it
layers.2=relu
    layers has 2 entries, numbered from 0; there is no 2
layers.first=relu
    layers has 2 entries, numbered from 0; there is no first
layers.1.relu.backend=x
    layers[1] is linear; set what is below layers[1].linear, or replace all of it: layers[1]=
layers.0.linear.bias=x
    layers[0] is flatten; set what is below layers[0].flatten, or replace all of it
layers.0.flatten.x=1
    layers[0].flatten.x: unknown key 'x'; there is nothing to set here
layers.0=reluu
    layers[0]: unknown layer 'reluu'; did you mean relu? (known:
train.seed=9300000000000000000
    the whole number 9300000000000000000 is too large; the largest is 9223372036854775807
train.optimizer={sgd: {lr: 0,001}}
    a comma ends the value; for a decimal number write a point: 0.001
data.name=fashion
    data.name: unknown data set 'fashion'; did you mean fashion-mnist
"""


def changed(folder: Path, text: str, **options: Any) -> dict[str, Any]:
    return load_config(written(folder, text), Overrides(**options)).to_mapping()


def test_set_reaches_every_kind_of_place(tmp_path: Path) -> None:
    sets = (
        "train.epochs=3",
        "train.shuffle=false",
        "name=other",
        "data.mean=[0.5, 0.25, 1e-3]",
        "layers.0.conv2d.out_channels=8",
        "layers[0].conv2d.kernel_size=[3, 5]",
        "layers.1.relu.backend=direct",
        "layers.3=avg_pool2d: {kernel_size: 4}",
        "layers.4.flatten={}",
        "backends.linear=direct",
    )
    got = changed(tmp_path, EVERYTHING, sets=sets)
    assert (got["train"]["epochs"], got["train"]["shuffle"], got["name"]) == (3, False, "other")
    assert got["data"]["mean"] == [0.5, 0.25, 0.001]
    assert (got["layers"][0]["conv2d"]["out_channels"], got["layers"][0]["conv2d"]["kernel_size"]) == (8, [3, 5])
    assert got["layers"][1] == {"relu": {"backend": "direct"}}
    assert list(got["layers"][3]) == ["avg_pool2d"]
    assert got["backends"] == {"conv2d": "direct", "linear": "direct"}


@pytest.mark.parametrize(
    ("optimizer", "option", "result"),
    [
        ("{sgd: {lr: 0.9}}", "sgd.momentum=0.5", {"sgd": {"lr": 0.9, "momentum": 0.5}}),
        ("{sgd: {lr: 0.9}}", "adam.lr=0.5", {"adam": {"lr": 0.5}}),
        ("adam", "adam.lr=0.5", {"adam": {"lr": 0.5}}),
        ("adam", "sgd.lr=0.5", {"sgd": {"lr": 0.5}}),
        ("null", "sgd.momentum=0.5", {"sgd": {"lr": 0.1, "momentum": 0.5}}),
        ("null", "adam.lr=0.5", {"adam": {"lr": 0.5}}),
    ],
)
def test_set_changes_or_replaces_the_optimizer(
    optimizer: str, option: str, result: dict[str, Any], tmp_path: Path
) -> None:
    text = TINY if optimizer == "null" else f"{TINY}train: {{optimizer: {optimizer}}}"
    got = changed(tmp_path, text, sets=(f"train.optimizer.{option}",))["train"]["optimizer"]
    assert {name: {key: got[name][key] for key in wanted} for name, wanted in result.items()} == result
    assert list(got) == list(result)


@pytest.mark.parametrize(("option", "told"), cases(SETS_WRONG))
def test_mistakes_in_set(option: str, told: str, tmp_path: Path) -> None:
    (problem,) = problems(written(tmp_path, TINY), Overrides(sets=(option,)))
    assert problem.startswith(f"--set {option}: {told}"), problem


def test_a_replaced_section_has_the_place_of_the_option(tmp_path: Path) -> None:
    file = written(tmp_path, TINY + "data: {mean: [0.5], std: [0]}")
    assert problems(file, Overrides(sets=("data={mean: [a]}",))) == (
        "--set data={mean: [a]}: data.mean[0]: expected a number, got 'a'",
    )


def test_short_options(tmp_path: Path) -> None:
    got = changed(tmp_path, TINY, epochs=2, threads=1, seed=9, batch_size=5, sets=("train.epochs=7",))
    assert {key: got["train"][key] for key in ("epochs", "threads", "seed", "batch_size")} == {
        "epochs": 2, "threads": 1, "seed": 9, "batch_size": 5,
    }  # fmt: skip
    (problem,) = problems(written(tmp_path, TINY), Overrides(seed=-1))
    assert problem == "--seed -1: train.seed: expected a whole number of at least 0, got -1"
    for key in ("epochs", "threads", "seed", "batch_size"):
        option = f"--{key.replace('_', '-')} {2**63}"
        (problem,) = problems(written(tmp_path, TINY), Overrides(**{key: 2**63}))
        assert problem == f"{option}: train.{key}: the whole number is too large; the largest is {2**63 - 1}"
    problem = problems(written(tmp_path, TINY + "train: 5"), Overrides(epochs=1))[-1]
    assert problem == "--epochs 1: train is 5; nothing can be set below it"


def test_folders_are_relative_to_the_file_or_to_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, here = tmp_path / "models", tmp_path / "here"
    models.mkdir()
    (here / "pictures").mkdir(parents=True)
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    file = written(models, TINY + "data: {folder: a/../b, data_dir: ~/c}")
    data = load_config(file).data
    assert (data.folder, data.data_dir) == (str(models / "b"), str(tmp_path / "home" / "c"))
    data = load_config(file, Overrides(sets=("data.folder=d",), data_dir="e")).data
    assert (data.folder, data.data_dir) == (str(here / "d"), str(here / "e"))
    assert load_config({**load_config(file).to_mapping(), "data": {"folder": "f"}}).data.folder == str(here / "f")
    assert load_config(file, Overrides(data="pictures")).data.folder == str(here / "pictures")


def test_data_replaces_the_source_and_keeps_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist").mkdir()
    text = TINY + "data: {folder: a, size: [4, 4], grayscale: true, mean: [0.5], std: [2]}"
    named = load_config(written(tmp_path, text), Overrides(data="mnist")).data
    assert (named.name, named.folder, named.size, named.grayscale) == ("mnist", None, None, False)
    assert (named.mean, named.std) == ((0.5,), (2.0,))
    foldered = load_config(written(tmp_path, text), Overrides(data="./mnist")).data
    assert (foldered.name, foldered.folder, foldered.size) == (None, str(tmp_path / "mnist"), (4, 4))
    assert foldered.mean == (0.5,)
    assert load_config(written(tmp_path, TINY + "data: {name: nonsense}"), Overrides(data="mnist")).data.name == "mnist"
    assert load_config(written(tmp_path, TINY + "data: 5"), Overrides(data="mnist")).data.name == "mnist"
    (problem,) = problems(written(tmp_path, TINY), Overrides(data="no/where"))
    assert problem.startswith("--data no/where: no data set and no folder is called 'no/where'; known: fashion-mnist")


def test_set_gives_no_second_source_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    named, foldered = TINY + "data: {name: mnist}", TINY + "data: {folder: a, size: [4, 4]}"
    assert problems(written(tmp_path, named), Overrides(sets=("data.folder=d",))) == (
        "--set data.folder=d: data.folder can't be set beside the data.name that the config has; to replace that, "
        'write --data d (or --set "data={folder: d}")',
    )
    (problem,) = problems(written(tmp_path, foldered), Overrides(sets=("data.name=mnist",)))
    assert problem.endswith('; to replace that, write --data mnist (or --set "data={name: mnist}")')
    (problem,) = problems(written(tmp_path, TINY), Overrides(sets=("data.folder=d", "data.name=mnist")))
    assert "name and folder exclude one another" in problem
    for sets in (("data={folder: d}",), ("data.folder=d", "data.name=null"), ("data.name=null", "data.folder=d")):
        data = load_config(written(tmp_path, named), Overrides(sets=sets)).data
        assert (data.name, data.folder) == (None, str(tmp_path / "d"))


# Which backend


def conv_backends(config: Config) -> list[str | None]:
    def inside(layers: tuple[LayerConfig, ...]) -> list[str | None]:
        found = []
        for layer in layers:
            found += inside(getattr(layer, "layers", ()))
            found += [getattr(layer, "backend", None)] if kind_of(layer) == "conv2d" else []
        return found

    return inside(config.layers)


CONVS = f"""{HEAD}
layers:
  - conv2d: {{out_channels: 2, kernel_size: 1, backend: direct}}
  - sequential: [conv2d: {{out_channels: 2, kernel_size: 1}}, relu]
"""


def test_the_nearest_backend_wins(tmp_path: Path) -> None:
    file = written(tmp_path, CONVS)
    assert conv_backends(load_config(file)) == ["direct", "direct"]
    file = written(tmp_path, CONVS + "backends: {conv2d: naive}")
    assert conv_backends(load_config(file)) == ["direct", "naive"]
    config = load_config(file, Overrides(backends=("conv2d=direct", "conv2d = naive")))
    assert conv_backends(config) == ["naive", "naive"]
    assert config.backends == {"conv2d": "naive"}
    assert config.layers[0].where.endswith("layers[0].conv2d")
    assert load_config(written(tmp_path, config.to_yaml())) == config
    null = CONVS.replace("backend: direct", "backend: null") + "backends: {conv2d: naive}"
    assert conv_backends(load_config(written(tmp_path, null))) == ["naive", "naive"]


def test_an_unknown_backend_is_told_once_and_not_where_an_option_replaces_it(tmp_path: Path) -> None:
    three = (
        CONVS.replace("backend: direct", "backend: gone")
        + """  - conv2d: {out_channels: 2, kernel_size: 1, backend: gone}
  - relu: {backend: gone}
  - conv2d: {out_channels: 2, kernel_size: 1, backend: lost}
backends: {conv2d: gone}
"""
    )
    told = problems(file := written(tmp_path, three))
    assert [text.partition("; ")[0].partition(": ")[2] for text in told] == [
        "layers[0].conv2d.backend: unknown backend 'gone' for conv2d (and in 2 more places)",
        "layers[3].relu.backend: unknown backend 'gone' for relu",
        "layers[4].conv2d.backend: unknown backend 'lost' for conv2d",
    ]
    assert all("load the plugin that has it with --plugin FILE" in text for text in told)
    options = ("conv2d=naive", "relu=direct")
    config = load_config(file, Overrides(backends=options))
    assert conv_backends(config) == ["naive"] * 4 and config.backends == {"conv2d": "naive", "relu": "direct"}
    (left,) = problems(file, Overrides(backends=options[:1]))
    assert "layers[3].relu.backend: unknown backend 'gone' for relu; " in left
    both = problems(file, Overrides(backends=("conv2d=nave", "relu=direct")))  # no option that counts
    assert len(both) == 3 and "--backend conv2d=nave: unknown backend" in both[-1]


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("conv2d", "expected OP=NAME, for instance --backend conv2d="),
        ("=direct", "expected OP=NAME, for instance --backend conv2d="),
        ("conv3d=direct", "unknown op 'conv3d'; did you mean conv2d? (known: "),
        ("conv2d=dirct", "unknown backend 'dirct' for conv2d; did you mean direct? (known: "),
        ("linear=direct", "no layer of this network uses linear; it uses conv2d, relu"),
    ],
)
def test_mistakes_in_backend(option: str, sentence: str, tmp_path: Path) -> None:
    (problem,) = problems(written(tmp_path, CONVS), Overrides(backends=(option,)))
    assert problem.startswith(f"--backend {option}: {sentence}"), problem
