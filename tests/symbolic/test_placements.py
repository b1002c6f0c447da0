"""Brackets against all permutations of the indices, which they never make."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from cartesian.symbolic.factors import delta, direction, epsilon, stf
from cartesian.symbolic.index_graph import canonical, renamed
from cartesian.symbolic.placements import count_placements, placements, representative

GRAPHS = [
    expression.terms[0][0]
    for expression in (
        delta("ij") * delta("kl") * stf("A", "m"),
        stf("A", "ijp") * stf("B", "klp") * direction("m"),
        stf("A", "ij") * stf("A", "kl") * direction("m"),
        stf("A", "ijk") * stf("A", "lm"),
        stf("A", "ip") * stf("A", "jp") * stf("A", "kq") * stf("A", "lq") * direction("m"),
        epsilon("ipq") * stf("A", "pjk") * stf("B", "qlm"),
        epsilon("ijk") * delta("lm"),
        stf("A", "p") * stf("A", "p") * delta("ij") * stf("A", "klm"),
    )
]
groupings = st.sampled_from(["ijklm", "ij klm", "i jlm", "jk lm", "il", "mk"]).map(
    lambda text: tuple(tuple(group) for group in text.split())
)


def brute(graph, groups):
    """Canonical forms of all permutations within groups, with their signs; empty if signs clash."""
    found = {graph: 1}
    for group in groups:
        found = {
            form: sign * factor
            for state, factor in found.items()
            for order in permutations(group)
            for sign, form in [canonical(renamed(state, dict(zip(group, order, strict=True))))]
        }
    return found


@given(st.sampled_from(GRAPHS), groupings)
def test_placements_are_the_distinct_permutations(graph, groups):
    expected = brute(graph, groups)
    sign, form = representative(graph, groups)
    if not sign:
        assert any(
            canonical(renamed(graph, {a: b, b: a})) == (-1, graph)
            for group in groups
            for a in group
            for b in group
        )
        return
    assert {form: sign for sign, form in placements(graph, groups)} == expected
    assert count_placements(graph, groups) == len(expected)
    assert expected[form] == sign
    assert all(representative(other, groups) == (factor * sign, form) for other, factor in expected.items())
