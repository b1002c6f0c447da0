"""Optimisers, schedules and averages against their formulas and against torch."""

import math
from dataclasses import asdict, fields

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cartesian.nn.layers import Linear, SpeciesEmbedding, SpeciesLinear
from cartesian.nn.models import registry
from cartesian.nn.train.average import Average
from cartesian.nn.train.budget import Budget
from cartesian.nn.train.config import OptimizerConfig
from cartesian.nn.train.muon import Muon, matrix_blocks, orthogonal_factor
from cartesian.nn.train.optimizers import (
    make_optimizers,
    optimizer_tensors,
    restore_optimizers,
    set_rate,
)
from cartesian.nn.train.schedules import Plateau, Schedule


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_the_orthogonal_factor_has_the_singular_vectors(a, b, seed):
    rng = torch.Generator().manual_seed(seed)
    u, _, v = torch.linalg.svd(torch.randn(a, b, generator=rng, dtype=torch.float64), full_matrices=False)
    values = 0.3 + torch.rand(min(a, b), generator=rng, dtype=torch.float64)
    found = orthogonal_factor(u @ torch.diag(values) @ v)
    inside = u.mT @ found @ v.mT
    assert torch.allclose(inside, torch.diag(inside.diagonal()), atol=1e-10)
    assert ((inside.diagonal() > 0.6) & (inside.diagonal() < 1.3)).all()


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = SpeciesEmbedding(3, 4)
        self.linear = Linear("4x0e + 2x1o", "3x0e + 5x1o", bias=True)
        self.own = SpeciesLinear("4x0e", "2x0e", 3)
        self.plain = nn.Linear(4, 6)
        self.shift = nn.Parameter(torch.zeros(1))


def test_matrices_are_found():
    assert matrix_blocks(Small()) == {
        "linear.weight": ((slice(0, 12), (4, 3)), (slice(12, 22), (2, 5))),
        "own.weight": ((slice(0, 8), (4, 2)),),
        "plain.weight": ((slice(0, 24), (6, 4)),),
    }


@pytest.mark.parametrize("name", ["BOTNet", "HotPP", "ICTP", "MACE", "NequIP", "TensorNet", "TensorNet2"])
def test_hidden_matrices_read_no_radial_functions_and_are_no_vectors(name):
    """Eleven radial functions, and nothing else of that size: they show in the shapes."""
    settings = registry.settings(registry.find(name))
    count = "functions" if "functions" in {field.name for field in fields(settings)} else "radial_functions"
    charges = 2 * getattr(settings, "charge_channels", 0)
    model = registry.find(name)(settings(("H", "O"), 3.0, **{count: 11}))
    found, hidden = matrix_blocks(model), matrix_blocks(model, hidden=True)
    ends = {
        parameter
        for parameter, parts in found.items()
        if all(min(shape) == 1 for _, shape in parts) or {11, 11 + charges} & {*parts[0][1]}
    }
    assert any("energ" in end or "readout" in end or "values" in end for end in ends)
    # BOTNet has tables of three axes instead, which are no matrices.
    assert any(11 + charges in found[end][0][1] for end in ends) != (name == "BOTNet")
    assert hidden == {parameter: parts for parameter, parts in found.items() if parameter not in ends}
    config = OptimizerConfig(name="muon", matrices="hidden")
    muon, rest = make_optimizers(model, config)
    assert [p for group in muon.param_groups for p in group["params"]] == [
        p for parameter, p in model.named_parameters() if parameter in hidden
    ]
    assert sum(len(group["params"]) for group in (*muon.param_groups, *rest.param_groups)) == len(
        [*model.parameters()]
    )


def test_muon_is_that_of_torch():
    torch.manual_seed(0)
    ours, theirs = nn.Linear(4, 6, bias=False), nn.Linear(4, 6, bias=False)
    theirs.load_state_dict(ours.state_dict())
    blocks = matrix_blocks(nn.Sequential(ours))["0.weight"]
    first = Muon([(ours.weight, blocks)], 0.1, momentum=0.9, decay=0.01)
    second = torch.optim.Muon(
        theirs.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"
    )
    for _ in range(3):
        x = torch.randn(5, 4)
        for layer, optimizer in ((ours, first), (theirs, second)):
            optimizer.zero_grad()
            layer(x).square().sum().backward()
            optimizer.step()
    # Theirs iterates in bfloat16, and averages momentum and gradient where ours adds them: one direction.
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=0, atol=0.02)


def test_blocks_of_a_layer_are_separate_matrices():
    torch.manual_seed(0)
    layer = SpeciesLinear("4x0e + 2x1o", "3x0e + 5x1o", 2)
    blocks = matrix_blocks(nn.Sequential(layer))["0.weight"]
    optimizer = Muon([(layer.weight, blocks)], 1.0, momentum=0.5)
    before = layer.weight.detach().clone()
    layer.weight.grad = torch.randn_like(layer.weight)
    optimizer.step()
    step = (layer.weight - before).detach()
    for place, (a, b) in blocks:
        for species in range(2):
            gradient = layer.weight.grad[species, place].reshape(a, b)
            wanted = -0.2 * max(a, b) ** 0.5 * orthogonal_factor(1.5 * gradient)
            torch.testing.assert_close(step[species, place].reshape(a, b), wanted)


def test_a_gradient_may_lie_in_memory_in_any_order():
    torch.manual_seed(0)
    gradient, steps = torch.randn(3, 4), []
    for stored in (gradient, gradient.mT.contiguous().mT):
        weight = nn.Parameter(torch.zeros(3, 4))
        optimizer = Muon([(weight, ((slice(0, 12), (3, 4)),))], 1.0)
        weight.grad = stored
        optimizer.step()
        steps.append(weight.detach().clone())
    torch.testing.assert_close(*steps)


@pytest.mark.parametrize("name", ["adamw", "adam", "amsgrad", "muon"])
def test_all_parameters_are_trained_once(name):
    model = Small()
    optimizers = make_optimizers(model, OptimizerConfig(name=name, decay=0.1))
    trained = [p for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in trained} == {id(p) for p in model.parameters()}
    assert len(trained) == len([*model.parameters()])
    decayed = {
        id(p)
        for optimizer in optimizers
        for group in optimizer.param_groups
        for p in group["params"]
        if group["weight_decay"]
    }
    plain = {id(model.linear.bias), id(model.plain.bias), id(model.shift)}
    assert decayed == {id(p) for p in model.parameters()} - plain
    set_rate(optimizers, 0.3)
    assert all(group["lr"] == 0.3 for optimizer in optimizers for group in optimizer.param_groups)


@pytest.mark.parametrize("name", ["adamw", "amsgrad", "muon"])
def test_optimizers_go_on_where_they_were(name):
    torch.manual_seed(0)
    model = Small()
    optimizers = make_optimizers(model, OptimizerConfig(name=name))

    def step(seed):
        rng = torch.Generator().manual_seed(seed)
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=rng)
        for optimizer in optimizers:
            optimizer.step()

    step(1)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    remembered = {name: value.clone() for name, value in optimizer_tensors(optimizers).items()}
    step(2)
    wanted = [p.detach().clone() for p in model.parameters()]
    model.load_state_dict(weights)
    optimizers = make_optimizers(model, OptimizerConfig(name=name))
    restore_optimizers(optimizers, remembered)
    step(2)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), wanted, strict=True))


@given(st.integers(0, 100))
def test_schedules_are_their_formulas(step):
    t = step / 100
    factors = {
        "constant": 1.0,
        "cosine": 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * t)),
        "exponential": 0.1**t,
        "linear": 1 - 0.9 * t,
        "plateau": 0.25,
    }
    for name, factor in factors.items():
        assert Schedule(name, 0, 0.1)(step, t, plateau=0.25) == pytest.approx(factor)
        warm = Schedule(name, 20, 0.1)(step, t, plateau=0.25)
        assert warm == pytest.approx(factor * min(1, (step + 1) / 20))


def test_without_a_clock_the_progress_is_that_of_the_steps():
    budget = Budget(epochs=5, steps=4)
    for epoch in range(1, 6):
        budget.update(epoch, 1e9 * epoch)
        assert budget.is_over(epoch) == (epoch == 5)
        assert [budget.at(4 * epoch + k) for k in range(4)] == [
            min(1, (4 * epoch + k) / 20) for k in range(4)
        ]


@given(st.lists(st.floats(1, 20), min_size=30, max_size=30), st.floats(1, 5))
def test_on_the_clock_the_schedule_ends_in_time(durations, minutes):
    budget = Budget(epochs=30, steps=4, minutes=minutes)
    seconds, before, epoch = 0.0, 0.0, 0
    while not budget.is_over(epoch):
        progress = [budget.at(4 * epoch + k) for k in range(5)]
        assert progress == sorted(progress)
        assert progress[0] == pytest.approx(before)
        before, seconds, epoch = progress[-1], seconds + durations[epoch], epoch + 1
        budget.update(epoch, seconds)
        again = Budget(epochs=30, steps=4, minutes=minutes)
        again.restore(asdict(budget))
        assert again == budget
    # Late by no more than one epoch that took longer than the one before.
    assert epoch == 30 or 60 * minutes - max(durations) <= seconds <= 60 * minutes + max(durations)


def test_epochs_of_one_length_fill_the_minutes():
    budget = Budget(epochs=100, steps=2, minutes=1.0)
    budget.begin(1, 18.0)  # after the compiler
    budget.update(1, 20.0)
    assert budget.last == 1 + 10
    for epoch in range(2, 12):
        assert not budget.is_over(epoch - 1)
        assert budget.at(2 * epoch) == pytest.approx(0.01 + 0.99 * (epoch - 1) / 10)
        budget.update(epoch, 20.0 + 4 * (epoch - 1))
    assert budget.is_over(11)
    longer = Budget(epochs=100, steps=2, minutes=2.0)
    longer.restore(asdict(budget))
    assert (longer.last, longer.seconds) == (100, 60.0)


def test_the_plateau_is_that_of_torch():
    losses = [5.0, 4.0, 4.5, 4.2, 4.1, 4.0, 3.0, 3.5, 3.1, 3.2, 3.3, 2.9, 3.0, 3.0, 3.0, 3.0]
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2, threshold=0)
    ours = Plateau(factor=0.5, patience=2)
    for loss in losses:
        theirs.step(loss)
        ours.update(loss)
        assert ours.value == optimizer.param_groups[0]["lr"]
        again = Plateau(factor=0.5, patience=2)
        again.restore(ours.state())
        assert again == ours


def test_averages_forget_the_start():
    layer = nn.Linear(1, 1, bias=False)
    average = Average(layer, 0.9)
    wanted = float(layer.weight.detach())
    for step in range(50):
        nn.init.constant_(layer.weight, float(step))
        average.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        wanted = decay * wanted + (1 - decay) * step
    with average.applied():
        assert float(layer.weight.detach()) == pytest.approx(wanted, rel=1e-6)
    assert float(layer.weight.detach()) == 49
