r"""Messages: what the neighbours of an atom tell it, in irreps of either parity."""

from torch import Tensor, nn

from cartesian.kernels.edges import Edges
from cartesian.nn.layers.linear import Linear
from cartesian.ops.convolution import convolution
from cartesian.programs.build import Kind
from cartesian.programs.build import convolution as build
from cartesian.spec import Irreps


class Message(nn.Module):
    r"""Couple the features of neighbours with harmonics, sum over neighbours, mix.

    $$m_i = W\, \frac{1}{\bar n} \sum_{j \to i} \sum_p w_{ji,p}\,
      \big( (W_\text{up} h_j)^{(\ell_1)} \otimes Y^{(\ell_2)}_{ji} \big)^{(\ell_3)},
      \qquad p = (\ell_1, \ell_2, \ell_3)$$

    A path couples channel with equal channel; `Linear` layers before and after mix them. Parities multiply,
    so paths of odd $\ell_1 + \ell_2 + \ell_3$ lead from tensors to pseudotensors.

    Args:
        irreps: Irreps of the features.
        out: Irreps of the message.
        max_degree: Largest degree of the harmonics.
        neighbors: $\bar n$. The average number of neighbours keeps means, its root second moments.
        kind: "separate" mixes all paths in $W$; "summed" adds those into one irrep channel by channel
            before, which asks for equal numbers of channels in `irreps`.

    Attributes:
        weights: Number of weights $w$ of an edge, one for each path and channel, in the order of
            `cartesian.programs.build.convolution`.

    Shape:
        Features `(nodes, irreps.dim)`, harmonics `(edges, (L+1)²)` and weights `(edges, weights)`, or
        `(pairs, weights)` if the edges know their opposites, to `(nodes, out.dim)`.

    Raises:
        ValueError: If no path leads to an irrep of `out`, or the number of neighbours is not positive.

    Source:
        S. Batzner et al., Nat. Commun. 13, 2453 (2022); I. Batatia et al., Nat. Mach. Intell. 7, 56 (2025).

    Examples:
        >>> message = Message("16x0e + 16x1o", "16x0e + 16x1o", max_degree=2)
        >>> message
        Message(
          neighbors=1
          (up): Linear(16x0e+16x1o -> 16x0e+16x1o)
          (mix): Linear(32x0e+48x1o -> 16x0e+16x1o)
        )
        >>> message.weights
        80
    """

    def __init__(
        self,
        irreps: Irreps | str,
        out: Irreps | str,
        max_degree: int,
        neighbors: float = 1.0,
        kind: Kind = "separate",
    ) -> None:
        super().__init__()
        if not neighbors > 0:
            raise ValueError(f"sums are divided by a positive number of neighbours, not {neighbors!r}")
        self.irreps, self.out, self.neighbors = Irreps(irreps), Irreps(out), float(neighbors)
        wanted = self.out
        if kind == "summed":
            channels = max((block.channels for block in self.irreps), default=0)
            wanted = Irreps((channels, irrep) for irrep in sorted({block.irrep for block in self.out}))
        self.program = build(self.irreps, max_degree, wanted, kind)
        weights, _, _, coupled = (leg.irreps for leg in self.program.form.legs)
        self.weights = weights.dim
        self.up = Linear(self.irreps, self.irreps)
        self.mix = Linear(coupled, self.out, scale=1 / self.neighbors)

    def forward(self, features: Tensor, harmonics: Tensor, weights: Tensor, edges: Edges) -> Tensor:
        """Messages to all atoms."""
        coupled = convolution(self.program, self.up(features), harmonics, weights, edges)
        message: Tensor = self.mix(coupled)
        return message

    def extra_repr(self) -> str:
        """The number of neighbours."""
        return f"neighbors={self.neighbors:g}"


def reachable(irreps: Irreps | str, max_degree: int, out: Irreps | str) -> Irreps:
    """The blocks of `out` to which a path leads from `irreps` and harmonics up to `max_degree`.

    Examples:
        >>> reachable("8x0e", 2, "8x0e + 8x0o + 8x1o + 8x1e + 8x3o")
        8x0e+8x1o
    """
    found = Irreps(irreps).product(Irreps.harmonics(max_degree))
    return Irreps(out).filter(lambda irrep: irrep in found)
