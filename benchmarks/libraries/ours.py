from functools import partial
from typing import Any

import torch

from benchmarks.systems import CUTOFF, Arrays
from benchmarks.worker import Subject
from cartesian.nn import Graph, Potential, models, tabulate

NATURAL = "64x0e + 64x1o + 64x2e"
# 64 channels, 2 layers, degree 2, 8 radial functions, radial networks of 64 and 64.
SETTINGS: dict[str, dict[str, Any]] = {
    "MACE": {"hidden": NATURAL, "max_degree": 2, "products": "ordered", "radial": (64, 64)},
    "ICTP": {"channels": 64, "max_degree": 2, "edge_degree": 2, "radial": (64, 64)},
    "NequIP": {"hidden": NATURAL, "max_degree": 2, "layers": 2, "radial": (64, 64)},
    "BOTNet": {"hidden": NATURAL, "max_degree": 2, "layers": 2, "radial": (64, 64)},
    "TensorNet": {"channels": 64, "layers": 2, "radial_functions": 8},
    "HotPP": {"layers": 2},
    "EquiREANN": {},
}


def make(name: str, system: Arrays, tables: bool = False, knots: int = 0) -> Subject:
    elements = sorted(set(system["numbers"].tolist()))
    settings = SETTINGS[name]
    if name not in ("TensorNet", "EquiREANN"):
        settings = settings | {"neighbors": len(system["senders"]) / len(system["numbers"])}
    if knots:
        settings = settings | {"knots": knots}
    config = getattr(models, f"{name}Config")(elements=elements, cutoff=CUTOFF, **settings)
    model = getattr(models, name)(config)
    potential = Potential(tabulate(model, 256) if tables else model, stress=False)
    graph = Graph.from_edges(
        torch.tensor(system["positions"], dtype=torch.get_default_dtype()),
        system["numbers"],
        system["senders"],
        system["receivers"],
        system["shifts"],
        system["cells"],
        system["systems"],
    )

    def predict() -> tuple[torch.Tensor, torch.Tensor]:
        results = potential(graph)
        return results["energy"], results["forces"]

    return Subject(predict, potential)


MODELS = {name: partial(make, name) for name in SETTINGS}
