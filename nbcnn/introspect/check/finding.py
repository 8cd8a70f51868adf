"""What ``nbcnn check`` gives: findings, each with its number, place, remedy and link, in a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from nbcnn.introspect.check.edits import Edit, applied
from nbcnn.util.formatting import counted
from nbcnn.util.html_table import table


class Remedy(NamedTuple):
    """Edits that, applied, silence a finding; they have been tried.

    ``expanded``: they are to the network as ``nbcnn expand`` writes it out, since one use of a block is to be changed
    and the others are not. ``causes`` are rules that find something then; as a rule there are none.
    """

    edits: tuple[Edit, ...]
    expanded: bool = False
    causes: tuple[str, ...] = ()

    @property
    def yaml(self) -> str:
        """All edits, each below a comment that says where it goes."""
        return "".join(f"# {_where(edit)}\n{edit.yaml}" for edit in self.edits)

    def apply(self, root: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a config with the edits made; ``root`` is the config as written, or expanded."""
        return applied(root, self.edits)

    def as_json(self) -> dict[str, Any]:
        """Plain values: for each edit the place, () for keys of sections, and the YAML."""
        edits = [{"at": edit.at, "yaml": edit.yaml} for edit in self.edits]
        return {"of": "nbcnn expand" if self.expanded else "file", "edits": edits, "causes": list(self.causes)}


def _where(edit: Edit) -> str:
    if not edit.path:
        return "set these keys"
    return f"take out {edit.at}" if edit.yaml == "[]\n" else f"in place of {edit.at}"


@dataclass(frozen=True)
class Finding:
    """One finding: the rule, the number and (if the rule has one) its threshold, what is wrong in a sentence, where.

    ``where`` is file:line:column and key path, ``layer`` the path in the network as in ``nbcnn summary`` ("" for one
    about a section). ``others`` counts further places in the same block. ``remedy`` is None where none of the rule's
    proposals fits this network. ``link`` is the section of the docs.
    """

    rule: str
    value: float
    limit: float | None
    sentence: str
    where: str
    layer: str
    link: str
    remedy: Remedy | None = None
    others: int = 0

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "remedy": self.remedy and self.remedy.as_json()}


@dataclass(frozen=True)
class Report:
    """Findings in the order of the network, the rules that were asked, and those left out for want of data."""

    name: str
    findings: tuple[Finding, ...]
    rules: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    data: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "findings": [finding.as_json() for finding in self.findings]}

    def _repr_html_(self) -> str:
        """In a notebook: a row for each finding."""
        rows = [
            (one.rule.replace("_", " "), one.where or one.layer, one.sentence, one.remedy.yaml if one.remedy else "")
            for one in self.findings
        ]
        words = (
            f"{self.name}: {len(rows) or 'no'} finding{'s' * (len(rows) != 1)} of {counted(len(self.rules), 'rule')}"
        )
        return table(("rule", "where", "finding", "remedy"), rows, words)

    def __bool__(self) -> bool:
        """Whether there are findings."""
        return bool(self.findings)
