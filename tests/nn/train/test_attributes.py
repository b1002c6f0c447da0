"""Charges and spins of files that a model is not told, or does not see, are said once."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from cartesian.nn.train.prepare import prepare

TENSORNET = {"name": "TensorNet", "cutoff": 3.0, "channels": 2, "radial_functions": 3}


@pytest.fixture
def charged(tmp_path):
    """A file of one isolated atom, and of molecules with charges, spins, and a multiplicity."""
    frames, rng = [], np.random.default_rng(0)
    for k in range(7):
        atoms = Atoms("H" if k == 0 else "OH2", rng.uniform(0, 2, (1 if k == 0 else 3, 3)))
        atoms.info |= {"total_charge": k % 2, "spin": 0.5 * (k % 3), "multiplicity": 1, "spin_state": "low"}
        atoms.calc = SinglePointCalculator(atoms, energy=-10.0 - k)
        frames.append(atoms)
    write(tmp_path / "charged.xyz", frames, format="extxyz")
    return {
        "data__train": str(tmp_path / "charged.xyz"),
        "data__valid": None,
        "loss__weights": {"energy": 1.0},
    }


def warnings(config):
    return [note for note in prepare(config).notes if "warning" in note and "the frames have" in note]


def test_a_model_that_ignores_charges_is_named_with_the_fields(config, charged):
    (text,) = warnings(config(**charged))
    assert text == (
        "warning: the frames have total_charge from 0 to 1 and spin from 0 to 1; NequIP has no use for that, "
        "so frames that differ in it alone are the same"
    )
    assert len(warnings(config(**charged, data__charge="total_charge"))) == 1


def test_a_model_that_sees_charges_is_told(config, charged):
    (text,) = warnings(config(**charged, model=TENSORNET))
    assert "TensorNet is told nothing of that: name a key as data.charge or data.spin" in text
    (text,) = warnings(config(**charged, model=TENSORNET, data__spin="spin"))
    assert text.startswith(
        "warning: the frames have total_charge from 0 to 1; TensorNet is told spin of that"
    )
    (text,) = warnings(
        config(**charged, model=TENSORNET | {"charge_factor": 0.0}, data__charge="total_charge")
    )
    assert "TensorNet has no use for that" in text


def test_charge_and_spin_take_the_same_place(config, charged):
    first, second = (
        prepare(config(**charged, model=TENSORNET, **{f"data__{key}": "spin"})).train
        for key in ("charge", "spin")
    )
    assert [float(first[k].graph.charges) for k in range(7)] == [0, 0.5, 1, 0, 0.5, 1, 0]
    assert [float(second[k].graph.charges) for k in range(7)] == [0, 0.5, 1, 0, 0.5, 1, 0]


def test_frames_that_are_all_alike_need_no_warning(config, molecules):
    assert warnings(config()) == []


def test_a_spin_is_no_sum_of_charges(config, charged):
    model = {"name": "TensorNet2", "cutoff": 3.0, "channels": 4, "charge_channels": 2}
    with pytest.raises(
        ValueError, match=r"TensorNet2 makes charges of atoms that add up .* data\.charge, and not"
    ):
        prepare(config(**charged, model=model, data__spin="spin"))


def test_there_is_one_number(config):
    with pytest.raises(
        ValueError, match=r"data\.charge is 'q' and data\.spin 's': models are told one number"
    ):
        config(data__charge="q", data__spin="s")
