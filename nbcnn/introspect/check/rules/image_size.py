"""The rule ``image_size``: the size of the input beside that of the images."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import configure
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.util.formatting import times


@RULES.register()
class ImageSize(CheckRule):
    """Channels, height and width of the network's input, and of the training images."""

    title = "The images have another size than the input"
    reason = (
        "Weights of linear layers belong to places, so a network takes images of one size; training refuses others. "
        "Pictures of a folder can be read in any size, by `data.size`. The number is the input's height as a "
        "multiple of the images'. There is no threshold."
    )
    needs_data = True

    def look(self, net: Architecture) -> Iterator[Found]:
        assert net.data is not None
        if net.root.in_shape == net.data.shape:
            return
        channels, height, width = net.data.shape
        sentence = (
            f"the network takes images of {times(net.root.in_shape)} (channels, height, width), and those of "
            f"{net.data.name} are {times(net.data.shape)}"
        )
        remedy = configure("input", channels=channels, height=height, width=width)
        yield Found(("input",), net.root.in_shape[1] / height, sentence, ((remedy,),))
