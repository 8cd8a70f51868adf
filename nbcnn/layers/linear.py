"""The fully connected layer: equation (8) of docs/math.md."""

from __future__ import annotations

from nbcnn.errors import ShapeError
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.layers.base import LAYERS, LayerConfig, Shape
from nbcnn.layers.fields import Positive
from nbcnn.layers.weighted import WeightedLayer


class LinearConfig(LayerConfig):
    """PyTorch's names; the number of input features is inferred."""

    out_features: Positive
    bias: bool = True
    backend: str | None = None


@LAYERS.register("linear")
class Linear(WeightedLayer):
    """(F,) to (O,)."""

    Config = LinearConfig
    op = "linear"
    config: LinearConfig

    def infer(self) -> Shape:
        if len(self.in_shape) != 1:
            c, h, w = self.in_shape
            raise ShapeError(
                f"{self.where}: expected features, got an image ({c}, {h}, {w}); put a flatten before this layer: "
                f"it makes {c}·{h}·{w} = {c * h * w} features"
            )
        return (self.config.out_features,)

    @property
    def problem(self) -> LinearProblem:
        return LinearProblem(self.in_shape[0], self.config.out_features)
