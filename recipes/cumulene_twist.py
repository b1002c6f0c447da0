"""EquiREANN and REANN on a rigid twist of C5H4: python recipes/cumulene_twist.py FILE.

The end groups are 5 Å apart, the cutoff is 3 Å. For REANN all angles look alike, so its error is the
spread of the energies. Both models are as published, where the twist is a weak signal: a quasi-Newton method
learns it in seconds. For plain training on chains of all lengths see cumulene.yaml. FILE holds the scan, 61
frames of C5H4 first (cumulene_xtb/scan_c5_c6.extxyz); every other angle is held out.
"""

import sys

import torch

from cartesian.nn.data.batching import batch
from cartesian.nn.data.frames import Frames
from cartesian.nn.models.equireann import EquiREANN, EquiREANNConfig

ANGLES, CUTOFF = 61, 3.0


def twist(file: str, equivariant: bool, rounds: int = 6) -> tuple[float, float, float]:
    """Root mean square errors in eV on the angles trained on and held out, and the spread of the latter."""
    frames = Frames(file, {"energy": "energy"})[:ANGLES]
    graphs = [batch([frame.graph(CUTOFF, torch.float64) for frame in frames[k::2]]) for k in (0, 1)]
    energies = [torch.tensor([float(f.labels["energy"]) for f in frames[k::2]]).double() for k in (0, 1)]
    middle = energies[0].mean()
    torch.manual_seed(0)
    settings = EquiREANNConfig(
        ("H", "C"),
        CUTOFF,
        orbitals=32,
        iterations=3,
        hidden=(32, 32),
        coefficients_hidden=(32, 32),
        neighbors=1.0,
        equivariant=equivariant,
        shared=not equivariant,
    )
    model = EquiREANN(settings).double()

    def error(k: int) -> torch.Tensor:
        return (model(graphs[k])["energy"] - energies[k] + middle).square().mean()

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = error(0)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    for _ in range(rounds):
        optimizer = torch.optim.LBFGS(
            model.parameters(), max_iter=20, history_size=20, line_search_fn="strong_wolfe"
        )
        optimizer.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        return float(error(0)) ** 0.5, float(error(1)) ** 0.5, float(energies[1].std(correction=0))


if __name__ == "__main__":
    for name, equivariant in (("EquiREANN", True), ("REANN", False)):
        known, held, spread = twist(sys.argv[1], equivariant)
        errors = f"{1e3 * known:.0f} meV on known angles, {1e3 * held:.0f} on those held out"
        sys.stdout.write(f"{name}: {errors}; spread {1e3 * spread:.0f}\n")
