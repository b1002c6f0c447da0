"""The direction chain as a program: its cost, its weights, what it refuses."""

import numpy as np
import pytest

from cartesian.programs.build import convolution
from cartesian.programs.catalog import channels, lanes
from cartesian.programs.chain import Chain, chain_lanes
from cartesian.programs.lanes import differentiate
from cartesian.symbolic.chain import chain_matrix


def natural(degree, channels=2):
    return "+".join(f"{channels}x{l}{'eo'[l % 2]}" for l in range(degree + 1))


def chain(degree, basis="chain"):
    return Chain(convolution(natural(degree), 2 * degree, natural(degree), kind="summed"), basis)


def test_costs_are_those_counted_by_hand():
    # Down and up: 3 each. Weigh: three weights of scalars, and the vector's for q = 1 on three components.
    assert chain(1).multiply_adds == 3 + 3 + 3 * 1 + 1 * 1 + 1 * 3
    # l = 1, 2 down to 1, 0: u·v (3) twice, u·T (3 + 4 + 4) once; 26 weighings of components.
    assert chain(2).multiply_adds == 2 * (3 + 3 + 11) + 26


@pytest.mark.parametrize("degree", range(1, 7))
def test_a_chain_takes_fewer_operations_than_its_couplings(degree):
    both = chain(degree)
    assert both.weights == len(both.program.form.terms) == (degree + 1) * (degree + 2) * (2 * degree + 3) // 6
    assert both.multiply_adds < both.program.multiply_adds / both.channels
    assert both.multiply_adds < 6.5 * degree**3 + 8 * degree


def test_weights_of_all_paths_can_be_taken_back():
    program = chain(2).program
    matrix = chain(2).matrix
    np.testing.assert_allclose(np.linalg.inv(matrix) @ matrix, np.eye(len(matrix)), atol=1e-12)
    # Of natural couplings to STF(u u …) it is the exact matrix of the chain, inverted.
    link = next(link for link in chain(2).links if link.left[1] == link.out[1] == 2)
    rows = [number for _, number in link.paths]
    block = np.linalg.inv(matrix[rows, link.first : link.first + 3])
    scales = []
    for degree, number in link.paths:
        lengths = {0: 1.0, 2: 2 / 3, 4: 8 / 35}  # squared norms of STF(u … u)
        scale = program.form.terms[number].scale_squared * (2 * degree + 1) / lengths[degree]
        scales.append(float(scale) ** 0.5)
    np.testing.assert_allclose(block * scales, chain_matrix(2, 2).numpy(), atol=1e-12)


def test_a_truncated_convolution_has_as_many_weights_as_paths_or_ranks():
    program = convolution(natural(2), 2, natural(2), kind="summed")
    assert Chain(program).weights == len(program.form.terms) == 11
    assert Chain(program, "chain").weights == Chain(program).matrix.shape[1] == 14


@pytest.mark.parametrize("basis", ["paths", "chain"])
def test_text_holds_all_of_a_chain_and_of_its_derivatives(basis):
    one = chain(1, basis)
    assert Chain.parse(one.text) == one
    assert channels(one.text) == 2
    backward = differentiate(chain_lanes(one), (0, 2))
    assert lanes(backward.text).instructions == backward.instructions
    assert [leg.name for leg in backward.operands] == ["weights", "features", "directions", "out"]
    assert [leg.name for leg in backward.outputs] == ["weights", "directions"]


def test_convolutions_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="build the convolution with kind='summed'"):
        Chain(convolution("2x0e + 2x1o", 1))
    with pytest.raises(ValueError, match=r"equal channels everywhere, unlike 2x0e\+3x1o to 2x0e"):
        Chain(convolution("2x0e + 3x1o", 0, "2x0e", kind="summed"))
    with pytest.raises(ValueError, match="made of directions, whose harmonics are not 1x1e"):
        Chain(convolution("2x0e", "1e", "2x1e", kind="summed"))
    with pytest.raises(ValueError, match="those of the 'paths' or of the 'chain', not 'ranks'"):
        chain(1, "ranks")
