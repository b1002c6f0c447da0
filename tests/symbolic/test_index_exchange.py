import pytest

from cartesian.symbolic.coupling import compact_coupling
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.index_exchange import exchange, step_norm_squared, steps

PAIRS = [(p, q) for p in range(5) for q in range(max(0, p - 2), p + 3)]


@pytest.mark.parametrize(("start", "end"), PAIRS)
def test_an_exchange_is_that_of_the_coupled_tensors(start, end):
    def coupled(middle):
        return einsum("aib,bko->aiko", compact_coupling(start, 1, middle), compact_coupling(middle, 1, end))

    for middle, image in exchange(start, end).items():
        exchanged = coupled(middle).transpose(0, 2, 1, 3)
        assert exchanged == sum((value * coupled(m) for m, value in image.items()), 0 * exchanged)


@pytest.mark.parametrize(("start", "end"), [(p, q) for p in range(13) for q in range(max(0, p - 2), p + 3)])
def test_exchanging_twice_is_doing_nothing(start, end):
    matrix = exchange(start, end)
    for middle in matrix:
        twice = {m: sum(v * matrix[k].get(m, 0) for k, v in matrix[middle].items()) for m in matrix}
        assert twice == {m: int(m == middle) for m in matrix}


@pytest.mark.parametrize("degree", range(5))
def test_steps_scale_squared_norms(degree):
    for out in steps(degree):
        coupling = compact_coupling(degree, 1, out)
        gram = einsum("aib,aic->bc", coupling, coupling)
        assert gram[0, 0] == step_norm_squared(degree, out)
