"""A right potential passes; every way to break a law is found by the check of that law, and by no luck."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from cartesian.nn.calculators.source import open_model
from cartesian.nn.graph import safe_norm
from cartesian.nn.radial.envelopes import PolynomialEnvelope
from cartesian.nn.report.tables import print_check
from cartesian.nn.report.verification import Check, drawn_frames, verify

ENVELOPE = PolynomialEnvelope(3.0)


@dataclass(frozen=True)
class PairsConfig:
    elements: tuple = (1, 8)
    cutoff: float = 3.0


class Pairs(nn.Module):
    """A smooth pair potential that depends on the elements."""

    def __init__(self):
        super().__init__()
        self.config = PairsConfig()

    def pairs(self, graph, envelope=ENVELOPE):
        d = safe_norm(graph.vectors)
        z = graph.atomic_numbers.to(d)
        return graph.sum_receivers(torch.exp(-d) * envelope(d) * (z[graph.senders] + 2 * z[graph.receivers]))

    def energies(self, graph):
        return self.pairs(graph)

    def forward(self, graph):
        energies = self.energies(graph).double()
        return {"energy": graph.sum_systems(energies), "energies": energies}


class Detached(Pairs):
    """A part of the energy has no gradient."""

    def energies(self, graph):
        return self.pairs(graph) + 0.1 * self.pairs(graph).detach().square()


class Unstrained(Pairs):
    """The cell does not feel the strain."""

    def energies(self, graph):
        return super().energies(graph.replace(cells=graph.cells.detach()))


class Turned(Pairs):
    def energies(self, graph):
        return self.pairs(graph) + 0.01 * graph.sum_receivers(
            graph.vectors[:, 0] ** 2 * ENVELOPE(safe_norm(graph.vectors))
        )


class Chiral(Pairs):
    def energies(self, graph):
        i, j, vectors = graph.receivers, graph.senders, graph.vectors
        v = graph.sum_receivers(vectors * ENVELOPE(safe_norm(vectors))[:, None])
        triple = (torch.linalg.cross(v[j], vectors) * v[i]).sum(-1) * ENVELOPE(safe_norm(vectors))
        return self.pairs(graph) + graph.sum_receivers(triple * graph.atomic_numbers[j])


class Ordered(Pairs):
    def energies(self, graph):
        counts = torch.arange(graph.nodes).to(graph.positions)
        return self.pairs(graph) + 0.01 * counts * self.pairs(graph)


class Seeing(Pairs):
    """Every atom sees the mean of the whole batch."""

    def energies(self, graph):
        own = self.pairs(graph)
        return own + 0.1 * own.mean() ** 2


class Summing(Pairs):
    """The energy of a system is no sum."""

    def energies(self, graph):
        own = self.pairs(graph)
        return own + 0.01 * graph.sum_systems(own)[graph.systems]


class Jumping(Pairs):
    def energies(self, graph):
        return self.pairs(graph, envelope=torch.ones_like)


BROKEN = {
    Detached: "forces are the slopes of the energy",
    Unstrained: "virial is the slope of the energy under strain",
    Turned: "equivariance under rotations and translations",
    Chiral: "equivariance under reflections",
    Ordered: "order of atoms does not matter",
    Seeing: "systems of a batch do not see each other",
    Summing: "energies of distant copies add up",
    Jumping: "energy and forces are continuous at the cutoff",
}


def broken(model):
    source = open_model(model)
    return [check.law for check in verify(source, drawn_frames(source)) if not check.passed]


def test_a_right_potential_passes():
    source = open_model(Pairs())
    checks = list(verify(source, drawn_frames(source)))
    assert [check.law for check in checks if not check.passed or check.skipped] == []
    assert len(checks) == 9


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_law_is_found(kind):
    assert BROKEN[kind] in broken(kind())


def test_dynamics_with_wrong_forces_do_not_conserve_energy():
    assert "a shorter time step conserves energy better" in broken(Detached())


def test_what_cannot_be_checked_is_skipped_and_what_is_no_number_fails():
    source = open_model(Pairs())
    crystals = [frame for frame in drawn_frames(source) if frame.periodic.all()]
    skipped = [check for check in verify(source, crystals) if check.skipped]
    assert [check.law for check in skipped] == ["energies of distant copies add up"]
    assert not Check("a law", float("nan"), 1.0).passed


def test_a_check_is_one_line(capsys):
    from rich.console import Console

    print_check(Check("a law", 2e-3, 1e-6, "frame 3"), Console(width=200))
    print_check(Check("a law", 2e-9, 1e-6, "frame 3"), Console(width=200))
    assert capsys.readouterr().out.splitlines() == [
        "FAIL  a law: 2.0e-03 of 1e-06, frame 3",
        "pass  a law: 2.0e-09 of 1e-06",
    ]
