"""Tables of radial functions: one edge at a time, the sum written out."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from cartesian.nn.radial import Bessel, PolynomialEnvelope
from cartesian.nn.radial.table import RadialTable


@given(st.integers(1, 4), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_each_edge_has_the_functions_of_its_sender(species, edges, seed):
    torch.manual_seed(seed)
    table = RadialTable(Bessel(3, 2.0), PolynomialEnvelope(2.0), outputs=4, species=species).double()
    lengths, senders = 2.5 * torch.rand(edges).double(), torch.randint(species, (edges,))
    found = table(lengths, senders)
    basis, envelope = table.basis(lengths), table.envelope(lengths)
    assert found.shape == (edges, 4)
    for k in range(edges):
        wanted = envelope[k] * basis[k] @ table.weight[senders[k]] / 3**0.5
        torch.testing.assert_close(found[k], wanted, rtol=1e-12, atol=1e-12)
    assert not found[lengths >= 2.0].any()
