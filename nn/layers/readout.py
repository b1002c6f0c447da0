"""Readouts: features to numbers or tensors of each atom, of any irreps."""

from torch import Tensor, nn

from cartesian.nn.layers.gate import Gate, GateMaker
from cartesian.nn.layers.linear import Linear
from cartesian.spec import Irreps


class Readout(nn.Module):
    r"""A linear map, or two with a gate between them.

    $$y = W x, \qquad \text{or } y = W_2\, g(W_1 x)$$

    Args:
        irreps: Irreps of the features.
        out: Irreps of the result, such as `"0e"` for an energy or `"0e + 2e"` for a polarizability.
        hidden: Irreps between the two maps; by default there is one map only.
        gate: Makes the gate for the hidden irreps, a `Gate` by default.
        bias: Whether `0e` channels have biases.

    Shape:
        `(nodes, irreps.dim)` to `(nodes, out.dim)`.

    Raises:
        ValueError: If an irrep of `out` cannot come from the irreps before it.

    Examples:
        >>> Readout("64x0e + 64x1o", "0e", hidden="16x0e")
        Readout(
          (first): Linear(64x0e+64x1o -> 16x0e)
          (gate): Gate(
            16x0e -> 16x0e
            (even): Normalized(
              factor=1.67653
              (activation): SiLU()
            )
            (odd): Normalized(
              factor=1.59254
              (activation): Tanh()
            )
            (gate): Normalized(
              factor=1.67653
              (activation): SiLU()
            )
          )
          (last): Linear(16x0e -> 1x0e)
        )
    """

    def __init__(
        self,
        irreps: Irreps | str,
        out: Irreps | str,
        hidden: Irreps | str | None = None,
        gate: GateMaker = Gate,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.irreps, self.out = Irreps(irreps), Irreps(out)
        stages = [self.irreps, self.out] if hidden is None else [self.irreps, Irreps(hidden), self.out]
        for block in self.out:
            if any(block.irrep not in stage for stage in stages):
                raise ValueError(
                    f"a readout of {self.irreps} cannot give {block.irrep}"
                    + (f" through {hidden}" if hidden is not None else "")
                    + ": linear maps and gates change no irrep"
                )
        self.first: nn.Module = nn.Identity()
        self.gate: nn.Module = nn.Identity()
        if hidden is not None:
            self.gate = made = gate(Irreps(hidden))
            self.first = Linear(self.irreps, made.irreps, bias=bias)
        self.last = Linear(stages[-2], self.out, bias=bias)

    def forward(self, features: Tensor) -> Tensor:
        """Read features out."""
        result: Tensor = self.last(self.gate(self.first(features)))
        return result
