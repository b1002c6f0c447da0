"""Networks of each species: atoms of a species are served by its weights alone, and start from the zero."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cartesian.nn.layers.species_network import SpeciesDense, SpeciesNetwork


@given(st.lists(st.integers(0, 2), max_size=5), st.integers(0, 9))
def test_every_atom_meets_the_weights_of_its_species(kinds, seed):
    torch.manual_seed(seed)
    layer, x = SpeciesDense(4, 3, species=3).double(), torch.randn(len(kinds), 4, dtype=torch.float64)
    torch.nn.init.normal_(layer.bias)
    rows = [row @ layer.weight[:, z] + layer.bias[z] for row, z in zip(x, kinds, strict=True)]
    wanted = torch.stack(rows) if rows else torch.zeros(0, 3, dtype=torch.float64)
    assert torch.allclose(layer(x, torch.tensor(kinds, dtype=torch.int64)), wanted, rtol=1e-14, atol=1e-14)


def test_a_network_of_many_species_is_as_many_networks():
    torch.manual_seed(0)
    x, both = torch.randn(6, 4), SpeciesNetwork(4, 2, (5, 3), species=2, blocks=2)
    for parameter in both.parameters():
        torch.nn.init.normal_(parameter)
    species = torch.tensor([0, 1, 1, 0, 1, 0])
    alone = [SpeciesNetwork(4, 2, (5, 3), species=1, blocks=2) for _ in range(2)]
    for z, network in enumerate(alone):
        for (name, part), whole in zip(network.named_parameters(), both.parameters(), strict=True):
            axis = 1 if name.endswith("weight") and whole.ndim == 3 else 0
            part.data.copy_(whole.data.narrow(axis, z, 1))
    wanted = torch.stack(
        [alone[z](row[None], torch.tensor([0]))[0] for row, z in zip(x, species.tolist(), strict=True)]
    )
    assert torch.allclose(both(x, species), wanted, rtol=1e-4, atol=1e-5)


def test_a_new_network_answers_zero_and_can_be_trained():
    network, x, species = SpeciesNetwork(4, 2, (5,), species=2), torch.randn(3, 4), torch.tensor([0, 1, 0])
    assert torch.equal(network(x, species), torch.zeros(3, 2))
    (gradient,) = torch.autograd.grad(network(x, species).sum(), network.last.parts[-1].weight)
    assert gradient.abs().min() > 0


def test_widths_are_positive():
    with pytest.raises(ValueError, match=r"at least one hidden layer, not \[4, 0, 2\] for 1 species"):
        SpeciesNetwork(4, 2, (0,), species=1)
