import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cartesian.ops.contraction import contract
from cartesian.programs.contraction import contract_path
from cartesian.programs.network import Stf
from cartesian.symbolic.coupling import compact_coupling
from cartesian.symbolic.exact import exact
from cartesian.symbolic.harmonics import frame
from cartesian.tables import frame as frame_table

unit = st.floats(-1, 1, width=32)


@st.composite
def formulas(draw, inputs):
    used = sorted(set("".join(inputs)))
    out = "".join(draw(st.permutations(used))[: draw(st.integers(0, 3))])
    return ",".join(inputs) + "->" + out


@st.composite
def networks(draw):
    """A formula and arrays; some operands are exact constants, and their values stand beside them."""
    lengths = draw(st.fixed_dictionaries({letter: st.integers(0, 3) for letter in "ijklm"}))
    inputs = draw(st.lists(st.text("ijklm", max_size=3), min_size=1, max_size=4))
    operands, values = [], []
    for letters in inputs:
        shape = tuple(lengths[x] for x in letters)
        if draw(st.booleans()):
            values.append(draw(arrays(np.float64, shape, elements=unit)))
            operands.append(values[-1])
        else:
            numbers = draw(arrays(np.int64, shape, elements=st.integers(-3, 3)))
            values.append(numbers.astype(float))
            operands.append(exact(numbers.ravel().tolist()).reshape(*shape) / 2)
            values[-1] /= 2
    return draw(formulas(inputs)), operands, values


@st.composite
def stf_networks(draw):
    """A formula, declarations and compact arrays, and the full arrays."""
    inputs, declared, compact, full = [], [], [], []
    for degree in draw(st.lists(st.integers(0, 3), min_size=1, max_size=3)):
        before = draw(st.sampled_from(["", "a"]))
        after = draw(st.sampled_from(["", "i", "c"]))
        letters = draw(st.text("ijkl", min_size=degree, max_size=degree))
        lengths = {"a": 2, "c": 2, "i": 3}
        array = draw(
            arrays(
                np.float64,
                [*map(lengths.get, before), 2 * degree + 1, *map(lengths.get, after)],
                elements=unit,
            )
        )
        axis = len(before)
        spread = np.tensordot(array, frame_table(degree), axes=([axis], [0]))
        spread = np.moveaxis(spread, axis, -1) if after else spread
        inputs.append(before + letters + after)
        declared.append(Stf(degree, tuple(map(lengths.get, before)), tuple(map(lengths.get, after))))
        compact.append(array)
        full.append(spread)
    return draw(formulas(inputs)), declared, compact, full


@pytest.mark.parametrize("letters", ["", "i", "ij", "ii"])
@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_equal_constants_are_all_multiplied(letters, count):
    half = exact([1] * 3 ** len(letters)).reshape(*[3] * len(letters)) / 2
    for other in {letters, ""}:
        formula, operands = ",".join([letters] * count + [other]) + "->", [half] * count
        operands.append(np.ones([3] * len(other)))
        found = contract(contract_path(formula, *operands), *operands)
        assert found == 3 ** len(set(letters)) / 2**count


@given(networks(), st.sampled_from(["auto", "optimal", "greedy", False]))
def test_networks_with_folded_constants_are_what_einsum_gives(network, optimize):
    formula, operands, values = network
    path = contract_path(formula, *operands, optimize=optimize)
    np.testing.assert_allclose(contract(path, *operands), np.einsum(formula, *values), atol=1e-12)


@given(stf_networks())
def test_stf_operands_in_compact_form_give_what_full_ones_give(network):
    formula, declared, compact, full = network
    path = contract_path(formula, *declared)
    np.testing.assert_allclose(contract(path, *compact), np.einsum(formula, *full), atol=1e-12)
    ours = contract(path, *map(torch.from_numpy, compact))
    np.testing.assert_allclose(ours.numpy(), np.einsum(formula, *full), atol=1e-12)


@given(st.data())
def test_several_results_are_those_of_each_formula_alone(data):
    letters = [data.draw(st.text("ijkl", min_size=1, max_size=2)) for _ in range(3)]
    operands = [data.draw(arrays(np.float64, (2,) * len(each), elements=unit)) for each in letters]
    several = []
    for _ in range(3):
        positions = data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=4))
        several.append((data.draw(formulas([letters[k] for k in positions])), tuple(positions)))
    unused = set(range(3)).difference(*(positions for _, positions in several))
    several += [(f"{letters[k]}->", (k,)) for k in unused]
    results = contract(contract_path(several, *operands), *operands)
    for result, (formula, positions) in zip(results, several, strict=True):
        expected = np.einsum(formula, *(operands[k] for k in positions))
        np.testing.assert_allclose(result, expected, atol=1e-12)


def test_a_diagonal_is_not_taken_for_a_sum_over_two_indices():
    left, right = np.random.default_rng(0).normal(size=(2, 3, 3))
    full, diagonal = contract("ij,ij->;ii,ii->", left, right)
    np.testing.assert_allclose(full, (left * right).sum(), atol=1e-12)
    np.testing.assert_allclose(diagonal, left.diagonal() @ right.diagonal(), atol=1e-12)


def test_a_frame_as_constant_gives_the_compact_coupling():
    path = contract_path("ij,jk,aik->a", Stf(2), Stf(2), frame(2))
    left, right = np.random.default_rng(0).normal(size=(2, 5))
    coupled = np.einsum("a,b,abo->o", left, right, compact_coupling(2, 2, 2).numpy())
    np.testing.assert_allclose(contract(path, left, right, frame(2)), coupled, atol=1e-12)


def test_large_constants_fold_in_floats():
    numbers = np.random.default_rng(0).integers(-3, 3, size=(3, 70, 70))
    tensors = [exact(each.tolist()) for each in numbers]
    path = contract_path("ij,jk,kl,ln->in", *tensors, (70, 60))
    array = np.ones((70, 60))
    expected = numbers[0] @ numbers[1] @ numbers[2] @ array
    np.testing.assert_allclose(contract(path, *tensors, array), expected, rtol=1e-12)
    assert len(path.steps) == 1


def test_torch_is_differentiated_through_a_path():
    path = contract_path("nij,njk->nik;nij,nji->n", Stf(2, (2,)), (2, 3, 3))
    torch.manual_seed(0)
    operands = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in [(2, 5), (2, 3, 3)]]
    assert torch.autograd.gradcheck(lambda *x: contract(path, *x), operands)
    assert torch.autograd.gradgradcheck(lambda *x: contract(path, *x), operands)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_results_have_the_dtype_of_the_operands(dtype):
    path = contract_path("ij,jk->ik;ii->", Stf(2), (3, 3))
    results = contract(path, torch.ones(5, dtype=dtype), torch.eye(3, dtype=dtype))
    assert [result.dtype for result in results] == [dtype, dtype]
    assert results[1] == 0


def test_lengths_may_change_from_call_to_call():
    path = contract_path("nij,njk->nik", Stf(2, (7,)), (7, 3, 4))
    for nodes in (0, 1, 5):
        assert contract(path, np.ones((nodes, 5)), np.ones((nodes, 3, 2))).shape == (nodes, 3, 2)
    with pytest.raises(
        ValueError, match=r"'n' of .* has length 2 in operand 0 \(axis 0\) and 3 in operand 1"
    ):
        contract(path, np.ones((2, 5)), np.ones((3, 3, 4)))


def test_a_zero_result_has_its_shape():
    path = contract_path("niij,k->nkj", Stf(3, (2,)), (4,))
    result = contract(path, np.ones((6, 7)), np.ones(2))
    np.testing.assert_array_equal(result, np.zeros((6, 2, 3)))


def test_formulas_are_accepted_in_place_of_a_path():
    left, right = np.random.default_rng(0).normal(size=(2, 3, 3))
    np.testing.assert_allclose(contract("ij,jk->ik", left, right), left @ right, atol=1e-12)


PATH = contract_path("ij,jk,abj->ikab", Stf(2), (3, 4), compact_coupling(1, 1, 1))
GOOD = (np.ones(5), np.ones((3, 4)), compact_coupling(1, 1, 1))


@pytest.mark.parametrize(
    ("operands", "message"),
    [
        (GOOD[:2], "the path has 3 operands, not 2"),
        (
            (np.ones((3, 3)), *GOOD[1:]),
            r"operand 0 is STF of degree 2 in compact form, .* \(5,\), not \(3, 3\)",
        ),
        ((GOOD[0], np.ones((2, 4)), GOOD[2]), r"'j' of .* has length 3 .* and 2 in operand 1 \(axis 0\)"),
        ((*GOOD[:2], compact_coupling(1, 1, 2)), "operand 2 is not the exact constant the path was made for"),
        ((*GOOD[:2], np.ones((3, 3, 3))), "operand 2 is not the exact constant"),
        ((GOOD[0], frame(1), GOOD[2]), "operand 1 of the path is an array, not ExactTensor"),
    ],
)
def test_operands_that_do_not_fit_are_named(operands, message):
    with pytest.raises(ValueError, match=message):
        contract(PATH, *operands)


def test_libraries_and_dtypes_are_not_mixed():
    path = contract_path("i,i->", (2,), (2,))
    with pytest.raises(TypeError, match="one library and one dtype, not numpy float32 and numpy float64"):
        contract(path, np.ones(2), np.ones(2, np.float32))
    with pytest.raises(TypeError, match=r"not numpy float64 and torch torch\.float64"):
        contract(path, np.ones(2), torch.ones(2, dtype=torch.float64))
