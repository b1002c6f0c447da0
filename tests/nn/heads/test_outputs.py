import pytest
import torch

from cartesian.nn.data import batch, to_graph
from cartesian.nn.heads import ZBL, Outputs, Target, TensorHead, parse_targets
from cartesian.nn.heads.outputs import NAMED
from cartesian.ops.spaces import TensorSpace


@pytest.mark.parametrize(
    ("name", "jahn"),
    [
        ("dipole", "V"),
        ("polarizability", "[V2]"),
        ("hyperpolarizability", "[V3]"),
        ("second_hyperpolarizability", "[V4]"),
        ("dielectric", "[V2]"),
        ("piezoelectric", "V[V2]"),
        ("stiffness", "[[V2]2]"),
        ("shielding", "V2"),
        ("born_charges", "V2"),
    ],
)
def test_named_targets_have_the_symmetry_of_their_jahn_symbol(name, jahn):
    assert TensorSpace(NAMED[name].formula).irreps == TensorSpace.jahn(jahn).irreps


def test_a_repulsion_is_added_as_it_is_whatever_the_scale():
    graph = to_graph(torch.tensor([[0.0, 0, 0], [0.6, 0, 0]]), [1, 8], 5.0, dtype=torch.float64)
    values, species = torch.ones(2, dtype=torch.float64), torch.tensor([0, 1])
    plain, repelled = (
        Outputs(["H", "O"], scale=3.0, shift=1.0, repulsion=repulsion)(values, {}, species, graph)
        for repulsion in (False, {"constant": 10.0})
    )
    wanted = ZBL(constant=10.0)(graph)
    assert (wanted > 0.1).all()
    torch.testing.assert_close(repelled["energies"], plain["energies"] + wanted, rtol=0, atol=1e-14)
    torch.testing.assert_close(repelled["energy"], plain["energy"] + wanted.sum(), rtol=0, atol=1e-14)


def test_results_are_those_of_the_heads_alone():
    torch.manual_seed(0)
    graphs = [to_graph(torch.randn(n, 3), [8] * n, 5.0, dtype=torch.float64) for n in (2, 3)]
    graph = batch(graphs)
    outputs = Outputs(
        ["O"], scale=2.0, isolated=-3.0, targets=["shielding", {"name": "stiffness", "scale": 7.0}]
    )
    parts = {name: torch.randn(5, irreps.dim, dtype=torch.float64) for name, irreps in outputs.irreps.items()}
    values, species = torch.randn(5, dtype=torch.float64), torch.zeros(5, dtype=torch.int64)
    results = outputs(values, parts, species, graph)
    assert list(results) == ["energy", "energies", "shielding", "stiffness"]
    wanted = torch.stack([(2 * values[:2] - 3).sum(), (2 * values[2:] - 3).sum()])
    assert torch.allclose(results["energy"], wanted, rtol=1e-14)
    assert torch.equal(results["shielding"], TensorHead("ij", None)(parts["shielding"], graph))
    stiffness = TensorSpace("ijkl=jikl=klij").from_irreps(parts["stiffness"])
    assert torch.allclose(results["stiffness"][1], 7 * stiffness[2:].mean(0), rtol=1e-14)


def test_a_mapping_changes_a_named_target_and_an_axial_one_has_the_other_parity():
    changed, rotatory = parse_targets(
        [{"name": "dipole", "head": "charges"}, Target("g", "ij=ji", axial=True)]
    )
    assert str(changed.make().irreps) == "1x0e+1x1o"
    assert str(rotatory.make().irreps) == "1x0o+1x2o"
    (positive,) = parse_targets([{"name": "dielectric", "head": "positive"}])
    assert str(positive.make().irreps) == "1x0e+1x2e"


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (["dipol"], "no target is called 'dipol'; is it 'dipole'?"),
        (["dipole", {"name": "dipole", "pool": "mean"}], "a name of its own"),
        ([{"formula": "ij"}], "a target is a name, or a mapping of name, formula"),
        ([{"name": "g", "formula": "ij", "pol": "sum"}], "a target is a name, or a mapping"),
        ([{"name": "forces", "formula": "i"}], "cannot be the name of a target"),
        ([{"name": "g", "formula": "ij", "pool": "max"}], "'sum', 'mean' or 'none', not 'max'"),
        ([{"name": "dipole", "head": "dipole"}], "no such head"),
        ([{"name": "g", "formula": "ij", "head": "charges"}], "charges make vectors 'i', not 'ij'"),
        ([{"name": "g", "formula": "ij", "head": "positive"}], "positive are matrices 'ij=ji', not 'ij'"),
        (
            [{"name": "g", "formula": "ij=ji", "axial": True, "head": "positive"}],
            "positive are matrices 'ij=ji', not axial 'ij=ji'",
        ),
    ],
)
def test_bad_targets_are_refused(targets, message):
    with pytest.raises(ValueError, match=message):
        parse_targets(targets)
