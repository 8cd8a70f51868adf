"""Fashion-MNIST: Xiao, Rasul, Vollgraf (2017), https://github.com/zalandoresearch/fashion-mnist."""

from __future__ import annotations

from pathlib import Path

from nbcnn.data.source import DATASETS, IdxSource, gz_files


@DATASETS.register("fashion-mnist")
class FashionMnist(IdxSource):
    """The whole of Fashion-MNIST."""

    title = "Fashion-MNIST"
    description = "articles of clothing in ten classes, grey, 28 x 28"
    licence = "MIT, Copyright (c) 2017 Zalando SE, https://tech.zalando.com"
    classes = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
    counts = (60_000, 10_000)
    torchvision = "FashionMNIST"
    # Computed from the files of Debian's package, which compresses them anew: the same content, other .gz files.
    contents = (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    )
    # The files as published; lengths and sums as in TensorFlow Datasets' url_checksums/fashion_mnist.txt.
    downloads = gz_files(
        (26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        (29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        (4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        (5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    )
    mirrors = (
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    )
    system = (Path("/usr/share/datasets/fashion-mnist"),)  # Debian's dataset-fashion-mnist
