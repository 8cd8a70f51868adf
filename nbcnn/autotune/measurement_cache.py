"""A cache of timings of this machine: one small JSON file for each problem, in the user's cache folder.

A file says in full what it answers, so a person can read it, and an answer to another question is never taken for
this one's. Files are written whole or not at all, and each has its own name: two processes at once can't mix theirs.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from nbcnn.compiler.kernel_cache import cache_folder
from nbcnn.errors import NbcnnError
from nbcnn.util.files import write_atomic

T = TypeVar("T")

_LARGEST = 1 << 20


class MeasurementCache:
    """The cached answers of one folder. A damaged one costs one warning and is measured anew."""

    def __init__(self, name: str, content: str) -> None:
        self._name, self._content, self._warned = name, content, False

    def get(self, title: str, question: Mapping[str, Any], read: Callable[[Any], T]) -> T | None:
        """The cached answer, converted by ``read``; None where there is none, or none that can be used.

        ``read`` raises ValueError, TypeError, KeyError or AttributeError for an answer that can't be right.
        """
        path = self._path(title, question)
        if path is None or not path.exists():
            return None
        try:
            info = path.stat()
            if hasattr(os, "getuid") and info.st_uid != os.getuid():
                raise ValueError("it belongs to another user")
            if info.st_size > _LARGEST:
                raise ValueError("it is too large")
            note = json.loads(path.read_text(encoding="utf-8"))
            if note["question"] != _plain(question):
                raise ValueError("it answers another question")
            return read(note["answer"])
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as fault:
            reason = f"{type(fault).__name__} {fault}" if isinstance(fault, (KeyError, AttributeError)) else str(fault)
            self._warn(f"{self._content} are found anew, what was kept is damaged: {path}: {reason}")
            return None

    def put(self, title: str, question: Mapping[str, Any], answer: Any) -> None:
        """Keep an answer in place of an older one."""
        path = self._path(title, question)
        if path is None:
            return
        note = json.dumps({"question": question, "answer": answer}, indent=1, ensure_ascii=False)
        try:
            write_atomic(path, note.encode() + b"\n")
        except NbcnnError as fault:
            self._warn(f"{self._content} are not kept: {fault}")

    def _path(self, title: str, question: Mapping[str, Any]) -> Path | None:
        folder = cache_folder(self._name, self._content)
        text = json.dumps(question, sort_keys=True, ensure_ascii=False)
        return folder and folder / f"{title}-{hashlib.sha256(text.encode()).hexdigest()[:20]}.json"

    def _warn(self, sentence: str) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(sentence, RuntimeWarning, stacklevel=3)


def _plain(question: Mapping[str, Any]) -> Any:
    """The question as JSON gives it back."""
    return json.loads(json.dumps(question))
