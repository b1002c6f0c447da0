r"""NequIP from weights of the authors' own package, `nequip` (read with 0.19).

Theirs and ours compute the same with other factors, which are moved into the weights:

- their radial functions are ours times $\sqrt{2 / r_c}$;
- the activations of their radial networks and readouts are not normalised, but their weights have a factor
  $\sqrt 2$; those of their gates are divided by a second moment that e3nn estimates from random numbers;
- their weights of a species in $W_{z_i} h_i$ are linear in the embedding of its element.

Their edges run from receivers to senders. That is an inversion, which energies do not notice.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from cartesian.nn.exchange.filling import fill, take
from cartesian.nn.layers.linear import Linear, SpeciesLinear
from cartesian.nn.models.nequip import Layer, NequIP, NequIPConfig
from cartesian.nn.radial import Normalized, RadialNetwork
from cartesian.spec import Irrep, Irreps

# What has one form here, and the values of the settings that mean it.
FIXED: Mapping[str, tuple[Any, ...]] = {
    "readout_mlp_nonlinearity": ("silu", None, "None", "null"),
    "per_edge_type_cutoff": (None,),
    "pair_potential": (None,),
    "categorical_graph_field_embed": (None,),
    "convnet_sc": (True,),
    "convnet_resnet": (False,),
    "learnable_shift": (False,),
    "convnet_nonlinearity_type": ("gate",),
}
# Tables of theirs that follow from the settings.
COMPUTED = r"output_mask$|_w3j_|_empty$|_rmax_recip$"


def from_nequip(state: Mapping[str, Tensor], settings: Mapping[str, Any]) -> NequIP:
    """The model that has the same energies and forces as one of `nequip`.

    Args:
        state: Weights by name, with any prefix, such as `model.state_dict()`.
        settings: The arguments of `NequIPGNNModel` that the model was made with; what is not there has the
            default of `nequip`. The names of types are symbols of elements.

    Returns:
        A model in the dtype of the weights.

    Raises:
        ValueError: If a setting has no counterpart, or weights and settings do not fit together.

    Examples:
        >>> from_nequip({}, {"pair_potential": "ZBL"})
        Traceback (most recent call last):
        ...
        ValueError: a model of nequip cannot be read with pair_potential='ZBL'; readable are None
    """
    for name, known in FIXED.items():
        if settings.get(name, known[0]) not in known:
            raise ValueError(
                f"a model of nequip cannot be read with {name}={settings[name]!r}; "
                f"readable are {', '.join(map(repr, known))}"
            )
    start = r"^.*?(?=type_embed\.|edge_norm\.|bessel_encode\.|layer\d+_convnet\.|per_(atom|type)_energy_)"
    weights = {
        re.sub(start, "", name): value
        for name, value in state.items()
        if value.numel() and not re.search(COMPUTED, name)
    }
    model = NequIP(_config(settings, weights))
    embedding, roots = (
        take(weights, name) for name in ("type_embed.embed_module.weight", "bessel_encode.bessel_weights")
    )
    found, ratios = {"embedding.weight": embedding}, dict[Irrep, float]()
    if model.config.trainable_basis:
        # Frequencies belong to all layers alike.
        found["layers.0.radial.basis.frequencies"] = roots.flatten() * (torch.pi / model.config.cutoff)
    elif not torch.equal(roots.flatten(), torch.arange(1, roots.numel() + 1).to(roots)):
        raise ValueError("the roots of the Bessel functions have been trained: give bessel_trainable=True")
    for t, layer in enumerate(model.layers):
        assert isinstance(layer, Layer)
        theirs = _layer(weights, f"layer{t}_convnet.conv", layer, embedding, ratios)
        theirs |= _radial(weights, f"layer{t}_convnet.conv.edge_mlp.mlp", layer)
        found |= {f"layers.{t}.{name}": value for name, value in theirs.items()}
        ratios = _ratios(layer)
    found |= _readout(weights, model, ratios)
    fill(model, found, left=weights)
    return model


def _config(settings: Mapping[str, Any], weights: dict[str, Tensor]) -> NequIPConfig:
    """Our settings; takes scales and shifts out of the weights."""
    degree, features = settings.get("l_max", 1), settings.get("num_features", 32)
    channels = [features] * (degree + 1) if isinstance(features, int) else list(features)
    parities = {l: "eo" if settings.get("parity", True) else "eo"[l % 2] for l in range(degree + 1)}
    neighbors = settings["avg_num_neighbors"]
    if isinstance(neighbors, Mapping):
        if len(set(neighbors.values())) > 1:
            raise ValueError(f"numbers of neighbours of each element cannot be read: {dict(neighbors)}")
        neighbors = next(iter(neighbors.values()))
    elements: Sequence[str] = settings["type_names"]
    energies = {
        name: weights.pop(f"per_type_energy_scale_shift.{name}s", torch.full((), default)).flatten().tolist()
        for name, default in (("scale", 1.0), ("shift", 0.0))
    }
    width = settings.get("readout_mlp_hidden_layers_width") or channels[0]
    return NequIPConfig(
        elements,
        cutoff=float(settings["r_max"]),
        layers=settings.get("num_layers", 4),
        embedding=settings.get("type_embed_num_features") or channels[0],
        hidden=" + ".join(f"{channels[l]}x{l}{p}" for l in range(degree + 1) for p in parities[l]),
        max_degree=degree,
        functions=settings.get("num_bessels", 8),
        trainable_basis=settings.get("bessel_trainable", False),
        power=int(settings.get("polynomial_cutoff_p", 6)),
        radial=(settings.get("radial_mlp_width", 128),) * settings.get("radial_mlp_depth", 1),
        readout=(width,) * settings.get("readout_mlp_hidden_layers_depth", 0),
        readout_activation="silu" if settings.get("readout_mlp_nonlinearity", "silu") == "silu" else "none",
        first_skip=False,
        prune=True,
        neighbors=neighbors**0.5,
        scale=_one_or_all(energies["scale"], len(elements)),
        shift=_one_or_all(energies["shift"], len(elements)),
    )


def _one_or_all(values: list[float], count: int) -> list[float]:
    return values * count if len(values) == 1 else values


def _layer(
    weights: dict[str, Tensor], prefix: str, layer: Layer, embedding: Tensor, ratios: Mapping[Irrep, float]
) -> dict[str, Tensor]:
    """Weights of the linear maps of a layer, whose input is `ratios` times ours."""
    up, mix = layer.message.up, layer.message.mix
    matrices = _matrices(take(weights, f"{prefix}.linear_1.weight"), up, [block.irrep for block in up.irreps])
    found = {"message.up.weight": _flat(_scaled(matrices, ratios), up)}
    # Results of paths stand by degree, odd before even.
    order = sorted({block.irrep for block in mix.irreps}, key=lambda irrep: (irrep.degree, irrep.parity))
    matrices = _matrices(take(weights, f"{prefix}.linear_2.weight"), mix, order)
    found["message.mix.weight"] = _flat(matrices, mix)
    if layer.update is not None:
        own = layer.update.linear
        matrices = _species_matrices(take(weights, f"{prefix}.sc.weight"), embedding, own)
        found["update.linear.weight"] = _flat(_scaled(matrices, ratios), own)
    return found


def _matrices(weight: Tensor, linear: Linear, order: Iterable[Irrep]) -> dict[Irrep, Tensor]:
    """The matrix of each irrep from weights of `e3nn.o3.Linear`, whose inputs have this order."""
    shapes = {irrep: (1, linear.irreps.count(irrep), linear.out.count(irrep)) for irrep in order}
    return _parts(weight, shapes)


def _species_matrices(
    weight: Tensor, embedding: Tensor, linear: Linear | SpeciesLinear
) -> dict[Irrep, Tensor]:
    """Matrices `(species, rows, columns)` from weights of `e3nn.o3.FullyConnectedTensorProduct`."""
    order, size = (block.irrep for block in linear.irreps), embedding.shape[1]
    shapes = {irrep: (linear.irreps.count(irrep), size, linear.out.count(irrep)) for irrep in order}
    return {
        irrep: torch.einsum("zs,rsc->zrc", embedding, part) * size**-0.5
        for irrep, part in _parts(weight, shapes).items()
    }


def _parts(weight: Tensor, shapes: Mapping[Irrep, tuple[int, int, int]]) -> dict[Irrep, Tensor]:
    """Weights cut in pieces."""
    sizes = [prod(shape) for shape in shapes.values()]
    if sum(sizes) != len(weight):
        raise ValueError(
            f"a linear map has {len(weight)} weights, and {sum(sizes)} by the settings; "
            "are they those of the model?"
        )
    pieces = zip(shapes.items(), torch.split(weight, sizes), strict=True)
    return {irrep: piece.reshape(shape) for (irrep, shape), piece in pieces}


def _scaled(matrices: dict[Irrep, Tensor], ratios: Mapping[Irrep, float]) -> dict[Irrep, Tensor]:
    return {irrep: ratios.get(irrep, 1.0) * matrix for irrep, matrix in matrices.items()}


def _flat(matrices: Mapping[Irrep, Tensor], linear: Linear | SpeciesLinear) -> Tensor:
    """Our weights, `(species, count)` or `(count,)`, of matrices of each irrep over all its blocks."""
    parts = []
    for part in linear.mixings:
        rows, columns = (
            _place(irreps, block)
            for irreps, block in ((linear.irreps, part.source), (linear.out, part.target))
        )
        parts.append(matrices[linear.out[part.target].irrep][:, rows, columns].flatten(1))
    flat = torch.cat(parts, dim=1)
    return flat if isinstance(linear, SpeciesLinear) else flat[0]


def _place(irreps: Irreps, block: int) -> slice:
    """Where the channels of a block stand among all those of its irrep."""
    *others, own = list(irreps)[: block + 1]
    before = sum(other.channels for other in others if other.irrep == own.irrep)
    return slice(before, before + own.channels)


def _radial(weights: dict[str, Tensor], prefix: str, layer: Layer) -> dict[str, Tensor]:
    """Weights of a radial network."""
    assert isinstance(layer.radial, RadialNetwork)
    count = len(layer.radial.perceptron.weights)
    found = [take(weights, f"{prefix}.{2 * k}.weight") for k in range(count)]
    found[0] = found[0] * (2 / layer.radial.basis.cutoff) ** 0.5
    found[1:] = [matrix * (2**0.5 / layer.radial.perceptron.activation.factor) for matrix in found[1:]]
    # Their paths are sorted by the block of the features, then by harmonic and result; ours by result first.
    left = layer.message.program.form.legs[1].irreps
    starts = [where.start for where in left.slices]
    terms = layer.message.program.form.terms
    order = sorted(terms, key=lambda term: (starts.index(term.slots[1].start), *term.degrees[1:]))
    columns = dict(zip(order, torch.split(found[-1], [term.channels for term in order], dim=1), strict=True))
    found[-1] = torch.cat([columns[term] for term in terms], dim=1)
    return {f"radial.perceptron.weights.{k}": matrix for k, matrix in enumerate(found)}


def _ratios(layer: Layer) -> dict[Irrep, float]:
    """Their features divided by ours: that of the factors of the activations."""
    gate = layer.gate
    activations = {Irrep(0, 1): gate.even, Irrep(0, -1): gate.odd}
    used = {block.irrep: activations.get(block.irrep, gate.gate) for block in layer.out}
    kinds: dict[Irrep, type] = {irrep: type(act.activation) for irrep, act in used.items()}
    return {irrep: _estimate(kinds[irrep]) / act.factor for irrep, act in used.items()}


@cache
def _estimate(activation: type[nn.Module]) -> float:
    """The factor that e3nn estimates from a million numbers, which are always the same."""
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randn(1_000_000, generator=generator, dtype=torch.float64, device="cpu")
    return float(activation()(numbers).square().mean()) ** -0.5


def _readout(weights: dict[str, Tensor], model: NequIP, ratios: Mapping[Irrep, float]) -> dict[str, Tensor]:
    """Weights of the readout."""
    is_active = model.config.readout_activation == "silu"
    prefix, found = "per_atom_energy_readout.mlp_module.mlp", {}
    linears = [k for k, layer in enumerate(model.readout) if isinstance(layer, Linear)]
    for number, k in enumerate(linears):
        deep = f"{prefix}.weights.{number}"
        matrix = take(weights, deep if deep in weights else f"{prefix}.{k}.weight")
        if number and is_active:
            activation = model.readout[k - 1]
            assert isinstance(activation, Normalized)
            matrix = matrix * (2**0.5 / activation.factor)
        found[f"readout.{k}.weight"] = (matrix if number else matrix * ratios[Irrep(0, 1)]).flatten()
    return found
