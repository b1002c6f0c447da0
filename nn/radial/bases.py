r"""Radial bases: functions of a distance $d$, finite with all derivatives, at $d = 0$ too.

All take lengths `(edges,)` in Å and give `(edges, count)`. None vanishes at the cutoff by itself, but
for the Bessel functions; see `cartesian.nn.radial.envelopes`. Fixed numbers are formed anew in the dtype
of the lengths, so nothing is lost when a module moves to float32 and back.
"""

from math import exp, pi
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from cartesian.kernels.direct import apply, is_transformed


class Basis(nn.Module):
    """What all bases have in common.

    Args:
        count: Number of functions.
        cutoff: In Å.

    Raises:
        ValueError: If there is no function, or the cutoff is not positive.
    """

    def __init__(self, count: int, cutoff: float) -> None:
        super().__init__()
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"a radial basis has at least one function, not {count!r}")
        if not cutoff > 0:
            raise ValueError(f"a cutoff is a positive length in Å, not {cutoff!r}")
        self.count, self.cutoff = count, float(cutoff)

    def extra_repr(self) -> str:
        """Number of functions and cutoff."""
        return f"{self.count}, cutoff={self.cutoff}"


class Sinc(Basis):
    r"""Spherical waves that are one at the centre, $\sin(w_n d) / (w_n d)$, $w_n = n \pi / r_c$.

    Args:
        count: Number of waves, $n = 1, 2, \dots$
        cutoff: $r_c$, in Å; all waves have a node there, as long as the frequencies are not trained.
        trainable: Whether the frequencies $w_n$ are parameters.

    Source:
        The form of HotPP, Y. Wang et al., Nat. Commun. 15, 7607 (2024).
    """

    def __init__(self, count: int, cutoff: float, trainable: bool = False) -> None:
        super().__init__(count, cutoff)
        self.frequencies: Tensor | None = None
        if trainable:
            self.frequencies = nn.Parameter(self._frequencies(torch.zeros(())))

    def forward(self, lengths: Tensor) -> Tensor:
        """Values at `lengths`, `(edges, count)`."""
        return sinc(lengths[:, None] * self._frequencies(lengths))

    def _frequencies(self, like: Tensor) -> Tensor:
        if self.frequencies is not None:
            return self.frequencies
        return torch.arange(1, self.count + 1, dtype=like.dtype, device=like.device) * (pi / self.cutoff)


class Bessel(Sinc):
    r"""Spherical Bessel functions of degree 0, $\sqrt{2 / r_c}\, \sin(w_n d) / d$, $w_n = n \pi / r_c$.

    They are orthonormal on the ball, $\int_0^{r_c} B_n B_m\, d^2\, \mathrm{d}d = \delta_{nm}$.

    Args:
        count: Number of functions, $n = 1, 2, \dots$
        cutoff: $r_c$, in Å; all functions have a node there, as long as the frequencies are not trained.
        trainable: Whether the frequencies $w_n$ are parameters.
        prefactor: In place of $\sqrt{2 / r_c}$.

    Source:
        J. Gasteiger, J. Groß, S. Günnemann, ICLR 2020, Eq. (7).

    Examples:
        >>> Bessel(2, cutoff=2.0)(torch.tensor([0.0, 1.0, 2.0])).abs()
        tensor([[1.5708, 3.1416], [1.0000, 0.0000], [0.0000, 0.0000]])
    """

    def __init__(
        self, count: int, cutoff: float, trainable: bool = False, prefactor: float | None = None
    ) -> None:
        super().__init__(count, cutoff, trainable)
        self.prefactor = (2 / self.cutoff) ** 0.5 if prefactor is None else float(prefactor)

    def forward(self, lengths: Tensor) -> Tensor:
        """Values at `lengths`, `(edges, count)`."""
        return self.prefactor * self._frequencies(lengths) * super().forward(lengths)


def sinc(x: Tensor) -> Tensor:
    r"""The function $\sin(x) / x$, with right derivatives at and near zero.

    >>> sinc(torch.tensor([0.0, pi / 2, pi])).abs()
    tensor([1.0000, 0.6366, 0.0000])
    """
    # Compiled code has kernels of its own, and transformed functions differentiate what they see.
    if torch.compiler.is_compiling() or is_transformed() or not x.requires_grad:
        return _sinc(x)
    return apply(_Sinc, x)


def _sinc(x: Tensor) -> Tensor:
    is_small, small, regular = _split(x)
    square = small.square()
    series = 1 - square / 6 * (1 - square / 20 * (1 - square / 42))
    return torch.where(is_small, series, regular.sin() / regular)


def _sinc_slope(x: Tensor) -> Tensor:
    r"""$f' = (\cos x - f) / x$."""
    is_small, small, regular = _split(x)
    square = small.square()
    series = small * (-1 / 3 + square * (1 / 30 - square * (1 / 840 - square / 45360)))
    return torch.where(is_small, series, (regular.cos() - regular.sin() / regular) / regular)


def _sinc_curvature(x: Tensor) -> Tensor:
    """$f'' = -f - 2 f' / x$."""
    is_small, small, regular = _split(x)
    square = small.square()
    series = -1 / 3 + square * (1 / 10 - square * (1 / 168 - square / 6480))
    value = regular.sin() / regular
    return torch.where(is_small, series, -value - 2 * (regular.cos() - value) / regular.square())


def _split(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where $x$ is small; $x$ there, else zero; elsewhere, else one."""
    # The formulas lose digits like 1/x²; below 0.03 the next term of the series is 10⁻¹⁷.
    is_small = x.abs() < 0.03
    small = torch.where(is_small, x, 0.0)
    return is_small, small, torch.where(is_small, 1.0, x)


class _Sinc(torch.autograd.Function):
    r"""$f(x) = \sin(x) / x$."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return _sinc(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * apply(_SincSlope, *ctx.saved_tensors)


class _SincSlope(torch.autograd.Function):
    """$f'(x)$."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return _sinc_slope(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * _sinc_curvature(x)


class Chebyshev(Basis):
    r"""Chebyshev polynomials $T_n(x)$, $n = 0, 1, \dots$, with $x$ running from -1 to 1.

    $$x = 2\, \frac{d - r_{\min}}{r_c - r_{\min}} - 1, \text{ clamped to } [-1, 1]; \qquad
      T_{n+1} = 2 x T_n - T_{n-1}$$

    The recursion is what $\cos(n \arccos x)$ equals, without its infinite slopes at the ends.

    Args:
        count: Number of polynomials.
        cutoff: $r_c$, in Å.
        start: $r_{\min}$, in Å.

    Examples:
        >>> Chebyshev(3, cutoff=2.0)(torch.tensor([0.0, 1.0, 2.0]))
        tensor([[ 1., -1.,  1.], [ 1.,  0., -1.], [ 1.,  1.,  1.]])
    """

    def __init__(self, count: int, cutoff: float, start: float = 0.0) -> None:
        super().__init__(count, cutoff)
        if not 0 <= start < cutoff:
            raise ValueError(f"the polynomials start between 0 and the cutoff {cutoff} Å, not at {start}")
        self.start = float(start)

    def forward(self, lengths: Tensor) -> Tensor:
        """Values at `lengths`, `(edges, count)`."""
        x = (2 * (lengths - self.start) / (self.cutoff - self.start) - 1).clamp(-1.0, 1.0)
        values = [torch.ones_like(x), x]
        for _ in range(self.count - 2):
            values.append(2 * x * values[-1] - values[-2])
        return torch.stack(values[: self.count], dim=-1)


class Gaussian(Basis):
    r"""Gaussians $\exp(-(d - \mu_n)^2 / 2 \sigma^2)$ with centres evenly from zero to the cutoff.

    Args:
        count: Number of Gaussians, at least two.
        cutoff: In Å.
        width: $\sigma$ in Å; by default the distance between centres.

    Examples:
        >>> Gaussian(3, cutoff=2.0)(torch.tensor([1.0]))
        tensor([[0.6065, 1.0000, 0.6065]])
    """

    def __init__(self, count: int, cutoff: float, width: float | None = None) -> None:
        super().__init__(count, cutoff)
        if count < 2:
            raise ValueError("Gaussians from zero to the cutoff are at least two, not 1")
        self.width = self.cutoff / (count - 1) if width is None else float(width)

    def forward(self, lengths: Tensor) -> Tensor:
        """Values at `lengths`, `(edges, count)`."""
        centres = torch.linspace(0, self.cutoff, self.count, dtype=lengths.dtype, device=lengths.device)
        return torch.exp(-0.5 * ((lengths[:, None] - centres) / self.width).square())


class ExpNormal(Basis):
    r"""Gaussians in $\exp(-\alpha d)$, dense where atoms are close.

    $$\exp\!\left(-\beta_n \left(e^{-\alpha (d - r_{\min})} - \mu_n\right)^2\right), \qquad
      \alpha = \frac{5}{r_c - r_{\min}}, \quad
      \beta_n = \left(\tfrac{2}{M} \left(1 - e^{r_{\min} - r_c}\right)\right)^{-2}$$

    with $M$ centres $\mu_n$ evenly from $e^{r_{\min} - r_c}$ to 1, lengths in Å. TensorNet multiplies
    them by a cosine envelope; we leave that to who uses them.

    Args:
        count: $M$, at least two.
        cutoff: $r_c$, in Å.
        start: $r_{\min}$, in Å.
        trainable: Whether $\mu_n$ and $\beta_n$ are parameters.

    Source:
        O. T. Unke, M. Meuwly, J. Chem. Theory Comput. 15, 3678 (2019).
    """

    def __init__(self, count: int, cutoff: float, start: float = 0.0, trainable: bool = False) -> None:
        super().__init__(count, cutoff)
        if count < 2 or not 0 <= start < cutoff:
            raise ValueError(
                f"at least two functions start between 0 and the cutoff {cutoff} Å, not {count} at {start}"
            )
        self.start = float(start)
        self._width = 2 / count * (1 - exp(self.start - self.cutoff))
        self.centres: Tensor | None = None
        self.widths: Tensor | None = None
        if trainable:
            self.centres = nn.Parameter(self._centres(torch.zeros(())))
            self.widths = nn.Parameter(torch.full((count,), self._width**-2))

    def forward(self, lengths: Tensor) -> Tensor:
        """Values at `lengths`, `(edges, count)`."""
        y = torch.exp((5 / (self.cutoff - self.start)) * (self.start - lengths))
        distance = y[:, None] - self._centres(lengths)
        widths = self._width**-2 if self.widths is None else self.widths
        return torch.exp(-widths * distance.square())

    def _centres(self, like: Tensor) -> Tensor:
        if self.centres is not None:
            return self.centres
        low = exp(self.start - self.cutoff)
        return torch.linspace(low, 1, self.count, dtype=like.dtype, device=like.device)


class GaussianOrbitals(Basis):
    r"""Gaussians with trainable exponents and centres for each species of the neighbour.

    $$\exp\!\left(-a_{z_j n} (d - s_{z_j n})^2\right), \qquad a \sim U(0.2, 1.2), \quad s \sim U(0, r_c)
      \text{ at first}$$

    Args:
        count: Number of functions $n$ for each species.
        cutoff: $r_c$, in Å.
        species: Number of species.

    Shape:
        Lengths `(edges,)` and the species of the senders `(edges,)` to `(edges, count)`.

    Source:
        Y. Zhang, J. Xia, B. Jiang, Phys. Rev. Lett. 127, 156002 (2021).
    """

    def __init__(self, count: int, cutoff: float, species: int) -> None:
        super().__init__(count, cutoff)
        self.exponents = nn.Parameter(0.2 + torch.rand(species, count))
        self.centres = nn.Parameter(self.cutoff * torch.rand(species, count))

    def forward(self, lengths: Tensor, species: Tensor) -> Tensor:
        """Values at `lengths` of edges from senders of `species`, `(edges, count)`."""
        exponents, centres = (table.index_select(0, species) for table in (self.exponents, self.centres))
        return torch.exp(-exponents * (lengths[:, None] - centres).square())


BasisName = Literal["bessel", "chebyshev", "exp normal", "gaussian", "sinc"]
"""The bases that the settings of a model can name."""


def named_basis(name: BasisName, count: int, cutoff: float, trainable: bool = False) -> Basis:
    """The basis of a name.

    Args:
        name: One of `BasisName`.
        count: Number of functions.
        cutoff: In Å.
        trainable: Whether its frequencies, or its centres and widths, are parameters.

    Raises:
        ValueError: If there is no basis of that name, or one that has nothing to train should be trained.

    Examples:
        >>> named_basis("exp normal", 8, 5.0)
        ExpNormal(8, cutoff=5.0)
    """
    match name:
        case "bessel":
            return Bessel(count, cutoff, trainable)
        case "sinc":
            return Sinc(count, cutoff, trainable)
        case "exp normal":
            return ExpNormal(count, cutoff, trainable=trainable)
        case "chebyshev" | "gaussian":
            if trainable:
                raise ValueError(f"a basis {name!r} has nothing to train: set trainable_basis to false")
            return Chebyshev(count, cutoff) if name == "chebyshev" else Gaussian(count, cutoff)
    raise ValueError(f"a radial basis is one of {', '.join(map(repr, get_args(BasisName)))}, not {name!r}")
