"""A model as a folder: `model.json`, which a reader can open, and the weights it names.

The description names the weights by a part of their checksum and is written last, so a folder holds the old
model or the new one at any moment. Loading runs no code of the file: it holds the name of a model, plain
settings, and arrays.
"""

import hashlib
import json
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cartesian.nn.files import atomic
from cartesian.nn.files.migrations import FORMAT, migrate
from cartesian.nn.files.plain import from_plain, to_plain
from cartesian.nn.models.registry import find, settings

CONVENTIONS = 1
"""Version of docs/conventions.md: frame, phase of couplings, signs. A change there makes other numbers."""
UNITS = {"energy": "eV", "length": "Å", "charge": "e"}
DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16}


def save_model(model: nn.Module, folder: str | Path, *, statistics: Mapping[str, Any] | None = None) -> Path:
    """Write a model to a folder; one that is already there is replaced in one step.

    Args:
        model: Of `cartesian.nn.models` or of a package that offers one, not the `Potential` around it.
        folder: Made if it does not exist.
        statistics: Plain values about the training data, for readers.

    Returns:
        The path of the description.

    Raises:
        TypeError: If it is no such model, or a setting is no plain value.
    """
    folder = Path(folder)
    kind = type(model)
    config = getattr(model, "config", None)
    if not isinstance(config, settings(kind)):
        raise TypeError(f"a {kind.__name__} that was not made from its settings cannot be saved")
    weights = {name: value.detach().cpu().contiguous().clone() for name, value in model.state_dict().items()}
    content = safetensors().save(weights)
    checksum = hashlib.sha256(content).hexdigest()
    description = {
        "format": FORMAT,
        "conventions": CONVENTIONS,
        "package": _package(),
        "model": kind.__name__,
        "config": to_plain(config),
        "dtype": _dtype(model),
        "units": UNITS,
        "statistics": to_plain(statistics or {}),
        "weights": {"file": f"weights-{checksum[:12]}.safetensors", "sha256": checksum},
    }
    description["sha256"] = _checksum(description)
    atomic.write(folder / description["weights"]["file"], content)
    text = json.dumps(description, ensure_ascii=False, indent=2) + "\n"
    atomic.write(folder / "model.json", text.encode())
    for old in folder.glob("weights-*.safetensors"):
        if old.name != description["weights"]["file"]:
            old.unlink()
    return folder / "model.json"


def load_model(
    folder: str | Path,
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> nn.Module:
    """Read a model from a folder, or from the folder `model` of a run, in evaluation mode.

    Args:
        folder: Written by `save_model` or by `cartesian train`.
        dtype: By default that in which it was saved.
        device: By default the CPU.

    Raises:
        FileNotFoundError: If there is no model.
        ValueError: If the description or the weights are truncated or changed, or were written by a newer
            version.
    """
    description, place = _read(Path(folder))
    weights = place.parent / Path(description["weights"]["file"]).name
    content = weights.read_bytes() if weights.is_file() else b""
    found = hashlib.sha256(content).hexdigest()
    if found != description["weights"]["sha256"]:
        state = "are missing" if not content else f"have the checksum {found[:12]}…"
        raise ValueError(
            f"the weights {weights} {state}, where {place.name} says "
            f"{description['weights']['sha256'][:12]}…: the file is truncated or changed; copy it again"
        )
    kind = find(description["model"])
    model = kind(from_plain(settings(kind), description["config"]))
    model.to(DTYPES[description["dtype"]])
    try:
        model.load_state_dict(safetensors().load(content))
    except RuntimeError as error:
        raise ValueError(
            f"the weights of {place.parent}, saved by version {description['package']}, do not fit the "
            f"{kind.__name__} of version {_package()}: {' '.join(str(error).split())}"
        ) from error
    return model.to(device, dtype).eval()


def read_description(folder: str | Path) -> dict[str, Any]:
    """What `model.json` says, checked and brought to the present format; arguments as in `load_model`."""
    return _read(Path(folder))[0]


def _read(folder: Path) -> tuple[dict[str, Any], Path]:
    places = [folder / "model.json", folder / "model" / "model.json"]
    place = next((place for place in places if place.is_file()), None)
    if place is None:
        raise FileNotFoundError(
            f"no model in {folder}: there is neither {places[0]} nor {places[1]}; give the folder of a "
            "model, or of a run of 'cartesian train'"
        )
    try:
        description = json.loads(place.read_bytes())
    except ValueError as error:
        raise ValueError(f"{place} is no JSON: {error}; the file is truncated or changed") from error
    if not isinstance(description, dict) or not isinstance(description.get("format"), int):
        raise ValueError(f"{place} does not describe a model: it has no format version")
    if description["format"] > FORMAT:
        raise ValueError(
            f"{place} has format {description['format']}, written by version {description.get('package')}; "
            f"this version, {_package()}, reads formats up to {FORMAT}: upgrade cartesian-tensors"
        )
    if description.get("sha256") != _checksum(description):
        raise ValueError(
            f"{place} was changed after it was written: its checksum does not fit. Copy it again, or make "
            "the model anew with other settings"
        )
    description = migrate(description)
    if description["conventions"] != CONVENTIONS:
        raise ValueError(
            f"{place} has conventions {description['conventions']}, this version {CONVENTIONS}: frames or "
            "phases differ, and the weights would mean something else"
        )
    return description, place


def _checksum(description: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in description.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _dtype(model: nn.Module) -> str:
    kinds = {p.dtype for p in model.parameters()}
    if len(kinds) > 1:
        raise TypeError(f"a model is saved in one dtype, not in {sorted(map(str, kinds))}")
    dtype = kinds.pop() if kinds else torch.get_default_dtype()
    return str(dtype).removeprefix("torch.")


def safetensors() -> Any:
    """The functions `save` and `load` of safetensors for torch.

    Raises:
        ModuleNotFoundError: If the package is missing.
    """
    try:
        return import_module("safetensors.torch")
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "files of models need safetensors: pip install 'cartesian-tensors[nn]'", name="safetensors"
        ) from None


def _package() -> str:
    try:
        return version("cartesian-tensors")
    except PackageNotFoundError:
        return "unknown"
