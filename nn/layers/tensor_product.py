r"""Tensor products with weights of their own, in the modes of e3nn.

The parameters start from $N(0, 1)$. What is used are the parameters divided by the root of the fan-in, the
number of products that a number of the result sums: inputs of variance 1 give outputs of variance 1.
"""

import numpy as np
import torch
from torch import Tensor, nn

from cartesian.kernels.arrays import constant
from cartesian.ops.tensor_product import tensor_product
from cartesian.programs.mixing import mixings
from cartesian.programs.tensor_product import Mode
from cartesian.programs.tensor_product import TensorProduct as Program
from cartesian.programs.tensor_product import tensor_product as build
from cartesian.spec import Irreps


class TensorProduct(nn.Module):
    r"""Multiply two kinds of features.

    $$z_{ow} = \frac{1}{\sqrt{n}} \sum_p \sum_{uv} w^p_{uvw} \sum_{ab} C^p_{abo}\, x_{au}\, y_{bv}$$

    in mode `"uvw"`; the other modes let fewer channels meet (`cartesian.programs.tensor_product`).

    Args:
        left, right: Irreps of the two inputs.
        out: Irreps of the output; in modes `"uuu"` and `"uvu"` the channels follow from those of `left`, and
            `None` takes all irreps.
        mode: `"uuu"`, `"uvu"`, `"uuw"` or `"uvw"`.

    Attributes:
        out: Irreps of the output.

    Shape:
        `(rows, left.dim)` and `(rows, right.dim)` to `(rows, out.dim)`.

    Raises:
        ValueError: If no path leads to a block of `out`, or an argument does not fit the mode.

    Examples:
        >>> product = TensorProduct("8x0e + 4x1o", "2x0e + 2x1o", "16x0e + 4x1e")
        >>> product(torch.zeros(5, 20), torch.zeros(5, 8)).shape
        torch.Size([5, 28])
        >>> TensorProduct("8x0e + 8x1o", "1o", mode="uvu").out
        8x0e+8x1o+8x1e+8x2e
    """

    def __init__(
        self, left: Irreps | str, right: Irreps | str, out: Irreps | str | None = None, mode: Mode = "uvw"
    ) -> None:
        super().__init__()
        self.program = build(left, right, out, mode)
        self.left, self.right, self.out = self.program.left, self.program.right, self.program.out
        self.weight = nn.Parameter(torch.randn(self.program.weights))
        self._scales = _scales(self.program)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Multiply features `(rows, left.dim)` with `(rows, right.dim)`."""
        weights = self.weight * constant(self._scales, self.weight)
        return tensor_product(self.program, left, right, weights)

    def extra_repr(self) -> str:
        """The irreps, and the mode."""
        return f"{self.left} x {self.right} -> {self.out}, {self.program.mode}"


def _scales(program: Program) -> np.ndarray:
    """Per weight, one over the root of the fan-in."""
    fan_in = np.ones(program.weights)
    if program.form is not None:
        sums: dict[int, int] = {}
        for path in program.form.paths:
            sums[path.blocks[2]] = sums.get(path.blocks[2], 0) + path.shape[0] * path.shape[1]
        for path in program.form.paths:
            fan_in[path.weights] = sums[path.blocks[2]]
    elif program.mixing is not None:
        for part in mixings(program.mixing.irreps, program.mixing.out):
            fan_in[part.weights] = program.mixing.irreps.count(program.mixing.out[part.target].irrep)
    return fan_in**-0.5
