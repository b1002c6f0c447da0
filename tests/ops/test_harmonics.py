import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cartesian.ops.harmonics import degree_slice, harmonics
from cartesian.symbolic.multipoles import harmonic

torch = pytest.importorskip("torch")
o3 = pytest.importorskip("e3nn.o3")

vectors = arrays(np.float64, (4, 3), elements=st.floats(-2, 2, width=32))
seeds = st.integers(0, 2**32 - 1)
normalizations = st.sampled_from(["component", "norm", "stf"])


def general(seed, *shape):
    return np.random.default_rng(seed).normal(size=(*shape, 3))


@given(seeds, st.integers(0, 11))
def test_values_are_those_of_e3nn(seed, max_degree):
    points = general(seed, 5)
    theirs = o3.spherical_harmonics(
        list(range(max_degree + 1)), torch.from_numpy(points), True, normalization="component"
    )
    np.testing.assert_allclose(harmonics(points, max_degree), theirs.numpy(), atol=1e-12)


@given(vectors, st.integers(0, 5))
def test_values_are_the_exact_polynomials(points, max_degree):
    ours = harmonics(points, max_degree, "stf", normalize=False)
    for degree in range(max_degree + 1):
        np.testing.assert_allclose(
            ours[:, degree_slice(degree)], harmonic(degree).evaluate(points), atol=1e-12 * 4**degree
        )


@pytest.mark.parametrize("max_degree", [60])
def test_norms_hold_at_high_degree(max_degree):
    points = np.concatenate([general(1, 50), np.eye(3), -np.eye(3), [[1e-9, 1.0, 0.0]]])
    values = harmonics(points, max_degree, "norm")
    for degree in range(max_degree + 1):
        np.testing.assert_allclose(np.linalg.norm(values[:, degree_slice(degree)], axis=1), 1, atol=1e-12)


@given(seeds, st.integers(0, 6), normalizations)
def test_squared_norms_are_as_promised(seed, degree, normalization):
    values = harmonics(general(seed, 3), degree, normalization)[:, degree_slice(degree)]
    expected = {"component": 2 * degree + 1, "norm": 1, "stf": float(harmonic(degree).norm_squared)}
    np.testing.assert_allclose((values**2).sum(1), expected[normalization], rtol=1e-12)


@given(seeds, st.integers(0, 6), st.sampled_from([1e-300, 1e-30, 1e30, 1e300]))
def test_directions_do_not_know_their_length(seed, max_degree, scale):
    points = general(seed, 3)
    np.testing.assert_allclose(
        harmonics(scale * points, max_degree), harmonics(points, max_degree), atol=1e-12
    )


@given(vectors, st.integers(0, 6), normalizations, st.booleans())
def test_numpy_and_torch_agree(points, max_degree, normalization, normalize):
    ours = harmonics(points, max_degree, normalization, normalize)
    theirs = harmonics(torch.from_numpy(points), max_degree, normalization, normalize)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-12 * 4.0**max_degree)


@given(vectors, st.integers(0, 8))
def test_inversion_gives_the_natural_parity(points, max_degree):
    signs = np.concatenate([[(-1.0) ** degree] * (2 * degree + 1) for degree in range(max_degree + 1)])
    np.testing.assert_array_equal(harmonics(-points, max_degree), signs * harmonics(points, max_degree))


@pytest.mark.parametrize("normalize", [True, False])
def test_the_zero_vector_has_degree_zero_only_and_finite_derivatives(normalize):
    points = torch.zeros(2, 3, dtype=torch.float64)
    points[1] = torch.tensor([0.3, -0.2, 0.5])

    def values(x):
        return harmonics(x, 3, normalize=normalize)

    assert values(points)[0].tolist() == [1.0] + [0.0] * 15
    first = torch.autograd.functional.jacobian(values, points)
    second = torch.autograd.functional.hessian(lambda x: (values(x) ** 3).sum(), points)
    assert first.isfinite().all()
    assert second.isfinite().all()
    if normalize:
        assert not first[0].any()
    else:
        np.testing.assert_allclose(first[0, 1:4, 0], np.sqrt(3) * np.eye(3))


@settings(max_examples=5)
@given(seeds, st.integers(1, 4), st.booleans())
def test_first_and_second_derivatives(seed, max_degree, normalize):
    points = torch.from_numpy(general(seed, 2)).requires_grad_()
    weights = torch.linspace(-1, 1, (max_degree + 1) ** 2, dtype=torch.float64)

    def total(x):
        return harmonics(x, max_degree, normalize=normalize) @ weights

    assert torch.autograd.gradcheck(total, (points,))
    assert torch.autograd.gradgradcheck(total, (points,))


@given(seeds, st.integers(1, 6))
def test_the_gradient_is_the_exact_one(seed, degree):
    point = torch.from_numpy(general(seed))
    ours = torch.autograd.functional.jacobian(
        lambda x: harmonics(x, degree, "stf", normalize=False)[degree_slice(degree)], point
    )
    theirs = harmonic(degree).gradient().evaluate(point.numpy())
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-11 * max(1, np.abs(theirs).max()))


def test_the_compiler_takes_tables_for_constants():
    points = torch.from_numpy(general(3, 4))
    compiled = torch.compile(lambda x: harmonics(x, 3), fullgraph=True, backend="aot_eager")
    np.testing.assert_allclose(compiled(points), harmonics(points, 3), atol=1e-14)


def test_dtype_and_leading_axes_are_kept():
    assert harmonics(np.ones((2, 0, 3), dtype=np.float32), 2).shape == (2, 0, 9)
    assert harmonics(np.ones((2, 3), dtype=np.float32), 2).dtype == np.float32
    assert harmonics(torch.ones(3), 4).dtype == torch.float32
    assert harmonics([1, 2, 2], 0).tolist() == [1.0]


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"three components on their last axis, not shape \(2, 4\)"):
        harmonics(np.ones((2, 4)), 1)
    with pytest.raises(ValueError, match="the largest degree is an integer >= 0, not -1"):
        harmonics(np.ones(3), -1)
    with pytest.raises(ValueError, match="unknown normalization 'integral': choose 'component'"):
        harmonics(np.ones(3), 1, "integral")
