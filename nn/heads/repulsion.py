"""The repulsion of nuclei at short range, known without training."""

from collections.abc import Mapping, Sequence
from inspect import signature
from math import inf
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cartesian.nn.graph import Graph, safe_norm
from cartesian.nn.heads.charges import COULOMB
from cartesian.nn.heads.tables import Tables
from cartesian.nn.radial.envelopes import PolynomialEnvelope

Repulsion = bool | Mapping[str, Any]
"""Whether nuclei repel each other, or arguments of `ZBL` by name: what `parse_repulsion` reads."""

# Factors and exponents of the universal screening function.
SCREENING = ((0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162))


class ZBL(Tables):
    r"""Screened repulsion of nuclei, after Ziegler, Biersack and Littmark; half of a pair for either atom.

    $$E_i = \frac{k_e}{2} \sum_{j \to i} \frac{Z_i Z_j}{d}\, \varphi(d / a)\, u(d / r_{ij}), \qquad
      a = \frac{a_0}{Z_i^p + Z_j^p}$$

    with $\varphi$ a sum of four exponentials and $u$ the polynomial envelope. It reaches to the sum of
    the covalent radii, but no farther than the edges of the graph, or to a cutoff of one's own.

    Args:
        cutoff: $r_{ij}$ of all pairs, in Å; by default the sum of the covalent radii.
        power: Of the envelope.
        length: $a_0$, in Å.
        exponent: $p$.
        screening: Factors and rates of the exponentials of $\varphi$.
        constant: $k_e$, in eV Å.
        longest: The longest $r_{ij}$, in Å: the cutoff of the graph.

    Shape:
        A graph to the energy of each atom, `(nodes,)`, in eV. Only edges of the graph count.

    Raises:
        ModuleNotFoundError: If `ase` is missing, from which the radii come.
        ValueError: If the cutoff is no length, or longer than the edges of the graph.

    Source:
        J. F. Ziegler, J. P. Biersack, U. Littmark, The Stopping and Range of Ions in Matter (1985);
        radii of B. Cordero et al., Dalton Trans. 2832 (2008).
    """

    radii: Tensor

    def __init__(
        self,
        cutoff: float | None = None,
        power: int = 6,
        length: float = 0.46850,
        exponent: float = 0.23,
        screening: Sequence[tuple[float, float]] = SCREENING,
        constant: float = COULOMB,
        longest: float = inf,
    ) -> None:
        super().__init__()
        self.screening, self.constant = tuple(screening), float(constant)
        self.cutoff, self.length, self.exponent = cutoff, float(length), float(exponent)
        self.longest = float(longest)
        self.envelope = PolynomialEnvelope(1.0, power)
        if cutoff is None:
            try:
                from ase.data import covalent_radii
            except ModuleNotFoundError:
                raise ModuleNotFoundError(
                    "covalent radii need ase: pip install 'cartesian-tensors[nn]', or give a cutoff",
                    name="ase",
                ) from None
            self.register_buffer("radii", torch.from_numpy(np.array(covalent_radii)), persistent=False)
        elif not cutoff > 0:
            raise ValueError(f"a cutoff is a positive length in Å, not {cutoff!r}")
        elif cutoff > longest:
            raise ValueError(f"a repulsion up to {cutoff} Å needs edges as long; they end at {longest} Å")

    def forward(self, graph: Graph) -> Tensor:
        """Energy of each atom."""
        lengths = safe_norm(graph.vectors)
        numbers = graph.atomic_numbers[torch.stack([graph.senders, graph.receivers])]
        Z = numbers.to(lengths)
        if self.cutoff is None:
            reach = self.radii[numbers].to(lengths).sum(0).clamp(max=self.longest)
        else:
            reach = lengths.new_tensor(self.cutoff)
        x = lengths * Z.pow(self.exponent).sum(0) / self.length
        screening = sum(factor * torch.exp(-rate * x) for factor, rate in self.screening)
        # An edge from an atom to itself is no pair.
        inverse = torch.where(lengths > 0, 1 / torch.where(lengths > 0, lengths, 1.0), 0.0)
        pairs = 0.5 * self.constant * Z.prod(0) * inverse * screening * self.envelope(lengths / reach)
        return graph.sum_receivers(pairs)


def parse_repulsion(repulsion: Repulsion, longest: float = inf) -> ZBL | None:
    """The repulsion that a setting asks for, if any.

    Args:
        repulsion: The setting.
        longest: The cutoff of the graph, in Å.

    Raises:
        ValueError: If a name is unknown, or a value is none that `ZBL` can have.

    Examples:
        >>> parse_repulsion({"cutoff": 1.5}).cutoff
        1.5
        >>> parse_repulsion(False) is None
        True
    """
    if isinstance(repulsion, bool):
        return ZBL(longest=longest) if repulsion else None
    known = [name for name in signature(ZBL).parameters if name != "longest"]
    if not isinstance(repulsion, Mapping) or any(name not in known for name in repulsion):
        raise ValueError(f"a repulsion is true, false, or a mapping of {', '.join(known)}; not {repulsion!r}")
    return ZBL(**repulsion, longest=longest)
