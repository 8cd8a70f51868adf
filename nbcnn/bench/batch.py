"""One layer on a whole batch: its packs shared out over threads, and the same batch for peers.

race.py times packs as they lie in a step. Here the unit is a batch, so that other libraries can take part, and so that
batches smaller or larger than a pack can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from nbcnn.arrays import from_packs, to_packs
from nbcnn.bench.agreement import check_outputs
from nbcnn.bench.contest import Contest
from nbcnn.bench.peers.base import Peer
from nbcnn.bench.rounds import Contender, Samples, take_rounds
from nbcnn.blas import one_blas_thread
from nbcnn.crew import Crew
from nbcnn.kernels import packs
from nbcnn.kernels.contract import LANES, WeightedKernels
from nbcnn.kernels.registry import prepare
from nbcnn.kernels.tape import Tape

Calls = dict[str, Callable[[], Any]]
"""Direction → a call that does it for the whole batch."""


@dataclass(frozen=True)
class Arrays:
    """A convolution's problem with random numbers for N images: x (N, C, H, W), dy (N, O, OH, OW), w, b."""

    problem: Any
    x: np.ndarray
    dy: np.ndarray
    w: np.ndarray
    b: np.ndarray


def arrays_of(problem: Any, images: int) -> Arrays:
    """Of the same seed always."""
    random = np.random.default_rng(0)
    shapes = ((images, *problem.x_shape), (images, *problem.y_shape), problem.w_shape, problem.y_shape[:1])
    return Arrays(problem, *(random.standard_normal(shape).astype(problem.dtype) for shape in shapes))


def batch_contest(
    arrays: Arrays,
    names: Sequence[str],
    absent: Mapping[str, str],
    peers: Mapping[str, Peer],
    threads: int,
    rounds: int,
    take: Callable[..., Samples] = take_rounds,
    seconds: float = 0.05,
) -> Contest:
    """Backends and peers on the same batch, in turn, each direction by itself.

    Raises PeerError before anything is timed where a peer's results are not nbcnn's.
    """
    crew = Crew(threads)
    try:
        calls = {name: own_calls(arrays, name, crew) for name in names}
        before = {name: (lambda: None) for name in names}
        for name, peer in peers.items():
            peer.before(threads)
            for way, own in peer.layer(arrays, threads).items():
                calls[f"{name} {way}"] = own
                before[f"{name} {way}"] = lambda peer=peer: peer.before(threads)  # type: ignore[misc]
        samples: dict[str, Samples] = {}
        for direction in WeightedKernels._fields:
            able = {name: own[direction] for name, own in calls.items() if direction in own}
            check_outputs(able, f"the results of {direction}")
            contenders = [Contender(name, call, before[name]) for name, call in able.items()]
            found = take(contenders, rounds, seconds)
            share = LANES * threads / len(arrays.x)
            samples[direction] = {name: [value * share for value in values] for name, values in found.items()}
    finally:
        crew.close()
    timed = {
        name: {direction: median(samples[direction][name]) for direction in samples if name in samples[direction]}
        for name in calls
    }
    return Contest(arrays.problem, threads, timed, dict(absent), samples)


def own_calls(arrays: Arrays, name: str, crew: Crew) -> Calls:
    """A backend's kernels on the batch's packs, a share of them for each thread, from tape; each gives NCHW arrays.

    The weights' gradients of the packs are added up, as those of a step are.
    """
    problem, count = arrays.problem, len(arrays.x)
    kernels, floats = prepare(problem, name)
    xs, dys = to_packs(arrays.x), to_packs(arrays.dy)
    ys, dxs = np.zeros_like(dys), np.zeros_like(xs)
    shares = range(min(crew.size, len(xs)))
    totals = [np.zeros(arrays.w.size, arrays.w.dtype) for _ in shares]
    tapes: dict[str, list[Tape]] = {direction: [] for direction in WeightedKernels._fields}
    for share in shares:
        work, dw, db = np.zeros(floats, arrays.w.dtype), np.zeros_like(arrays.w), np.zeros_like(arrays.b)
        forward, back, learn = [], [], []
        for k in range(share, len(xs), len(shares)):
            forward.append((kernels.forward, (xs[k], arrays.w, arrays.b, ys[k], work)))
            back.append((kernels.grad_input, (dys[k], arrays.w, dxs[k], work)))
            learn += [
                (kernels.grad_weight, (xs[k], dys[k], dw, db, work)),
                (packs.add, (totals[share], dw.reshape(-1))),
            ]
        for direction, made in zip(WeightedKernels._fields, (forward, back, learn), strict=True):
            tapes[direction].append(Tape(made))

    def run(direction: str) -> None:
        with one_blas_thread():
            crew.run(len(shares), lambda worker, piece, turns: tapes[direction][piece]())

    def learned() -> np.ndarray:
        for total in totals:
            total[:] = 0
        run("grad_weight")
        summed: np.ndarray = np.sum(totals, axis=0).reshape(arrays.w.shape)
        return summed

    def result(direction: str, out: np.ndarray) -> Callable[[], Any]:
        def call() -> _Later:
            run(direction)
            return _Later(out, count)

        return call

    return {"forward": result("forward", ys), "grad_input": result("grad_input", dxs), "grad_weight": learned}


class _Later:
    """Packs that become an NCHW array when somebody looks at them, which those who time do not."""

    def __init__(self, packs: np.ndarray, count: int) -> None:
        self._packs, self._count = packs, count

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return from_packs(self._packs, self._count)
