"""MNIST: LeCun, Cortes, Burges; the digits of Gradient-based learning applied to document recognition (1998)."""

from __future__ import annotations

from nbcnn.data.source import DATASETS, IdxSource, gz_files


@DATASETS.register("mnist")
class Mnist(IdxSource):
    """The whole of MNIST."""

    title = "MNIST"
    description = "handwritten digits, grey, 28 x 28"
    licence = "CC BY-SA 3.0, Copyright Yann LeCun and Corinna Cortes"
    classes = tuple("0123456789")
    counts = (60_000, 10_000)
    torchvision = "MNIST"
    # The plain files, as many independent projects list them next to the sums of the .gz files below.
    contents = (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    )
    # The files as published; lengths and sums as in TensorFlow Datasets' url_checksums/mnist.txt.
    downloads = gz_files(
        (9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        (28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        (1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        (4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    )
    mirrors = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
