"""A whole network against peers: training, inference, one-image latency, startup, memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from nbcnn.autotune.auto import resolve_auto
from nbcnn.autotune.sampler import Contender, Samples, take_rounds
from nbcnn.bench.agreement import check_outputs, check_training
from nbcnn.bench.peers.base import Forward, Learner, Peer, Task
from nbcnn.bench.results import Tell, listed, silent
from nbcnn.bench.rows import OWN, Row, as_rates, scaled
from nbcnn.bench.startup import Runner, first_steps
from nbcnn.bench.ties import Float64, without_ties
from nbcnn.engine.engine import Engine
from nbcnn.engine.network import views, with_settings
from nbcnn.errors import PeerError, ShapeError
from nbcnn.layers.dropout import Dropout, DropoutConfig
from nbcnn.optim import make_optimizer
from nbcnn.training.model import Model

MEASURES = ("training", "inference", "latency", "startup", "memory")
BATCHES = 8
"""Different batches that training goes through, again and again."""
INFERENCE = 256
"""Images that inference is asked about at once."""
CHILD_ROUNDS = 5
"""Rounds of child processes at most: each takes seconds, and they differ little."""

T = TypeVar("T")


def task_of(network: Model, threads: int, at_once: int = INFERENCE) -> Task:
    """The network on random bytes, ``at_once`` images at least; what is measured does not depend on what they show.

    Raises ShapeError for a network that does not end with a score for each class, because it can't be trained.
    """
    config, random = network.config, np.random.default_rng(1)
    if len(network.out_shape) != 1:
        raise ShapeError(
            f"{config.name}: its output is {network.out_shape}, and training needs one score for each class; "
            "end with flatten and linear"
        )
    count = BATCHES * config.train.batch_size
    images = random.integers(0, 256, (max(count, at_once), *network.in_shape), dtype=np.uint8)
    labels = random.integers(0, network.out_shape[0], len(images))
    mean, std = (np.array(values, np.float32).reshape(-1, 1, 1) for values in (config.data.mean, config.data.std))
    x = np.ascontiguousarray((images / np.float32(255) - mean) / std, np.float32)
    return Task(network, threads, images, x, labels, np.split(random.permutation(count), BATCHES))


def measures(
    words: Sequence[str], known: Sequence[str] = MEASURES, otherwise: str = "there is no such measure"
) -> tuple[str, ...]:
    """Those of ``known`` named in ``words``, lists with commas, in their usual order; all where there are none."""
    names = listed("--only", words, [*known, ""], otherwise)
    return tuple(name for name in known if name in names or not any(names))


def measure(
    task: Task,
    source: Mapping[str, Any],
    peers: Mapping[str, Peer],
    only: Sequence[str] = MEASURES,
    rounds: int = 7,
    tell: Tell = silent,
    take: Callable[..., Samples] = take_rounds,
    run: Runner | None = None,
    at_once: int = INFERENCE,
) -> list[Row]:
    """A row for each measure, start-up two. ``source`` is what a child process makes the network of (startup.py).

    Inference is asked about ``at_once`` images. No two libraries draw the same numbers for dropout: what they compute
    in training is compared without it, and timed with it.

    Raises PeerError, before anything is timed, where a peer does not compute the same numbers, and where peers were
    asked for and none does any of ``only``.
    """
    rows: list[Row] = []
    with ExitStack() as stack:
        trainers = _trainers(task, peers, stack, tell) if "training" in only else {}
        many = _forwards(task, peers, task.x[:at_once]) if "inference" in only else {}
        one = _forwards(task, peers, task.x[:1]) if "latency" in only else {}
        children = [name for name in ("startup", "memory") if name in only]
        others = {name for group in (trainers, many, one) for name in group} - {OWN}
        if peers and not others and not (children and any(peer.child(task, 1) for peer in peers.values())):
            asked = ", ".join(only)
            raise PeerError(f"--against {','.join(peers)}: there is nothing to compare, for it has no {asked}")
        if trainers:
            tell("training")
            samples = take(_turns({n: _steps(t) for n, t in trainers.items()}, peers, task.threads), rounds)
            size = len(task.batches[0])
            rows.append(Row("training", f"training, batches of {size}", "images/s", True, as_rates(samples, size)))
    if many:
        tell(f"inference on {at_once} images")
        samples = take(_turns(many, peers, task.threads), rounds)
        rows.append(Row("inference", f"inference, {at_once} at once", "images/s", True, as_rates(samples, at_once)))
    if one:
        tell("one image")
        samples = take(_turns(one, peers, task.threads), rounds, each=True)
        rows.append(Row("latency", "one image", "µs", False, scaled(samples, 1e6)))
    if children:
        rows += first_steps(task, source, peers, min(rounds, CHILD_ROUNDS), tell, run, children)
    return rows


def drops(network: Model) -> bool:
    """Whether training draws random numbers for a layer of dropout."""
    return any(isinstance(layer, Dropout) and layer.config.p > 0 for layer in network.layers())


def _without_dropout(network: Model) -> Model:
    """The same network with the same weights, whose dropout never drops."""
    layers = with_settings(
        network.config.layers, lambda config: {"p": 0.0} if isinstance(config, DropoutConfig) else {}
    )
    same = Model(network.config.model_copy(update={"layers": layers}))
    same.load_state_dict(network.state_dict())
    return same


def _trainers(task: Task, peers: Mapping[str, Peer], stack: ExitStack, tell: Tell) -> dict[str, Learner]:
    if peers and drops(task.network):
        with ExitStack() as own:
            _agreeing_trainers(replace(task, network=_without_dropout(task.network)), peers, own, tell)
        return _made_trainers(task, peers, stack)
    return _agreeing_trainers(task, peers, stack, tell)


def _agreeing_trainers(task: Task, peers: Mapping[str, Peer], stack: ExitStack, tell: Tell) -> dict[str, Learner]:
    found = _made_trainers(task, peers, stack)
    _before(found, peers, task.threads)
    try:
        check_training(found)
    except PeerError as error:
        _judged_by_float64(task, peers, error, tell)
        found = _made_trainers(task, peers, stack)
    return found


def _made_trainers(task: Task, peers: Mapping[str, Peer], stack: ExitStack) -> dict[str, Learner]:
    return {OWN: _own_trainer(task, stack)} | _named(peers, lambda peer: peer.training(task))


def _judged_by_float64(task: Task, peers: Mapping[str, Peer], error: PeerError, tell: Tell) -> None:
    """Raise the error unless all gradients are near those in float64, or ties are what makes them differ.

    Those of layers before a tie may be further off then, and on a few images without ties all have to agree.
    """
    tell("gradients differ: judged against float64")
    float64 = Float64(task)
    whole = float64.step(task.batches[0])
    try:
        with ExitStack() as own:
            check_training(_made_trainers(task, peers, own), whole)
        if not whole.ties:
            return
        tell(f"gradients differ where rounding decides: ties, {whole.words()}; judged on images without")
        order, few = without_ties(float64, len(task.images))
        with ExitStack() as own:
            check_training(_made_trainers(replace(task, batches=[order] * len(task.batches)), peers, own), few)
    except PeerError as refusal:
        if not whole.ties:
            raise error from None
        words = f"there are ties, which rounding decides ({whole.words()}), but they don't explain it"
        raise PeerError(f"{refusal}; {words}") from None


def _forwards(task: Task, peers: Mapping[str, Peer], x: np.ndarray) -> dict[str, Forward]:
    own: dict[str, Forward] = {OWN: lambda: task.network(x)}
    found = own | _named(peers, lambda peer: peer.inference(task, x))
    _before(found, peers, task.threads)
    check_outputs(found, "the outputs")
    return found


def _named(peers: Mapping[str, Peer], ways: Callable[[Peer], Mapping[str, T]]) -> dict[str, T]:
    """All peers' ways under names such as ``torch eager``."""
    return {f"{name} {way}": made for name, peer in peers.items() for way, made in ways(peer).items()}


def _before(found: Mapping[str, object], peers: Mapping[str, Peer], threads: int) -> None:
    for name in found:
        if name != OWN:
            peers[name.partition(" ")[0]].before(threads)


def _turns(runs: Mapping[str, Callable[[], object]], peers: Mapping[str, Peer], threads: int) -> list[Contender]:
    """Contenders; a peer's turn begins with what must hold of the process for it."""
    found = []
    for name, run in runs.items():
        peer = peers.get(name.partition(" ")[0])
        before = (lambda peer=peer: peer.before(threads)) if peer else (lambda: None)
        found.append(Contender(name, run, before))
    return found


def _steps(trainer: Learner) -> Callable[[], None]:
    """The next training step at each call, through all batches again and again."""
    done = [0]

    def step() -> None:
        trainer.step(done[0] % BATCHES)
        done[0] += 1

    return step


def _own_trainer(task: Task, stack: ExitStack) -> Learner:
    """As nbcnn.train does it, gathering and scaling the bytes included; on a copy of the network."""
    network = Model(task.network.config)
    network.load_state_dict(task.network.state_dict())
    resolve_auto(network, training=True, threads=task.threads)
    engine = Engine(network, threads=task.threads)
    stack.callback(engine.close)
    settings = network.config.train
    optimizer = make_optimizer(*settings.optimizer, network.shapes, settings.weight_decay_on)

    def step(k: int) -> None:
        engine.train_step(task.images, task.labels, task.batches[k])
        optimizer.step(network.parameters, engine.gradient)

    def gradients() -> dict[str, np.ndarray]:
        return {name: view.copy() for name, view in views(engine.gradient, network.shapes).items()}

    def parameters() -> dict[str, np.ndarray]:
        return {name: network.tensors[name].copy() for name in network.shapes}

    def buffers() -> dict[str, np.ndarray]:
        return {name: array.copy() for name, array in network.buffers.items()}

    return Learner(step, parameters, gradients, buffers)
