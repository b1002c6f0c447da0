import numpy as np
import pytest

from cartesian import tables
from cartesian.symbolic.coupling import compact_coupling


def test_tables_are_the_exact_values_made_once_and_read_only():
    table = tables.coupling(2, 1, 3)
    np.testing.assert_array_equal(table, compact_coupling(2, 1, 3).numpy())
    assert table is tables.coupling(2, 1, 3)
    with pytest.raises(ValueError, match="read-only"):
        table[0, 0, 0] = 1
    assert tables.frame(2).shape == (5, 3, 3)
