"""Optimisers by name, and their state as plain tensors."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cartesian.nn.train.config import OptimizerConfig
from cartesian.nn.train.muon import Muon, matrix_blocks


def make_optimizers(model: nn.Module, config: OptimizerConfig) -> list[torch.optim.Optimizer]:
    """The optimisers of all parameters: one, or with "muon" two, that of matrices and AdamW for the rest.

    Decay acts on parameters with two axes or more and on the flat weights of linear layers, not on biases.
    """
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    blocks = {name: parts for name, parts in matrix_blocks(model).items() if name in named}
    optimizers: list[torch.optim.Optimizer] = []
    if config.name == "muon":
        moved = matrix_blocks(model, config.matrices == "hidden")
        pairs = [(named.pop(name), parts) for name, parts in moved.items() if name in named]
        optimizers += [Muon(pairs, config.rate, config.momentum, config.decay)] if pairs else []
    decayed = [p for name, p in named.items() if name in blocks or p.ndim > 1]
    plain = [p for name, p in named.items() if not (name in blocks or p.ndim > 1)]
    groups = [
        {"params": parameters, "weight_decay": decay}
        for parameters, decay in ((decayed, config.decay), (plain, 0.0))
        if parameters
    ]
    if groups:
        kind = torch.optim.Adam if config.name in ("adam", "amsgrad") else torch.optim.AdamW
        optimizers.append(
            kind(
                groups,
                lr=config.rate,
                betas=config.betas,
                eps=config.eps,
                amsgrad=config.name == "amsgrad",
                fused=True,
            )
        )
    return optimizers


def set_rate(optimizers: Sequence[torch.optim.Optimizer], rate: float) -> None:
    """Set the learning rate of all parameters."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate


def optimizer_tensors(optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """What optimisers remember, by `number.parameter.name`."""
    return {
        f"{number}.{parameter}.{name}": torch.as_tensor(value)
        for number, optimizer in enumerate(optimizers)
        for parameter, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def restore_optimizers(optimizers: Sequence[torch.optim.Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """Give optimisers back what they remembered."""
    states: list[dict[int, dict[str, Any]]] = [{} for _ in optimizers]
    for key, value in tensors.items():
        number, parameter, name = key.split(".")
        states[int(number)].setdefault(int(parameter), {})[name] = value.clone()
    for optimizer, state in zip(optimizers, states, strict=True):
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
