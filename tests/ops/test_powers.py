"""Weighted symmetric powers against the exact symmetric tensors, by every kernel, with derivatives."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.kernels import lanes as kernel
from cartesian.kernels import lanes_reference
from cartesian.kernels.groups import sort_groups
from cartesian.ops.powers import symmetric_powers
from cartesian.programs.lanes import differentiate
from cartesian.programs.powers import lanes, power_program
from cartesian.symbolic.powers import symmetric_power
from cartesian.testing import assert_equivariant

POWER = power_program("0e + 1o", 3, "0e + 1o")


def draw(nodes, elements, channels, power=POWER, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((nodes, power.irreps.dim * channels))
    weights = rng.standard_normal((elements, power.weights, channels))
    return features, weights, rng.integers(0, elements, nodes)


@pytest.mark.parametrize("power", [POWER, power_program("1o + 1e", 2, "0e + 1e")])
def test_it_is_the_sum_over_copies_of_the_exact_tensors(power):
    features, weights, species = draw(3, 2, 2, power)
    x = features.reshape(3, power.irreps.dim, 2)
    expected, start = [], 0
    for irrep in (block.irrep for block in power.out):
        total = np.zeros((3, irrep.dim, 2))
        for correlation, other, count in power.copies:
            if other != irrep:
                continue
            powers = symmetric_power(power.irreps, correlation, str(irrep))
            tensor = np.einsum(
                "kj,j...->k...", powers.orthonormal(irrep).numpy(), powers.tensor(irrep).numpy()
            )
            letters = "abd"[:correlation]
            formula = f"k{letters}m,{','.join(f'n{a}c' for a in letters)},nkc->nmc"
            part = weights[species][:, start : start + count]
            total += np.einsum(formula, tensor, *[x] * correlation, part)
            start += count
        expected.append(total.reshape(3, -1))
    np.testing.assert_allclose(
        symmetric_powers(power, features, weights, species), np.concatenate(expected, 1)
    )


@pytest.mark.parametrize("power", [POWER, power_program("0o + 1o + 1e", 3, "0o + 1e + 2o")])
def test_it_commutes_with_o3(power):
    _, weights, _ = draw(1, 2, 1, power)

    def of_one_channel(features):
        species = np.arange(len(features)) % 2
        return symmetric_powers(power, features, weights, species)

    assert_equivariant(of_one_channel, power.irreps, power.out)


@settings(max_examples=10)
@given(st.integers(0, 5), st.sampled_from([1, 3, 16, 19]), st.integers(0, 9))
def test_every_kernel_computes_every_derivative(nodes, channels, seed):
    species = np.random.default_rng(seed).integers(0, 3, nodes)
    groups = sort_groups(torch.from_numpy(species), 3)
    first = differentiate(lanes(POWER.text), (0, 1))
    for program in (
        lanes(POWER.text),
        first,
        differentiate(first, (0, 1, 2)),
        differentiate(first, (1,), {0}),
    ):
        rng = np.random.default_rng(seed)
        sizes = {"row": nodes, "group": 3}
        operands = [rng.standard_normal((sizes[leg.place], leg.length, channels)) for leg in program.operands]
        expected = lanes_reference.run(program, operands, species, 3)
        tensors = [torch.from_numpy(array) for array in operands]
        for run in (kernel.run_eager, kernel.run_native):
            for actual, array in zip(run(program, tensors, groups), expected, strict=True):
                np.testing.assert_allclose(actual, array, atol=1e-12 * max(1, np.abs(array).max(initial=0)))


def test_gradients_of_any_order_agree_with_finite_differences():
    features, weights, species = draw(3, 2, 1)
    leaves = [torch.from_numpy(array).requires_grad_() for array in (features, weights)]

    def forward(x, w):
        return symmetric_powers(POWER, x, w, torch.from_numpy(species))

    torch.autograd.gradcheck(forward, leaves)
    torch.autograd.gradgradcheck(forward, leaves)


def test_the_operator_passes_the_checks_of_torch():
    groups = sort_groups(torch.tensor([1, 0, 1]), 2)
    program = lanes(POWER.text)
    operands = [
        torch.randn(2 if leg.place == "group" else 3, leg.length, 2, dtype=torch.float64, requires_grad=True)
        for leg in program.operands
    ]
    torch.library.opcheck(kernel.lanes, (program.text, operands, list(groups)))
    torch.autograd.gradcheck(lambda *given: kernel.lanes(program.text, given, list(groups))[0], operands)


def test_what_does_not_fit_is_named():
    features, weights, species = draw(3, 2, 2)
    with pytest.raises(ValueError, match=r"weights have shape \(2, 1, 2\), not \(elements, 9, channels\)"):
        symmetric_powers(POWER, features, weights[:, :1], species)
    with pytest.raises(
        ValueError, match=r"features have shape \(3, 7\), not \(nodes, 8\): 2 channels of 1x0e"
    ):
        symmetric_powers(POWER, features[:, :7], weights, species)
    with pytest.raises(ValueError, match=r"species have shape \(2,\), but there are 3 nodes"):
        symmetric_powers(POWER, features, weights, species[:2])
    for library in (np.asarray, torch.as_tensor):
        with pytest.raises(ValueError, match="species run from 0 to 2, but there are weights for 2"):
            symmetric_powers(POWER, library(features), library(weights), library(np.array([0, 1, 2])))
        with pytest.raises(TypeError, match=r"species are integers, not .*float"):
            symmetric_powers(POWER, library(features), library(weights), library(species.astype(float)))
    with pytest.raises(ValueError, match="has an irrep twice"):
        power_program("0e + 0e", 2, "0e")
    with pytest.raises(ValueError, match="no product of up to 2 factors of 1x1o contains 1e"):
        power_program("1o", 2, "1e")


def test_features_that_no_result_contains_have_no_gradient() -> None:
    power = power_program("0e + 1o", 1, "0e")
    features = torch.randn(5, 4 * 16, requires_grad=True)
    result = symmetric_powers(power, features, torch.ones(2, 1, 16), torch.tensor([0, 1, 0, 1, 1]))
    (gradient,) = torch.autograd.grad(result.sum(), features)
    assert (gradient[:, 16:] == 0).all()
    assert (gradient[:, :16] == 1).all()
