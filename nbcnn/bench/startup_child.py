"""The child program of startup.py: the first training steps of a fresh process.

Standard input holds one JSON object: source, sets, backends, plugins, threads, images (those held), trained (the first
of them, each met once), and ``started``, the time when the process began.
"""

from __future__ import annotations

import json
import sys
import time


def main() -> None:
    """One step, then those for the rest of the images; prints seconds and what Linux knows of the process."""
    task = json.load(sys.stdin)

    import numpy as np

    from nbcnn.autotune.auto import resolve_auto
    from nbcnn.compiler.compile_log import compile_listener
    from nbcnn.compiler.compile_processes import compile_expected
    from nbcnn.config import Overrides
    from nbcnn.engine.engine import Engine
    from nbcnn.optim import make_optimizer
    from nbcnn.plugins import load_plugin
    from nbcnn.training.loading import load

    for plugin in task["plugins"]:
        load_plugin(plugin)
    network = load(task["source"], overrides=Overrides(sets=tuple(task["sets"]), backends=tuple(task["backends"])))
    settings = network.config.train
    size = settings.batch_size
    random = np.random.default_rng(0)
    images = np.empty((task["images"], *network.in_shape), dtype=np.uint8)
    for part in np.split(images, range(1000, len(images), 1000)):  # what is drawn at once would count as memory too
        part[:] = random.integers(0, 256, part.shape, dtype=np.uint8)
    labels = random.integers(0, network.out_shape[0], len(images))
    resolve_auto(network, training=True, threads=task["threads"])
    engine = Engine(network, threads=task["threads"])
    with compile_listener(lambda *_: None):  # as training/warmup.py does, for what the first step needs
        engine.expect_kernels(images, labels)
        compile_expected()
    optimizer = make_optimizer(*settings.optimizer, network.shapes, settings.weight_decay_on)
    seconds = None
    trained = min(task["trained"], len(images))
    for first in range(0, trained, size):
        engine.train_step(images, labels, np.arange(first, min(first + size, trained)))
        optimizer.step(network.parameters, engine.gradient)
        seconds = time.time() - task["started"] if seconds is None else seconds
    from nbcnn.bench.peers._torch_net import status

    print(json.dumps({"seconds": seconds, "status": status()}))


if __name__ == "__main__":
    main()
