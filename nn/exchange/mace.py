r"""MACE from weights of mace-torch.

A state dict of mace-torch holds the coupling tensors beside the weights. So nothing is assumed of how another
library chooses phases: the tensors say which sign a path has, and which products belong to a weight.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import permutations
from math import isqrt
from typing import Any, Literal, NoReturn

import numpy as np
import torch
from torch import Tensor

from cartesian.nn.elements import SYMBOLS
from cartesian.nn.exchange.filling import fill
from cartesian.nn.heads.repulsion import ZBL, Repulsion
from cartesian.nn.layers.basis import ProductBasis
from cartesian.nn.layers.linear import from_e3nn
from cartesian.nn.layers.message import Message
from cartesian.nn.models.mace import MACE, Layer, MACEConfig
from cartesian.nn.radial import Normalized, RadialNetwork
from cartesian.programs.powers import Power
from cartesian.spec import Irrep, Irreps
from cartesian.tables import coupling

# e3nn finds the second moment of SiLU from a million draws with a fixed seed. The exact factor is 1.6765.
SILU_FACTOR = 1.6791767923989418
# Of its repulsion of nuclei: Bohr radius, rates of the exponentials, and e² / 4πε₀ in eV Å.
BOHR, RATES, COULOMB = 0.529, (3.2, 0.9423, 0.4028, 0.2016), 14.3996
# What the settings tell, or what is the same in all models.
TABLES = re.compile(
    r"atomic_numbers$|r_max$|num_interactions$|radial_embedding\.(bessel_fn|cutoff_fn)\.|scale_shift\."
    r"|atomic_energies_fn\.|pair_repulsion_fn\.|.*output_mask$|.*\._w3j_|.*\.U_matrix_|.*_zeroed$"
)

NEEDED = (
    "atomic_numbers",
    "r_max",
    "num_interactions",
    "node_embedding.linear.weight",
    "radial_embedding.bessel_fn.bessel_weights",
    "radial_embedding.cutoff_fn.p",
    "atomic_energies_fn.atomic_energies",
    "interactions.0.conv_tp_weights.layer0.weight",
    "interactions.0.skip_tp.weight",
    "products.0.symmetric_contractions.contractions.0.U_matrix_1",
)


def from_mace(
    state: Mapping[str, Tensor],
    neighbors: float,
    products: Literal["independent", "ordered"] = "independent",
) -> MACE:
    """The model that has the same energies and forces as one of mace-torch.

    Readable are its classes `MACE` and `ScaleShiftMACE` with one head, interactions
    `RealAgnosticInteractionBlock` (first layer) and `RealAgnosticResidualInteractionBlock`, Bessel functions
    of the bare distance, and SiLU.

    Args:
        state: Weights and tables by name, `model.state_dict()`.
        neighbors: The average number of neighbours of the training set, which is not among them.
        products: As in `MACEConfig`; the energies do not depend on it.

    Returns:
        A model in the dtype of the weights.

    Raises:
        ValueError: If the model has parts that ours has not.

    Source:
        mace-torch 0.3.16.
    """
    given = {name: value.detach().cpu() for name, value in state.items() if value.numel()}
    missing = [name for name in NEEDED if name not in given]
    if missing:
        _refuse(f"no {', '.join(missing)} in its state")
    model = MACE(_config(given, neighbors, products))
    last = model.config.layers - 1
    embedding = given.pop("node_embedding.linear.weight").reshape(len(model.species), -1)
    found = {"embedding.weight": embedding / len(model.species) ** 0.5}
    for t, layer in enumerate(model.layers):
        assert isinstance(layer, Layer)
        found |= {f"layers.{t}.{name}": weight for name, weight in _layer(layer, given, t, len(embedding))}
        if t < last:
            found[f"energies.{t}.weight"] = given.pop(f"readouts.{t}.linear.weight")
    energy: Any = model.energies[last]
    found[f"energies.{last}.first.weight"] = from_e3nn(
        energy.first, given.pop(f"readouts.{last}.linear_1.weight")
    )
    found[f"energies.{last}.last.weight"] = given.pop(f"readouts.{last}.linear_2.weight") * _factor(
        energy.gate.even
    )
    fill(model, found, left=[name for name in given if not TABLES.match(name)])
    return model


def _refuse(what: str) -> NoReturn:
    raise ValueError(f"a model of mace-torch cannot be read with {what}")


def _config(
    given: Mapping[str, Tensor], neighbors: float, products: Literal["independent", "ordered"]
) -> MACEConfig:
    """Settings from the shapes of the weights."""
    symbols = [SYMBOLS[z] for z in given["atomic_numbers"].tolist()]
    layers, cutoff = int(given["num_interactions"]), float(given["r_max"])
    isolated = given["atomic_energies_fn.atomic_energies"].double().flatten().tolist()
    if len(isolated) != len(symbols):
        _refuse(
            f"{len(isolated)} energies of isolated atoms for {len(symbols)} elements: it has several heads"
        )
    frequencies = given["radial_embedding.bessel_fn.bessel_weights"].double()
    waves = torch.arange(1, len(frequencies) + 1).double() * (torch.pi / cutoff)
    if not torch.allclose(frequencies, waves, rtol=1e-5):
        _refuse("trained frequencies of its Bessel functions")
    readout = given.get(f"readouts.{layers - 1}.linear_2.weight")
    if readout is None:
        _refuse("a readout of its last layer that is linear")
    tensors = [_tensors(given, t) for t in range(layers)]
    irreps = [[Irrep(l, (-1) ** l) for l in sorted(by_degree)] for by_degree in tensors]
    if irreps[-1] != [Irrep("0e")]:
        _refuse(f"{Irreps(irreps[-1])} after the last layer: energies are read from 0e alone")
    channels = given["node_embedding.linear.weight"].numel() // len(symbols)
    radial = [
        name for name in given if re.match(r"interactions\.0\.conv_tp_weights\.layer\d+\.weight$", name)
    ]
    return MACEConfig(
        symbols,
        cutoff=cutoff,
        layers=layers,
        hidden=str(Irreps((channels, irrep) for irrep in irreps[0])),
        max_degree=isqrt(tensors[0][0][0].shape[1]) - 1,
        correlation=[len(by_degree[0]) for by_degree in tensors],
        products=products,
        residual=given["interactions.0.skip_tp.weight"].numel() == channels**2 * len(symbols),
        functions=len(frequencies),
        power=int(given["radial_embedding.cutoff_fn.p"]),
        radial=[given[name].shape[1] for name in sorted(radial)[:-1]],
        readout=readout.numel(),
        neighbors=neighbors,
        scale=float(given.get("scale_shift.scale", torch.ones(()))),
        shift=float(given.get("scale_shift.shift", torch.zeros(()))),
        isolated=isolated,
        repulsion=_repulsion(given),
    )


def _repulsion(given: Mapping[str, Tensor]) -> Repulsion:
    """Of the nuclei, which is scaled with the other energies."""
    start = "pair_repulsion_fn."
    found = {name.removeprefix(start): value for name, value in given.items() if name.startswith(start)}
    if not found:
        return False
    radii = found["covalent_radii"].double()
    if not torch.allclose(radii, ZBL().radii[: len(radii)], atol=1e-6):
        _refuse("covalent radii of its own in the repulsion of nuclei")
    scale = float(given.get("scale_shift.scale", torch.ones(())))
    return {
        "power": int(found["p"]),
        "length": float(found["a_prefactor"]) * BOHR,
        "exponent": float(found["a_exp"]),
        "screening": tuple(zip(found["c"].tolist(), RATES, strict=True)),
        "constant": COULOMB * scale,
    }


def _tensors(given: Mapping[str, Tensor], layer: int) -> dict[int, list[Tensor]]:
    """For each degree of the products, their tensors `(2L+1, dim, ..., dim, slots)` of 1, 2, ... factors."""
    found: dict[int, list[Tensor]] = {}
    for k in range(100):
        start = f"products.{layer}.symmetric_contractions.contractions.{k}"
        names = sorted(name for name in given if name.startswith(f"{start}.U_matrix_"))
        if not names:
            return found
        # Scalars have no axis of components.
        tensors = [
            given[name] if given[name].ndim == order + 2 else given[name][None]
            for order, name in enumerate(names, 1)
        ]
        found[(tensors[0].shape[0] - 1) // 2] = tensors
    raise AssertionError


def _layer(layer: Layer, given: dict[str, Tensor], t: int, species: int) -> Iterator[tuple[str, Tensor]]:
    """Weights of one layer; takes them out of those given."""
    theirs, product = f"interactions.{t}", f"products.{t}"
    yield "message.up.weight", from_e3nn(layer.message.up, given.pop(f"{theirs}.linear_up.weight"))
    yield "message.mix.weight", from_e3nn(layer.message.mix, given.pop(f"{theirs}.linear.weight"))
    assert isinstance(layer.radial, RadialNetwork)
    perceptron = layer.radial.perceptron
    for k in range(len(perceptron.weights)):
        weight = given.pop(f"{theirs}.conv_tp_weights.layer{k}.weight")
        weight = weight if k == 0 else weight * _factor(perceptron.activation)
        if k == len(perceptron.weights) - 1:
            weight = weight * _signs(layer.message, given, theirs).to(weight)
        yield f"radial.perceptron.weights.{k}", weight
    own = layer.mix if layer.update is None else layer.update.linear
    assert own is not None
    # One matrix of all species for each irrep: (channels, species, channels).
    parts = given.pop(f"{theirs}.skip_tp.weight").reshape(
        len(own.mixings), -1, species, own.mixings[0].shape[1]
    )
    mixed = parts.permute(2, 0, 1, 3).reshape(species, -1) / species**0.5
    yield ("mix.weight" if layer.update is None else "update.linear.weight"), mixed.reshape(own.weight.shape)
    yield "product.weight", _products(layer.product, given, t)
    yield "linear.weight", from_e3nn(layer.linear, given.pop(f"{product}.linear.weight"))


def _factor(activation: Normalized) -> float:
    """What the weights after an activation of ours lack."""
    return SILU_FACTOR / activation.factor


def _signs(message: Message, given: Mapping[str, Tensor], name: str) -> Tensor:
    """The sign of each weight of an edge: +1 if the coupling of its path has our phase."""
    signs = []
    for term in message.program.form.terms:
        key = f"{name}.conv_tp._compiled_main_left_right._w3j_" + "_".join(map(str, term.degrees))
        # Those with a scalar are not stored: they are products with a number, or of two equal vectors.
        theirs = given[key].double().numpy() if key in given else coupling(*term.degrees)
        signs += [np.sign((theirs * coupling(*term.degrees)).sum())] * term.channels
    return torch.tensor(signs)


def _products(basis: ProductBasis, given: dict[str, Tensor], layer: int) -> Tensor:
    """Weights of the slots of a layer, `(species, slots, channels)`."""
    copies: list[Tensor] = []
    for k, (degree, tensors) in enumerate(_tensors(given, layer).items()):
        start = f"products.{layer}.symmetric_contractions.contractions.{k}"
        names = [*(f"weights.{j}" for j in reversed(range(len(tensors) - 1))), "weights_max"]
        for tensor, name in zip(tensors, names, strict=True):
            weight = given.pop(f"{start}.{name}")
            matrix = torch.from_numpy(_copies(basis.power, degree, tensor.double().numpy())).to(weight)
            copies.append(torch.einsum("zsc,sk->zkc", weight, matrix))
    total = torch.stack(copies).sum(0)
    return torch.einsum("zkc,ks->zsc", total, torch.from_numpy(np.linalg.pinv(basis.matrix)).to(total))


def _copies(power: Power, degree: int, tensor: np.ndarray) -> np.ndarray:
    r"""Each slot as a sum of the copies of a power, `(slots, power.weights)`.

    The scalar products $\langle U_s, P_k \rangle / (2L + 1)$, as in `cartesian.programs.slots`.
    """
    order = tensor.ndim - 2
    arranged = [(0, *(1 + p for p in places), order + 1) for places in permutations(range(order))]
    symmetric = np.mean([tensor.transpose(axes) for axes in arranged], 0)
    start = next(
        part.start
        for block, part in zip(power.out, power.out.slices, strict=True)
        if block.irrep.degree == degree
    )
    matrix = np.zeros((tensor.shape[-1], power.weights))
    for column, (component, monomial) in enumerate(power.monomials):
        if start <= component < start + 2 * degree + 1 and len(monomial) == order:
            matrix += np.outer(symmetric[(component - start, *monomial)], power.folding[:, column])
    return matrix / (2 * degree + 1)
