r"""Muon: steps of matrices along the orthogonal factor of their momentum.

$$M \mapsto \beta M + G, \qquad
  W \mapsto (1 - \eta \lambda) W - 0.2\, \eta \sqrt{\max(a, b)}\; O(G + \beta M)$$

for a matrix of $a \times b$, where $O(U S V^T) \approx U V^T$ by five steps of a Newton-Schulz iteration. The
factor makes a step as large as one of Adam, so both take one learning rate.

Source:
    K. Jordan et al., Muon: an optimizer for hidden layers in neural networks (2024); the factor: J. Liu et
    al., arXiv:2502.16982.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

Blocks = tuple[tuple[slice, tuple[int, int]], ...]

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
STEPS = 5


def orthogonal_factor(matrices: Tensor) -> Tensor:
    """Approximately $U V^T$ of matrices `(..., a, b)`: singular values end between about 0.7 and 1.2."""
    x = matrices.reshape(-1, *matrices.shape[-2:])
    x = x.mT if x.shape[-2] > x.shape[-1] else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-20)
    a, b, c = COEFFICIENTS
    for _ in range(STEPS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return (x.mT if matrices.shape[-2] > matrices.shape[-1] else x).reshape(matrices.shape)


def matrix_blocks(model: nn.Module, hidden: bool = False) -> dict[str, Blocks]:
    """Which parameters of a model are matrices: names, and their parts along the last axis.

    Weights of `Linear` and `SpeciesLinear` are rows of several matrices; other parameters with two axes are
    one. Embeddings and biases are none.

    Args:
        model: Modules that multiply radial functions by parameters name these in `basis_readers`.
        hidden: Leave out matrices at the ends: those that read radial functions, and those of a single row
            or column. An orthogonal factor moves functions that hardly ever occur as far as all others.
    """
    from cartesian.nn.layers import Linear, SpeciesEmbedding, SpeciesLinear

    blocks: dict[str, Blocks] = {}
    for prefix, module in model.named_modules():
        for name, parameter in module.named_parameters(prefix, recurse=False):
            if isinstance(module, (Linear, SpeciesLinear)) and name.endswith("weight"):
                blocks[name] = tuple((part.weights, part.shape) for part in module.mixings)
            elif parameter.ndim == 2 and not isinstance(module, (SpeciesEmbedding, nn.Embedding)):
                blocks[name] = ((slice(0, parameter.numel()), (parameter.shape[0], parameter.shape[1])),)
    ends: set[str] = set()
    if hidden:
        for prefix, module in model.named_modules():
            ends |= {f"{prefix}.{name}".removeprefix(".") for name in getattr(module, "basis_readers", ())}
        ends |= {name for name, parts in blocks.items() if all(min(shape) == 1 for _, shape in parts)}
    return {name: parts for name, parts in blocks.items() if parts and name not in ends}


class Muon(torch.optim.Optimizer):
    r"""The optimiser.

    Args:
        parameters: Pairs of a parameter and its matrices, as `matrix_blocks` finds them.
        rate: Learning rate.
        momentum: $\beta$.
        decay: $\\lambda$.
    """

    def __init__(
        self,
        parameters: Iterable[tuple[Tensor, Blocks]],
        rate: float,
        momentum: float = 0.95,
        decay: float = 0.0,
    ) -> None:
        pairs = list(parameters)
        self.blocks = [blocks for _, blocks in pairs]
        super().__init__([p for p, _ in pairs], {"lr": rate, "momentum": momentum, "weight_decay": decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One step of every matrix with a gradient."""
        assert closure is None
        (group,) = self.param_groups
        rate, beta, decay = group["lr"], group["momentum"], group["weight_decay"]
        moved = [pair for pair in zip(group["params"], self.blocks, strict=True) if pair[0].grad is not None]
        if not moved:
            return
        parameters = [parameter for parameter, _ in moved]
        for parameter in parameters:
            if parameter not in self.state:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)
        momenta = [self.state[parameter]["momentum"] for parameter in parameters]
        gradients = [parameter.grad for parameter in parameters]
        torch._foreach_mul_(momenta, beta)
        torch._foreach_add_(momenta, gradients)
        # Gradients may have any strides, momenta have those of the parameters.
        directions = torch._foreach_mul(momenta, beta)
        torch._foreach_add_(directions, gradients)
        if decay:
            torch._foreach_mul_(parameters, 1 - rate * decay)
        # By shape: the factors of many small matrices at once take far less time than one by one.
        found: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}
        for (parameter, blocks), along in zip(moved, directions, strict=True):
            rows, directed = _rows(parameter, blocks), _rows(along, blocks)
            for place, (a, b) in blocks:
                weights, direction = (
                    values[..., place].view(*values.shape[:-1], a, b) for values in (rows, directed)
                )
                pair = (weights, direction) if a <= b else (weights.mT, direction.mT)
                found.setdefault((min(a, b), max(a, b)), []).append(pair)
        for (a, b), pairs in found.items():
            parts = [direction.reshape(-1, a, b) for _, direction in pairs]
            factors = torch.split(orthogonal_factor(torch.cat(parts)), [len(part) for part in parts])
            for (weights, _), factor in zip(pairs, factors, strict=True):
                weights.add_(factor.reshape(weights.shape), alpha=-0.2 * rate * b**0.5)


def _rows(values: Tensor, blocks: Blocks) -> Tensor:
    """Values with the last axis that the blocks are parts of: a plain matrix becomes one row."""
    is_plain = len(blocks) == 1 and values.ndim == 2 and values.numel() == blocks[0][0].stop
    return values.view(-1) if is_plain else values
