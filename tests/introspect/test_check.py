"""``nbcnn check``: each rule on a network that breaks it and on one that does not; remedies, applied as they are printed."""

from __future__ import annotations

import json
import re
from math import exp, log
from pathlib import Path
from typing import Any

import pytest
import yaml
from benchmarks.check_rules import page
from exhaustive import parametrize
from plugin_files import empty_folder, write  # noqa: F401 (a fixture)

import nbcnn
from nbcnn.cli import main
from nbcnn.config import Overrides, load_config, model_names
from nbcnn.config.loader import written_tree
from nbcnn.errors import ConfigError, PluginError
from nbcnn.introspect.check import Finding, Report, check
from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.data_facts import DataFacts
from nbcnn.introspect.check.edits import edits_of
from nbcnn.introspect.check.rule import RULES
from nbcnn.introspect.expand import expand
from nbcnn.layers.base import LAYERS

ROOT = Path(__file__).parents[2]
NETWORKS = Path(__file__).parent / "check_networks"
FASHION = 0.28630891706682676, 0.35401796410642805
"""Mean and standard deviation of the embedded training images, as docs/data.md has them to three digits."""

NUMBERS = {
    "activation_on_scores": log(1 + 9 / exp(1)),
    "batch_norm_on_small_batches": 4,
    "bias_before_batch_norm": 8,
    "deep_without_shortcuts": 1 + 12 + 1,
    "dense_outweighs_convolution": ((288 + 1) * 0 + 513 * 512 + 513 * 10) / (8 * 10 + 16 * 73 + 32 * 145),
    "dilation_grid": (9 / 17) ** 2,  # of -8 … 8 the even ones
    "dropout_before_batch_norm": 2,
    "dropout_on_scores": 0.5,
    "dropout_too_strong": 0.9,
    "even_kernel": 0.5,
    "fewer_features_than_classes": 4,
    "field_larger_than_image": (1 + 4 * 4 + 1 + 3 * 8 + 2 + 16) / 28,
    "field_smaller_than_object": 5 / 28,
    "flattened_too_early": (6272 + 1) * 64 / (80 + 6273 * 64 + 650),
    "groups_never_mix": 1 / 4,
    "image_size": 32 / 28,
    "kernel_larger_than_map": 5 / 3,
    "missing_activation": 0,
    "outputs_and_classes": 12,
    "padding_at_least_kernel": 2 + 2,
    "padding_in_border_sums": 1 - (19 / 25) ** 2,  # of five outputs, 3 + 4 + 5 + 4 + 3 taps meet a pixel
    "pixels_skipped": 3 / 4,
    "pointwise_on_one_channel": 1,
    "pooling_before_convolution": 3 / 4,
    "relu_before_addition": 0,
    "repeated_layer": 2,
    "rows_dropped": 2,
    "sigmoid_stack": 5,
    "too_many_parameters": (10 * 64 + 577 * 256 + 2305 * 512 + (512 * 49 + 1) * 128 + 1290) / 10_000,
    "too_much_pooling": 1,
    "uneven_stride": 2,
    "unnormalised_input": (128 - FASHION[0]) / FASHION[1],
    "wide_kernel": 49 / 27,
}
"""What each rule is to say of the network that breaks it, by arithmetic of its own."""


def bad(rule: str) -> Path:
    return NETWORKS / f"{rule}.bad.yaml"


def only(report: Report, rule: str) -> Finding:
    assert [finding.rule for finding in report.findings] == [rule]
    return report.findings[0]


def found(
    layers: list[Any], *, facts: DataFacts | None = None, size: tuple[int, int] = (28, 28), **keys: Any
) -> set[str]:
    """The rules that find something in a network."""
    image = {"channels": 1, "height": size[0], "width": size[1]}
    report = check({"name": "t", "input": image, "layers": layers, **keys}, facts=facts)
    return {finding.rule for finding in report.findings}


def conv(out: int, kernel: Any = 3, **more: Any) -> dict[str, Any]:
    return {"conv2d": {"out_channels": out, "kernel_size": kernel, "padding": "same", **more}}


def linear(out: int) -> dict[str, Any]:
    return {"linear": {"out_features": out}}


POOL = {"max_pool2d": {"kernel_size": 2}}


def put(config: Any, edits: list[dict[str, str]]) -> Any:
    """The YAML of edits put where they say, the last places first; written for these tests alone."""
    places = []
    for edit in edits:
        parts = [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", edit["at"])]
        places.append((parts, yaml.safe_load(edit["yaml"])))
    for parts, value in sorted(places, key=lambda place: [str(part).zfill(6) for part in place[0]], reverse=True):
        if not parts:
            for section, keys in value.items():
                config[section] = {**config.get(section, {}), **keys}
            continue
        parent = config
        for part in parts[:-1]:
            parent = parent[part]
        parent[parts[-1] : parts[-1] + 1] = value
    return config


def test_rules_are_the_files_of_their_folder() -> None:
    files = {path.stem for path in (ROOT / "nbcnn/introspect/check/rules").glob("*.py")} - {"__init__"}
    assert set(RULES.names()) == files == set(NUMBERS)
    assert len(files) >= 23
    assert {path.name for path in NETWORKS.iterdir()} == {f"{n}.{kind}.yaml" for n in files for kind in ("bad", "good")}


@pytest.mark.parametrize("rule", sorted(NUMBERS))
def test_a_rule_finds_what_breaks_it_and_its_remedy_mends_it(rule: str) -> None:
    finding = only(check(bad(rule)), rule)
    assert finding.value == pytest.approx(NUMBERS[rule], rel=1e-9)
    assert re.match(rf"\S*{rule}\.bad\.yaml:\d+:\d+( \(used at .*\))?: [a-z]", finding.where)
    assert finding.link == f"docs/check.md#{rule}"
    assert re.search(r"\d|none|ReLU|no activation|flat|comes before", finding.sentence)
    assert finding.remedy and not finding.remedy.causes
    text = expand(load_config(bad(rule))) if finding.remedy.expanded else bad(rule).read_text()
    mended = put(yaml.safe_load(text), finding.remedy.as_json()["edits"])
    assert check(mended).findings == ()


@pytest.mark.parametrize("rule", sorted(NUMBERS))
def test_all_rules_are_silent_on_a_network_that_is_as_it_should_be(rule: str) -> None:
    report = check(NETWORKS / f"{rule}.good.yaml")
    assert report.findings == ()
    assert rule in (*report.rules, *report.left_out)


@parametrize("name", model_names(), quick={"mlp", "lenet-relu", "resnet-mini"})
def test_rules_are_silent_on_shipped_models(name: str) -> None:
    images = 10_000 if load_config(name).data.name == "fashion-mnist-mini" else 60_000
    for channels, size in ((1, 28), (3, 32)):
        sets = (f"input.channels={channels}", f"input.height={size}", f"input.width={size}")
        mean, std = ((number,) * channels for number in FASHION)
        facts = DataFacts("fashion", images, 10, (channels, size, size), mean, std)
        report = check(name, overrides=Overrides(sets=sets), facts=facts)
        assert report.findings == () and len(report.rules) == len(NUMBERS)
        assert check(name, overrides=Overrides(sets=sets)).findings == ()
    assert check(name).findings == ()


# What branches, blocks and repeats change


HEAD: list[Any] = ["flatten", linear(10)]
STAGES: list[Any] = [conv(16), "relu", POOL, conv(32), "relu", POOL]


def residual(*body: Any, **more: Any) -> dict[str, Any]:
    return {"residual": {"body": list(body), **more}}


def parallel(merge: str, *branches: list[Any]) -> dict[str, Any]:
    return {"parallel": {"merge": merge, "branches": list(branches)}}


def test_a_network_without_fault_is_silent() -> None:
    assert found([*STAGES, *HEAD]) == set()


def test_a_bias_is_lost_in_a_norm_behind_a_sum_or_a_concatenation() -> None:
    for merge in ("add", "concat"):
        branches = parallel(merge, [conv(16)], [conv(16, 1)])
        assert found([conv(16), "relu", branches, "batch_norm2d", "relu", POOL, *STAGES[3:], *HEAD]) == {
            "bias_before_batch_norm"
        }
    # one who reads it without a norm keeps it
    body = residual("batch_norm2d", "relu", conv(16, bias=False))
    assert found([conv(16), body, "relu", POOL, *STAGES[3:], *HEAD]) == set()


def test_what_another_branch_reads_is_not_skipped() -> None:
    lone = conv(32, 1, stride=2)
    both = residual(conv(32, 3, stride=2), "batch_norm2d", "relu", conv(32, bias=True), shortcut=[lone])
    assert "pixels_skipped" not in found([conv(16), "relu", both, "relu", POOL, *HEAD])
    assert "pixels_skipped" in found([conv(16), "relu", lone, "relu", POOL, *HEAD])


def test_a_gate_is_no_sigmoid_of_a_stack() -> None:
    gate = parallel("multiply", ["identity"], ["global_avg_pool2d", conv(16, 1), "relu", conv(16, 1), "sigmoid"])
    gates: list[Any] = [entry for _ in range(6) for entry in (gate, conv(16), "relu")]
    assert "sigmoid_stack" not in found([conv(16), "relu", POOL, *gates, POOL, *HEAD])
    stack: list[Any] = [{"repeat": {"times": 5, "body": [conv(16), "sigmoid"]}}]
    assert "sigmoid_stack" in found([conv(16), "relu", POOL, *stack, POOL, *HEAD])


def test_factors_of_a_layer_need_no_activation_between() -> None:
    def pair(first: Any, second: Any) -> set[str]:
        return found([conv(16), "relu", POOL, first, second, "relu", POOL, *HEAD])

    for factors in (
        (conv(16, 3, groups=16), conv(32, 1)),
        (conv(16, [3, 1]), conv(16, [1, 3])),
        (conv(4, 1), conv(16, 1)),
    ):
        assert "missing_activation" not in pair(*factors)
    assert "missing_activation" in pair(conv(16), conv(16))
    twice = {"repeat": {"times": 2, "body": [conv(16)]}}
    assert "missing_activation" in found([conv(16), "relu", POOL, twice, "relu", POOL, *HEAD])


def test_one_narrow_branch_is_no_bottleneck() -> None:
    narrow = parallel("concat", [linear(4), "relu"], [linear(16), "relu"])
    assert "fewer_features_than_classes" not in found(
        [*STAGES, POOL, "flatten", linear(16), "relu", narrow, linear(10)]
    )
    alike = parallel("concat", [linear(2), "relu"], [linear(3), "relu"])
    assert "fewer_features_than_classes" in found([*STAGES, POOL, "flatten", linear(16), "relu", alike, linear(10)])


def test_shortcuts_make_a_network_no_deeper() -> None:
    blocks = [{"repeat": {"times": 12, "body": [residual(conv(8), "relu", conv(8)), "relu"]}}]
    assert "deep_without_shortcuts" not in found([conv(8), "relu", *blocks, {"max_pool2d": {"kernel_size": 4}}, *HEAD])


def test_a_deep_network_with_norms_gets_shortcuts() -> None:
    plain = {"repeat": {"times": 20, "body": [conv(8, bias=False), "batch_norm2d", "relu"]}}
    layers = [conv(8, bias=False), "batch_norm2d", "relu", plain, {"max_pool2d": {"kernel_size": 4}}, *HEAD]
    config = {"name": "t", "input": {"channels": 1, "height": 28, "width": 28}, "layers": layers}
    finding = only(check(config), "deep_without_shortcuts")
    assert finding.value == 22 and finding.limit == 18
    assert finding.remedy and "- residual:\n    body:\n      - conv2d: {out_channels: 8" in finding.remedy.yaml
    assert check(put(config, finding.remedy.as_json()["edits"])).findings == ()


def test_convolutions_before_a_stride_even_it_out() -> None:
    stride = conv(32, 3, stride=2)
    assert "uneven_stride" not in found([conv(16), "relu", stride, "relu", POOL, *HEAD])
    assert "uneven_stride" in found([stride, "relu", conv(32), "relu", POOL, *HEAD])


def test_the_first_layers_of_known_networks_are_even_enough() -> None:
    pool = {"max_pool2d": {"kernel_size": 3, "stride": 2}}
    for first in (conv(16, 11, stride=4), conv(16, 7, stride=2)):
        assert "uneven_stride" not in found([first, "relu", pool, conv(32), "relu", *HEAD], size=(64, 64))


def test_features_of_one_pixel_get_windows() -> None:
    layers = [conv(16, 1), "relu", conv(32, 1), "relu", "global_avg_pool2d", *HEAD]
    image = {"channels": 3, "height": 28, "width": 28}
    finding = only(check({"name": "t", "input": image, "layers": layers}), "field_smaller_than_object")
    assert finding.value == pytest.approx(1 / 28) and finding.remedy


def test_a_window_that_leaves_one_pixel_of_many() -> None:
    four = {"max_pool2d": {"kernel_size": 4}}
    assert "too_much_pooling" in found([conv(16), "relu", four, conv(32), "relu", four, *HEAD])
    seven = {"avg_pool2d": {"kernel_size": 7}}  # all of it: global pooling
    assert "too_much_pooling" not in found([*STAGES, seven, *HEAD])


def test_rows_that_are_dropped_deep_inside_have_been_seen() -> None:
    deep = [*STAGES, conv(32), "relu", POOL]  # 7×7 to 3×3
    assert "rows_dropped" not in found([*deep, *HEAD])


def test_padding_of_a_layer_before_counts() -> None:
    padded = [{"zero_pad2d": {"padding": 4}}, {"conv2d": {"out_channels": 16, "kernel_size": 3}}, "relu", POOL]
    assert "padding_at_least_kernel" in found([*padded, *STAGES[3:], *HEAD])


def test_dilation_behind_a_full_window_leaves_no_grid() -> None:
    head: list[Any] = ["relu", "global_avg_pool2d", *HEAD]
    assert "dilation_grid" not in found([conv(16), "relu", conv(16, 3, dilation=2), *head])
    assert "dilation_grid" in found([conv(16, 3, dilation=2), *head])
    assert "dilation_grid" not in found([conv(16, 3, dilation=2), "relu", POOL, *head[1:]])  # a window of 2 fills it


def test_a_network_that_normalises_for_itself_needs_no_mean() -> None:
    dark = DataFacts("dark", 60_000, 10, (1, 28, 28), (0.9,), (0.1,))
    normed = [conv(16, bias=False), "batch_norm2d", "relu", POOL, *STAGES[3:], *HEAD]
    assert found(normed, facts=dark) == set()
    assert found([*STAGES, *HEAD], facts=dark) == {"unnormalised_input"}
    assert found([*STAGES, *HEAD], facts=dark, data={"mean": 0.9, "std": 0.1}) == set()


# Places, remedies, and what is not there


BLOCKS = """\
name: blocky
input: {channels: 1, height: 28, width: 28}
blocks:
  stage: {parameters: {channels: , padding: 1}, layers: [conv2d: {out_channels: $channels, kernel_size: 3, padding: $padding}, relu, max_pool2d: {kernel_size: 2}]}
layers:
  - stage: {channels: 16, padding: 4}
  - stage: {channels: 32}
  - flatten
  - linear: {out_features: 10}
"""


def test_one_use_of_a_block_is_mended_in_the_network_written_out(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(BLOCKS)
    finding = only(check(tmp_path / "x.yaml"), "padding_at_least_kernel")
    assert finding.where.startswith(
        f"{tmp_path}/x.yaml:4:58 (used at {tmp_path}/x.yaml:6:5: layers[0]): blocks.stage.layers[0]"
    )
    assert finding.layer == "0.0" and finding.others == 0
    assert finding.remedy and finding.remedy.expanded
    edits = finding.remedy.as_json()["edits"]
    assert [edit["at"] for edit in edits] == ["layers[0].sequential.layers[0]"]
    assert check(put(yaml.safe_load(expand(load_config(tmp_path / "x.yaml"))), edits)).findings == ()


def test_a_fault_of_a_block_is_told_once() -> None:
    finding = only(check(bad("bias_before_batch_norm")), "bias_before_batch_norm")
    assert finding.others == 1 and finding.remedy and not finding.remedy.expanded
    assert "$channels" in finding.remedy.yaml  # the block stays a block


def test_a_remedy_that_moves_the_fault_elsewhere_says_so() -> None:
    strided, narrow = ({"conv2d": {"out_channels": 8, "kernel_size": 5, "stride": 3}}, conv(16))
    image = {"channels": 1, "height": 28, "width": 28}
    config = {"name": "t", "input": image, "layers": [strided, "relu", narrow, "relu", *HEAD]}
    (finding,) = [finding for finding in check(config).findings if finding.rule == "rows_dropped"]
    assert finding.remedy and finding.remedy.causes == ("flattened_too_early",)
    after = [finding.rule for finding in check(put(config, finding.remedy.as_json()["edits"])).findings]
    assert sorted(after) == ["flattened_too_early", "uneven_stride"]


@pytest.mark.parametrize("rule", sorted(NUMBERS))
def test_every_proposal_of_a_rule_is_yaml_of_layers_or_keys(rule: str) -> None:
    """Not only the one that is told: a proposal that can't be read would be passed over without a word."""
    config, root = load_config(bad(rule)), written_tree(bad(rule)).root
    facts = DataFacts("fashion", 10_000, 10, (1, 28, 28), FASHION[:1], FASHION[1:])
    proposals = [changes for found in RULES.get(rule)().look(Architecture(config, facts)) for changes in found.remedies]
    assert proposals
    for changes in proposals:
        for edit in edits_of(changes, root):
            value = yaml.safe_load(edit.yaml)
            assert isinstance(value, list if edit.path else dict)
            known = {*LAYERS.names(), *config.to_mapping(), *root.get("blocks", {})}
            assert {entry if isinstance(entry, str) else next(iter(entry)) for entry in value} <= known


def test_data_are_left_out_where_none_are_meant() -> None:
    needing = {name for name in RULES if RULES.get(name).needs_data}
    assert (
        set(check({"name": "t", "input": {"channels": 3, "height": 9, "width": 9}, "layers": HEAD}).left_out) == needing
    )
    assert needing == {"image_size", "too_many_parameters", "unnormalised_input"}
    assert check("lenet").left_out == () and check("lenet").data == "fashion-mnist-mini"
    other = Overrides(sets=("input.height=32", "input.width=32"))
    assert set(check("lenet", overrides=other).left_out) == needing
    assert only(check("lenet", overrides=other, data="fashion-mnist-mini"), "image_size").value == pytest.approx(
        32 / 28
    )


def test_shapes_that_do_not_fit_are_an_error_as_elsewhere() -> None:
    with pytest.raises(nbcnn.errors.ShapeError, match="kernel"):
        check(
            {
                "name": "t",
                "input": {"channels": 1, "height": 4, "width": 4},
                "layers": [{"conv2d": {"out_channels": 1, "kernel_size": 5}}],
            }
        )
    with pytest.raises(ConfigError, match="there is no model 'lenett'"):
        nbcnn.check("lenett")


# The command, and rules of plugins


RULE = """\
from nbcnn.plugin import CheckRule, Found, edits, register


@register.check_rule()
class FewChannels(CheckRule):
    title = "The first convolution has few channels"
    reason = "A rule of the house."
    limit = 4

    def look(self, net):
        for number in net.all_of("conv2d")[:1]:
            layer, channels = net.layer(number), net.shape(number)[0]
            if channels < self.limit:
                yield Found(layer, channels, f"it has {channels} channels", ((edits.change(layer, out_channels=8),),))
"""


def run(capsys: pytest.CaptureFixture[str], *words: str | Path, code: int = 0) -> str:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    out = capsys.readouterr()
    assert ended.value.code == code, out.err
    return out.err if code == 2 else out.out


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = run(capsys, "check", bad("even_kernel"))
    assert re.search(
        r"even_kernel\.bad\.yaml:4:5: layers\[0\]\.conv2d: even_kernel \(layer 0\): a 4×4 kernel that keeps", text
    )
    assert (
        "  remedy:\n    # in place of layers[0]\n    - conv2d: {out_channels: 8, kernel_size: 5, padding: same}\n"
        in text
    )
    assert "  why: docs/check.md#even_kernel\neven-kernel: 1 finding of " in text.replace(
        "even_kernel: 1", "even-kernel: 1"
    )
    run(capsys, "check", bad("even_kernel"), "--strict", code=1)
    assert run(capsys, "check", "lenet", "--strict") == f"lenet: no findings of {len(NUMBERS)} rules\n"
    told = json.loads(run(capsys, "check", bad("image_size"), "--json", "--strict", code=1))
    assert told["findings"][0]["remedy"]["edits"] == [
        {"at": "", "yaml": "input: {channels: 1, height: 28, width: 28}\n"}
    ]
    assert told["findings"][0]["limit"] is None and told["data"] == "fashion-mnist-mini"
    assert "left out, for want of training images" in run(capsys, "check", bad("even_kernel"))
    assert "no model 'lent'" in run(capsys, "check", "lent", code=2)


def test_a_plugin_adds_a_rule(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin = write(folder / "few_channels.py", RULE)
    text = run(capsys, "check", "lenet", "--set", "layers[0].conv2d.out_channels=3", "--plugin", plugin)
    assert re.search(r"lenet\.yaml:\d+:\d+: layers\[0\]\.conv2d: few_channels \(layer 0\): it has 3 channels", text)
    assert "    - conv2d: {out_channels: 8, kernel_size: 5, padding: 2}\n  why: few_channels.py\n" in text
    assert f"1 finding of {len(NUMBERS) + 1} rules" in text
    write(plugin, RULE.replace("net.shape(number)[0]", "net.shape(number)[9]"))
    nbcnn.load_plugin(plugin)
    with pytest.raises(
        PluginError, match=r"few_channels\.py: check rule few_channels fails on this network: IndexError"
    ):
        check("lenet")


def test_a_rule_of_another_kind_is_refused(folder: Path) -> None:
    plugin = write(folder / "few_channels.py", RULE.replace('    reason = "A rule of the house."\n', ""))
    with pytest.raises(PluginError, match=r"check rule few_channels: class FewChannels must set reason to str"):
        nbcnn.load_plugin(plugin)
    write(plugin, RULE.replace("check_rule()", "check_rule"))
    with pytest.raises(PluginError, match=r"needs parentheses: @register\.check_rule\(\)"):
        nbcnn.load_plugin(plugin)
    write(plugin, RULE.replace("check_rule()", 'check_rule("rows_dropped")'))
    with pytest.raises(PluginError, match=r"check rule rows_dropped is defined twice"):
        nbcnn.load_plugin(plugin)


# The page


def test_the_page_is_what_its_command_writes() -> None:
    assert (ROOT / "docs" / "check.md").read_text(encoding="utf-8") == page()


def test_links_of_findings_lead_to_sections_of_the_page() -> None:
    text = (ROOT / "docs" / "check.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    assert set(sections) == set(RULES.names())
    for name, told in sections.items():
        rule = RULES.get(name)
        assert " ".join(told.split()).startswith(f"**{rule.title}.** {rule.reason} ```")
        assert f"| [`{name}`](#{name}) | {rule.title} |" in text


def test_the_rule_of_the_page_works(folder: Path) -> None:
    (example,) = re.findall(
        r"^```py\n# odd_width\.py\n(.*?)^```$", (ROOT / "docs" / "check.md").read_text(), re.M | re.S
    )
    nbcnn.load_plugin(write(folder / "odd_width.py", example))
    finding = only(check("lenet"), "odd_width")
    assert finding.sentence == "6 = 8·0 + 6 channels"
    assert finding.remedy and "out_channels: 8" in finding.remedy.yaml
