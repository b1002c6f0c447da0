"""The message against e3nn's tensor product "uvu" and linear layers with the same weights."""

import e3nn.o3
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cartesian.kernels.edges import sort_edges
from cartesian.nn.layers.blocks import from_blocks, to_blocks
from cartesian.nn.layers.linear import to_e3nn
from cartesian.nn.layers.message import Message, reachable
from cartesian.ops.convolution import convolution
from cartesian.ops.harmonics import harmonics
from cartesian.spec import Irrep, Irreps

NODES, EDGES = 3, 7


@pytest.fixture(autouse=True)
def double():
    """The constants of e3nn have the dtype that is the default when they are made."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def to_theirs(features, irreps):
    """Features with channels outside and components inside."""
    return torch.cat([block.mT.flatten(-2) for block in to_blocks(features, irreps)], dim=-1)


def from_theirs(features, irreps):
    """The inverse of `to_theirs`."""
    parts = [features[..., where] for where in irreps.slices]
    return from_blocks(
        part.unflatten(-1, (b.channels, b.irrep.dim)).mT for part, b in zip(parts, irreps, strict=True)
    )


def linear(layer, features):
    """The same map by e3nn."""
    theirs = e3nn.o3.Linear(str(layer.irreps), str(layer.out), internal_weights=False, shared_weights=True)
    return from_theirs(theirs(to_theirs(features, layer.irreps), to_e3nn(layer)), layer.out)


def coupled(message, features, vectors, weights, senders, receivers, kind):
    """What arrives at each node before mixing, with e3nn's couplings and harmonics."""
    irreps, degrees = message.irreps, Irreps.harmonics(message.program.form.legs[2].irreps.max_degree)
    wanted = {block.irrep for block in message.out}
    paths = sorted(
        (out, i, j)
        for i, a in enumerate(irreps)
        for j, b in enumerate(degrees)
        for out in a.irrep * b.irrep
        if out in wanted
    )
    blocks, y = to_blocks(features[senders], irreps), spherical_harmonics(degrees, vectors)
    found: dict = {}
    for out, i, j in paths:
        own, weights = weights[:, : irreps[i].channels], weights[:, irreps[i].channels :]
        # Of norm one; with components of variance one its result has components of variance one.
        table = e3nn.o3.wigner_3j(irreps[i].irrep.degree, degrees[j].irrep.degree, out.degree)
        table = (2 * out.degree + 1) ** 0.5 * table
        edges = torch.einsum("abo,eac,eb,ec->eoc", table, blocks[i], y[:, degrees.slices[j]], own)
        sums = torch.zeros(NODES, *edges.shape[1:]).index_add(0, receivers, edges)
        found.setdefault(out, []).append(sums)
    joined = [torch.cat(sums, -1) if kind == "separate" else sum(sums) for sums in found.values()]
    return from_blocks(joined)


def spherical_harmonics(degrees, vectors):
    return e3nn.o3.spherical_harmonics(str(degrees), vectors, normalize=True, normalization="component")


@st.composite
def cases(draw):
    kind = draw(st.sampled_from(["separate", "summed"]))
    labels = [Irrep(degree, parity) for degree in range(3) for parity in (1, -1)]
    sets = st.lists(st.sampled_from(labels), min_size=1, max_size=3, unique=True)
    left = [(2 if kind == "summed" else draw(st.integers(1, 3)), irrep) for irrep in draw(sets)]
    degree = draw(st.integers(0, 2))
    found = reachable(Irreps(left), degree, [(draw(st.integers(1, 3)), irrep) for irrep in labels])
    return Irreps(left), found, degree, kind


# A program new to the process is compiled, which takes seconds.
@settings(max_examples=4, phases=[Phase.generate])
@given(cases(), st.integers(0, 2**32 - 1))
def test_the_message_is_that_of_e3nn(case, seed):
    irreps, out, degree, kind = case
    torch.manual_seed(seed)
    message = Message(irreps, out, degree, neighbors=2.5, kind=kind)
    senders, receivers = torch.randint(NODES, (2, EDGES))
    vectors = torch.randn(EDGES, 3)
    features = torch.randn(NODES, irreps.dim)
    weights = torch.randn(EDGES, message.weights)
    with torch.no_grad():
        edges = sort_edges(senders, receivers, NODES)
        found = message(features, harmonics(vectors, degree), weights, edges)
        up = linear(message.up, features)
        summed = coupled(message, up, vectors, weights, senders, receivers, kind)
        wanted = linear(message.mix, summed) / 2.5
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_separate_paths_are_the_tensor_product_uvu_of_e3nn():
    torch.manual_seed(0)
    message = Message("2x0e + 3x1o", "1x0e + 1x1o + 1x1e", 1)
    instructions = [(0, 0, 0), (1, 1, 1), (0, 1, 2), (1, 0, 3), (1, 1, 4)]
    product = e3nn.o3.TensorProduct(
        "2x0e + 3x1o",
        "0e + 1o",
        "2x0e + 3x0e + 2x1o + 3x1o + 3x1e",
        [(i, j, k, "uvu", True) for i, j, k in instructions],
        shared_weights=False,
    )
    features, vectors = torch.randn(EDGES, 11), torch.randn(EDGES, 3)
    weights, own = torch.randn(EDGES, 13), torch.arange(EDGES)
    found = convolution(message.program, features, harmonics(vectors, 1), weights, (own, own))
    theirs = to_theirs(features, message.irreps)
    wanted = product(theirs, spherical_harmonics(Irreps.harmonics(1), vectors), weights)
    wanted = from_theirs(wanted, Irreps("5x0e + 5x1o + 3x1e"))
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_messages_without_edges_are_zero():
    message = Message("2x0e + 2x1o", "2x0e + 2x1o", 1)
    none = torch.zeros(0, dtype=torch.int64)
    found = message(
        torch.ones(2, 8),
        torch.zeros(0, 4),
        torch.zeros(0, message.weights),
        sort_edges(none, none, 2),
    )
    assert found.shape == (2, 8)
    assert not found.any()


def test_the_root_of_the_neighbors_keeps_the_second_moment():
    torch.manual_seed(0)
    irreps = Irreps("16x0e + 16x1o + 16x1e + 16x2e")
    message = Message(irreps, irreps, 2, neighbors=30**0.5)
    senders, receivers = torch.randint(50, (1500,)), torch.arange(50).repeat(30)
    y = harmonics(torch.randn(1500, 3), 2)
    weights = torch.randn(1500, message.weights)
    features = torch.randn(50, irreps.dim)
    found = message(features, y, weights, sort_edges(senders, receivers, 50)).detach()
    assert all(0.7 < float(block.square().mean()) < 1.4 for block in to_blocks(found, irreps))


def test_what_cannot_be_reached_is_an_error():
    assert str(reachable("4x0e", 2, "4x0e + 4x0o + 4x1o")) == "4x0e+4x1o"
    with pytest.raises(ValueError, match=r"no path leads from 4x0e .* to 0o"):
        Message("4x0e", "4x0e + 4x0o", 2)
    with pytest.raises(ValueError, match="positive number of neighbours, not 0"):
        Message("4x0e", "4x0e", 2, neighbors=0)
    with pytest.raises(ValueError, match="same number of channels"):
        Message("4x0e + 2x1o", "4x0e", 2, kind="summed")
