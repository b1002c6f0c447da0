"""A model from another one: new elements, other data, the weights taken over."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import nn

from cartesian.nn.data.statistics import Statistics
from cartesian.nn.elements import SYMBOLS, atomic_numbers, element_values
from cartesian.nn.models.registry import settings
from cartesian.nn.train.settings import complete


def start_from(
    old: nn.Module, given: Mapping[str, Any], found: Statistics, results: tuple[str, ...], scales: str
) -> tuple[nn.Module, list[str]]:
    """A model with the weights of another one.

    Elements that only the new data has come after the known ones. Their rows in tables of elements start
    as in a new model; the number of neighbours and the scale of energies stay, since the weights belong to
    them.

    Args:
        old: The other model.
        given: Checked settings that shall differ.
        found: Of the new training set.
        results: Names in the loss.
        scales: "keep" the energies of known elements, or take all from "data".

    Returns:
        The model, and what was done, as lines of text.

    Raises:
        ValueError: If settings differ that the shapes of weights depend on.
    """
    kind = settings(type(old))
    names = [field.name for field in fields(kind)]
    before: Any = old.config
    known = element_symbols(old)
    added = [symbol for symbol in found.elements if symbol not in known]
    changed = {name: value for name, value in given.items() if name != "elements"}
    values = {name: getattr(before, name) for name in names} | changed
    values["elements"] = (*known, *added)
    if "isolated" in names:
        values |= _energies(values, known, added, found, scales, changed)
    values.pop("targets", None)
    targets = changed.get("targets", getattr(before, "targets", ()))
    completed = complete(kind, values | {"targets": targets}, found, results)
    model = type(old)(completed)
    lines = copy_weights(old, model, len(known), len(known) + len(added))
    if added:
        lines.append(f"new elements {', '.join(added)} after {', '.join(known)}")
    return model, lines


def element_symbols(model: nn.Module) -> list[str]:
    """The elements that a model knows."""
    config: Any = model.config
    return [SYMBOLS[number] for number in atomic_numbers(config.elements)]


def known_energies(model: nn.Module) -> dict[str, float]:
    """Energy of an atom of each element that a model starts from, in eV: isolated plus shift."""
    config: Any = model.config
    symbols = element_symbols(model)
    parts = [element_values(getattr(config, name, 0.0), symbols, name) for name in ("isolated", "shift")]
    return {symbol: a + b for symbol, a, b in zip(symbols, *parts, strict=True)}


def copy_weights(old: nn.Module, new: nn.Module, known: int, total: int) -> list[str]:
    """Copy parameters by name; where one axis counts elements, the rows of those that were known.

    Args:
        old: From which to copy.
        new: Where to.
        known, total: Number of elements of either; the known ones stand first in both.

    Returns:
        What was not simply copied, as lines of text.

    Raises:
        ValueError: If shapes differ otherwise.
    """
    lines, source = [], dict(old.named_parameters())
    for name, parameter in new.named_parameters():
        if name not in source:
            lines.append(f"{name} is new")
            continue
        value = source.pop(name).detach().to(parameter.dtype)
        axes = [k for k, (a, b) in enumerate(zip(value.shape, parameter.shape, strict=False)) if a != b]
        same_rank = value.ndim == parameter.ndim
        if same_rank and all(value.shape[k] == known and parameter.shape[k] == total for k in axes):
            rows = tuple(slice(0, size) for size in value.shape)
            with torch.no_grad():
                parameter[rows] = value
            if axes:
                lines.append(f"{name}: rows of {known} elements copied, {total - known} new")
        else:
            raise ValueError(
                f"{name} has shape {tuple(value.shape)} in the old model and {tuple(parameter.shape)} in the "
                "new one: only elements and targets can be added; leave the other settings as they were"
            )
    return [*lines, *(f"{name} is left behind" for name in source)]


def _energies(
    values: Mapping[str, Any],
    known: list[str],
    added: list[str],
    found: Statistics,
    scales: str,
    changed: Mapping[str, Any],
) -> dict[str, Any]:
    """Scale, shift and energies of isolated atoms of all elements."""
    numbers: dict[str, Any] = {}
    for name in ("scale", "shift", "isolated"):
        if name in changed:
            continue
        old = dict(zip(known, element_values(values[name], known, name), strict=True))
        mean = sum(old.values()) / len(old)
        new = {symbol: {"isolated": found.isolated[symbol], "shift": 0.0}.get(name, mean) for symbol in added}
        if scales == "data" and name != "scale":
            data = found.isolated if name == "isolated" else dict.fromkeys(found.elements, found.shift)
            old |= {symbol: data[symbol] for symbol in known if symbol in data}
        numbers[name] = old | new
    return numbers
