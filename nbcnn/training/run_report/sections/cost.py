"""What each layer costs: predicted by the roofline, and measured."""

from __future__ import annotations

from nbcnn.autotune.layer_timing import LayerTime
from nbcnn.engine.network import Network
from nbcnn.report.page import Html, paragraph, table
from nbcnn.training.run_report.facts import RunFacts
from nbcnn.training.run_report.sections.layers import folded

FORWARD = "forward"


def content(facts: RunFacts) -> list[Html]:
    """A row for each layer, or for two that one call computes, and their sum."""
    if facts.network is None or not facts.times:
        return facts.lacking("times", "network", "config")
    predicted = facts.predicted if len(facts.predicted) == len(facts.times) else ()
    head = ["layers", "what", "MACs", "forward/µs", "backward/µs", "of the time", "of the MACs"]
    head += ["predicted/µs", "measured ÷ predicted"] if predicted else []
    whole = sum(map(_sum, facts.times)) or 1.0
    macs = sum(one.macs for one in facts.times) or 1
    rows = []
    for n, one in enumerate(facts.times):
        forward, total = one.seconds.get(FORWARD, 0.0), _sum(one)
        cells = [", ".join(one.layers), _what(facts.network, one), f"{one.macs:,}" if one.macs else ""]
        cells += [
            _us(forward),
            _us(total - forward),
            f"{total / whole:.1%}",
            f"{one.macs / macs:.1%}" if one.macs else "",
        ]
        if predicted:
            cells += [_us(predicted[n]), f"{total / predicted[n]:.1f}" if predicted[n] else ""]
        rows.append(cells)
    last = ["", "all", f"{macs:,}", _us(sum(one.seconds.get(FORWARD, 0.0) for one in facts.times))]
    last += [_us(whole - sum(one.seconds.get(FORWARD, 0.0) for one in facts.times)), "100%", "100%"]
    last += [_us(sum(predicted)), f"{whole / sum(predicted):.1f}" if sum(predicted) else ""] if predicted else []
    made = table(head, [*rows, last], numbers=len(head) - 2)
    return [paragraph(_words(facts)), *folded(made, len(rows), "layers"), paragraph(_beside(facts))]


def _words(facts: RunFacts) -> str:
    when = "when this report was made" if "timed" in facts.missing else "at the end of the training"
    return (
        f"Measured {when}: microseconds for a pack of 16 images in one thread, each call of a step by itself. MACs are "
        "those of all calls of a layer, forward and backward."
    )


def _beside(facts: RunFacts) -> str:
    if not facts.predicted:
        return f"There is no prediction: {facts.missing.get('peak', 'it could not be made')}."
    return (
        "Predicted is max(2·MACs / arithmetic, bytes / memory), with this machine's measured peaks, as if only the "
        "slower of the two counted; two layers in one call are predicted apart, and may be faster. nbcnn kernels "
        "explain config.yaml holds all backends side by side."
    )


def _sum(one: LayerTime) -> float:
    return sum(one.seconds.values())


def _what(network: Network, one: LayerTime) -> str:
    own = [layer for layer in network.layers() if layer.path in one.layers]
    backends = dict.fromkeys(str(layer.backend) for layer in own)
    return f"{' + '.join(layer.kind for layer in own)}, {', '.join(backends)}"


def _us(seconds: float) -> str:
    value = 1e6 * seconds
    return "" if not value else f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
