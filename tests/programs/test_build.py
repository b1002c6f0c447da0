"""Programs from irreps: which paths, in which order, with which coefficients."""

import numpy as np
import pytest
from e3nn import o3

from cartesian.kernels import reference
from cartesian.kernels.edges import sort_edges
from cartesian.programs.build import convolution, product
from cartesian.programs.program import Program
from cartesian.spec import Irreps, paths

NATURAL = "2x0e + 2x1o + 2x2e"
BOTH = "2x0e + 2x0o + 2x1o + 2x1e"


@pytest.mark.parametrize(("left", "out"), [(NATURAL, "0e + 1o + 2e"), (BOTH, BOTH), ("1x2e", None)])
def test_there_is_one_term_per_path_in_the_order_of_paths(left, out):
    program = convolution(left, 2, out)
    expected = [path.degrees for path in paths(left, Irreps.harmonics(2), out)]
    assert [term.degrees for term in program.form.terms] == expected
    starts = [term.slots[0].start for term in program.form.terms]
    channels = [term.channels for term in program.form.terms]
    assert starts == np.cumsum([0, *channels[:-1]]).tolist()
    assert program.row(0) == sum(channels)


def test_component_couplings_have_the_norm_of_e3nn_and_natural_ones_their_own():
    for term in convolution(BOTH, 2).form.terms:
        left, right, out = term.degrees
        expected = o3.wigner_3j(left, right, out, dtype=None).numpy() * np.sqrt(2 * out + 1)
        np.testing.assert_allclose(term.table, expected, atol=1e-7)
    for term in convolution(BOTH, 2, normalization="natural").form.terms:
        assert term.scale_squared == 1


def test_a_summed_convolution_adds_what_a_separate_one_keeps_apart():
    rng = np.random.default_rng(0)
    edges = sort_edges(np.array([0, 1, 1]), np.array([1, 0, 1]), 2)
    separate, summed = convolution(NATURAL, 2, NATURAL), convolution(NATURAL, 2, NATURAL, kind="summed")
    arrays = [rng.standard_normal((rows, separate.row(leg))) for leg, rows in ((0, 3), (1, 2), (2, 3))]
    (apart,) = reference.run(separate, arrays, edges)
    (together,) = reference.run(summed, arrays, edges)
    for apart_slice, slice_, block in zip(
        separate.form.legs[3].irreps.slices, summed.form.legs[3].irreps.slices, Irreps(NATURAL), strict=True
    ):
        per_path = apart[:, apart_slice].reshape(2, block.irrep.dim, -1, block.channels)
        np.testing.assert_allclose(per_path.sum(2).reshape(2, -1), together[:, slice_], atol=1e-13)


@pytest.mark.parametrize("program", [convolution(BOTH, 1), product(NATURAL, BOTH, "1o"), convolution("", 1)])
def test_a_program_is_a_value_that_text_holds_completely(program):
    assert Program.parse(program.text) == program
    assert hash(Program.parse(program.text)) == hash(program)


def test_costs_count_coefficients_and_rows():
    program = convolution("5x1o", 1, "0e")  # of 1 x 0 -> 1 and 1 x 1 -> 0, the second only
    assert program.multiply_adds == 3 + 5 * (3 + 1)
    assert program.numbers_moved == {"edge": 5 + 4, "sender": 15, "receiver": 5}


def test_impossible_wishes_are_refused():
    with pytest.raises(ValueError, match=r"no path leads from 2x0e times 1x0e\+1x1o to 2e"):
        convolution("2x0e", 1, "2e")
    with pytest.raises(ValueError, match="an edge has one channel of each irrep, not 2x0e"):
        convolution("2x0e", "2x0e")
    with pytest.raises(ValueError, match="2x0e cannot be added to 3x0e channel by channel"):
        convolution("2x0e", 0, "3x0e", kind="summed")
    with pytest.raises(ValueError, match="has 0e twice"):
        convolution("2x0e", 0, "2x0e + 2x0e", kind="summed")
    with pytest.raises(ValueError, match="'separate' or 'summed', not 'mixed'"):
        convolution("2x0e", 0, kind="mixed")
    with pytest.raises(ValueError, match="'natural' or 'component', not 'norm'"):
        convolution("2x0e", 0, normalization="norm")
