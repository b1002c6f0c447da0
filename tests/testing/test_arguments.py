import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.spec import Irreps
from cartesian.tables import frame
from cartesian.testing import strategies
from cartesian.testing.arguments import Element, Features, Full, Positions, to_arguments

elements = st.builds(Element, strategies.orthogonals(), strategies.values(3))
ARGUMENTS = [
    Features(Irreps("2x0e+1o+3x2o+1e")),
    Full(0),
    Full(3),
    Full(0, axial=True),
    Full(2, axial=True),
    Positions(),
]


@pytest.mark.parametrize("argument", ARGUMENTS, ids=str)
@given(data=st.data(), first=elements, second=elements)
def test_elements_act_as_a_group(argument, data, first, second):
    array = data.draw(argument.values(2))
    assert array.shape == (2, *argument.shape)
    product = Element(first.matrix @ second.matrix, first.matrix @ second.shift + first.shift)
    scale = 1 + abs(array).max() + abs(product.shift).max()
    twice = argument.act(first, argument.act(second, array))
    np.testing.assert_allclose(twice, argument.act(product, array), atol=1e-12 * scale)


@given(st.data(), elements, st.booleans())
def test_full_tensors_transform_index_by_index(data, element, axial):
    tensor = data.draw(strategies.values(2, 3, 3, 3))
    wanted = np.einsum("ia,jb,kc,nabc->nijk", *[element.matrix] * 3, tensor)
    if axial:
        wanted *= np.linalg.det(element.matrix)
    np.testing.assert_allclose(
        Full(3, axial).act(element, tensor), wanted, atol=1e-12 * (1 + abs(tensor).max())
    )


@given(st.data(), elements)
def test_features_transform_as_the_full_tensors_of_their_frame(data, element):
    compact = data.draw(strategies.values(2, 5))
    full = np.einsum("na,aij->nij", compact, frame(2))
    for irrep, axial in (("2e", False), ("2o", True)):
        turned = Features(Irreps(irrep)).act(element, compact)
        np.testing.assert_allclose(
            np.einsum("na,aij->nij", turned, frame(2)),
            Full(2, axial).act(element, full),
            atol=1e-12 * (1 + abs(compact).max()),
        )


@pytest.mark.parametrize("argument", ARGUMENTS, ids=str)
def test_blocks_cover_every_component_once(argument):
    counts = np.zeros(argument.shape)
    for _, where in argument.blocks():
        counts[where] += 1
    assert (counts == 1).all()


def test_irreps_and_ranks_stand_for_arguments():
    assert to_arguments("2x1o") == (Features(Irreps("2x1o")),)
    assert to_arguments([Irreps("1o"), 2, Positions()]) == (Features(Irreps("1o")), Full(2), Positions())


def test_what_does_not_transform_is_named():
    with pytest.raises(TypeError, match=r"1\.5 does not say how an argument transforms: give irreps"):
        to_arguments([1.5])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"rank of a Cartesian tensor is an integer >= 0, not -1"):
        to_arguments(-1)
