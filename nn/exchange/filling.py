"""Weights that have been renamed, put into a model: all of them, and none left over."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn


def take(weights: dict[str, Tensor], name: str) -> Tensor:
    """One of the weights, which is taken out.

    Raises:
        ValueError: If there is none of this name.

    Examples:
        >>> take({}, "linear.weight")
        Traceback (most recent call last):
        ...
        ValueError: the weights lack linear.weight; are the settings those of the model?
    """
    if name not in weights:
        raise ValueError(f"the weights lack {name}; are the settings those of the model?")
    return weights.pop(name)


def fill(model: nn.Module, weights: Mapping[str, Tensor], left: Collection[str] = ()) -> None:
    """Give a model its parameters, and the dtype of these.

    Args:
        model: Changed in place.
        weights: A tensor for every parameter of the model, by its name there.
        left: Names of weights that were given and not used.

    Raises:
        ValueError: If a parameter gets no weights or some of another shape, or something is left.

    Examples:
        >>> fill(nn.Linear(2, 1), {"weight": torch.zeros(1, 2)})
        Traceback (most recent call last):
        ...
        ValueError: the weights lack what becomes bias; are the settings those of the model?
    """
    wanted = dict(model.named_parameters())
    missing = [name for name in wanted if name not in weights]
    if missing:
        raise ValueError(
            f"the weights lack what becomes {', '.join(missing)}; are the settings those of the model?"
        )
    if left:
        raise ValueError(
            f"there are weights that this model does not have: {', '.join(sorted(left))}; "
            "are the settings those of the model?"
        )
    for name, parameter in wanted.items():
        if parameter.shape != weights[name].shape:
            raise ValueError(
                f"{name} has shape {tuple(parameter.shape)} by the settings, and the weights have "
                f"{tuple(weights[name].shape)}"
            )
    if wanted:
        model.to(weights[next(iter(wanted))].dtype)
    with torch.no_grad():
        for name, parameter in wanted.items():
            parameter.copy_(weights[name])
