import numpy as np
import torch
from e3nn import o3
from mace import modules

from benchmarks.systems import CUTOFF, Arrays
from benchmarks.worker import Subject


def _make(system: Arrays) -> Subject:
    elements = sorted(set(system["numbers"].tolist()))
    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    dtype = torch.get_default_dtype()
    model = modules.ScaleShiftMACE(
        r_max=CUTOFF,
        num_bessel=8,
        num_polynomial_cutoff=5,
        max_ell=2,
        interaction_cls=block,
        interaction_cls_first=block,
        num_interactions=2,
        num_elements=len(elements),
        hidden_irreps=o3.Irreps("64x0e + 64x1o + 64x2e"),
        MLP_irreps=o3.Irreps("16x0e"),
        gate=torch.nn.functional.silu,
        atomic_energies=np.zeros(len(elements)),
        avg_num_neighbors=len(system["senders"]) / len(system["numbers"]),
        atomic_numbers=elements,
        correlation=3,
        radial_MLP=[64, 64],
        atomic_inter_scale=1.0,
        atomic_inter_shift=0.0,
    ).to(dtype)
    positions = torch.tensor(system["positions"], dtype=dtype)
    species = torch.tensor(np.searchsorted(elements, system["numbers"]))
    batch = torch.tensor(system["systems"])
    cells = torch.tensor(system["cells"], dtype=dtype)
    shifts = torch.tensor(system["shifts"], dtype=dtype)
    senders = torch.tensor(system["senders"])
    data = {
        "node_attrs": torch.nn.functional.one_hot(species, len(elements)).to(dtype),
        "edge_index": torch.stack([senders, torch.tensor(system["receivers"])]),
        "unit_shifts": shifts,
        "shifts": (shifts[:, None] @ cells[batch[senders]])[:, 0],
        "cell": cells.reshape(-1, 3),
        "batch": batch,
        "ptr": torch.cat([torch.zeros(1, dtype=torch.long), torch.bincount(batch).cumsum(0)]),
        "head": torch.zeros(len(cells), dtype=torch.long),
    }

    def predict() -> tuple[torch.Tensor, torch.Tensor]:
        out = model(data | {"positions": positions.clone()}, training=model.training, compute_force=True)
        return out["energy"], out["forces"]

    return Subject(predict, model)


MODELS = {"MACE": _make}
