r"""Products of an atom's features with themselves whose channels are mixed, path by path."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from cartesian.nn.layers.blocks import from_blocks, to_blocks
from cartesian.nn.layers.linear import SpeciesLinear
from cartesian.ops.product import product
from cartesian.programs.build import product as build
from cartesian.programs.program import Program
from cartesian.spec import Block, Irrep, Irreps


class LatentProducts(nn.Module):
    r"""Couple up to $\nu$ equal factors of each channel, and mix the channels of all products.

    $$U_1 = x, \quad U_{\nu} = (U_{\nu-1} \otimes x)_{\ell \le \ell_{\max}}, \quad
      z_{ic} = \sum_{\nu, p, c'} W_{z_i, p c', c}\, U_{\nu p}(x_{ic'})$$

    Every path $p$ is kept apart, so that it costs a mixing of its own; `ProductBasis`, which mixes no
    channels, is much cheaper for as many of them.

    Args:
        irreps: Irreps of the features, of natural parity, each once and all with the same number of channels.
        correlation: $\nu_{\max}$, at least 1.
        out: Irreps of the result.
        species: Number of species.
        ordered: Whether the first product has $x^{(\ell_1)} \otimes x^{(\ell_2)}$ for $\ell_1 < \ell_2$, too.

    Shape:
        Features `(nodes, irreps.dim)` and species `(nodes,)` to `(nodes, out.dim)`.

    Raises:
        ValueError: If channels differ, an irrep occurs twice, or no product gives an irrep of `out`.

    Source:
        V. Zaverkin et al., Adv. Neural Inf. Process. Syst. 37 (2024), arXiv:2405.14253.

    Examples:
        >>> LatentProducts("8x0e + 8x1o + 8x2e", 2, "16x0e", species=2)
        LatentProducts(
          8x0e+8x1o+8x2e -> 16x0e, correlation=2
          (mix): SpeciesLinear(32x0e -> 16x0e)
        )
    """

    def __init__(
        self,
        irreps: Irreps | str,
        correlation: int,
        out: Irreps | str,
        species: int = 1,
        ordered: bool = True,
    ) -> None:
        super().__init__()
        self.irreps, self.out, self.correlation = Irreps(irreps), Irreps(out), correlation
        kinds = [block.irrep for block in self.irreps]
        if len({block.channels for block in self.irreps}) != 1 or len(set(kinds)) < len(kinds):
            raise ValueError(
                f"products couple channel by channel: {self.irreps} must have each irrep once, all with the "
                "same number of channels"
            )
        wanted = {block.irrep for block in self.out}
        self.steps: list[list[_Step]] = []
        powers = [self.irreps]
        for order in range(2, correlation + 1):
            kept = wanted if order == correlation else wanted.union(kinds)
            step = [
                made
                for number, left in enumerate(powers[-1])
                # Of two equal factors, the one of larger degree comes first.
                if (made := _step(left, kinds[: number + 1 if order == 2 and not ordered else None], kept))
            ]
            self.steps.append(step)
            powers.append(Irreps(block for part in step for block in part.out).simplify())
        self.products = Irreps(
            block for irreps in powers for block in irreps if block.irrep in wanted
        ).simplify()
        missing = sorted(str(irrep) for irrep in wanted if irrep not in self.products)
        if missing:
            raise ValueError(
                f"no product of up to {correlation} factors of {self.irreps} contains {', '.join(missing)}"
            )
        self.channels = self.irreps[0].channels
        self.mix = SpeciesLinear(self.products, self.out, species)

    def forward(self, features: Tensor, species: Tensor) -> Tensor:
        """Products of the features of atoms of these species, mixed."""
        first = dict(zip((b.irrep for b in self.irreps), to_blocks(features, self.irreps), strict=True))
        power, total = first, {irrep: [block] for irrep, block in first.items()}
        for step in self.steps:
            found: dict[Irrep, list[Tensor]] = {}
            for part in step:
                repeats = part.left.channels // self.channels
                right = from_blocks(first[irrep].repeat(1, 1, repeats) for irrep in part.right)
                ones = features.new_ones(part.program.row(0))
                result = product(part.program, power[part.left.irrep].flatten(-2), right, ones)
                for block, kind in zip(to_blocks(result, part.out), part.out, strict=True):
                    found.setdefault(kind.irrep, []).append(block)
            power = {irrep: torch.cat(blocks, dim=-1) for irrep, blocks in found.items()}
            for irrep, block in power.items():
                total.setdefault(irrep, []).append(block)
        products = from_blocks(torch.cat(total[block.irrep], dim=-1) for block in self.products)
        mixed: Tensor = self.mix(products, species)
        return mixed

    def extra_repr(self) -> str:
        """Irreps and correlation."""
        return f"{self.irreps} -> {self.out}, correlation={self.correlation}"


class _Step(NamedTuple):
    """Products of one irrep of a power with factors of `right`, repeated to as many channels."""

    program: Program
    left: Block
    right: list[Irrep]
    out: Irreps


def _step(left: Block, right: list[Irrep], kept: set[Irrep]) -> _Step | None:
    factors = Irreps((left.channels, irrep) for irrep in right)
    found = Irreps([left]).product(factors)
    out = Irreps((1, irrep) for irrep in sorted(kept) if irrep in found)
    if not len(out):
        return None
    program = build(Irreps([left]), factors, out)
    return _Step(program, left, right, program.form.legs[3].irreps)
