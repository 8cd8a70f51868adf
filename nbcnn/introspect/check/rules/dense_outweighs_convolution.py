"""The rule ``dense_outweighs_convolution``: parameters of hidden linear layers for each one of the convolutions."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import change
from nbcnn.introspect.check.rule import RULES, CheckRule, Found


@RULES.register()
class DenseOutweighsConvolution(CheckRule):
    """All linear layers but the first, beside all convolutions."""

    title = "Linear layers have many times the parameters of the convolutions"
    reason = (
        "What convolutions find is what linear layers can use: a wide head behind few filters learns the training "
        "images by heart. Behind the first linear layer, which has a rule of its own, the head has 4.3 times the "
        "parameters of the convolutions in LeNet-5, 1.4 times in VGG-16 and 9 times in AlexNet; the threshold is "
        "just above that."
    )
    limit = 10

    def look(self, net: Architecture) -> Iterator[Found]:
        convolutions = sum(net.parameters(n) for n in net.all_of("conv2d"))
        hidden = net.all_of("linear")[1:]
        count = sum(net.parameters(n) for n in hidden)
        if not convolutions or count <= self.limit * convolutions:
            return
        widest = max(hidden, key=net.parameters)
        wide = [net.layer(n) for n in net.all_of("linear")[:-1]]
        sentence = (
            f"the linear layers behind the first have {count:,} parameters, {count / convolutions:.0f} times as many "
            f"as the convolutions, which have {convolutions:,}"
        )
        remedies = tuple(
            tuple(change(layer, out_features=max(layer.out_shape[0] // part, net.scores)) for layer in wide)
            for part in (2, 4, 8, 16, 32, 64)
        )
        yield Found(net.layer(widest), count / convolutions, sentence, remedies)
