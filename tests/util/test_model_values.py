"""A config as plain values: Ctrl-C within a serializer stays Ctrl-C, an error stays pydantic's."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_core import PydanticSerializationError

import nbcnn
from nbcnn.config import load_config
from nbcnn.layers.reshape import FlattenConfig
from nbcnn.optim.sgd import SGDConfig

PACKAGE = Path(nbcnn.__file__).parent
NETWORK = {
    "name": "branches",
    "input": {"channels": 1, "height": 4, "width": 4},
    "layers": [{"sequential": [{"sequential": ["flatten"]}]}, {"linear": {"out_features": 2}}],
    "train": {"optimizer": {"sgd": {"lr": 0.1}}},
}


@pytest.mark.parametrize("config", [FlattenConfig, SGDConfig])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_interrupts_is_raised_as_it_is(
    config: type, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two serializers deep, or in the optimizer's."""
    whole = load_config(NETWORK)

    def interrupted(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(config, "model_dump", interrupted)
    with pytest.raises(error):
        whole.to_mapping()


def test_an_error_is_pydantics(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load_config(NETWORK)

    def wrong(*_: object, **__: object) -> None:
        raise ValueError("no value")

    monkeypatch.setattr(FlattenConfig, "model_dump", wrong)
    with pytest.raises(PydanticSerializationError, match="no value"):
        whole.to_mapping()


def test_all_models_are_dumped_through_it() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if ".model_dump(" in path.read_text(encoding="utf-8")]
    assert files == [PACKAGE / "util" / "model_values.py"]
