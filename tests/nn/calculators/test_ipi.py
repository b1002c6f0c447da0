"""The real i-PI moves atoms by the calculator, through the socket client of ASE."""

import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.socketio import SocketClient
from numpy.testing import assert_allclose

from cartesian.nn.calculators import ASE
from tests.nn.calculators.models import LennardJones, LennardJonesConfig

SERVER = shutil.which("i-pi", path=str(Path(sys.executable).parent))
pytestmark = pytest.mark.skipif(SERVER is None, reason="i-PI is not installed: pip install ipi")

INPUT = """
<simulation verbosity='quiet'>
  <output prefix='sim'>
    <properties filename='out' stride='1' flush='1'>
      [conserved{{electronvolt}}, potential{{electronvolt}}]
    </properties>
  </output>
  <total_steps> 5 </total_steps>
  <ffsocket mode='unix' name='driver'> <address> {address} </address> </ffsocket>
  <system>
    <initialize nbeads='1'>
      <file mode='ase' units='angstrom'> start.xyz </file>
      <velocities mode='thermal' units='kelvin'> 30 </velocities>
    </initialize>
    <forces> <force forcefield='driver'/> </forces>
    <motion mode='dynamics'>
      <dynamics mode='nve'> <timestep units='femtosecond'> 1 </timestep> </dynamics>
    </motion>
  </system>
</simulation>
"""


def test_the_energy_that_i_pi_conserves_is_that_of_the_model(tmp_path):
    atoms = Atoms("Ar3", [[0, 0, 0], [0, 0, 2.8], [0, 2.6, 1.2]], cell=[30] * 3, pbc=True)
    atoms.write(tmp_path / "start.xyz")
    address = f"cartesian_{uuid.uuid4().hex[:8]}"
    (tmp_path / "input.xml").write_text(INPUT.format(address=address))
    server = subprocess.Popen([str(SERVER), "input.xml"], cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        atoms.calc = ASE(LennardJones(LennardJonesConfig()))
        start = atoms.get_potential_energy()
        # A client that comes too early leaves its socket open, so it waits for that of i-PI.
        while server.poll() is None and not Path(f"/tmp/ipi_{address}").exists():
            time.sleep(0.1)
        SocketClient(unixsocket=address).run(atoms, use_stress=True)
        assert server.wait(60) == 0
    finally:
        server.kill()
    conserved, potential = np.loadtxt(tmp_path / "sim.out").T
    assert len(potential) == 6
    assert_allclose(potential[0], start, rtol=1e-6)
    assert np.ptp(potential) > 1e-6
    assert_allclose(conserved, conserved[0], atol=1e-7)
