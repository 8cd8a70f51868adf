"""What PyTorch's optimizers do, recorded from PyTorch 2.13.0 in float64: four steps on four parameters, and defaults."""

from __future__ import annotations

from typing import Any

PARAMETERS = [0.5, -1.25, 2.0, -0.0625]
GRADIENTS = [[0.25, -1.5, 0.125, 4.0], [-0.5, -1.0, 0.125, -2.0], [1.0, 0.75, 0.125, 0.5], [0.125, -0.25, 0.125, -1.0]]
"""Those before the first step, and a row for each step."""

STEPS: list[tuple[str, dict[str, Any], list[float]]] = [
    ("sgd", {"lr": 0.1}, [0.4125, -1.05, 1.95, -0.2125]),
    ("sgd", {"lr": 0.1, "momentum": 0.9}, [0.347025, -0.58065, 1.8868875, -0.8911]),
    ("sgd", {"lr": 0.1, "momentum": 0.9, "dampening": 0.25}, [0.363775, -0.619025, 1.90441875, -1.02785]),
    (
        "sgd",
        {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.125, "nesterov": True},
        [0.3108983192, -0.778812215, 1.7426555222, -0.3635487641],
    ),
    (
        "sgd",
        {"lr": 0.1, "momentum": 0.5, "dampening": 0.5, "weight_decay": 0.25},
        [0.3682969482, -0.8150775024, 1.7560059814, -0.5938524933],
    ),
    ("adam", {"lr": 0.05}, [0.4270824989, -1.1072872362, 1.800000016, -0.1443075184]),
    (
        "adam",
        {"lr": 0.05, "betas": (0.8, 0.95), "eps": 0.001, "weight_decay": 0.125},
        [0.4124369218, -1.1040189663, 1.8008650249, -0.1353781659],
    ),
    ("adamw", {"lr": 0.05}, [0.426150402, -1.1049237512, 1.796152965, -0.144087445]),
    ("adamw", {"lr": 0.05, "weight_decay": 0.5}, [0.3822042268, -0.9935083188, 1.6147515779, -0.133628905]),
    ("rmsprop", {"lr": 0.01}, [0.3912045056, -1.1201728663, 1.720710417, -0.1068262013]),
    (
        "rmsprop",
        {"lr": 0.01, "alpha": 0.9, "eps": 0.01, "weight_decay": 0.125},
        [0.4632411475, -1.2035577962, 1.9150541289, -0.07500932],
    ),
    ("rmsprop", {"lr": 0.01, "momentum": 0.75}, [0.269719265, -0.9026951508, 1.4107137892, -0.2297387802]),
    (
        "rmsprop",
        {"lr": 0.01, "alpha": 0.5, "centered": True, "eps": 0.125},
        [0.4858918022, -1.2219949543, 1.9707891617, -0.0696049211],
    ),
    (
        "rmsprop",
        {"lr": 0.01, "alpha": 0.75, "centered": True, "momentum": 0.5, "weight_decay": 0.25, "eps": 0.0625},
        [0.4576225882, -1.1831047493, 1.8931491349, -0.0848742929],
    ),
]
"""Name, arguments, the parameters after the steps."""

DEFAULTS: dict[str, dict[str, Any]] = {
    "sgd": {"lr": 0.001, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False},
    "adam": {"lr": 0.001, "betas": (0.9, 0.999), "eps": 1e-08, "weight_decay": 0.0},
    "adamw": {"lr": 0.001, "betas": (0.9, 0.999), "eps": 1e-08, "weight_decay": 0.01},
    "rmsprop": {"lr": 0.01, "alpha": 0.99, "eps": 1e-08, "weight_decay": 0.0, "momentum": 0.0, "centered": False},
}
