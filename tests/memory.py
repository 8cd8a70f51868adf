"""A folder of remembered things of a test's own, beside the compiled kernels that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbcnn.compiler.kernel_cache import cache_folder


def own_memory(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """From now on nbcnn's cache is ``folder``, empty but for a link to the kernels compiled so far."""
    kernels = cache_folder()
    assert kernels is not None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernels").symlink_to(kernels)
    monkeypatch.setenv("NBCNN_CACHE_DIR", str(folder))
    return folder
