import numpy as np
import torch
from ase.data import chemical_symbols
from nequip.model import NequIPGNNModel
from nequip.utils.global_state import set_global_state

from benchmarks.systems import CUTOFF, Arrays
from benchmarks.worker import Subject


def _make(system: Arrays) -> Subject:
    elements = sorted(set(system["numbers"].tolist()))
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    set_global_state()
    model = NequIPGNNModel(
        seed=0,
        model_dtype=str(dtype).removeprefix("torch."),
        compile_mode="eager",
        r_max=CUTOFF,
        type_names=[chemical_symbols[number] for number in elements],
        num_layers=2,
        l_max=2,
        parity=False,
        num_features=64,
        radial_mlp_depth=2,
        radial_mlp_width=64,
        num_bessels=8,
        avg_num_neighbors=len(system["senders"]) / len(system["numbers"]),
    )
    torch.set_default_dtype(dtype)
    batch = torch.tensor(system["systems"])
    edges = torch.stack([torch.tensor(system["receivers"]), torch.tensor(system["senders"])])
    data = {
        "atom_types": torch.tensor(np.searchsorted(elements, system["numbers"])),
        "edge_index": edges,
        "edge_cell_shift": -torch.tensor(system["shifts"], dtype=torch.float64),
        "cell": torch.tensor(system["cells"]),
        "batch": batch,
        "num_atoms": torch.bincount(batch),
        "pbc": torch.ones(len(system["cells"]), 3, dtype=torch.bool),
    }
    positions = torch.tensor(system["positions"])

    def predict() -> tuple[torch.Tensor, torch.Tensor]:
        out = model(data | {"pos": positions.clone()})
        return out["total_energy"], out["forces"]

    return Subject(predict, model, "computes the virial, too")


MODELS = {"NequIP": _make}
