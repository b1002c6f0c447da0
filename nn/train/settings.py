"""Settings of a model: what the configuration says, completed by what the training set tells."""

from collections.abc import Container, Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from torch import nn

from cartesian.nn.data.spread import Spread
from cartesian.nn.data.statistics import Statistics
from cartesian.nn.elements import SYMBOLS, atomic_numbers
from cartesian.nn.files.plain import from_plain
from cartesian.nn.heads import Potential
from cartesian.nn.heads.outputs import DERIVED, NAMED, parse_targets

RESULTS = (*DERIVED, "energies")
"""Results of every model."""


def check_settings(kind: type[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a model with values of the types that its dataclass names.

    Raises:
        ValueError: If a name is unknown or a value of another type; says which.
    """
    hints, checked = get_type_hints(kind), {}
    for name, value in given.items():
        if name not in hints:
            from_plain(kind, {name: value})  # says which one is near
        adapter: TypeAdapter[Any] = TypeAdapter(hints[name], config=ConfigDict(arbitrary_types_allowed=True))
        try:
            checked[name] = adapter.validate_python(value)
        except ValidationError as error:
            reasons = {problem["msg"][0].lower() + problem["msg"][1:] for problem in error.errors()}
            raise ValueError(f"model.{name} is {value!r}: {' or '.join(sorted(reasons))}") from None
    return checked


def cutoff_of(kind: type[Any], given: Mapping[str, Any]) -> float:
    """The cutoff that a model will have.

    Raises:
        ValueError: If it has no default and is not given.
    """
    default = next((field.default for field in fields(kind) if field.name == "cutoff"), MISSING)
    cutoff = given.get("cutoff", default)
    if cutoff is MISSING:
        raise ValueError("model.cutoff is missing: how far do atoms see each other, in Å?")
    return float(cutoff)


def complete(kind: type[Any], given: Mapping[str, Any], found: Statistics, results: tuple[str, ...]) -> Any:
    """Settings with elements, neighbours, energies and targets from the training set, where not given.

    Args:
        kind: The dataclass.
        given: Checked settings.
        found: Of the training set.
        results: Names in the loss; those that are targets with names of their own are added.

    Raises:
        ValueError: If the data has elements that were not given, or a result is no target.
    """
    names = [field.name for field in fields(kind)]
    settings = dict(given)
    settings.setdefault("elements", found.elements)
    require_elements(settings["elements"], found.elements)
    for name in ("neighbors", "scale", "shift", "isolated"):
        if name in names and name not in given:
            settings[name] = getattr(found, name)
    settings["targets"] = _targets(given.get("targets", ()), found, results)
    if "targets" not in names and settings.pop("targets"):
        raise ValueError(f"{kind.__name__} has no targets: it tells {', '.join(RESULTS)}")
    return from_plain(kind, settings)


def require_elements(known: Any, present: tuple[str, ...]) -> None:
    """Check that a model has the elements that are present.

    Raises:
        ValueError: If some are missing.
    """
    symbols = [SYMBOLS[number] for number in atomic_numbers(known)]
    missing = [symbol for symbol in present if symbol not in symbols]
    if missing:
        raise ValueError(
            f"the frames have {', '.join(missing)}, the model knows {', '.join(symbols)}: add the elements, "
            "or remove the frames"
        )


def derived(model: nn.Module, results: Container[str]) -> nn.Module:
    """A model with those results that derive from its energy, where one of them is asked for."""
    has_stress = "stress" in results or "virial" in results
    return Potential(model, stress=has_stress) if has_stress or "forces" in results else model


def intensive_results(targets: Any) -> frozenset[str]:
    """The stress, and targets that are means over atoms: they do not grow with the structure."""
    return frozenset({"stress", *(target.name for target in parse_targets(targets) if target.pool == "mean")})


def _targets(given: Any, found: Statistics, results: tuple[str, ...]) -> tuple[Any, ...]:
    """Targets with scales; those of the loss that nobody listed are added by name."""
    listed = {target.name: raw for raw, target in zip(given, parse_targets(given), strict=True)}
    for name in results:
        if name not in RESULTS and name not in listed:
            if name not in NAMED:
                parse_targets([name])  # says which are there, and how to define another
            listed[name] = name
    completed: list[Any] = []
    for name, raw in listed.items():
        (target,) = parse_targets([raw])
        has_scale = not isinstance(raw, str) and (not isinstance(raw, Mapping) or "scale" in raw)
        if has_scale or name not in found.labels:
            completed.append(raw)
        else:
            atoms = found.atoms / found.frames if target.pool == "sum" else 1.0
            completed.append({**asdict(target), "scale": _scale(found.labels[name], atoms)})
    return tuple(completed)


def _scale(spread: Spread, atoms: float) -> float:
    """Size of an atom's part: means add up with the number of atoms, deviations with its root."""
    mean = max(spread.rms**2 - spread.deviation**2, 0.0)
    scale = (mean / atoms**2 + spread.deviation**2 / atoms) ** 0.5
    return float(f"{scale:.6g}") or 1.0
