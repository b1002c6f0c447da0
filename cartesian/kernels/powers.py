"""Symmetric powers of features, tree by tree: the answer faster ways are tested against."""

from typing import Any

from cartesian.kernels.arrays import as_array, constant, namespace
from cartesian.spec import Irrep
from cartesian.symbolic.powers import SymmetricPower
from cartesian.symbolic.trees import Tree
from cartesian.tables import coupling


def evaluate(power: SymmetricPower, features: Any) -> dict[Irrep, Any]:
    r"""Values of all copies of a symmetric power, each channel multiplied with itself.

    Args:
        power: Which trees to evaluate; common partial products are computed once.
        features: `(..., dim, channels)` with `dim` the dimension of `power.irreps`; NumPy or torch.

    Returns:
        `(..., copies, 2L+1, channels)` for each irrep of the result, copies in the order of `power[irrep]`.

    Raises:
        ValueError: If the components of `features` are not those of `power.irreps`.

    Examples:
        >>> import numpy as np
        >>> from cartesian.symbolic.powers import symmetric_power
        >>> evaluate(symmetric_power("1o", 2), np.array([[3.0], [0.0], [4.0]]))[Irrep("0e")]
        array([[[25.]]])
    """
    features = as_array(features)
    if features.ndim < 2 or features.shape[-2] != power.irreps.dim:
        raise ValueError(
            f"features of {power.irreps} have shape (..., {power.irreps.dim}, channels), "
            f"not {tuple(features.shape)}"
        )
    xp = namespace(features)
    known: dict[Tree, Any] = {}

    def value(tree: Tree) -> Any:
        if tree not in known:
            right = features[..., list(tree.factors[-1].components), :]
            known[tree] = right if tree.correlation == 1 else couple(value(tree.head), right, tree)
        return known[tree]

    def couple(left: Any, right: Any, tree: Tree) -> Any:
        matrices = xp.einsum(
            "...bc,abo->...aoc", right, constant(coupling(*tree.paths[-1].degrees), features)
        )
        return xp.einsum("...ac,...aoc->...oc", left, matrices)

    return {irrep: xp.stack([value(tree) for tree in power[irrep]], -3) for _, irrep in power.out}
