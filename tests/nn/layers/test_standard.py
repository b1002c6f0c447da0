"""Standard inputs against NumPy's means and deviations."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cartesian.nn.layers.standard import FLOOR, SpeciesStandard

rows = st.integers(1, 6).flatmap(lambda n: arrays(np.float64, (n, 3), elements=st.floats(-9, 9, width=32)))


def settled(parts):
    """A layer that knows these inputs, of one species each, and all of them."""
    layer = SpeciesStandard(3, len(parts) + 1).double()
    x = torch.from_numpy(np.concatenate(parts))
    species = torch.repeat_interleave(torch.arange(len(parts)), torch.tensor([len(part) for part in parts]))
    layer.settle(x, species)
    return layer, x, species


@given(st.lists(rows, min_size=1, max_size=3))
def test_each_species_is_standardised_by_itself(parts):
    layer, x, species = settled(parts)
    found = layer(x, species)
    for z, part in enumerate(parts):
        mean, deviation = part.mean(0), np.maximum(part.std(0), FLOOR * np.abs(part.mean(0)))
        wanted = (part - mean) / np.where(deviation > 0, deviation, 1)
        np.testing.assert_allclose(found[species == z].numpy(), wanted, rtol=1e-9, atol=1e-9)


def test_a_species_without_inputs_is_left_as_it_is():
    layer, x, species = settled([np.array([[1.0, 2.0, 3.0]])])
    assert torch.equal(layer(x, species + 1), x)


def test_settling_again_forgets_the_first_time():
    layer, x, species = settled([np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 4.0]])])
    layer.settle(10 * x, species)
    assert layer.means[0].tolist() == [15.0, 20.0, 35.0]
    assert layer.deviations[0].tolist() == pytest.approx([5.0, 20.0 * FLOOR, 5.0])


def test_no_gradient_reaches_the_constants_but_all_of_it_the_inputs():
    layer, x, species = settled([np.array([[1.0, 2.0, 3.0], [2.0, 5.0, 4.0]])])
    x.requires_grad_()
    layer(x, species).sum().backward()
    assert [p.grad for p in layer.parameters()] == [None, None]
    assert torch.allclose(x.grad, 1 / layer.deviations[species])
