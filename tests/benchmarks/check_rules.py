"""docs/check.md: the rules of ``nbcnn check``, by their own texts, each with what it says of a network that breaks it.

    python tests/benchmarks/check_rules.py --write docs/check.md

The networks are those of tests/introspect/check_networks. Without ``--write`` the page is printed.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path

from nbcnn.introspect.check import Finding, check
from nbcnn.introspect.check.rule import RULES

NETWORKS = Path(__file__).parents[1] / "introspect" / "check_networks"
LONGEST = 8
"""Lines of a remedy that are printed; of a longer one the first."""
RULE = """\
from nbcnn.plugin import CheckRule, Found, edits, register


@register.check_rule()
class OddWidth(CheckRule):
    title = "Channels are no multiple of 8"
    reason = "Our accelerator works on 8 channels at once."

    def look(self, net):
        for number in net.all_of("conv2d"):
            layer, channels = net.layer(number), net.shape(number)[0]
            if channels % 8:
                more = edits.change(layer, out_channels=channels + -channels % 8)
                yield Found(layer, channels % 8, f"{channels} = 8·{channels // 8} + {channels % 8} channels", ((more,),))
"""
TEXT = """\
# Checking architectures

<!-- made by: python tests/benchmarks/check_rules.py --write docs/check.md -->

`nbcnn check MODEL` reads a network and says what experience speaks against: an image that is flattened too early, a window
larger than what pooling has left of the image, a bias that a batch norm takes away again. Nothing is trained or compiled.

```sh
nbcnn check lenet                       # a model's name, a YAML file or a run folder
nbcnn check resnet-mini --data my-images
nbcnn check lenet --strict --json       # exit code 1 where something is found
```

Each finding has its place (file, line, column, key), the number that is judged, and a remedy. A remedy is YAML: entries to
put in the place of one, an entry to take out, or keys to set. It has been tried before it is shown: with it the network
loads, and the rule finds nothing there any more. Where another rule would speak then, its name is told. Where one use of a
[block](yaml.md#blocks) is to be changed and others are not, the remedy is for the network that
[`nbcnn expand`](cli.md#nbcnn-expand-model) writes out.

Rules look at the network, not at its text: at the shapes and counts of its layers, whichever blocks, repeats and branches
they come from, and at who reads whom. Three rules need training images as well. They are those that the config names, if
they are on this machine, or those of `--data`; without them the rules are left out, and named. Where an option changes
`input`, the images of the file are not meant.

A finding is advice. A network may have good reasons to be otherwise; the rules are silent on all [models](models.md) that
come with nbcnn. From Python it is `nbcnn.check("my.yaml", data=None)`, which gives a `Report` with `findings`.

| rule | what is wrong | threshold |
|---|---|---|
{table}

"none": whatever the rule finds is wrong by arithmetic, and its number says how much.

{sections}
## Your own rule

A plugin may add one. `look` gets the network as a graph of numbered layers
([architecture.py](../nbcnn/introspect/check/architecture.py)), and gives what it finds, with changes that may mend it; they
are tried in turn like those of all other rules.

```py
# odd_width.py
{rule}```

```
nbcnn check lenet --plugin odd_width.py
```
"""


def page() -> str:
    """The whole page."""
    names = sorted(RULES.names())
    rows = [f"| [`{name}`](#{name}) | {RULES.get(name).title} | {_limit(name)} |" for name in names]
    sections = "\n".join(_section(name) for name in names)
    return TEXT.format(table="\n".join(rows), sections=sections, rule=RULE)


def _limit(name: str) -> str:
    limit = RULES.get(name).limit
    return "none" if limit is None else f"{limit:.3g}"


def _section(name: str) -> str:
    rule, findings = RULES.get(name), check(NETWORKS / f"{name}.bad.yaml").findings
    said = "\n".join(line for finding in findings for line in _lines(finding))
    words = textwrap.fill(f"**{rule.title}.** {rule.reason}", 120, break_long_words=False, break_on_hyphens=False)
    return f"## {name}\n\n{words}\n\n```\n{said}\n```\n"


def _lines(finding: Finding) -> list[str]:
    assert finding.remedy
    key = finding.where.rpartition(": ")[2]
    remedy = finding.remedy.yaml.splitlines()
    cut = [*remedy[:LONGEST], f"… {len(remedy) - LONGEST} lines more"] if len(remedy) > LONGEST + 1 else remedy
    return [f"{key}: {finding.sentence}", "  remedy:", *(f"    {line}" for line in cut)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, metavar="FILE")
    target = parser.parse_args().write
    if target is None:
        sys.stdout.write(page())
    else:
        target.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
