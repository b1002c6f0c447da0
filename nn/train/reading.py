"""Configurations from YAML and the command line, checked before anything runs.

Every value can be given on the command line too, as `optimizer.rate=0.002`, where the value is YAML.
"""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from cartesian.nn.data.labels import Label, parse_labels
from cartesian.nn.train.config import TrainConfig

FORMER = (("data", "ahead"),)
"""Keys without meaning today, which the folders of older runs still hold."""


def read_config(path: str | Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """A configuration from a YAML file, or from the folder of a run.

    Args:
        path: Of the file, or of a folder with `config.yaml`.
        overrides: Such as `"optimizer.rate=0.002"`, applied in order.

    Raises:
        FileNotFoundError: If there is no file.
        ValueError: If it is no YAML, a key is unknown, a value is not allowed, or one is missing; says where.
    """
    path = Path(path)
    path = path / "config.yaml" if path.is_dir() else path
    if not path.is_file():
        raise FileNotFoundError(f"there is no configuration {path}")
    try:
        values = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(
            f"{path} holds {values!r}, where a configuration has keys such as run, data and model"
        )
    for section, key in FORMER:
        if isinstance(values.get(section), dict):
            values[section].pop(key, None)
    for override in overrides:
        _override(values, override)
    return parse_config(values)


def parse_config(values: dict[str, Any]) -> TrainConfig:
    """A configuration from plain values; errors as in `read_config`."""
    try:
        config = TrainConfig.model_validate(values)
    except ValidationError as error:
        raise ValueError("; ".join(_explain(error.errors(), values))) from None
    if "name" not in config.model and config.start is None:
        raise ValueError("model.name is missing: which model shall be trained, as in model: {name: HotPP}")
    if config.data.charge and config.data.spin:
        raise ValueError(
            f"data.charge is {config.data.charge!r} and data.spin {config.data.spin!r}: models are told one "
            "number about a whole structure, so name one of them"
        )
    for name, label in config.data.labels.items():
        known = [key for key in Label.__dataclass_fields__ if key != "name"]
        for key in {} if isinstance(label, str) else label:
            if key not in known:
                raise ValueError(_unknown(f"data.labels.{name}", key, known))
    parse_labels(config.data.labels)
    return config


def write_config(config: TrainConfig) -> str:
    """A configuration with all its values, as YAML."""
    text: str = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    return text


def _override(values: dict[str, Any], text: str) -> None:
    key, equals, given = text.partition("=")
    if not equals or not all(key.split(".")):
        raise ValueError(f"{text!r} changes nothing: write key=value, such as optimizer.rate=0.002")
    *sections, last = key.split(".")
    for section in sections:
        if not isinstance(values.get(section, {}), dict):
            raise ValueError(f"{text!r}: {section} is {values[section]!r} and holds no further keys")
        values = values.setdefault(section, {})
    try:
        values[last] = yaml.safe_load(given)
    except yaml.YAMLError as error:
        raise ValueError(f"{text!r}: {given!r} is no YAML value: {error}") from error


def _explain(problems: Sequence[Any], values: dict[str, Any]) -> Iterator[str]:
    """What pydantic found, a sentence for each place; where several types are allowed it tells of each."""
    wrong: dict[str, list[str]] = {}
    for problem in problems:
        *sections, last = map(str, problem["loc"])
        if problem["type"] == "extra_forbidden":
            section: Any = TrainConfig
            for part in sections:
                section = section.model_fields[part].annotation
            yield _unknown(".".join(sections), last, list(section.model_fields))
        elif problem["type"] == "missing":
            yield f"{'.'.join([*sections, last])} is missing"
        else:
            message = problem["msg"].removeprefix("Input ")
            wrong.setdefault(_place(problem["loc"], values), []).append(message[0].lower() + message[1:])
    for place, messages in wrong.items():
        yield f"{place}: {', or it '.join(dict.fromkeys(messages))}"


def _place(parts: Sequence[Any], values: Any) -> str:
    """The keys that lead to a value, without the types that stand behind them, and the value."""
    keys = []
    for part in parts:
        if not (
            (isinstance(values, dict) and part in values)
            or (isinstance(values, list) and part in range(len(values)))
        ):
            break
        keys.append(str(part))
        values = values[part]
    return f"{'.'.join(keys)} is {values!r}"


def _unknown(section: str, key: str, known: Sequence[str]) -> str:
    near = get_close_matches(key, known, 1)
    where = f"{section} has no key" if section else "there is no key"
    return f"{where} {key!r}{f'; is it {near[0]!r}?' if near else '.'} There are {', '.join(known)}"
