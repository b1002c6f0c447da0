import pytest
import torch
from e3nn import o3
from hypothesis import given
from hypothesis import strategies as st

from cartesian.nn.layers.linear import Linear, SpeciesLinear, from_e3nn, to_e3nn
from cartesian.ops import storage
from cartesian.testing.strategies import irreps


@given(irreps(), irreps(), st.integers(0, 2**32 - 1))
def test_linear_layers_are_those_of_e3nn(left, right, seed):
    torch.manual_seed(seed)
    ours, theirs = Linear(left, right), o3.Linear(str(left), str(right))
    ours.weight.data = from_e3nn(ours, theirs.weight.data)
    x = torch.randn(3, left.dim)
    found = storage.to_e3nn(ours(x), right)
    assert torch.allclose(found, theirs(storage.to_e3nn(x, left)), atol=1e-5)
    assert torch.equal(to_e3nn(ours), theirs.weight.data)


@given(irreps(), irreps(), st.integers(0, 2**32 - 1))
def test_each_species_has_a_layer_of_its_own(left, right, seed):
    torch.manual_seed(seed)
    layer, species = SpeciesLinear(left, right, 3), torch.tensor([2, 0, 1, 1])
    x = torch.randn(4, left.dim)
    single = Linear(left, right)
    for atom, z in enumerate(species):
        single.weight.data = layer.weight.data[z]
        assert torch.allclose(layer(x, species)[atom], single(x[atom]), atol=1e-6)


@given(irreps(), irreps(), st.integers(0, 2**32 - 1))
def test_where_species_cannot_be_looked_at_the_result_is_the_same(left, right, seed):
    torch.manual_seed(seed)
    layer, species = SpeciesLinear(left, right, 3).double(), torch.randint(3, (5,))
    x = torch.randn(5, left.dim, dtype=torch.float64)
    results = []
    for is_compiling in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.compiler, "is_compiling", lambda answer=is_compiling: answer)
            results.append(layer(x, species))
    torch.testing.assert_close(results[0], results[1], rtol=1e-13, atol=1e-13)
    assert layer(x[:0], species[:0]).shape == (0, right.dim)


def test_layers_of_species_can_be_exported():
    layer, x = SpeciesLinear("4x0e + 2x1o", "2x0e + 2x1o", 2), torch.randn(5, 10)
    species, nodes = torch.tensor([0, 1, 1, 0, 1]), torch.export.Dim("nodes", min=2)
    program = torch.export.export(layer, (x, species), dynamic_shapes=({0: nodes}, {0: nodes}))
    found = program.module()(x[:3], species[:3])
    assert torch.allclose(found, layer(x, species)[:3], atol=1e-6)


def test_one_species_is_a_linear_layer():
    layer = SpeciesLinear("4x1o", "2x1o", 1)
    x = torch.randn(3, 12)
    single = Linear("4x1o", "2x1o")
    single.weight.data = layer.weight.data[0]
    assert torch.equal(layer(x, torch.zeros(3, dtype=torch.int64)), single(x))


def test_irreps_that_do_not_occur_come_out_zero():
    assert Linear("2x0e", "0e + 1o")(torch.ones(1, 2))[0, 1:].tolist() == [0, 0, 0]


def test_biases_belong_to_scalars():
    layer = Linear("2x0e + 0o + 1o", "1o + 2x0e + 0o", bias=True)
    torch.nn.init.constant_(layer.bias, 7.0)
    assert layer(torch.zeros(1, 6))[0].tolist() == [0, 0, 0, 7, 7, 0]


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="from 4x1o to 2x1o has 8 weights, not 9"):
        from_e3nn(Linear("4x1o", "2x1o"), torch.zeros(9))
    with pytest.raises(ValueError, match="features of 4x1o have length 12, not 4"):
        Linear("4x1o", "2x1o")(torch.zeros(3, 4))
