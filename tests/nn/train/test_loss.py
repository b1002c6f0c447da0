"""Losses against the formulas of the papers, written out."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import huber_loss, mse_loss

from cartesian.nn.data.batching import batch as join
from cartesian.nn.data.batching import to_graph
from cartesian.nn.data.dataset import Batch
from cartesian.nn.train.errors import Errors
from cartesian.nn.train.loss import CONVENTIONS, Loss, Terms

SIZES = (2, 3, 1)
ATOMS = torch.tensor(SIZES, dtype=torch.float64)
WEIGHTS = {"energy": 2.0, "forces": 3.0, "virial": 0.5}


def drawn(seed, weights=None):
    """A batch of three systems and results for it; errors are results minus labels."""
    rng = torch.Generator().manual_seed(seed)
    graphs = [to_graph(np.arange(3 * n).reshape(n, 3), [1] * n, 1.5) for n in SIZES]
    shapes = {"energy": (3,), "forces": (6, 3), "virial": (3, 3, 3), "stress": (3, 3, 3)}
    labels = {name: torch.randn(shape, generator=rng, dtype=torch.float64) for name, shape in shapes.items()}
    results = {name: torch.randn(value.shape, generator=rng).double() for name, value in labels.items()}
    ones = torch.ones(3, dtype=torch.float64) if weights is None else torch.tensor(weights)
    made = Batch(join(graphs), labels, frozenset({"forces"}), ones.double(), (0, 1, 2))
    return results, made, {name: results[name] - labels[name] for name in labels}


def L_A(d):
    return (
        2 * d["energy"].square().mean() + 3 * d["forces"].square().mean() + 0.5 * d["virial"].square().mean()
    )


def L_B(d):
    return (
        2 * (d["energy"].square() / ATOMS).mean()
        + 3 * d["forces"].square().mean()
        + 0.5 * (d["virial"].square() / ATOMS[:, None, None]).mean()
    )


def L_C(d):
    return (
        2 * (d["energy"].square() / ATOMS).sum()
        + 3 * d["forces"].square().sum()
        + 0.5 * (d["virial"].square() / ATOMS[:, None, None]).sum()
    )


def L_D(d):
    return (
        2 * (d["energy"] / ATOMS).square().mean()
        + 3 * d["forces"].square().mean()
        + 0.5 * (d["virial"] / ATOMS[:, None, None]).square().mean()
    )


def L_E(d):
    return 2 * d["energy"].square().sum() + 3 * d["forces"].square().sum() + 0.5 * d["virial"].square().sum()


FORMULAS = {"L_A": L_A, "L_B": L_B, "L_C": L_C, "L_D": L_D, "L_E": L_E, "L_F": L_A}


@pytest.mark.parametrize("name", CONVENTIONS)
@given(seed=st.integers(0, 2**32 - 1))
def test_conventions_are_their_formulas(name, seed):
    results, batch, errors = drawn(seed)
    loss = Loss(WEIGHTS, name)
    torch.testing.assert_close(loss.total(loss.terms(results, batch)), FORMULAS[name](errors))


def test_intensive_results_are_not_divided():
    results, batch, errors = drawn(0)
    loss = Loss({"stress": 1.0}, "L_D")
    torch.testing.assert_close(loss.total(loss.terms(results, batch)), errors["stress"].square().mean())
    other = Loss({"virial": 1.0}, "L_D", intensive=frozenset({"virial"}))
    torch.testing.assert_close(other.total(other.terms(results, batch)), errors["virial"].square().mean())


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 10))
def test_huber_is_that_of_torch(seed, width):
    results, batch, _ = drawn(seed)
    loss = Loss({"forces": 1.0}, "L_A", huber={"forces": width})
    # Theirs is half of ours, so that small errors are squared.
    wanted = 2 * huber_loss(results["forces"], batch.labels["forces"], delta=width)
    torch.testing.assert_close(loss.total(loss.terms(results, batch)), wanted)


def test_frames_have_weights():
    results, batch, errors = drawn(0, weights=[2.0, 1.0, 5.0])
    loss = Loss({"energy": 1.0, "forces": 1.0}, "L_E")
    per_atom = torch.tensor([2.0, 2, 1, 1, 1, 5]).double()[:, None]
    wanted = (torch.tensor([2.0, 1, 5]) * errors["energy"].square()).sum()
    wanted = wanted + (per_atom * errors["forces"].square()).sum()
    torch.testing.assert_close(loss.total(loss.terms(results, batch)), wanted)


def test_frames_of_weight_zero_do_not_count():
    results, batch, errors = drawn(0, weights=[1.0, 0.0, 1.0])
    loss = Loss({"energy": 1.0, "forces": 1.0}, "L_A")
    wanted = errors["energy"][[0, 2]].square().mean() + errors["forces"][[0, 1, 5]].square().mean()
    torch.testing.assert_close(loss.total(loss.terms(results, batch)), wanted)
    counted = Errors(["energy", "forces"])
    counted.add(results, batch)
    assert counted.found()["energy_mae"] == pytest.approx(float(errors["energy"][[0, 2]].abs().mean()))
    assert counted.found()["forces_mae"] == pytest.approx(float(errors["forces"][[0, 1, 5]].abs().mean()))


def test_missing_labels_do_not_count_nor_their_gradients():
    results, batch, errors = drawn(0)
    batch.labels["virial"][1] = torch.nan
    results = {name: value.requires_grad_() for name, value in results.items()}
    loss = Loss({"virial": 1.0}, "L_A")
    found = loss.total(loss.terms(results, batch))
    torch.testing.assert_close(found, errors["virial"][[0, 2]].square().mean())
    (gradient,) = torch.autograd.grad(found, results["virial"])
    assert torch.isfinite(gradient).all()
    assert not gradient[1].any()


def test_a_label_may_be_missing_in_all_frames():
    results, batch, _ = drawn(0)
    del batch.labels["virial"]
    results["virial"] = results["virial"].requires_grad_()
    loss = Loss({"virial": 1.0})
    found = loss.total(loss.terms(results, batch))
    (gradient,) = torch.autograd.grad(found, results["virial"])
    assert float(found.detach()) == 0
    assert not gradient.any()
    counted = Errors(["virial"])
    counted.add(results, batch)
    assert counted.found() == {"virial_mae": 0.0, "virial_rmse": 0.0}


@given(st.sampled_from(sorted(CONVENTIONS)), st.integers(0, 2**32 - 1))
def test_terms_of_parts_add_up(name, seed):
    results, batch, _ = drawn(seed)
    loss = Loss({"energy": 1.0}, name)
    parts = []
    for k in range(3):
        weights = torch.zeros(3, dtype=torch.float64)
        weights[k] = 1
        part = Batch(batch.graph, batch.labels, batch.atomic, weights, batch.numbers)
        parts.append(loss.terms(results, part))
    added = Terms(*(torch.stack(columns).sum(0) for columns in zip(*parts, strict=True)))
    torch.testing.assert_close(loss.total(added), loss.total(loss.terms(results, batch)))


def test_weights_follow_the_learning_rate():
    results, batch, errors = drawn(0)
    loss = Loss({"forces": (10.0, 2.0)}, "L_E")
    whole = errors["forces"].square().sum()
    for rate, weight in ((1.0, 10.0), (0.5, 6.0), (0.0, 2.0)):
        torch.testing.assert_close(loss.total(loss.terms(results, batch), rate), weight * whole)


def test_float32_results_are_summed_in_float64():
    results, batch, _ = drawn(0)
    results = {name: value.float() for name, value in results.items()}
    terms = Loss(WEIGHTS).terms(results, batch)
    assert terms.sums.dtype == terms.counts.dtype == torch.float64
    wanted = mse_loss(results["forces"].double(), batch.labels["forces"], reduction="sum")
    assert float(terms.sums[1]) == pytest.approx(float(wanted), rel=1e-14)


@given(st.integers(0, 2**32 - 1))
def test_errors_are_means_over_components(seed):
    results, batch, errors = drawn(seed)
    counted = Errors(["energy", "forces", "virial"])
    for _ in range(2):
        counted.add(results, batch)
    found = counted.found()
    for name in ("energy", "forces", "virial"):
        assert found[f"{name}_mae"] == pytest.approx(float(errors[name].abs().mean()))
        assert found[f"{name}_rmse"] == pytest.approx(float(errors[name].square().mean().sqrt()))
    assert found["energy_per_atom_mae"] == pytest.approx(float((errors["energy"] / ATOMS).abs().mean()))


def test_impossible_losses_are_refused():
    with pytest.raises(ValueError, match="no loss is called 'L_X': there are L_A, L_B"):
        Loss({"energy": 1.0}, "L_X")
    with pytest.raises(ValueError, match="a weight for at least one result"):
        Loss({})
    with pytest.raises(ValueError, match="a Huber width for forces, which have no weight"):
        Loss({"energy": 1.0}, huber={"forces": 1.0})
