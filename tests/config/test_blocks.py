"""Blocks: which layers a use stands for, where they are said to be written, and every mistake in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from configs import HEAD, cases, problems, written
from pydantic import BaseModel, ValidationError

from nbcnn.config import Config, Overrides, load_config
from nbcnn.config.yaml_tree import MAX_DEPTH
from nbcnn.engine.network import Network, layers_of
from nbcnn.errors import ConfigError, ShapeError
from nbcnn.layers.base import LAYERS, Layer, LayerConfig
from nbcnn.layers.entries import LayerEntry, LayerList, kind_of
from nbcnn.layers.layer_fields import LAYER_LIST, LayerFields, layer_fields

CONV = """\
blocks:
  conv_act:
    parameters: {channels: , size: 3, act: relu}
    layers:
      - conv2d: {out_channels: $channels, kernel_size: [$size, 1], padding: same}
      - $act
"""


def layers(text: str | dict[str, Any], folder: Path, overrides: Overrides | None = None) -> Any:
    """The layers of a network, as the run folder's config has them."""
    source = written(folder, HEAD + text) if isinstance(text, str) else text
    return load_config(source, overrides or Overrides()).to_mapping()["layers"]


def same(text: str, plain: str, folder: Path) -> None:
    assert layers(text, folder) == layers(f"layers: {plain}\n", folder)


def test_a_use_is_a_sequential_of_the_blocks_layers(tmp_path: Path) -> None:
    same(
        CONV + "layers: [conv_act: {channels: 4}, conv_act: {act: tanh, channels: 5, size: 1}]\n",
        "[sequential: [conv2d: {out_channels: 4, kernel_size: [3, 1], padding: same}, relu],"
        " sequential: [conv2d: {out_channels: 5, kernel_size: [1, 1], padding: same}, tanh]]",
        tmp_path,
    )


def test_names_of_parameters_are_those_of_nested_sequentials(tmp_path: Path) -> None:
    network = Network(load_config(written(tmp_path, HEAD + CONV + "layers: [relu, conv_act: {channels: 4}]\n")))
    assert {name: tensor.shape for name, tensor in network.tensors.items()} == {
        "1.0.weight": (4, 3, 3, 1), "1.0.bias": (4,),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "layer"),
    [
        ("x: 2", "conv2d: {out_channels: 2, kernel_size: 2}"),
        ("x: [2, 1]", "conv2d: {out_channels: 2, kernel_size: [2, 1]}"),
        ("x: 2, y: {linear: {out_features: 7}}", "linear: {out_features: 7}"),
        ("x: 2, y: flatten", "flatten"),
        ("x: 2, y: {two: {z: [tanh, {two: {z: [relu]}}]}}", "sequential: [tanh, sequential: [relu]]"),
        ("x: 2, y: two", "sequential: [sigmoid]"),
    ],
)
def test_arguments_are_numbers_lists_mappings_and_layers(given: str, layer: str, tmp_path: Path) -> None:
    one = "one: {parameters: {x: , y: {conv2d: {out_channels: 2, kernel_size: 3}}}, layers: [$y, conv2d: $c]}"
    one = one.replace("conv2d: $c", "conv2d: {out_channels: 2, kernel_size: $x}")
    two = "two: {parameters: {z: [sigmoid]}, layers: $z}"
    first = layers(f"blocks: {{{one}, {two}}}\nlayers: [one: {{{given}}}]\n", tmp_path)[0]["sequential"]["layers"]
    if "y" not in given:
        assert first[1] == layers(f"layers: [{layer}]\n", tmp_path)[0]
    else:
        assert first[0] == layers(f"layers: [{layer}]\n", tmp_path)[0]


def test_blocks_use_others_wherever_these_stand(tmp_path: Path) -> None:
    text = """\
layers: [stage: {width: 4, rest: {size: 5, channels: 6}}]
blocks:
  stage: {parameters: {width: , rest: {channels: 1}}, layers: [sequential: {layers: [conv: {channels: $width}]}, conv: $rest]}
  conv: {parameters: {channels: 9, size: 3}, layers: [conv2d: {out_channels: $channels, kernel_size: $size}]}
"""
    plain = """[sequential: [sequential: [sequential: [conv2d: {out_channels: 4, kernel_size: 3}]],
        sequential: [conv2d: {out_channels: 6, kernel_size: 5}]]]"""
    same(text, plain, tmp_path)


def test_a_block_may_be_an_argument_of_itself(tmp_path: Path) -> None:
    text = "blocks: {a: {parameters: {x: relu}, layers: [$x]}}\nlayers: [a: {x: {a: {x: a}}}]\n"
    same(text, "[sequential: [sequential: [sequential: [relu]]]]", tmp_path)


def test_a_dollar_means_something_only_in_layers(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, HEAD + CONV + "layers: [flatten]\ndata: {folder: $here}\n"))
    assert config.data.folder == str(tmp_path / "$here")


def test_null_is_an_argument_too(tmp_path: Path) -> None:
    text = "blocks: {pool: {parameters: {stride: 1}, layers: [max_pool2d: {kernel_size: 2, stride: $stride}]}}\n"
    same(text + "layers: [pool: {stride: }]\n", "[sequential: [max_pool2d: {kernel_size: 2, stride: null}]]", tmp_path)


def test_the_resolved_config_needs_no_blocks(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, HEAD + CONV + "layers: [conv_act: {channels: 4}]\n"))
    assert "blocks" not in config.to_mapping()
    assert "$" not in config.to_yaml()
    assert load_config(written(tmp_path, config.to_yaml())) == config


def test_in_python(tmp_path: Path) -> None:
    plain = {
        "name": "tiny",
        "input": {"channels": 3, "height": 8, "width": 8},
        "blocks": {
            "conv": {"parameters": {"c": None}, "layers": ({"conv2d": {"out_channels": "$c", "kernel_size": 1}},)}
        },
        "layers": ({"conv": {"c": 5}}, "flatten"),
    }
    expected = layers("layers: [sequential: [conv2d: {out_channels: 5, kernel_size: 1}], flatten]\n", tmp_path)
    assert layers(plain, tmp_path) == expected
    assert Config.model_validate(plain | {"layers": [{"conv": {"c": 5}}]}).blocks == {}
    assert problems(plain | {"layers": [{"conv": {"c": 0}}]}) == (
        "blocks.conv.layers[0].conv2d.out_channels: expected a whole number of at least 1, got 0; $c is given at "
        "layers[0].conv.c; used at layers[0]",
    )
    with pytest.raises(ValidationError, match="c is missing; the block has no default for it"):
        Config.model_validate(plain | {"layers": ["conv"]})


# Other fields that hold layers: those of composite layers that a plugin may have.


class Section(BaseModel):
    """A part of a layer's arguments."""

    inner: LayerList


class WithLayers(LayerConfig):
    """Layers at every place where there may be some."""

    positional: ClassVar[str] = "branches"
    branches: tuple[LayerList, ...] = ()
    shortcut: LayerList | None = None
    one: Annotated[LayerEntry | int, "something"] = 3
    named: dict[str, LayerList] | None = None
    section: Section | None = None
    words: tuple[str, ...] = ()


class Composite(Layer):
    """A layer made of layers, which nobody runs."""

    Config = WithLayers

    def infer(self) -> tuple[int, ...]:
        return self.in_shape

    def bind(self, *_: Any) -> Any:
        raise NotImplementedError


@pytest.fixture
def composite() -> Iterator[None]:
    LAYERS.register("composite")(Composite)
    yield
    LAYERS._things.pop("composite")
    LAYERS._files.pop("composite", None)
    LAYERS._added.discard("composite")


def test_fields_that_hold_layers() -> None:
    one = LayerFields(layer=True)
    assert layer_fields(WithLayers).fields == {
        "branches": LayerFields(items=LAYER_LIST),
        "shortcut": LAYER_LIST,
        "one": one,
        "named": LayerFields(values=LAYER_LIST),
        "section": LayerFields(fields={"inner": LAYER_LIST}),
    }
    assert not layer_fields(LAYERS.get("conv2d").Config)
    assert LAYER_LIST.below(0) == one


@pytest.mark.usefixtures("composite")
@pytest.mark.parametrize(
    ("arguments", "plain"),
    [
        ("{branches: [[b], [relu, b]]}", "{branches: [[B], [relu, B]]}"),
        ("[[b], [relu, b]]", "[[B], [relu, B]]"),
        ("{shortcut: [b]}", "{shortcut: [B]}"),
        ("{one: b}", "{one: B}"),
        ("{one: {b: }}", "{one: B}"),
        ("{named: {b: [b]}}", "{named: {b: [B]}}"),
        ("{section: {inner: [b]}}", "{section: {inner: [B]}}"),
        ("{words: [b, b]}", "{words: [b, b]}"),
        ("{shortcut: [composite: [[b]]]}", "{shortcut: [composite: [[B]]]}"),
    ],
)
def test_blocks_stand_in_every_field_of_layers_and_in_no_other(arguments: str, plain: str, tmp_path: Path) -> None:
    text = "blocks: {b: {layers: [tanh]}}\nlayers: [composite: "
    same(f"{text}{arguments}]\n", f"[composite: {plain.replace('B', '{sequential: [tanh]}')}]", tmp_path)


# Overrides


def test_overrides_reach_defaults_arguments_and_layers_of_blocks(tmp_path: Path) -> None:
    def conv(use: str, *sets: str) -> Any:
        inside = layers(CONV + f"layers: [{use}]\n", tmp_path, Overrides(sets=sets))[0]["sequential"]["layers"]
        kind, *_ = inside[1]
        return inside[0]["conv2d"]["out_channels"], inside[0]["conv2d"]["kernel_size"], kind

    assert conv("conv_act", "blocks.conv_act.parameters.channels=16") == (16, [3, 1], "relu")
    assert conv("conv_act", "layers.0.conv_act.channels=8", "blocks.conv_act.parameters.size=5") == (8, [5, 1], "relu")
    assert conv("conv_act: {channels: 1}", "layers[0].conv_act.act=tanh") == (1, [3, 1], "tanh")
    assert conv("conv_act: {channels: 1, act: tanh}", "blocks.conv_act.layers[1]=relu", "blocks.conv_act.parameters={channels: , size: 2}",
                "layers[0].conv_act={channels: 2}") == (2, [2, 1], "relu")  # fmt: skip


def test_mistakes_of_overrides_name_the_option(tmp_path: Path) -> None:
    file = written(tmp_path, HEAD + CONV + "layers: [conv_act: {channels: 4}]\n")
    sets = "blocks.conv_act.parameters.size=x"
    (told,) = problems(file, Overrides(sets=(sets,)))
    assert told.startswith("x.yaml:7:57: blocks.conv_act.layers[0].conv2d.kernel_size[0]: expected a whole number of ")
    assert told.endswith(f"got 'x'; $size is given at --set {sets}; used at {tmp_path}/x.yaml:9:10: layers[0]")
    assert problems(file, Overrides(sets=("blocks.conv_act.channels=3",)))[0].startswith(
        "--set blocks.conv_act.channels=3: blocks.conv_act.channels: unknown key 'channels'; did you mean "
        "parameters.channels?"
    )


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("blocks.conv_akt.parameters.size=1", "blocks.conv_akt: there is no block conv_akt; did you mean conv_act? (known: "),
        ("blocks.conv_act.parameters.sise=1", "blocks.conv_act.parameters.sise: no layer of the block has $sise, so a value"
         " for it would change nothing; did you mean size?"),
        ("blocks.conv_act.parameters=3", "blocks.conv_act.parameters: expected a mapping of names to defaults"),
        ("blocks.conv_act.layers=3", "blocks.conv_act.layers: expected a list of layers, at least one, got 3"),
        ("blocks.conv_act.layers.0.conv2d.bias=$x", "blocks.conv_act.layers[0].conv2d.bias: unknown parameter $x; known: "),
        ("layers.0.conv_act.chanels=3", "layers[0].conv_act.chanels: unknown parameter 'chanels' of the block conv_act; did"),
        ("layers.0.sequential.0=tanh", "layers[0] is conv_act; set what is below layers[0].conv_act, or replace all of it"),
        ("blocks=3", "blocks: expected a mapping of names to blocks"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit(option: str, told: str, tmp_path: Path) -> None:
    file = written(tmp_path, HEAD + CONV + "layers: [conv_act: {channels: 4}]\n")
    (line,) = problems(file, Overrides(sets=(option,)))
    assert line.startswith(f"--set {option}: {told}")


def test_an_option_for_a_block_of_a_config_without_any(tmp_path: Path) -> None:
    file, option = written(tmp_path, HEAD + "layers: [flatten]\n"), "blocks.conv.parameters.size=1"
    assert problems(file, Overrides(sets=(option,))) == (
        f"--set {option}: blocks.conv: there is no block conv; none is known",
    )


# Mistakes

USES_WRONG = r"""
[conv_act]
    9:10: layers[0].conv_act: channels is missing; the block has no default for it, write conv_act: {channels: ..., size: 3, act: 'relu'}
[conv_act: ]
    9:10: layers[0].conv_act: channels is missing; the block has no default
[conv_act: {size: 3}]
    9:10: layers[0].conv_act: channels is missing; the block has no default
[conv_act: {chanels: 3}]
    9:21: layers[0].conv_act.chanels: unknown parameter 'chanels' of the block conv_act; did you mean channels? (known: act, channels, size)
[conv_act: {channels: 3, bias: true}]
    9:34: layers[0].conv_act.bias: unknown parameter 'bias' of the block conv_act; known: act, channels, size
[conv_act: 32]
    9:20: layers[0].conv_act: expected the arguments of the block, as in conv_act: {channels: ..., size: 3, act: 'relu'}, got 32
[conv_act: [32]]
    9:20: layers[0].conv_act: expected the arguments of the block, as in conv_act: {
[conv_akt: {channels: 3}]
    9:10: layers[0]: unknown layer 'conv_akt'; did you mean conv_act? (blocks: conv_act)
[ConvAct]
    9:10: layers[0]: unknown layer 'ConvAct'; did you mean conv_act? (blocks: conv_act)
[{conv_act: {channels: 3}, relu: }]
    9:10: layers[0]: expected one layer, got 2 keys (conv_act, relu);
[{conv_act: {channels: many}}]
    7:32: blocks.conv_act.layers[0].conv2d.out_channels: expected a whole number of at least 1, got 'many'; $channels is given at FOLDER/x.yaml:9:32; used at FOLDER/x.yaml:9:10: layers[0]
[{conv_act: {channels: }}]
    7:32: blocks.conv_act.layers[0].conv2d.out_channels: expected a whole number of at least 1, got null; $channels is given at
[relu, sequential: [{conv_act: {channels: 3, act: [tanh]}}]]
    8:9: blocks.conv_act.layers[1]: $act stands for a list of layers, and here is the place of one; write sequential: $act; $act is given at FOLDER/x.yaml:9:59; used at FOLDER/x.yaml:9:29: layers[1].sequential[0]
[{conv_act: {channels: 3, act: {linear: {out_features: x}}}}]
    9:64: layers[0].conv_act.act.linear.out_features: expected a whole number of at least 1, got 'x'; it stands for $act at FOLDER/x.yaml:8:9: blocks.conv_act.layers[1]
[{conv_act: {channels: $channels}}]
    9:32: layers[0].conv_act.channels: $channels stands for a parameter of a block, and this is in no block; write the value itself
[{conv2d: {out_channels: $channels, kernel_size: 1}}]
    9:34: layers[0].conv2d.out_channels: $channels stands for a parameter of a block, and this is in no block; write the value
[$act]
    9:10: layers[0]: $act stands for a parameter of a block, and this is in no block
$act
    9:9: layers: $act stands for a parameter of a block, and this is in no block
"""

BLOCKS_WRONG = r"""
[relu]
    3:9: blocks: expected a mapping of names to blocks, as in {NAME: {parameters: {channels: }, layers: [...]}}, got ['relu']
{conv2d: {layers: [relu]}}
    3:10: blocks.conv2d: conv2d is the name of a layer, so the block needs another one, such as conv2d_block
{a-b: {layers: [relu]}}
    3:10: blocks.a-b: expected a name of at most 40 letters, digits and _ for the block, got 'a-b'
{a: [relu]}
    3:13: blocks.a: expected a mapping with layers and, if it has any, parameters; write layers: before ['relu']
{a: 3}
    3:13: blocks.a: expected a mapping with layers and, if it has any, parameters, got 3
{a: }
    3:12: blocks.a: expected a mapping with layers and, if it has any, parameters, got null
{a: {}}
    3:10: blocks.a: layers is missing; expected the block's list of layers
{a: {layer: [relu]}}
    3:14: blocks.a.layer: unknown key 'layer'; did you mean layers? (known: layers, parameters)
{a: {layers: []}}
    3:22: blocks.a.layers: expected a list of layers, at least one, got []
{a: {layers: relu}}
    3:22: blocks.a.layers: expected a list of layers, at least one, got 'relu'
{a: {layers: [relu], params: {x: 1}}}
    3:30: blocks.a.params: unknown key 'params'; did you mean parameters? (known: layers, parameters)
{a: {layers: [linear: {out_features: $x}], parameters: [x]}}
    3:64: blocks.a.parameters: expected a mapping of names to defaults, an empty one where there is none, as in parameters: {channels: , stride: 1}, got ['x']
{a: {layers: [linear: {out_features: $x}], parameters: {$x: }}}
    3:65: blocks.a.parameters.$x: write x; the $ stands only where the parameter is used
{a: {layers: [linear: {out_features: $x}], parameters: {a b: }}}
    3:65: blocks.a.parameters.a b: expected a name of at most 40 letters, digits and _ for the parameter, got 'a b'
{a: {layers: [linear: {out_features: $x}], parameters: {A123456789012345678901234567890123456789x: }}}
    3:65: blocks.a.parameters.A123456789012345678901234567890123456...: expected a name of at most 40 letters,
{a: {layers: [linear: {out_features: $x}], parameters: {x: [$y]}}}
    3:69: blocks.a.parameters.x[0]: a default can't depend on another parameter; write a value without $, got '$y'
{a: {layers: [linear: {out_features: $width}], parameters: {widht: 1}}}
    3:46: blocks.a.layers[0].linear.out_features: unknown parameter $width; did you mean widht? (known: widht)
{a: {layers: [linear: {out_features: $x}]}}
    3:46: blocks.a.layers[0].linear.out_features: unknown parameter $x; the block has no parameters; declare it, as in parameters: {x: }
{a: {layers: [linear: {out_features: $x}], parameters: {x: , bias: true}}}
    3:70: blocks.a.parameters.bias: no layer of the block has $bias, so a value for it would change nothing; use it or leave it out
{a: {layers: [linear: {out_features: 2*$x}, linear: {out_features: $x}], parameters: {x: }}}
    3:46: blocks.a.layers[0].linear.out_features: a value is exactly $ and the name of a parameter, or has no $: nothing is computed or joined, got '2*$x'
{a: {layers: [linear: {out_features: $}]}}
    3:46: blocks.a.layers[0].linear.out_features: a value is exactly $ and the name of a parameter, or has no $
{a: {layers: [$x: {out_features: 1}, $x], parameters: {x: }}}
    3:23: blocks.a.layers[0].$x: a parameter stands for a value, not for a key, got '$x'; write the key itself
{a: {layers: [b]}, b: {parameters: {x: }, layers: [$x]}}
    3:23: blocks.a.layers[0].b: x is missing; the block has no default for it, write b: {x: ...}
{a: {layers: [a]}}
    3:23: blocks.a.layers[0]: the block a uses itself (a → a), which would never end; take one use out
{a: {layers: [relu, b]}, b: {layers: [sequential: [c: ]]}, c: {layers: [a]}}
    3:81: blocks.c.layers[0]: the block a uses itself (a → b → c → a), which would never end; take one use out; used at FOLDER/x.yaml:3:60: blocks.b.layers[0].sequential[0], which is used at FOLDER/x.yaml:3:29: blocks.a.layers[1]
{a: {parameters: {x: a}, layers: [$x]}}
    3:30: blocks.a.parameters.x: the block a uses itself (a → a), which would never end; take one use out; it stands for $x at FOLDER/x.yaml:3:43: blocks.a.layers[0]
"""


@pytest.mark.parametrize(("given", "told"), cases(USES_WRONG))
def test_a_use_that_is_wrong(given: str, told: str, tmp_path: Path) -> None:
    (line,) = problems(written(tmp_path, f"{HEAD}{CONV}layers: {given}\n"))
    assert line.startswith(f"x.yaml:{told.replace('FOLDER', str(tmp_path))}")


@pytest.mark.parametrize(("given", "told"), cases(BLOCKS_WRONG))
def test_a_block_that_is_wrong_used_or_not(given: str, told: str, tmp_path: Path) -> None:
    for layers in ("[relu]", "[a]"):
        lines = problems(written(tmp_path, f"{HEAD}blocks: {given}\nlayers: {layers}\n"))
        assert lines[0].startswith(f"x.yaml:{told.replace('FOLDER', str(tmp_path))}")
        assert len(lines) == 1


BODIES_WRONG = r"""
conv2d: {out_channels: 1, kernel_size: 1, pading: 1}
    3:65: blocks.a.layers[0].conv2d.pading: unknown key 'pading'; did you mean padding? (known:
conv2d: {kernel_size: 1}
    3:23: blocks.a.layers[0].conv2d: out_channels is missing; expected a whole number of at least 1
linear: {out_features: 1, backend: dirct}
    3:58: blocks.a.layers[0].linear.backend: unknown backend 'dirct' for linear; did you mean direct?
rlu
    3:23: blocks.a.layers[0]: unknown layer 'rlu'; did you mean relu?
Relu: {}
    3:23: blocks.a.layers[0].Relu: unknown layer 'Relu'; did you mean relu?
sequential: []
    3:35: blocks.a.layers[0].sequential: expected a list of layers, at least one, got []
sequential: [flatten: 5]
    3:45: blocks.a.layers[0].sequential[0].flatten: expected arguments as {key: value, ...}
"""


@pytest.mark.parametrize(("given", "told"), cases(BODIES_WRONG))
def test_a_layer_in_a_block_that_is_wrong(given: str, told: str, tmp_path: Path) -> None:
    (line,) = problems(written(tmp_path, f"{HEAD}blocks: {{a: {{layers: [{given}]}}}}\nlayers: [relu, a]\n"))
    assert line.startswith(f"x.yaml:{told}")
    assert line.endswith(f"; used at {tmp_path}/x.yaml:4:16: layers[1]")


def test_a_mistake_in_a_block_is_told_once(tmp_path: Path) -> None:
    text = "blocks: {a: {layers: [linear: {out_features: 0}]}}\nlayers: [b, a, sequential: [a, b]]\n"
    text = text.replace("}}\n", "}, b: {layers: [a]}}\n", 1)
    assert problems(written(tmp_path, HEAD + text)) == (
        "x.yaml:3:46: blocks.a.layers[0].linear.out_features: expected a whole number of at least 1, got 0; used at "
        f"{tmp_path}/x.yaml:3:65: blocks.b.layers[0], which is used at {tmp_path}/x.yaml:4:10: layers[0] "
        "(and in 3 more places)",
    )


def test_of_many_uses_the_innermost_and_the_outermost_are_told(tmp_path: Path) -> None:
    chain = "".join(f", a{i}: {{layers: [a{i - 1}]}}" for i in range(1, 6))
    text = f"blocks: {{a0: {{layers: [linear: {{out_features: 0}}]}}{chain}}}\nlayers: [a5]\n"
    (told,) = problems(written(tmp_path, HEAD + text))
    assert told.endswith(
        f": blocks.a1.layers[0], which is used at ..., which is used at {tmp_path}/x.yaml:4:10: layers[0]"
    )


def test_a_shape_that_does_not_fit_names_the_block_and_its_use(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, HEAD + CONV + "layers:\n  - flatten\n  - conv_act: {channels: 4}\n"))
    with pytest.raises(ShapeError) as caught:
        layers_of(config)
    file = tmp_path / "x.yaml"
    start = f"{file}:7:9 (used at {file}:11:5: layers[1]): blocks.conv_act.layers[0].conv2d: expected an image"
    assert str(caught.value).startswith(start)
    assert [kind_of(layer) for layer in config.layers[1].layers] == ["conv2d", "relu"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("base", ["[relu]", "[flatten, flatten]"])
def test_blocks_that_grow_without_bound_are_refused(base: str, tmp_path: Path) -> None:
    doubled = "".join(f", a{i}: {{layers: [a{i - 1}, a{i - 1}]}}" for i in range(1, 60))
    for use in (15, 20, 59):
        (told,) = problems(
            written(tmp_path, f"{HEAD}blocks: {{a0: {{layers: {base}}}{doubled}}}\nlayers: [relu, a{use}]\n")
        )
        what = f"nested deeper than {MAX_DEPTH} levels" if use == 59 else "more than 25,000 values"
        assert told.startswith(
            f"x.yaml:4:16: layers[1]: {what} where the layers of its blocks are written out; use fewer"
        )


def test_arguments_that_grow_without_bound_are_refused(tmp_path: Path) -> None:
    many = ", ".join(["relu"] * 300)
    text = "blocks: {a: {parameters: {x: }, layers: [" + ", ".join(["sequential: $x"] * 300) + "]}}\n"
    (told,) = problems(written(tmp_path, f"{HEAD}{text}layers: [a: {{x: [{many}]}}]\n"))
    assert told.startswith(
        "x.yaml:4:10: layers[0]: more than 25,000 values where the layers of its blocks are written out"
    )


def test_arguments_in_arguments_are_refused_where_the_network_uses_the_first(tmp_path: Path) -> None:
    text = "blocks: {a: {parameters: {x: }, layers: [" + ", ".join(["sequential: $x"] * 4) + "]}}\n"
    inside = "a: {x: [" * 8 + "relu" + "]}" * 8
    (told,) = problems(written(tmp_path, f"{HEAD}{text}layers: [relu, sequential: [{inside}]]\n"))
    assert told.startswith("x.yaml:4:29: layers[1].sequential[0]: more than 25,000 values where")


def test_blocks_that_nobody_uses_cost_no_more_than_they_are_long(tmp_path: Path) -> None:
    chain = "".join(f", a{i}: {{layers: [a{i - 1}, a{i - 1}]}}" for i in range(1, 100))
    text = f"blocks: {{a0: {{layers: [relu]}}{chain}}}\nlayers: [relu]\n"
    assert layers(text, tmp_path) == [{"relu": {"backend": "direct"}}]
    assert problems(written(tmp_path, HEAD + text.replace("{a0:", "{a: {layers: [relu]}, a0:"))) == (
        "x.yaml:3:9: blocks: 101 blocks; at most 100 are allowed",
    )


def test_messages_about_many_parameters_are_short(tmp_path: Path) -> None:
    def told(count: int) -> str:
        names = [f"p{i}" for i in range(count)]
        declared, used = ": , ".join(names), ", ".join(f"linear: {{out_features: ${name}}}" for name in names)
        text = f"blocks: {{a: {{parameters: {{{declared}: }}, layers: [{used}]}}}}\nlayers: [a: 3]\n"
        return problems(written(tmp_path, HEAD + text))[0]

    assert told(7).endswith("as in a: {p0: ..., p1: ..., p2: ..., p3: ..., p4: ..., p5: ..., ...}, got 3")
    assert told(101) == "x.yaml:3:26: blocks.a.parameters: 101 parameters; at most 100 are allowed"


def test_editors_accept_blocks() -> None:
    block = Config.model_json_schema()["properties"]["blocks"]["additionalProperties"]
    assert set(block["properties"]) == {"parameters", "layers"}
    assert block["required"] == ["layers"]
    assert Config.model_json_schema()["properties"]["layers"]["type"] == "array"
    assert "items" not in Config.model_json_schema()["properties"]["layers"]


def test_problems_of_blocks_hold_back_no_others(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--set train: expected KEY\.PATH=VALUE") as caught:
        load_config(written(tmp_path, HEAD + "blocks: {a: 3}\nlayers: [relu]\n"), Overrides(sets=("train",)))
    assert len(caught.value.problems) == 2
