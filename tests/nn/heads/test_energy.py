import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cartesian.nn.graph import Graph
from cartesian.nn.heads.energy import Energy


def gas(numbers, systems=None):
    return Graph.from_edges(torch.zeros(len(numbers), 3), numbers, [], [], systems=systems)


@given(st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(0, 2), st.floats(-5, 5)), max_size=6))
def test_energies_of_atoms_add_up_by_system(atoms):
    atoms = sorted(atoms, key=lambda atom: atom[1])
    scale, shift, isolated = [2.0, 3.0], [0.5, -0.5], [-13.6, -2042.0]
    head = Energy(["H", "O"], scale, shift, isolated)
    species = torch.tensor([z for z, _, _ in atoms], dtype=torch.int64)
    graph = Graph.from_edges(
        torch.zeros(len(atoms), 3),
        species + 1,
        [],
        [],
        cells=torch.zeros(3, 3, 3),
        systems=[s for _, s, _ in atoms],
    )
    values = torch.tensor([x for _, _, x in atoms], dtype=torch.float64)
    wanted = [
        sum(scale[z] * x + shift[z] + isolated[z] for z, s, x in atoms if s == system) for system in range(3)
    ]
    assert head(values[:, None], species, graph).tolist() == pytest.approx(wanted)


def test_totals_of_many_atoms_keep_their_digits_in_float32():
    count = 10_000
    head = Energy(["O"], isolated=-2041.9816003861047).float()
    energy = head(torch.full((count,), 1e-3), torch.zeros(count, dtype=torch.int64), gas([8] * count))
    assert energy.dtype == torch.float64
    assert float(energy) == pytest.approx(count * (1e-3 - 2041.9816003861047), abs=1e-5)


def test_isolated_energies_survive_any_dtype():
    head = Energy(["O"], isolated=-2041.9816003861047).float().half().double()
    assert float(head.isolated) == -2041.9816003861047
    assert set(head.state_dict()) == {"scale", "shift", "isolated"}


def test_scale_and_shift_may_be_trained():
    head = Energy(["H", "O"], scale=2.0, trainable=True)
    assert {name for name, _ in head.named_parameters()} == {"scale", "shift"}
    energy = head(torch.ones(2), torch.tensor([0, 1]), gas([1, 8]))
    energy.sum().backward()
    assert head.scale.grad is not None
    assert head.scale.grad.tolist() == [1, 1]


def test_every_element_needs_an_energy():
    with pytest.raises(ValueError, match="no values of isolated for O"):
        Energy(["H", "O"], isolated={"H": -13.6})
