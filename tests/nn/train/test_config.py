"""Configurations: YAML and the command line, and errors that say what is wrong and what would be right."""

import pytest
import yaml

from cartesian.nn.data.spread import Spread
from cartesian.nn.data.statistics import Statistics
from cartesian.nn.models.nequip import NequIPConfig
from cartesian.nn.train.reading import parse_config, read_config, write_config
from cartesian.nn.train.settings import check_settings, complete, cutoff_of

MINIMAL = {"run": "runs/x", "model": {"name": "NequIP", "cutoff": 4}, "data": {"train": "x.xyz"}}

FOUND = Statistics(
    elements=("H", "O"),
    frames=10,
    atoms=40,
    neighbors=7.5,
    composition={"H": 3.0, "O": 1.0},
    isolated={"H": -13.0, "O": -2040.0},
    shift=0.1,
    scale=2.0,
    labels={"dipole": Spread((0.0, 0.0, 0.0), 0.6, 0.6, 10), "alpha": Spread((1.0,) * 9, 1.0, 0.0, 10)},
)


@pytest.fixture
def path(tmp_path):
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(MINIMAL))
    return tmp_path / "c.yaml"


def test_values_have_defaults_and_come_back(path, tmp_path):
    config = read_config(path)
    assert (config.loss.weights, config.epochs) == ({"energy": 1.0, "forces": 10.0}, 100)
    (tmp_path / "config.yaml").write_text(write_config(config))
    assert read_config(tmp_path) == config


def test_runs_of_earlier_versions_are_read(path):
    former = MINIMAL | {"data": MINIMAL["data"] | {"ahead": 2}}
    path.write_text(yaml.safe_dump(former))
    assert read_config(path) == parse_config(MINIMAL)
    # Today nobody can ask for it.
    with pytest.raises(ValueError, match="data has no key 'ahead'"):
        read_config(path, ["data.ahead=2"])


def test_every_value_can_be_changed_on_the_command_line(path):
    changes = [
        "optimizer.rate=0.5",
        "loss.weights.dipole=3",
        "loss.weights.forces=[10, 1]",
        "data.valid=[a.xyz, b.xyz]",
        "data.labels.energy.key=E",
        "data.reference={H: -13}",
        "model.cutoff=6.5",
        "clip=null",
        "schedule.name=plateau",
    ]
    config = read_config(path, changes)
    assert config.optimizer.rate == 0.5
    assert config.loss.weights == {"dipole": 3.0, "forces": (10.0, 1.0)}
    assert config.data.valid == ["a.xyz", "b.xyz"]
    assert config.data.labels == {"energy": {"key": "E"}}
    assert config.data.reference == {"H": -13.0}
    assert config.model["cutoff"] == 6.5
    assert config.clip is None
    assert config.schedule.name == "plateau"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("optimiser.rate=1", r"there is no key 'optimiser'; is it 'optimizer'\? There are run, model"),
        ("optimizer.rte=1", r"optimizer has no key 'rte'; is it 'rate'\? There are name, rate"),
        ("data.labels.energy.kye=E", r"data.labels.energy has no key 'kye'; is it 'key'\? There are key"),
        ("data.zzzzz=2", r"data has no key 'zzzzz'\. There are train"),
        ("optimizer.rate=fast", r"optimizer.rate is 'fast': should be a valid number"),
        ("optimizer.rate=-1", r"optimizer.rate is -1: should be greater than 0"),
        (
            "optimizer.name=sgd",
            r"optimizer.name is 'sgd': should be 'adamw', 'adam', 'amsgrad' or 'muon'",
        ),
        ("loss.convention=L_Q", r"loss.convention is 'L_Q': should be 'L_A', 'L_B'"),
        ("average=1.5", r"average is 1.5: should be less than 1"),
        ("data.valid=2", r"data.valid is 2: should be less than 1, or it should be a valid string, or it"),
        ("optimizer.betas=[1, x]", r"optimizer.betas.1 is 'x': should be a valid number"),
        ("data.labels.forces.unit=eV", r"'eV' is no unit of forces"),
        ("epochs", r"'epochs' changes nothing: write key=value"),
        ("epochs.x=1", r"epochs is 100 and holds no further keys|epochs is"),
        ("run=[", r"'\[' is no YAML value"),
    ],
)
def test_wrong_values_are_explained(path, changes, message):
    if changes == "epochs.x=1":
        path.write_text(yaml.safe_dump(MINIMAL | {"epochs": 100}))
    with pytest.raises(ValueError, match=message):
        read_config(path, [changes])


def test_missing_values_are_named():
    with pytest.raises(ValueError, match=r"^run is missing; data.train is missing$"):
        parse_config({"model": {"name": "NequIP"}, "data": {}})
    with pytest.raises(ValueError, match=r"model.name is missing: which model"):
        parse_config(MINIMAL | {"model": {"cutoff": 3}})


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no configuration"):
        read_config(tmp_path / "c.yaml")
    for text, message in (("a: [", "is no YAML"), ("42", "holds 42, where a configuration has keys")):
        (tmp_path / "c.yaml").write_text(text)
        with pytest.raises(ValueError, match=message):
            read_config(tmp_path / "c.yaml")


def test_settings_of_models_are_checked():
    assert check_settings(NequIPConfig, {"cutoff": 4, "radial": [8, 8]})["cutoff"] == 4.0
    with pytest.raises(ValueError, match=r"NequIPConfig has no 'cutof'; is it 'cutoff'\?"):
        check_settings(NequIPConfig, {"cutof": 4})
    with pytest.raises(ValueError, match=r"model.layers is 'many': input should be a valid integer"):
        check_settings(NequIPConfig, {"layers": "many"})
    assert cutoff_of(NequIPConfig, {}) == NequIPConfig(("H",)).cutoff


def test_settings_are_completed_from_the_data():
    made = complete(NequIPConfig, {"cutoff": 3.0}, FOUND, ("energy", "forces"))
    assert made == NequIPConfig(
        ("H", "O"), cutoff=3.0, neighbors=7.5, scale=2.0, shift=0.1, isolated={"H": -13.0, "O": -2040.0}
    )
    own = complete(NequIPConfig, {"elements": ["O", "H", "C"], "neighbors": 3.0}, FOUND, ("energy",))
    assert (own.elements, own.neighbors) == (("O", "H", "C"), 3.0)


def test_results_of_the_loss_become_targets():
    made = complete(NequIPConfig, {}, FOUND, ("energy", "dipole"))
    (dipole,) = made.targets
    # 0.6 is the sum of four atoms in random directions.
    assert (dipole["name"], dipole["formula"], dipole["scale"]) == ("dipole", "i", 0.3)
    given = {"targets": ({"name": "alpha", "formula": "ij=ji"},)}
    (alpha,) = complete(NequIPConfig, given, FOUND, ("alpha",)).targets
    # 1 is four times the same quarter.
    assert alpha["scale"] == 0.25
    fixed = {"targets": ({"name": "alpha", "formula": "ij=ji", "scale": 7.0},)}
    assert complete(NequIPConfig, fixed, FOUND, ("alpha",)).targets == fixed["targets"]


def test_unknown_results_are_refused():
    with pytest.raises(ValueError, match=r"no target is called 'dipol'; is it 'dipole'\?"):
        complete(NequIPConfig, {}, FOUND, ("dipol",))
    with pytest.raises(ValueError, match=r"the frames have O, the model knows H, C: add the elements"):
        complete(NequIPConfig, {"elements": ["H", "C"]}, FOUND, ("energy",))
