import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.spec import Irrep, Irreps, paths
from cartesian.symbolic.trees import Tree, factors, trees

HARMONICS = "0e+1o+2e+3o"
irrep = st.builds(Irrep, st.integers(0, 2), st.sampled_from([1, -1]))
sums = st.lists(st.tuples(st.integers(1, 2), irrep), min_size=1, max_size=2).map(Irreps)


@pytest.mark.parametrize(
    ("correlation", "options", "slots"),
    [
        (3, {}, (23, 51, 65, 65)),
        (3, {"contractions": True, "max_degree": 3}, (23, 36, 42, 36)),
        (3, {"contractions": True, "max_degree": 3, "ordered": False}, (15, 23, 26, 23)),
        (2, {}, (4, 6, 7, 6)),
        (2, {"ordered": False}, (4, 3, 5, 3)),
    ],
)
def test_published_numbers_of_slots(correlation, options, slots):
    found = trees(HARMONICS, correlation, **options)
    assert tuple(sum(tree.out == Irrep.natural(d) for tree in found) for d in range(4)) == slots


@given(sums)
def test_every_component_belongs_to_one_factor(irreps):
    places = [place for factor in factors(irreps) for place in factor.components]
    assert sorted(places) == list(range(irreps.dim))
    assert all(len(factor.components) == factor.irrep.dim for factor in factors(irreps))


@given(sums)
def test_trees_of_two_factors_are_the_paths(irreps):
    single = Irreps({block.irrep for block in irreps})
    assert {tree.paths[0] for tree in trees(irreps, 2)} == set(paths(single, single))


@given(sums)
def test_ordered_trees_count_the_irreps_of_the_tensor_power(irreps):
    found = Irreps(tree.out for tree in trees(irreps, 3)).simplify()
    assert found == irreps.product(irreps).product(irreps)


@given(sums, st.integers(0, 3))
def test_a_limit_holds_for_every_intermediate(irreps, limit):
    found = trees(irreps, 3, max_degree=limit)
    assert all(tree.partials[1].degree <= limit for tree in found)
    assert set(found) == {tree for tree in trees(irreps, 3) if tree.cost[0] <= limit}


@given(sums)
def test_without_levi_civita_only_index_pairs_are_contracted(irreps):
    found = trees(irreps, 3, contractions=True)
    assert set(found) == {tree for tree in trees(irreps, 3) if tree.cost[1] == 0}


def test_a_tree_prints_its_intermediates_and_knows_its_head():
    vector, tensor = factors("1o+2e")
    tree = Tree((tensor, vector, vector), (Irrep("2e"), Irrep("1o"), Irrep("0e")))
    assert str(tree) == "((2e x 1o)1o x 1o)0e"
    assert str(tree.head) == "(2e x 1o)1o"
    assert tree.cost == (1, 0, 5 * 3 * 3 + 3 * 3 * 1)


def test_a_tree_without_a_coupling_names_the_law_it_breaks():
    vector = factors("1o")[0]
    with pytest.raises(ValueError, match="1o and 1o cannot couple to 3e: the triangle rule"):
        Tree((vector, vector), (Irrep("1o"), Irrep("3e")))
    with pytest.raises(ValueError, match="starts with its first factor, 1o, not 1e"):
        Tree((vector,), (Irrep("1e"),))
    with pytest.raises(ValueError, match="2 factors has as many partial products, at least one, not 1"):
        Tree((vector, vector), (Irrep("1o"),))


def test_no_factors_make_no_tree():
    with pytest.raises(ValueError, match="integer number of factors >= 1, not 0"):
        trees("1o", 0)
