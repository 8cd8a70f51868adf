"""The rule ``unnormalised_input``: mean and standard deviation of the numbers that the first layer gets."""

from __future__ import annotations

from collections.abc import Iterator

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import configure
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.graph import IMAGE


@RULES.register()
class UnnormalisedInput(CheckRule):
    """The training pixels after data.mean and data.std, where no batch norm behind the first layer scales them."""

    title = "The input is not normalised"
    reason = (
        "Where all inputs of a layer have one sign, the weights of an output can only rise or fall together, and "
        "learning goes in zigzags; inputs should have a mean near 0 and a standard deviation near 1 (LeCun et al. "
        "1998, Efficient BackProp, 4.3). Fashion-MNIST as it is, counted from 0 to 1, is 0.81 deviations off, and "
        "the book trains on it so; photographs are off by about 2. The rule speaks above 1, and where the deviation "
        "is below 0.1 or above 10. It says nothing where the network normalises for itself, by a batch norm behind "
        "its first layer."
    )
    limit = 1
    needs_data = True

    def look(self, net: Architecture) -> Iterator[Found]:
        data, settings = net.data, net.config.data
        if data is None or _scaled_by_the_network(net):
            return
        channels, worst = len(data.mean), (0.0, 0.0, 1.0)
        for channel in range(channels):
            mean = settings.mean[channel % len(settings.mean)]
            std = settings.std[channel % len(settings.std)]
            if data.std[channel] == 0:
                continue
            found = (data.mean[channel] - mean) / std, data.std[channel] / std
            off = max(abs(found[0]) / found[1], found[1] / 10, 0.1 / found[1])
            worst = max(worst, (off, *found))
        off, mean, std = worst
        if off <= self.limit:
            return
        sentence = (
            f"the first layer gets pixels of mean {mean:.3g} and standard deviation {std:.3g}: the mean is "
            f"{abs(mean) / std:.1f} deviations from 0"
        )
        remedy = configure("data", mean=_rounded(data.mean), std=_rounded(data.std))
        yield Found(("data",), off, sentence, ((remedy,),))


def _scaled_by_the_network(net: Architecture) -> bool:
    """Whether everything computed from the image goes to a norm first."""
    first = [
        n
        for n in net
        if net.is_weighted(n) and net.back(net.input(n), lambda m: net.is_linear(m) and not net.is_norm(m)) == IMAGE
    ]
    return all(net.readers[n] and all(net.is_norm(reader) for reader in net.readers[n]) for n in first)


def _rounded(numbers: tuple[float, ...]) -> list[float]:
    return [round(number, 3) for number in numbers]
