"""TensorNet and TensorNet2 from weights of torchmd-net."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor

from cartesian.nn.elements import atomic_numbers
from cartesian.nn.exchange.filling import fill, take
from cartesian.nn.models.tensornet import TensorNet, TensorNetConfig
from cartesian.nn.models.tensornet2 import TensorNet2, TensorNet2Config

# Hartree times Bohr radius, both CODATA 2014, with which its Coulomb energies are computed.
COULOMB_2014 = 27.211386024367243 * 0.5291772105638411
# Arguments of `ZBL`: other lengths than usual, and numbers of four digits. Its energies are scaled like all.
REPULSION: Mapping[str, Any] = {
    "length": 0.4543 / 1.8897261258369282,
    "exponent": 0.3,
    "screening": ((0.1818, 3.2), (0.5099, 0.9423), (0.2802, 0.4029), (0.02817, 0.2016)),
}
CONSTANT = 14.399645
# What has one form here, and the values of the settings that mean it.
FIXED: Mapping[str, tuple[Any, ...]] = {
    "model": ("tensornet", "tensornet2", "tensornetv2_alt", "tensornet-nqe"),
    "rbf_type": ("expnorm",),
    "activation": ("silu",),
    "cutoff_lower": (0.0,),
    "output_model": ("Scalar", "ScalarPlusWeightedCoulomb"),
    "reduce_op": ("sum", "add"),
}


def from_torchmd(
    state: Mapping[str, Tensor],
    settings: Mapping[str, Any],
    elements: Sequence[str | int],
    *,
    references: bool = True,
    atoms: int | None = None,
) -> TensorNet | TensorNet2:
    """The model that has the same energies and forces as one of torchmd-net.

    Energies are in the units of the data that it was trained on.

    Args:
        state: Weights by name, such as `checkpoint["state_dict"]`.
        settings: What the model was made from, such as `checkpoint["hyper_parameters"]`; what is not there
            has the default of torchmd-net.
        elements: The elements of the data; torchmd-net has rows for all.
        references: Whether reference energies of the elements among the weights, if there are any, are added,
            also if the model was trained without them.
        atoms: Number of atoms of every system, if a mean of the energies of systems was subtracted from the
            data: each atom gets its part.

    Returns:
        A model in the dtype of the weights. Centres and widths of its radial functions are those given, which
        torchmd-net rounds to float32.

    Raises:
        ValueError: If a setting has no counterpart, or weights and settings do not fit together.

    Examples:
        >>> from_torchmd({}, {"model": "tensornet", "activation": "tanh"}, ["H", "O"])
        Traceback (most recent call last):
        ...
        ValueError: a model of torchmd-net cannot be read with activation='tanh'; readable are 'silu'
    """
    for name, known in FIXED.items():
        if settings.get(name, known[0]) not in known:
            _refuse(f"{name}={settings[name]!r}; readable are {', '.join(map(repr, known))}")
    weights = {_renamed(name): value for name, value in state.items()}
    if "check_errors" in settings:
        weights = _reordered(weights, settings["model"] == "tensornet")
    config = {
        "elements": elements,
        "cutoff": float(settings["cutoff_upper"]),
        "channels": settings["embedding_dimension"],
        "layers": settings["num_layers"],
        "radial_functions": settings["num_rbf"],
        "trainable_basis": True,
        "group": settings.get("equivariance_invariance_group", "O(3)"),
        "max_atomic_number": settings["max_z"] - 1,
        **_energies(weights, elements, references, atoms),
    }
    model: TensorNet | TensorNet2
    if settings["model"] == "tensornet":
        model = TensorNet(TensorNetConfig(**config))
    else:
        config |= _charges(settings)
        if settings.get("repulsion", False):
            config["repulsion"] = {**REPULSION, "constant": CONSTANT * config["scale"]}
        model = TensorNet2(TensorNet2Config(**config))
    filters = [
        take(weights, f"tensor_embedding.distance_proj{k}.{part}") for part in PARTS for k in (1, 2, 3)
    ]
    found = {
        "embedding_filters.weight": torch.cat(filters[:3]),
        "embedding_filters.bias": torch.cat(filters[3:]),
        "basis.centres": take(weights, "distance_expansion.means"),
        "basis.widths": take(weights, "distance_expansion.betas"),
    }
    for ours, theirs in _names(model):
        for part in PARTS:
            if f"{theirs}.{part}" in weights:
                found[f"{ours}.{part}"] = weights.pop(f"{theirs}.{part}")
    fill(model, found, left=[name for name in weights if not re.search(COMPUTED, name)])
    model.basis.requires_grad_(bool(settings.get("trainable_rbf", False)))
    return model


PARTS = ("weight", "bias")
# Boxes, tables of the repulsion and weights of the stages, which the settings tell.
COMPUTED = r"distance\.box$|^repulsion\.|^output_model\.qweights$"


def _refuse(what: str) -> NoReturn:
    raise ValueError(f"a model of torchmd-net cannot be read with {what}")


def _renamed(name: str) -> str:
    """A name of today, without prefix, of one of any version."""
    name = re.sub(r"^model\.", "", name).removeprefix("representation_model.")
    return re.sub(r"output_network\.(\d+)\.(weight|bias)$", r"output_network.layers.\1.\2", name)


def _reordered(weights: Mapping[str, Tensor], interactions: bool) -> dict[str, Tensor]:
    """Filters and gates of old versions, which have the three parts innermost, with them outermost."""
    old = r"^tensor_embedding\.linears_scalar\.1\." + (
        r"|^layers\.\d+\.linears_scalar\.2\." if interactions else ""
    )
    return {
        name: torch.unflatten(value, 0, (-1, 3)).transpose(0, 1).flatten(0, 1)
        if re.search(old, name)
        else value
        for name, value in weights.items()
    }


def _energies(
    weights: dict[str, Tensor], elements: Sequence[str | int], references: bool, atoms: int | None
) -> dict[str, Any]:
    """Scale, shift and energies of isolated atoms; takes them out of the weights."""
    mean = float(weights.pop("mean", torch.zeros(())))
    if mean and atoms is None:
        _refuse(
            f"the mean {mean:g}, which is added once for each system: give the number of atoms, "
            "if it is the same for all systems"
        )
    tables = [name for name in weights if re.search(r"^prior_model\.\d+\.atomref\.weight$", name)]
    isolated = [0.0] * len(elements)
    for name in tables:
        table = weights.pop(name).flatten()
        weights.pop(name.replace("atomref.weight", "initial_atomref"), None)
        if references:
            isolated = [e + float(table[z]) for e, z in zip(isolated, atomic_numbers(elements), strict=True)]
    return {
        "scale": float(weights.pop("std", torch.ones(()))),
        "shift": mean / atoms if atoms else 0.0,
        "isolated": isolated,
    }


def _charges(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that only TensorNet2 has."""
    config: dict[str, Any] = {
        "charge_channels": settings["q_dim"],
        "conserve": False,
        "readout_layers": settings.get("output_mlp_num_layers", 0),
    }
    if settings.get("output_model") == "ScalarPlusWeightedCoulomb":
        weights = settings["q_weights"]
        if any(isinstance(weight, Sequence) for weight in weights):
            _refuse(f"q_weights={weights!r}; readable is one number for each stage")
        cutoff = settings.get("coulomb_cutoff")
        config |= {
            "coulomb": "pairs" if cutoff is None else "reaction field",
            "coulomb_cutoff": 0.0 if cutoff is None else float(cutoff),
            "stage_weights": tuple(map(float, weights)),
            "coulomb_constant": COULOMB_2014,
        }
    return config


def _names(model: TensorNet | TensorNet2) -> Iterator[tuple[str, str]]:
    """Layers of a model, and the same in torchmd-net."""
    embedding = "tensor_embedding"
    yield "embedding.elements", f"{embedding}.emb"
    yield "embedding.pairs", f"{embedding}.emb2"
    yield "embedding.gates.0", f"{embedding}.init_norm"
    for k in range(2):
        yield f"embedding.gates.{2 * k + 1}", f"{embedding}.linears_scalar.{k}"
    for l in range(3):
        yield f"embedding.mix.parts.{l}", f"{embedding}.linears_tensor.{l}"
    for t in range(model.config.layers):
        filters = ("first", "further.1", "further.3") if isinstance(model, TensorNet2) else ("0", "2", "4")
        for k, layer in enumerate(filters):
            yield f"filters.{t}.{layer}", f"layers.{t}.linears_scalar.{k}"
        for l in range(3):
            yield f"interactions.{t}.before.parts.{l}", f"layers.{t}.linears_tensor.{l}"
            yield f"interactions.{t}.after.parts.{l}", f"layers.{t}.linears_tensor.{l + 3}"
    yield "invariants.scalars.0", "out_norm"
    yield "invariants.scalars.1", "linear"
    for k in range(0, len(model.values), 2):
        yield f"values.{k}", f"output_model.output_network.layers.{k}"
    for t in range(model.config.layers + 1 if isinstance(model, TensorNet2) else 0):
        theirs = "charge_predict_0" if t == 0 else f"charge_predicts.{t - 1}"
        yield f"charges.{t}.network.0", f"{theirs}.q_norm"
        for k in range(3):
            yield f"charges.{t}.network.{2 * k + 1}", f"{theirs}.q_mlp.layers.{2 * k}"
