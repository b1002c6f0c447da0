from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.ops.spaces import TensorSpace
from cartesian.spec import Irrep
from cartesian.spec.symmetry import IndexSymmetry
from cartesian.tables.lookup import frame
from cartesian.testing.strategies import index_symmetries, orthogonals, spaces

ELASTIC = TensorSpace("ijkl=jikl=klij")
E = np.eye(3)


def rotated(matrix: np.ndarray, tensor: np.ndarray, space: TensorSpace) -> np.ndarray:
    """O(3) on a tensor of the space, written out axis by axis."""
    first = tensor.ndim - space.rank
    for axis in range(first, tensor.ndim):
        tensor = np.moveaxis(np.tensordot(matrix, tensor, (1, axis)), 0, axis)
    return tensor * (np.linalg.det(matrix) if space.symmetry.axial else 1)


def wigner(matrix: np.ndarray, irrep: Irrep) -> np.ndarray:
    """O(3) on compact tensors: the frame turned and measured in the frame."""
    turned = frame(irrep.degree)
    for axis in range(1, irrep.degree + 1):
        turned = np.moveaxis(np.tensordot(matrix, turned, (1, axis)), 0, axis)
    sign = 1 if irrep.is_natural else np.linalg.det(matrix)
    return sign * frame(irrep.degree).reshape(irrep.dim, -1) @ turned.reshape(irrep.dim, -1).T


def drawn(space: TensorSpace, seed: int, *batch: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(*batch, *[3] * space.rank))


seeds = st.integers(0, 2**32 - 1)
batches = st.lists(st.integers(0, 3), max_size=2).map(tuple)


@given(spaces(max_rank=4), batches, seeds)
def test_joining_undoes_splitting_and_norms_add_up(space, batch, seed):
    tensor = space.project(drawn(space, seed, *batch))
    parts = space.split(tensor)
    assert list(parts) == [(i, s) for n, i in space.irreps for s in range(1, n + 1)]
    np.testing.assert_allclose(space.join(parts), tensor, atol=1e-12)
    squared = sum((part**2).sum(-1) for part in parts.values())
    np.testing.assert_allclose((tensor**2).sum(tuple(range(-space.rank, 0))), squared, atol=1e-11)


@given(spaces(max_rank=4), batches, seeds)
def test_flat_vectors_hold_the_parts_with_seniorities_innermost(space, batch, seed):
    tensor = space.project(drawn(space, seed, *batch))
    flat, parts = space.to_irreps(tensor), space.split(tensor)
    assert flat.shape == (*batch, space.dim)
    for (count, irrep), where in zip(space.irreps, space.irreps.slices, strict=True):
        block = flat[..., where].reshape(*batch, irrep.dim, count)
        for s in range(1, count + 1):
            np.testing.assert_array_equal(block[..., s - 1], parts[irrep, s])
    np.testing.assert_allclose(space.from_irreps(flat), tensor, atol=1e-12)


@given(spaces(max_rank=4), orthogonals(), seeds)
def test_parts_transform_as_irreps_under_rotations_and_reflections(space, matrix, seed):
    tensor = space.project(drawn(space, seed, 2))
    turned = space.split(rotated(matrix, tensor, space))
    for (irrep, s), part in space.split(tensor).items():
        np.testing.assert_allclose(turned[irrep, s], part @ wigner(matrix, irrep).T, atol=1e-12)


@given(spaces(max_rank=4), seeds)
def test_projecting_takes_the_mean_over_the_group(space, seed):
    tensor = drawn(space, seed)
    group = [(p, s) for p in permutations(range(space.rank)) if (s := space.symmetry.group.sign(p))]
    expected = np.mean([s * tensor.transpose(p) for p, s in group], 0)
    np.testing.assert_allclose(space.project(tensor), expected, atol=1e-12)


@settings(max_examples=30)
@given(spaces(max_rank=4), batches, seeds, st.sampled_from([torch.float32, torch.float64]))
def test_torch_gives_what_numpy_gives(space, batch, seed, dtype):
    tensor = space.project(drawn(space, seed, *batch))
    found = space.split(torch.tensor(tensor, dtype=dtype))
    atol = 1e-12 if dtype == torch.float64 else 1e-5
    for key, part in space.split(tensor).items():
        assert found[key].dtype == dtype
        np.testing.assert_allclose(found[key].numpy(), part, atol=atol)
    if found:
        joined = space.join(found)
        assert joined.dtype == dtype
        np.testing.assert_allclose(joined.numpy(), tensor, atol=atol)


@pytest.mark.parametrize("formula", ["ij=ji", "ijk=ikj", "abcdef=bacdef"])
def test_splitting_and_joining_are_differentiable(formula):
    space = TensorSpace(formula)
    flat = torch.randn(2, space.dim, dtype=torch.float64, requires_grad=True)
    tensor = space.from_irreps(flat)
    parts = space.split(tensor)
    sum((part**2).sum() for part in parts.values()).backward()
    torch.testing.assert_close(flat.grad, 2 * flat.detach())


@pytest.mark.parametrize("formula", ["ijkl=jikl=klij", "abcdef=bacdef"])
def test_a_space_that_was_used_compiles_whole(formula):
    space = TensorSpace(formula)
    flat = torch.randn(2, space.dim, dtype=torch.float64)
    tensor = space.from_irreps(flat)
    compiled = torch.compile(
        lambda x: space.from_irreps(2 * space.to_irreps(x, tolerance=None)), backend="eager", fullgraph=True
    )
    torch.testing.assert_close(compiled(tensor), 2 * tensor)


@given(seeds)
def test_float32_stays_float32(seed):
    tensor = ELASTIC.project(drawn(ELASTIC, seed).astype(np.float32))
    assert tensor.dtype == np.float32
    assert {part.dtype for part in ELASTIC.split(tensor).values()} == {np.dtype(np.float32)}


@given(st.tuples(*[st.floats(-10, 10)] * 3))
def test_a_cubic_crystal(constants):
    c11, c12, c44 = constants
    delta = np.einsum("ij,kl->ijkl", E, E)
    crossed = delta.transpose(0, 2, 1, 3) + delta.transpose(0, 3, 2, 1)
    cube = np.einsum("ai,aj,ak,al->ijkl", E, E, E, E)
    anisotropy = c11 - c12 - 2 * c44
    stiffness = c12 * delta + c44 * crossed + anisotropy * cube
    parts = ELASTIC.split(stiffness)
    for s in (1, 2):
        np.testing.assert_allclose(parts[Irrep("2e"), s], 0, atol=1e-12)
    fourth = ELASTIC.join({key: part * (key[0].degree == 4) for key, part in parts.items()})
    np.testing.assert_allclose(fourth, anisotropy * (cube - (delta + crossed) / 5), atol=1e-12)
    np.testing.assert_allclose((parts[Irrep("4e"), 1] ** 2).sum(), 6 * anisotropy**2 / 5, atol=1e-9)


@given(seeds)
def test_bulk_and_shear_moduli_are_the_isotropic_parts(seed):
    stiffness = ELASTIC.project(drawn(ELASTIC, seed))
    parts = ELASTIC.split(stiffness)
    isotropic = ELASTIC.join({key: part * (key[0].degree == 0) for key, part in parts.items()})
    bulk = np.einsum("iijj", stiffness) / 9
    shear = (3 * np.einsum("ijij", stiffness) - np.einsum("iijj", stiffness)) / 30
    delta = np.einsum("ij,kl->ijkl", E, E)
    crossed = delta.transpose(0, 2, 1, 3) + delta.transpose(0, 3, 2, 1)
    np.testing.assert_allclose(isotropic, bulk * delta + shear * (crossed - 2 / 3 * delta), atol=1e-12)


@given(seeds)
def test_elasticity_is_a_totally_symmetric_and_a_cauchy_violating_part(seed):
    stiffness = ELASTIC.project(drawn(ELASTIC, seed))
    symmetric = ELASTIC.join({key: part * (key[1] == 1) for key, part in ELASTIC.split(stiffness).items()})
    expected = (stiffness + stiffness.transpose(0, 2, 1, 3) + stiffness.transpose(0, 3, 2, 1)) / 3
    np.testing.assert_allclose(symmetric, expected, atol=1e-12)
    assert (TensorSpace.jahn("[V4]").dim, ELASTIC.dim) == (15, 21)


@pytest.mark.parametrize(("formula", "parts"), [("abcdefghi", 3139), ("abcdefghijk", 25653)])
def test_high_ranks(formula, parts):
    space = TensorSpace(formula)
    tensor = drawn(space, 0)
    found = space.split(tensor)
    assert len(found) == parts
    np.testing.assert_allclose(space.join(found), tensor, atol=1e-12)


@given(spaces(max_rank=4), seeds)
def test_independent_components_are_components(space, seed):
    tensor = space.project(drawn(space, seed, 2))
    components = space.independent(tensor)
    assert len(components) == space.dim
    for name, values in components.items():
        index = tuple("xyz".index(letter) for letter in name)
        np.testing.assert_array_equal(values, tensor[:, *index])


@given(index_symmetries(max_rank=4))
def test_spaces_compare_by_their_symmetry(symmetry):
    space = TensorSpace(symmetry)
    assert space == TensorSpace(symmetry.formula, symmetry.axial)
    assert hash(space) == hash(TensorSpace(symmetry.formula, symmetry.axial))
    assert space != TensorSpace(symmetry.formula, not symmetry.axial) or symmetry.axial
    assert str(space) == f'TensorSpace("{symmetry}"): {space.dim} components, {space.irreps}'


def test_invariants_of_a_group_are_those_of_the_symmetry():
    assert len(ELASTIC.invariants("m-3m")) == 3
    for found in ELASTIC.invariants("m-3m"):
        assert len(ELASTIC.split(found.numpy())) == 5


def test_an_inconsistent_formula_is_refused():
    with pytest.raises(ValueError, match="inconsistent"):
        TensorSpace("ij=-ij")


def test_a_marked_symmetry_keeps_its_marks():
    symmetry = IndexSymmetry.jahn("aeV2")
    assert TensorSpace(symmetry).symmetry == symmetry
    assert TensorSpace("ij", axial=True).irreps == TensorSpace.jahn("eV2").irreps


def test_a_tensor_of_wrong_shape():
    with pytest.raises(ValueError, match=r"'ij=ji' have shape \(\.\.\., 3, 3\), not \(3, 2\)"):
        TensorSpace("ij=ji").split(np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"not \(3,\)"):
        TensorSpace("ij=ji").to_irreps(np.zeros(3))
    with pytest.raises(ValueError, match=r"expected flat vectors \(\.\.\., 6\)"):
        TensorSpace("ij=ji").from_irreps(np.zeros((2, 5)))
    with pytest.raises(TypeError, match="real numbers"):
        TensorSpace("ij=ji").split(np.zeros((3, 3), complex))


def test_a_tensor_without_the_symmetry():
    space = TensorSpace("ij=-ji")
    with pytest.raises(ValueError, match=r"breaks the symmetry ij=-ji: .* by 2; use project\(\)"):
        space.split(np.eye(3))
    assert not space.project(np.eye(3)).any()
    assert not space.split(np.eye(3), tolerance=None)[Irrep("1e"), 1].any()
    assert space.split(np.full((3, 3), np.nan))


def test_parts_that_are_missing_unknown_or_of_wrong_shape():
    space = TensorSpace("ij=ji")
    parts = space.split(E)
    with pytest.raises(ValueError, match=r"the part \(2e, 1\) is missing: .* 1x0e\+1x2e"):
        space.join({("0e", 1): np.zeros(1)})
    with pytest.raises(ValueError, match=r"the part \(2e, 2\) is unknown"):
        space.join(parts | {(Irrep("2e"), 2): np.zeros(5)})
    with pytest.raises(ValueError, match=r"the part \(2e, 1\) has shape \(4,\), expected \(5,\)"):
        space.join({("0e", 1): np.zeros(1), ("2e", 1): np.zeros(4)})
