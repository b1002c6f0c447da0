"""Isotropic tensors against known counts, dense contraction, and averages over a finite group."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.factors import delta, epsilon
from cartesian.symbolic.isotropic import IsotropicTensors, isotropic
from cartesian.symbolic.linear_algebra import rank

INDEPENDENT = [1, 0, 1, 1, 3, 6, 15, 36, 91, 232, 603, 1585, 4213]
PRODUCTS = [1, 0, 1, 1, 3, 10, 15, 105, 105, 1260, 945, 17325, 10395]
small = [(n, 3, "SO") for n in range(7)] + [
    (4, 2, "SO"),
    (5, 2, "SO"),
    (6, 2, "O"),
    (4, 4, "SO"),
    (5, 3, "O"),
]


@pytest.mark.parametrize("number", range(13))
def test_counts_in_three_dimensions(number):
    tensors = isotropic(number)
    assert (tensors.count, tensors.count_products) == (INDEPENDENT[number], PRODUCTS[number])
    assert isotropic(number, group="O").count == (0 if number % 2 else INDEPENDENT[number])


def test_counts_follow_the_riordan_recurrence():
    a = [isotropic(n).count for n in range(31)]
    assert all((n + 1) * a[n] == (n - 1) * (2 * a[n - 1] + 3 * a[n - 2]) for n in range(2, 31))


@pytest.mark.parametrize(
    ("dimension", "counts"),
    [
        (2, [1, 1, 3, 10, 35, 126, 462]),
        (3, [1, 1, 3, 15, 91, 603, 4213]),
        (6, [1, 1, 3, 15, 105, 945, 10395]),
        (9, [1, 1, 3, 15, 105, 945, 10395]),
    ],
)
def test_counts_in_other_dimensions(dimension, counts):
    assert [isotropic(n, dimension, "O").count for n in range(0, 13, 2)] == counts


@pytest.mark.parametrize("number", range(8))
def test_the_rank_of_the_gram_matrix_is_the_count(number):
    tensors = isotropic(number)
    assert rank(rows(tensors.gram)) == tensors.count == len(tensors.independent)
    chosen = [tensors.products.index(item) for item in tensors.independent]
    block = [
        {j: row[k] for j, k in enumerate(chosen) if k in row}
        for row in map(rows(tensors.gram).__getitem__, chosen)
    ]
    assert rank(block) == tensors.count
    assert tensors.relations.shape == (PRODUCTS[number] - INDEPENDENT[number], PRODUCTS[number])


@pytest.mark.parametrize(("number", "dimension"), [(8, 3), (6, 2), (6, 4)])
def test_the_independent_set_spans_in_other_cases(number, dimension):
    tensors = isotropic(number, dimension)
    components = np.stack([item.numpy().ravel() for item in tensors.independent])
    assert np.linalg.matrix_rank(components) == tensors.count == len(components)
    assert len(tensors.relations.shape) == 2
    assert tensors.relations.shape[0] == len(tensors.products) - tensors.count


def rows(gram):
    result: list[dict[int, Fraction]] = [{} for _ in range(gram.shape[0])]
    for (i, j), value in gram.entries():
        result[i][j] = value.fraction()
    return result


@pytest.mark.parametrize(("number", "dimension", "group"), small)
def test_loops_count_the_full_contractions(number, dimension, group):
    tensors = isotropic(number, dimension, group)
    dense = components(tensors)
    np.testing.assert_array_equal(tensors.gram.numpy(), dense @ dense.T)


@pytest.mark.parametrize(("number", "dimension", "group"), [*small, (7, 3, "SO"), (8, 3, "SO")])
def test_relations_are_sums_of_products_that_vanish(number, dimension, group):
    tensors = isotropic(number, dimension, group)
    np.testing.assert_array_equal(tensors.relations.numpy() @ components(tensors), 0)


def test_a_relation_of_rank_5_is_an_expression_whose_components_vanish():
    tensors = isotropic(5)
    row = tensors.relations[0]
    total = sum((tensors.products[k] * value for (k,), value in row.entries()), 0 * tensors.products[0])
    assert not total.is_zero
    assert total.tensor.is_zero


@pytest.mark.parametrize(("number", "dimension", "group"), small)
def test_the_orthonormal_set_is_orthonormal_exactly(number, dimension, group):
    tensors = [item.tensor for item in isotropic(number, dimension, group).orthonormal]
    letters = "abcdef"[:number]
    for (i, left), (j, right) in product(enumerate(tensors), repeat=2):
        if i <= j:
            assert einsum(f"{letters},{letters}->", left, right) == int(i == j)


@pytest.mark.parametrize("number", [7, 8])
def test_the_orthonormal_set_of_high_rank(number):
    tensors = isotropic(number)
    gram = tensors.project(np.stack([item.numpy() for item in tensors.independent]))
    np.testing.assert_allclose(gram, np.stack([item.numpy() for item in tensors.independent]), atol=1e-12)


@given(st.integers(0, 5), st.data())
def test_the_isotropic_part_is_the_mean_over_the_icosahedral_group(number, data):
    # Its degrees 1 to 5 hold no invariant, so it averages tensors up to rank 5 like all rotations do.
    tensor = data.draw(arrays(np.float64, (3,) * number, elements=st.floats(-1, 1)))
    mean = np.mean([act(matrix, tensor) for matrix in ICOSAHEDRAL], axis=0)
    tensors = isotropic(number)
    np.testing.assert_allclose(tensors.project(tensor), mean, atol=1e-12)
    coefficients = tensors.coefficients(np.stack([tensor, tensor]))
    assert coefficients.shape == (2, tensors.count)
    if tensors.count:
        expected = np.tensordot(coefficients[0], np.stack([item.numpy() for item in tensors.independent]), 1)
        np.testing.assert_allclose(expected, mean, atol=1e-12)


@settings(max_examples=30)
@given(st.sampled_from([(6, 3), (6, 2), (4, 4)]), st.integers(0, 2**32 - 1))
def test_the_isotropic_part_is_invariant_and_what_is_left_has_none(case, seed):
    number, dimension = case
    generator = np.random.default_rng(seed)
    tensors = isotropic(number, dimension)
    tensor = generator.normal(size=(dimension,) * number)
    turn = np.linalg.qr(generator.normal(size=(dimension, dimension))).Q
    turn[0] *= np.linalg.det(turn)
    part = tensors.project(tensor)
    np.testing.assert_allclose(act(turn, part), part, atol=1e-10)
    np.testing.assert_allclose(components(tensors) @ (tensor - part).ravel(), 0, atol=1e-9)


def test_reflections_leave_only_products_of_deltas():
    assert isotropic(3, group="O").products == ()
    assert isotropic(2, 2).text == "δ_ij, ε_ij"
    assert isotropic(2, 2, "O").text == "δ_ij"
    np.testing.assert_array_equal(isotropic(3, group="O").project(epsilon("ijk").numpy()), 0)


def test_elastic_constants_of_an_isotropic_solid():
    stiffness = 3 * delta("ij") * delta("kl") + 2 * (delta("ik") * delta("jl") + delta("il") * delta("jk"))
    np.testing.assert_allclose(isotropic(4).coefficients(stiffness.numpy()), [3, 2, 2], atol=1e-12)
    assert isotropic(4).latex().count(r"\quad") == 2


def test_torch_tensors_keep_their_dtype_and_gradient():
    torch = pytest.importorskip("torch")
    values = torch.eye(3, requires_grad=True)
    part = isotropic(2).project(2 * values)
    assert part.dtype == torch.float32
    part[0, 0].backward()
    np.testing.assert_allclose(values.grad.numpy(), np.eye(3) * 2 / 3, atol=1e-6)


def test_bad_input_says_what_would_be_right():
    with pytest.raises(ValueError, match=r"integer rank >= 0, not -1"):
        isotropic(-1)
    with pytest.raises(ValueError, match=r"integer dimension >= 2, not 1"):
        isotropic(2, 1)
    with pytest.raises(ValueError, match=r"'SO' \(rotations\) or 'O' \(with reflections\), not 'U'"):
        isotropic(2, group="U")
    with pytest.raises(ValueError, match=r"135135 isotropic products of rank 14"):
        _ = isotropic(14).products
    with pytest.raises(ValueError, match=r"10395 products have 108056025 inner products"):
        _ = isotropic(12).gram
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 3, 3, 3\), not \(3, 3\)"):
        isotropic(3).project(np.eye(3))


def components(tensors: IsotropicTensors) -> np.ndarray:
    size = tensors.dimension**tensors.rank
    return np.array([item.numpy().ravel() for item in tensors.products]).reshape(-1, size)


def act(matrix: np.ndarray, tensor: np.ndarray) -> np.ndarray:
    for _ in range(tensor.ndim):
        tensor = np.tensordot(tensor, matrix, (0, 1))
    return tensor


def icosahedral() -> list[np.ndarray]:
    golden = (1 + 5**0.5) / 2
    turn = np.array([[1, 1 / golden, golden], [1 / golden, golden, -1], [-golden, 1, 1 / golden]]) / 2
    found = [np.eye(3)]
    for element in found:
        for generator in (turn, np.roll(np.eye(3), 1, 0)):
            new = element @ generator
            if not any(np.allclose(new, other) for other in found):
                found.append(new)
    return found


ICOSAHEDRAL = icosahedral()


def test_the_icosahedral_group_has_sixty_rotations():
    assert len(ICOSAHEDRAL) == 60
    assert all(np.allclose(g @ g.T, np.eye(3)) and np.linalg.det(g) > 0 for g in ICOSAHEDRAL)
