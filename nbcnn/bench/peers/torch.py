"""PyTorch as a peer: eager mode in its default and its channels_last layout; inference_mode for inference."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nbcnn.bench.layer_plan import plan
from nbcnn.bench.peers import _torch_net
from nbcnn.bench.peers.base import PEERS, Child, Forward, Learner, Peer, Task
from nbcnn.errors import PeerError
from nbcnn.util.model_values import model_values

WAYS = ("eager", "channels_last")


@PEERS.register("torch")
class Torch(Peer):
    """PyTorch in both memory layouts; the faster is its figure."""

    modules = ("torch",)
    install = "pip install torch==2.13.0"

    def before(self, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)

    def inference(self, task: Task, x: np.ndarray) -> dict[str, Forward]:
        return {way: self._inference(task, x, way) for way in WAYS}

    def training(self, task: Task) -> dict[str, Learner]:
        return {way: self._training(task, way) for way in WAYS}

    def layer(self, arrays: Any, threads: int) -> dict[str, dict[str, Callable[[], Any]]]:
        return {way: self._layer(arrays, way) for way in WAYS}

    def child(self, task: Task, images: int) -> Child:
        settings = task.network.config.train
        choice = settings.optimizer
        what = {
            "plan": plan(task.network),
            "shape": list(task.network.in_shape),
            "batch_size": len(task.batches[0]),
            "images": images,
            "threads": task.threads,
            "optimizer": [choice.name, model_values(choice.config), settings.weight_decay_on],
        }
        # -P: beside that file there is this one, which is not the torch that it means to import
        return Child([sys.executable, "-P", str(Path(_torch_net.__file__))], what)

    def _net(self, task: Task, way: str) -> tuple[Any, dict[str, Any]]:
        """The network with nbcnn's weights, and its tensors by nbcnn's names."""
        import torch

        steps = plan(task.network)
        try:
            net = _torch_net.build(steps)
        except ValueError as error:
            raise PeerError(f"PyTorch has no {error}; leave out --against") from None
        tensors = _torch_net.parameters(steps, net)
        with torch.no_grad():
            for name, value in task.network.state_dict().items():
                tensors[name].copy_(torch.from_numpy(value))
        return (net.to(memory_format=torch.channels_last) if way == "channels_last" else net), tensors

    def _inference(self, task: Task, x: np.ndarray, way: str) -> Forward:
        import torch

        net, _ = self._net(task, way)
        net, given = net.eval(), _laid(torch.from_numpy(x), way)

        def forward() -> np.ndarray:
            with torch.inference_mode():
                scores: np.ndarray = net(given).numpy()
                return scores

        return forward

    def _training(self, task: Task, way: str) -> Learner:
        """The batches are cut and laid out beforehand; there is no DataLoader."""
        import torch

        net, tensors = self._net(task, way)
        xs = [_laid(torch.from_numpy(task.x[order]), way) for order in task.batches]
        ys = [torch.from_numpy(task.labels[order]) for order in task.batches]
        settings = task.network.config.train
        choice, arguments = settings.optimizer, model_values(settings.optimizer.config)
        try:
            optimizer = _torch_net.optimizer_of(choice.name, arguments, net, settings.weight_decay_on)
        except KeyError:
            raise PeerError(f"PyTorch has no optimizer that is known as {choice.name}; leave out --against") from None
        weights = None if settings.class_weights is None else torch.tensor(settings.class_weights)
        loss_of = torch.nn.CrossEntropyLoss(weights, label_smoothing=settings.label_smoothing)

        def step(k: int) -> None:
            optimizer.zero_grad()
            loss_of(net(xs[k]), ys[k]).backward()
            optimizer.step()

        return Learner(
            step,
            lambda: {name: value.detach().numpy().copy() for name, value in tensors.items() if value.requires_grad},
            lambda: {name: value.grad.numpy().copy() for name, value in tensors.items() if value.requires_grad},
            lambda: {name: value.numpy().copy() for name, value in tensors.items() if not value.requires_grad},
        )

    def _layer(self, arrays: Any, way: str) -> dict[str, Callable[[], Any]]:
        import torch

        p = arrays.problem
        top, bottom, left, right = p.padding
        if (top, left) != (bottom, right):
            return {}
        x, dy, w = (_laid(torch.from_numpy(a), way) for a in (arrays.x, arrays.dy, arrays.w))
        b, back = torch.from_numpy(arrays.b), torch.ops.aten.convolution_backward
        window = (p.stride, (top, left), p.dilation)

        def forward() -> Any:
            with torch.inference_mode():
                return torch.nn.functional.conv2d(x, w, b, *window, p.groups)

        def backward(*mask: bool) -> Any:
            with torch.inference_mode():
                return back(dy, x, w, [len(b)], *window, False, (0, 0), p.groups, mask)

        return {
            "forward": forward,
            "grad_input": lambda: backward(True, False, False)[0],
            "grad_weight": lambda: backward(False, True, True)[1],
        }


def _laid(tensor: Any, way: str) -> Any:
    """The tensor in the memory layout of the variant."""
    import torch

    if way == "channels_last" and tensor.dim() == 4:
        return tensor.to(memory_format=torch.channels_last)
    return tensor.contiguous()
