r"""Products of an atom's features with themselves, of many factors at the price of a polynomial."""

import numpy as np
import torch
from torch import Tensor, nn

from cartesian.kernels.arrays import constant
from cartesian.ops.powers import symmetric_powers
from cartesian.programs.powers import power_program
from cartesian.programs.slots import Trees, normalized, slot_matrix
from cartesian.spec import Irreps


class ProductBasis(nn.Module):
    r"""Couple up to $\nu$ equal factors of each channel, with weights of each species.

    $$z^{(L)}_{ic} = \sum_{\nu=1}^{\nu_{\max}} \sum_s \alpha_s W_{z_i s c}\, T^{\nu s}(x_{ic})^{(L)}$$

    The $T^{\nu s}$ are a basis of all equivariant polynomials of $x$ of order $\nu$. Published models take
    redundant sets of coupling trees; those are folded into the basis before any atom is seen, so that they
    cost the same. With $W \sim N(0, 1)$ at first, $\alpha$ makes the second moment of $z$ one for normal $x$,
    to which every $s$ contributes equally.

    Args:
        irreps: Irreps of the features, each once and all with the same number of channels.
        correlation: $\nu_{\max}$, at least 1.
        out: Irreps of the result, each once and with the channels of the features.
        species: Number of species.
        trees: The published slots, if not the basis: maps irreps of one factor, correlation and irreps of the
            result to trees, such as `cartesian.symbolic.trees.trees` (as in MACE) or
            `partial(trees, contractions=True, max_degree=3)` (as in ICTP).

    Attributes:
        weight: $W$, `(species, slots, channels)`; slots are ordered by the irreps of `out`, then by $\nu$.

    Shape:
        Features `(nodes, irreps.dim)` and species `(nodes,)` to `(nodes, out.dim)`.

    Raises:
        ValueError: If channels differ, an irrep occurs twice, or no product gives an irrep of `out`.

    Source:
        R. Drautz, Phys. Rev. B 99, 014104 (2019); I. Batatia, D. P. Kovács, G. N. C. Simm, C. Ortner,
        G. Csányi, Adv. Neural Inf. Process. Syst. 35 (2022).

    Examples:
        >>> from cartesian.symbolic.trees import trees
        >>> basis = ProductBasis("8x0e + 8x1o + 8x2e + 8x3o", 3, "8x0e + 8x1o", species=2)
        >>> basis
        ProductBasis(8x0e+8x1o+8x2e+8x3o -> 8x0e+8x1o, correlation=3, species=2, slots=29)
        >>> basis(torch.ones(5, 128), torch.tensor([0, 1, 1, 0, 0])).shape
        torch.Size([5, 32])
        >>> ProductBasis("8x0e + 8x1o + 8x2e + 8x3o", 3, "8x0e + 8x1o", trees=trees).weight.shape
        torch.Size([1, 86, 8])
    """

    def __init__(
        self,
        irreps: Irreps | str,
        correlation: int,
        out: Irreps | str,
        species: int = 1,
        trees: Trees | None = None,
    ) -> None:
        super().__init__()
        self.irreps, self.out, self.correlation = Irreps(irreps), Irreps(out), correlation
        channels = {block.channels for block in (*self.irreps, *self.out)}
        if len(channels) != 1:
            raise ValueError(
                f"a product takes channel by channel, so {self.irreps} and {self.out} must have equal "
                "numbers of channels: mix them with a Linear before and after"
            )
        self.power = power_program(self.irreps, correlation, self.out)
        matrix = np.eye(self.power.weights) if trees is None else slot_matrix(self.power, trees)
        self.matrix = normalized(self.power, matrix)
        self.weight = nn.Parameter(torch.randn(species, len(matrix), channels.pop()))

    def forward(self, features: Tensor, species: Tensor) -> Tensor:
        """Products of the features of atoms of these species."""
        # No slots are left once their weights are those of the independent copies: O(species), not O(nodes).
        weights = constant(self.matrix.T, self.weight) @ self.weight
        products: Tensor = symmetric_powers(self.power, features, weights, species)
        return products

    def extra_repr(self) -> str:
        """Irreps, correlation, and numbers of species and slots."""
        species, slots, _ = self.weight.shape
        return (
            f"{self.irreps} -> {self.out}, correlation={self.correlation}, species={species}, slots={slots}"
        )
