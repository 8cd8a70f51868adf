"""The rule ``batch_norm_on_small_batches``: batch norm with few images in a batch."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import configure
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.util.formatting import counted


@RULES.register()
class BatchNormOnSmallBatches(CheckRule):
    """The batch size of a network with batch norm."""

    title = "Batch norm has few images to go by"
    reason = (
        "The mean and the variance of few images are far from those of all, which evaluation uses. Wu and He 2018 "
        "(arXiv 1803.08494, figure 1) train ResNet-50 with batches of 32, 16, 8, 4 and 2 images a worker: the error "
        "is 23.6, 23.7, 24.8, 27.3 and 34.7 %. It rises by a twentieth at 8, and steeply below, so 8 is the "
        "threshold. Where memory allows no more, group_norm takes the place of batch_norm2d."
    )
    limit = 8

    def look(self, net: Architecture) -> Iterator[Found]:
        norms, size = net.all_of("batch_norm"), net.config.train.batch_size
        if not norms or size >= self.limit:
            return
        sentence = (
            f"with batches of {size} images, what {counted(len(norms), 'batch norm')} make of an image depends much on "
            "which others are with it"
        )
        yield Found(("train", "batch_size"), size, sentence, ((configure("train", batch_size=32),),))
