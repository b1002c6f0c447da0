import pytest
import torch

from cartesian.nn.graph import Graph
from cartesian.nn.layers.embedding import ChargeEmbedding, Species, SpeciesEmbedding


def test_species_are_numbered_in_the_order_given():
    species = Species(["O", 1, "Og"])
    assert species.symbols == ("O", "H", "Og")
    assert species(torch.tensor([118, 8, 1])).tolist() == [2, 0, 1]
    assert SpeciesEmbedding(3, 5)(species(torch.tensor([8, 8]))).shape == (2, 5)


def test_an_unknown_element_is_named():
    with pytest.raises(
        ValueError, match=r"atom 1 is Cu, which the model does not know: it was made for H, O"
    ):
        Species(["H", "O"])(torch.tensor([1, 29]))


def test_compiled_code_refuses_unknown_elements_too():
    species = torch.compile(Species(["H", "O"]), backend="eager", fullgraph=True)
    assert species(torch.tensor([8])).tolist() == [1]
    with pytest.raises(RuntimeError, match="elements other than H, O"):
        species(torch.tensor([29]))


def test_neutral_systems_have_no_charge_features():
    graph = Graph.from_edges(torch.zeros(3, 3), [1, 1, 1], [], [], systems=[0, 0, 1], charges=[0.0, -2.0])
    layer = ChargeEmbedding(4)
    assert torch.allclose(layer(graph), torch.tensor([[0.0], [0.0], [-2.0]]) * layer.weight)
