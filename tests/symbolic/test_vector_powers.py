from fractions import Fraction

import pytest

from cartesian.symbolic.multipoles import legendre
from cartesian.symbolic.vector_powers import power_norm_squared


@pytest.mark.parametrize("rank", range(9))
def test_legendre_polynomials_with_these_weights_add_up_to_a_power(rank):
    total = [Fraction(0)] * (rank + 1)
    for degree in range(rank + 1):
        for k, coefficient in enumerate(legendre(degree)):
            total[k] += power_norm_squared(rank, degree) * coefficient
    assert total == [Fraction(0)] * rank + [Fraction(1)]


def test_a_power_has_no_part_beyond_its_rank():
    with pytest.raises(ValueError, match="a power of rank 2 has parts of degree 0 to 2, not 3"):
        power_norm_squared(2, 3)
