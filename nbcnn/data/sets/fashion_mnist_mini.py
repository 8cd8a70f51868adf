"""Fashion-MNIST mini: the first images of Fashion-MNIST, shipped with nbcnn, so that none need be downloaded."""

from __future__ import annotations

from nbcnn.data.embedded.make_fashion_mnist_mini import FOLDER
from nbcnn.data.sets.fashion_mnist import FashionMnist
from nbcnn.data.source import DATASETS, EmbeddedSource


@DATASETS.register("fashion-mnist-mini")
class FashionMnistMini(EmbeddedSource):
    """The first 10,000 training and the first 2,000 test images of Fashion-MNIST."""

    title = "Fashion-MNIST, the first 12,000 images"
    description = "articles of clothing in ten classes, grey, 28 x 28; needs no network"
    licence = FashionMnist.licence
    classes = FashionMnist.classes
    counts = (10_000, 2_000)
    # As make_fashion_mnist_mini.py prints them.
    contents = (
        "ed2e37ed5a3a57d212141a69fe0a0de5a7126ffba14ac3f7e76f5f52cc04b1f0",
        "a69f2dad024ca220a8c4d85f621fdf929042d40c444abde2868903e9220ad517",
        "862035b0a96959b614c9574f4c2b0ae9584ca234813e8d6d7adb7838b12ca46b",
        "aa3f574d30afaf0d4d9da084a6f8541771e20693d6a97fae6e9a4953fca8f078",
    )
    folder = FOLDER
