"""Messages and products of full tensors against sums written out in full; NumPy, torch, any derivative."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cartesian.kernels.edges import sort_edges
from cartesian.ops.reducible import direction_message, rank_powers
from cartesian.programs.reducible import DirectionMessage, RankPowers, components, rank_paths

messages = st.builds(
    DirectionMessage,
    st.integers(1, 9),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from(["rank", "path"]),
)


def drawn(program, seed, nodes=4, edges=7):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((nodes, components(program.rank) * program.channels))
    weights = rng.standard_normal((edges, program.weights * program.channels))
    senders, receivers = rng.integers(0, nodes, (2, edges))
    return features, rng.standard_normal((edges, 3)), weights, (senders, receivers)


def tensors(features, ranks, channels):
    """Full tensors `(rows, channels, 3, ..., 3)` of every rank."""
    blocks, start = {}, 0
    for n in range(ranks + 1):
        block = features[:, start : start + 3**n * channels].reshape(len(features), 3**n, channels)
        blocks[n] = block.swapaxes(1, 2).reshape(len(features), channels, *[3] * n)
        start += 3**n * channels
    return blocks


def flat(blocks):
    """The inverse of `tensors`, of any number of channels."""
    return np.concatenate(
        [x.reshape(*x.shape[:2], -1).swapaxes(1, 2).reshape(len(x), -1) for _, x in sorted(blocks.items())], 1
    )


def contracted(left, right, pairs):
    """The last indices of the left with the first of the right, in order."""
    return np.stack(
        [
            np.stack(
                [
                    np.tensordot(a, b, (range(a.ndim - pairs, a.ndim), range(pairs)))
                    for a, b in zip(x, y, strict=True)
                ]
            )
            for x, y in zip(left, right, strict=True)
        ]
    )


def written_out(program, features, directions, weights, edges):
    senders, receivers = edges
    left = tensors(features, program.rank, program.channels)
    out = {n: np.zeros((len(features), program.channels, *[3] * n)) for n in range(program.out_rank + 1)}
    number = 0
    for o, r, i in product(
        range(program.out_rank + 1), range(program.edge_rank + 1), range(program.rank + 1)
    ):
        pairs, odd = divmod(i + r - o, 2)
        if odd or not 0 <= pairs <= min(i, r):
            continue
        k = r if program.sharing == "rank" else number
        number += 1
        for e, (j, receiver, u) in enumerate(zip(senders, receivers, directions, strict=True)):
            power = np.ones(())
            for _ in range(r):
                power = np.multiply.outer(power, u)
            own = weights[e, k * program.channels : (k + 1) * program.channels].reshape(-1, *[1] * o)
            powers = np.broadcast_to(power, (program.channels, *power.shape))
            out[o][receiver] += own * contracted(left[i][j][None], powers[None], pairs)[0]
    return flat(out)


@given(messages, st.integers(0, 2**32 - 1))
def test_messages_are_sums_of_contractions(program, seed):
    features, directions, weights, edges = drawn(program, seed)
    found = direction_message(program, features, directions, weights, edges)
    wanted = written_out(program, features, directions, weights, edges)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * (1 + np.abs(wanted).max(initial=0)))


@pytest.mark.parametrize("channels", [1, 4, 19, 64])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_torch_gives_the_numbers_of_numpy(channels, dtype):
    program = DirectionMessage(channels, 2, 2, 2)
    features, directions, weights, edges = drawn(program, 3, edges=23)
    x, u, w = (torch.from_numpy(array).to(dtype) for array in (features, directions, weights))
    indices = sort_edges(torch.from_numpy(edges[0]), torch.from_numpy(edges[1]), len(features))
    wanted = torch.from_numpy(direction_message(program, features, directions, weights, edges))
    digits = 1e-12 if dtype == torch.float64 else 1e-4
    found = direction_message(program, x, u, w, indices).double()
    assert torch.allclose(found, wanted, rtol=digits, atol=digits)


@pytest.mark.parametrize("sharing", ["rank", "path"])
def test_messages_can_be_differentiated_to_any_order(sharing):
    program = DirectionMessage(2, 1, 1, 1, sharing)
    features, directions, weights, edges = drawn(program, 5, nodes=2, edges=3)
    given = [torch.from_numpy(array).requires_grad_() for array in (features, directions, weights)]
    indices = sort_edges(torch.from_numpy(edges[0]), torch.from_numpy(edges[1]), len(features))

    def message(x, u, w):
        return direction_message(program, x, u, w, indices)

    assert torch.autograd.gradcheck(message, given)
    assert torch.autograd.gradgradcheck(message, given)


@given(st.integers(1, 5), st.integers(0, 2), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_powers_are_contractions_of_tensors_with_themselves(channels, rank, factors, seed):
    program = RankPowers(channels, rank, factors)
    features = np.random.default_rng(seed).standard_normal((3, components(rank) * channels))
    ones = tensors(features, rank, channels)
    last = {n: [x] for n, x in ones.items()}
    every = {n: [x] for n, x in ones.items()}
    for _ in range(factors - 1):
        new: dict = {n: [] for n in ones}
        for path in rank_paths(rank, rank, rank):
            if path.left <= path.right:
                new[path.out] += [contracted(x, ones[path.right], path.contracted) for x in last[path.left]]
        last = new
        every = {n: every[n] + new[n] for n in every}
    assert program.copies == tuple(len(every[n]) for n in range(rank + 1))
    wanted = flat({n: np.concatenate(values, 1) for n, values in every.items()})
    np.testing.assert_allclose(rank_powers(program, features), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("program", [RankPowers(3, 2, 3), RankPowers(17, 1, 2)])
def test_torch_gives_the_powers_of_numpy(program):
    features = np.random.default_rng(0).standard_normal((70, components(program.rank) * program.channels))
    found = rank_powers(program, torch.from_numpy(features))
    np.testing.assert_allclose(found.numpy(), rank_powers(program, features), rtol=1e-12, atol=1e-12)


def test_powers_can_be_differentiated_to_any_order():
    program = RankPowers(1, 1, 3)
    features = torch.randn(2, components(1), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: rank_powers(program, x), features)
    assert torch.autograd.gradgradcheck(lambda x: rank_powers(program, x), features)


@pytest.mark.parametrize(("nodes", "edges"), [(0, 0), (1, 0), (3, 0)])
def test_nodes_without_edges_get_zero(nodes, edges):
    program = DirectionMessage(3, 1, 1, 2)
    features, directions, weights, (s, r) = drawn(program, 0, max(nodes, 1), edges)
    x, u, w = (torch.from_numpy(a).requires_grad_() for a in (features[:nodes], directions, weights))
    indices = sort_edges(torch.from_numpy(s), torch.from_numpy(r), nodes)
    out = direction_message(program, x, u, w, indices)
    assert out.shape == (nodes, 39)
    assert not out.any()
    assert all(not g.any() for g in torch.autograd.grad(out.sum(), (x, u, w)))


def test_the_number_of_threads_changes_no_digit():
    program = DirectionMessage(64, 2, 2, 2)
    features, directions, weights, edges = drawn(program, 0, nodes=9, edges=200)
    x, u, w = (torch.from_numpy(array).requires_grad_() for array in (features, directions, weights))
    indices = sort_edges(torch.from_numpy(edges[0]), torch.from_numpy(edges[1]), 9)
    results, threads = [], torch.get_num_threads()
    for count in (1, 2):
        torch.set_num_threads(count)
        out = direction_message(program, x, u, w, indices)
        results.append([out, *torch.autograd.grad(out.square().sum(), (x, u, w))])
    torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_what_does_not_fit_is_said():
    program = DirectionMessage(2, 1, 1, 1)
    features, directions, weights, edges = drawn(program, 0)
    with pytest.raises(ValueError, match=r"weights have shape \(7, 3\), not \(7, 4\)"):
        direction_message(program, features, directions, weights[:, :3], edges)
    with pytest.raises(ValueError, match=r"directions have shape \(7, 4\), not \(7, 3\)"):
        direction_message(program, features, weights, weights, edges)
    with pytest.raises(TypeError, match="weights have dtype float32, but features have float64"):
        direction_message(program, features, directions, weights.astype(np.float32), edges)
    with pytest.raises(TypeError, match="weights are a Tensor among features that are a ndarray"):
        direction_message(program, features, directions, torch.from_numpy(weights), edges)
    with pytest.raises(ValueError, match=r"features have shape \(4, 5\), not \(4, 8\)"):
        rank_powers(RankPowers(2, 1, 2), features[:, :5])
