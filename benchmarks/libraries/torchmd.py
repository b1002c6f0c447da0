import torch
from torchmdnet.models.model import create_model

from benchmarks.systems import CUTOFF, Arrays
from benchmarks.worker import Subject


def _make(system: Arrays) -> Subject:
    dtype = torch.get_default_dtype()
    periodic = bool(system["periodic"].all())
    model = create_model(
        {
            "model": "tensornet",
            "precision": 64 if dtype == torch.float64 else 32,
            "embedding_dimension": 64,
            "num_layers": 2,
            "num_rbf": 8,
            "rbf_type": "expnorm",
            "trainable_rbf": False,
            "activation": "silu",
            "cutoff_lower": 0.0,
            "cutoff_upper": CUTOFF,
            "max_z": 128,
            "max_num_neighbors": 64,
            "equivariance_invariance_group": "O(3)",
            "prior_model": None,
            "atom_filter": -1,
            "derivative": True,
            "output_model": "Scalar",
            "reduce_op": "sum",
            "box_vecs": system["cells"][0].tolist() if periodic else None,
            "check_errors": True,
            "static_shapes": False,
            "output_mlp_num_layers": 0,
            "remove_ref_energy": False,
        }
    )
    numbers, batch = torch.tensor(system["numbers"]), torch.tensor(system["systems"])
    positions = torch.tensor(system["positions"], dtype=dtype)

    def predict() -> tuple[torch.Tensor, torch.Tensor]:
        energies, forces = model(numbers, positions.clone().requires_grad_(), batch)
        return energies, forces

    return Subject(predict, model, "searches neighbours, too")


MODELS = {"TensorNet": _make}
