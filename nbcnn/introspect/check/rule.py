"""Base class of the rules of ``nbcnn check``, what they find, and the registry that finds them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from nbcnn.config.tree import KeyPath
from nbcnn.errors import ConfigError
from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import Changes
from nbcnn.layers import Layer
from nbcnn.util.registry import Registry


class Found(NamedTuple):
    """One place that a rule finds fault with: a layer, or the keys of a section (``("train", "batch_size")``).

    ``value`` is the number that is judged, and ``sentence`` says it with what follows from it. ``remedies`` are changes
    that may mend it, the best first: ``check`` tries them in turn, and shows the first that does.
    """

    at: Layer | KeyPath
    value: float
    sentence: str
    remedies: tuple[Changes, ...] = ()


class CheckRule(ABC):
    """One rule. ``title`` says what is wrong, ``reason`` why it is and where the threshold is from; both are printed.

    A subclass has the threshold, if there is one, as ``limit``. ``needs_data``: it judges the training images too, and
    is left out where there are none.
    """

    title: ClassVar[str]
    reason: ClassVar[str]
    limit: ClassVar[float | None] = None
    needs_data: ClassVar[bool] = False

    @abstractmethod
    def look(self, net: Architecture) -> Iterator[Found]:
        """Yield each place where the rule does not hold; ``net.data`` is there where ``needs_data`` is set."""


RULES: Registry[type[CheckRule]] = Registry(
    "check rule", "nbcnn.introspect.check.rules", ConfigError, (CheckRule, {"title": str, "reason": str})
)
