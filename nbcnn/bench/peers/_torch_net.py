"""A layer plan as a PyTorch network; run as a program, a PyTorch training whose startup is timed.

It knows nothing of nbcnn, so that a child process that runs it imports PyTorch and nothing more. Standard input holds
one JSON object: plan, shape, batch_size, images, threads, optimizer, and ``started``, the time when the process began.
"""

from __future__ import annotations

import sys
from typing import Any

TENSORS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def build(plan: list[dict[str, Any]]) -> Any:
    """A module for each step, in order: an ``nn.Sequential``, or with branches a module that knows who reads whom."""
    import torch

    modules = [_module(torch.nn, step) for step in plan]
    if not any("inputs" in step for step in plan):
        return torch.nn.Sequential(*modules)
    return _with_branches(torch, plan, modules)


def parameters(plan: list[dict[str, Any]], net: Any) -> dict[str, Any]:
    """The network's tensors under the names that the plan has for them."""
    found = {}
    for step, module in zip(plan, net, strict=True):
        module = module[-1] if type(module).__name__ == "Sequential" else module
        for own in TENSORS:
            if step.get(own):
                found[step[own]] = getattr(module, own)
    return found


def _with_branches(torch: Any, plan: list[dict[str, Any]], modules: list[Any]) -> Any:
    """A module whose state dict has nbcnn's names: ``3.body.0.weight``."""
    joins = {
        "add": lambda *branches: sum(branches[1:], branches[0]),
        "concat": lambda *branches: torch.cat(branches, 1),
        "multiply": torch.mul,
    }
    last_use = {each: number for number, step in enumerate(plan) for each in step["inputs"]}

    class Branches(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            for step, module in zip(plan, modules, strict=True):
                if module is None:
                    continue
                *outer, own = step["path"].split(".")
                parent = self
                for name in outer:
                    if name not in parent._modules:
                        parent.add_module(name, torch.nn.Module())
                    parent = parent._modules[name]
                # of a convolution with uneven padding, which is two modules, the second has the weights
                parent.add_module(own, module[-1] if isinstance(module, torch.nn.Sequential) else module)

        def __iter__(self) -> Any:
            return iter(modules)

        def forward(self, x: Any) -> Any:
            outputs = {-1: x}
            for number, step in enumerate(plan):
                run = modules[number] or joins[step["op"]]
                outputs[number] = run(*(outputs[each] for each in step["inputs"]))
                for each in set(step["inputs"]):
                    if last_use[each] == number:
                        del outputs[each]
            return outputs[len(plan) - 1]

    return Branches()


def optimizer_of(name: str, arguments: dict[str, Any], net: Any, decayed: str = "all") -> Any:
    """The optimizer of that name, with PyTorch's arguments; weight decay for ``all`` parameters, or for ``weights``."""
    import torch

    optim = torch.optim
    made = {"sgd": optim.SGD, "adam": optim.Adam, "adamw": optim.AdamW, "rmsprop": optim.RMSprop}[name]
    if decayed == "all":
        return made(net.parameters(), **arguments)
    groups: list[dict[str, Any]] = [{"params": []}, {"params": [], "weight_decay": 0.0}]
    for parameter in net.parameters():
        groups[parameter.dim() < 2]["params"].append(parameter)
    return made([group for group in groups if group["params"]], **arguments)


def _module(nn: Any, step: dict[str, Any]) -> Any:
    op = step["op"]
    if op in ("add", "concat", "multiply"):
        return None
    if op == "blur_pool":
        return _blur_pool(nn, step)
    if step["torch"] is None:
        raise ValueError(f"PyTorch has no module for {op}")
    module_of = getattr(nn, step["torch"])
    if op in ("group_norm", "layer_norm"):
        return _norm(module_of, step)
    if op == "linear":
        return module_of(*step["features"], bias=step["bias"] is not None)
    if op == "batch_norm":
        return module_of(step["channels"], **{name: step[name] for name in ("eps", "momentum", "affine")})
    if "padding" not in step:
        given = step.get("arguments", {})  # lists in JSON, which not every module takes for tuples
        return module_of(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})
    top, bottom, left, right = step["padding"]
    even = top == bottom and left == right
    window = {
        "kernel_size": tuple(step["kernel_size"]),
        "stride": tuple(step["stride"]),
        "padding": (top, left) if even else 0,
    }
    if op == "conv2d":
        how = {"dilation": tuple(step["dilation"]), "groups": step["groups"], "bias": step["bias"] is not None}
        module = module_of(*step["channels"], **window, **how)
    elif not even:
        raise ValueError(f"{op} with padding {step['padding']} on its four sides")
    elif op == "max_pool2d":
        return module_of(**window, dilation=tuple(step["dilation"]), ceil_mode=step["ceil_mode"])
    else:
        how = {name: step[name] for name in ("ceil_mode", "count_include_pad", "divisor_override")}
        return module_of(**window, **how)
    return module if even else nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), module)


def _norm(module_of: Any, step: dict[str, Any]) -> Any:
    """Weights where the plan names them."""
    own, learned = step["arguments"], step.get("weight") is not None
    if step["op"] == "group_norm":
        return module_of(**own, affine=learned)
    return module_of(step["shape"], **own, elementwise_affine=learned, bias=step.get("bias") is not None)


def _blur_pool(nn: Any, step: dict[str, Any]) -> Any:
    """Reflection, and a depthwise convolution whose filter is not learned."""
    import math

    import torch

    taps, channels = step["arguments"]["kernel_size"], step["size"][0]
    line = torch.tensor([math.comb(taps - 1, k) / 2 ** (taps - 1) for k in range(taps)])
    stride = tuple(step["arguments"]["stride"])
    blur = nn.Conv2d(channels, channels, taps, stride, groups=channels, bias=False).requires_grad_(False)
    blur.weight.copy_(torch.outer(line, line).expand_as(blur.weight))
    return nn.Sequential(nn.ReflectionPad2d(taps // 2), blur)


def main() -> None:
    """One step, then those for the rest of the images; prints seconds and the process's peak memory in MB."""
    import json
    import time

    task = json.load(sys.stdin)
    import torch

    torch.set_num_threads(task["threads"])
    net = build(task["plan"])
    name, arguments, decayed = task["optimizer"]
    optimizer, loss_of = optimizer_of(name, arguments, net, decayed), torch.nn.CrossEntropyLoss()
    classes = int(net.train(False)(torch.zeros(1, *task["shape"])).shape[1])  # batch norm can't train on one image
    net.train()
    images, labels = torch.rand(task["images"], *task["shape"]), torch.randint(0, classes, (task["images"],))
    seconds = None
    batches = (part[: task["trained"]].split(task["batch_size"]) for part in (images, labels))
    for x, y in zip(*batches, strict=True):
        optimizer.zero_grad()
        loss_of(net(x), y).backward()
        optimizer.step()
        seconds = time.time() - task["started"] if seconds is None else seconds
    print(json.dumps({"seconds": seconds, "status": status()}))


def status() -> str:
    """Linux's status file of this process, with its peak memory."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


if __name__ == "__main__":
    main()
