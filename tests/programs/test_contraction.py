import json

import numpy as np
import opt_einsum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.programs.contraction import contract_path
from cartesian.programs.network import Stf
from cartesian.symbolic.coupling import compact_coupling
from cartesian.symbolic.exact import exact
from cartesian.symbolic.harmonics import frame

EPSILON = compact_coupling(1, 1, 1)


@st.composite
def networks(draw, fewest=1):
    """A formula and the shapes of its operands."""
    lengths = draw(st.fixed_dictionaries({letter: st.integers(1, 4) for letter in "ijklmn"}))
    inputs = draw(st.lists(st.text("ijklmn", max_size=3), min_size=fewest, max_size=5))
    used = sorted(set("".join(inputs)))
    out = "".join(draw(st.permutations(used))[: draw(st.integers(0, 3))])
    return ",".join(inputs) + "->" + out, [tuple(lengths[x] for x in letters) for letters in inputs]


@given(networks(fewest=2), st.sampled_from(["auto", "optimal", "greedy", False]))
def test_operations_of_dense_networks_are_those_of_opt_einsum(network, optimize):
    formula, shapes = network
    _, theirs = opt_einsum.contract_path(formula, *shapes, shapes=True, optimize=optimize)
    path = contract_path(formula, *shapes, optimize=optimize)
    assert path.operations == theirs.opt_cost
    assert path.largest_intermediate == theirs.largest_intermediate or len(path.steps) == 1


@pytest.mark.parametrize("degree", range(1, 7))
def test_stf_tensors_meet_over_their_independent_components(degree):
    letters = "ijklmn"[:degree]
    path = contract_path(f"{letters},{letters}->", Stf(degree), Stf(degree))
    assert path.operations == 2 * (2 * degree + 1)
    batched = contract_path(f"a{letters}c,{letters}d->acd", Stf(degree, (2,), (3,)), Stf(degree, (), (5,)))
    assert batched.operations == 2 * (2 * degree + 1) * 30


@pytest.mark.parametrize(
    ("formula", "full", "stf"),
    [
        ("ij,jk,ik->", [(3, 3)] * 3, [Stf(2)] * 3),
        ("ijk,ijl,kl->", [(3,) * 3, (3,) * 3, (3, 3)], [Stf(3), Stf(3), Stf(2)]),
        ("ijk,i,j,k->", [(3,) * 3, (3,), (3,), (3,)], [Stf(3), Stf(1), Stf(1), Stf(1)]),
    ],
)
def test_stf_networks_are_cheaper_than_coupling_what_is_not_declared(formula, full, stf):
    """Without the declaration a compact tensor is spread to full axes first."""
    frames = [frame(each.degree) for each in stf]
    letters = dict(zip("ABCD", formula.partition("->")[0].split(","), strict=False))
    spread = ",".join(f"{big},{big}{small}" for big, small in letters.items())
    operands = [each for one, table in zip(stf, frames, strict=True) for each in (one.shape, table.shape)]
    dense = contract_path(f"{spread}->", *operands)
    assert contract_path(formula, *stf).operations < dense.operations


@pytest.mark.parametrize(
    ("formula", "operands"),
    [
        ("iij->j", [Stf(3)]),
        ("ajjbi->abi", [Stf(2, (2,), (4, 3))]),
        ("ij,jkk->i", [(5, 3), Stf(3)]),
        ("ijk,jk->i", [EPSILON, Stf(2)]),
        ("ijk,ijl,klm->m", [EPSILON, EPSILON, Stf(3)]),
        ("ij,kl,ija,klb->ab", [Stf(2), (3, 3), EPSILON, EPSILON]),
    ],
)
def test_traces_of_trace_free_tensors_and_antisymmetric_parts_of_symmetric_ones_are_zero(formula, operands):
    path = contract_path(formula, *operands)
    assert path.results == (None,)
    assert path.operations == 0


def test_two_levi_civita_tensors_fold_to_deltas():
    path = contract_path("ijk,klm,jl->im", EPSILON, EPSILON, (3, 3))
    (step,) = path.steps
    assert step.operations == 2 * 12


def test_an_identity_only_renames():
    identity = exact([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert contract_path("ij,jk->ik", identity, (3, 4)).operations == 0
    assert contract_path("ij,ij->", identity, (3, 3)).operations == contract_path("ii->", (3, 3)).operations


def test_zeros_of_constants_cost_nothing():
    for degrees in [(1, 1, 1), (2, 2, 2), (3, 2, 1)]:
        table = compact_coupling(*degrees)
        path = contract_path("abo,bn,an->on", table, (table.shape[1], 10), (table.shape[0], 10))
        with_dense = contract_path("abo,bn,an->on", table.shape, (table.shape[1], 10), (table.shape[0], 10))
        assert path.operations < with_dense.operations


@given(networks(fewest=2))
def test_a_result_asked_for_twice_costs_once(network):
    formula, shapes = network
    positions = tuple(range(len(shapes)))
    once = contract_path(formula, *shapes)
    assert contract_path([formula, (formula, positions)], *shapes).operations == once.operations


def test_shared_intermediates_are_found_whatever_their_indices_are_called():
    shapes = [(3, 4), (4, 5), (5, 6), (6, 2)]
    path = contract_path("ij,jk->ki;ab,bc,cd->ad;zw,wy,yx,xv->zv", *shapes)
    alone = ["ij,jk->ki", "ab,bc,cd->ad", "zw,wy,yx,xv->zv"]
    assert path.operations < sum(contract_path(f, *shapes[: f.count(",") + 1]).operations for f in alone)
    assert len(path.steps) == 3


def test_powers_of_one_matrix_share_its_square():
    traces = [("ij,ji->", (0, 0)), ("ij,jk,ki->", (0,) * 3), ("ij,jk,kl,li->", (0,) * 4)]
    path = contract_path(traces, (3, 3))
    assert sum(step.shape == (3, 3) for step in path.steps) == 1
    assert path.operations == 54 + 3 * 18


def test_a_summed_index_is_not_shared_if_others_need_it():
    path = contract_path(["ij,jk->ik", "ij,jk,jl->ikl"], (2, 3), (3, 4), (3, 5))
    assert len(path.steps) == 3


def test_memory_counts_what_exists_at_one_time():
    path = contract_path("ij,jk,kl,lm,m->i", (3, 4), (4, 5), (5, 6), (6, 7), (7,))
    assert [step.shape for step in path.steps] == [(6,), (5,), (4,), (3,)]
    assert path.largest_intermediate == 6
    assert path.memory == 11


def test_a_path_is_a_value_and_prints_itself():
    path = contract_path("ij,jk->ik", Stf(2), (3, 4))
    assert path == contract_path("ij,jk->ik", Stf(2), (3, 4))
    assert hash(path) == hash(contract_path("ij,jk->ik", Stf(2), (3, 4)))
    assert path != contract_path("ij,jk->ik", Stf(2), (3, 5))
    assert str(path).splitlines() == [
        "ij,jk->ik = T1",
        "  #0: (5,), STF of degree 2",
        "  #1: (3, 4)",
        "  C0: constant (5, 3, 3), 11 nonzero",
        "  step  inputs  contraction  operations  shape",
        "  T0    #0 C0   A,Aij->ij            22  3x3",
        "  T1    T0 #1   ij,jk->ik            72  3x4",
        "  operations 94, largest intermediate 12, memory 21 components",
    ]


@given(networks())
def test_a_path_can_be_written_as_json(network):
    formula, shapes = network
    path = contract_path(formula, *shapes)
    report = json.loads(json.dumps(path.to_dict()))
    assert report["operations"] == sum(step["operations"] for step in report["steps"])
    assert len(report["steps"]) == len(path.steps)


def test_arrays_are_looked_at_for_their_shape_only():
    assert contract_path("ij->", np.zeros((2, 3))) == contract_path("ij->", (2, 3))


@pytest.mark.parametrize(
    ("formulas", "operands", "message"),
    [
        ("ij,jk", [(2, 2), (2, 2)], r"'ij,jk' names no result: write its indices after '->'"),
        ("...i->i", [(2, 2)], r"'...i->i' has an ellipsis: name every axis by a letter"),
        ("iä->i", [(2, 2)], "'ä' in 'iä->i' is no index: indices are ASCII letters"),
        ("ij->k", [(2, 2)], "index 'k' of the result of 'ij->k' is not an index of any operand"),
        ("ij->ii", [(2, 2)], "the result of 'ij->ii' names an index twice"),
        ("ij,jk->ik", [(2, 2)], "'ij,jk->ik' names the indices of 2 operands, but 1 are given"),
        ("ij->ij", [(2, 2), (3,)], "2 operands were given, but 'ij->ij' names no indices for operand 1"),
        ([("ij->", (3,))], [(2, 2)], r"1 operands; positions are as many, from 0 to 0, not \(3,\)"),
        ("ij->ij", [(2, 2, 2)], r"'ij' in 'ij->ij' names 2 indices, but operand 0 has 3 axes: \(2, 2, 2\)"),
        (
            "ij,jk->ik",
            [(2, 3), (4, 5)],
            r"'j' of 'ij,jk->ik' has length 3 in operand 0 \(axis 1\) and 4 in operand 1 \(axis 0\)",
        ),
        ("ij,j->i", [Stf(2), (4,)], r"'j' of .* has length 3 in operand 0 \(axis 1\) and 4 in operand 1"),
        ("i->i", [(-2,)], r"a shape holds integers >= 0, not -2 as in \(-2,\)"),
    ],
)
def test_impossible_formulas_say_what_is_wrong(formulas, operands, message):
    with pytest.raises(ValueError, match=message):
        contract_path(formulas, *operands)


def test_an_explicit_order_is_refused():
    with pytest.raises(TypeError, match="explicit order, which means nothing once constants are folded"):
        contract_path("ij,jk->ik", (2, 2), (2, 2), optimize=[(0, 1)])


def test_an_operand_without_a_shape_is_refused():
    with pytest.raises(
        TypeError, match=r"an array, a shape, an STF declaration or an exact tensor, not 2\.5"
    ):
        contract_path("i->i", 2.5)


@pytest.mark.parametrize("degree", [-1, 1.0, True])
def test_an_stf_operand_has_a_degree(degree):
    with pytest.raises(ValueError, match=f"integer degree >= 0, not {degree!r}"):
        Stf(degree)
