r"""Linear maps by matrix products, one per irrep, over strided views: no block is copied.

The components of a block are a batch of matrices `(rows, channels)` whose rows lie as far apart as rows of features.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cartesian.kernels.arrays import namespace
from cartesian.programs.mixing import FEATURES, OUT, WEIGHTS, LinearMap, mixings
from cartesian.spec import Irreps


def evaluate(form: LinearMap, operands: Sequence[Any], omitted: int) -> Any:
    """The form of a linear map on all legs but one, `operands` in the order of the others."""
    legs = dict(zip((leg for leg in range(3) if leg != omitted), operands, strict=True))
    xp, like = namespace(*operands), operands[0]
    kind = {"dtype": like.dtype} if xp is np else {"dtype": like.dtype, "device": like.device}
    parts = mixings(form.irreps, form.out)
    inside, outside = (
        None if leg == omitted else _blocks(legs[leg], irreps)
        for leg, irreps in ((FEATURES, form.irreps), (OUT, form.out))
    )
    if omitted == WEIGHTS:
        result = xp.empty(form.lengths[WEIGHTS], **kind)
        for part in parts:
            matrix = result[part.weights].reshape(part.shape)
            for k, (x, z) in enumerate(zip(inside[part.source], outside[part.target], strict=True)):
                _add_product(xp, x.T, z, matrix, first=not k)
        return result
    given, irreps = (inside, form.out) if omitted == OUT else (outside, form.irreps)
    result = xp.empty((len(given[0][0]) if given else len(operands[-1]), irreps.dim), **kind)
    filled: set[int] = set()
    made = _blocks(result, irreps)
    for part in parts:
        matrix = legs[WEIGHTS][part.weights].reshape(part.shape)
        source, target = (part.source, part.target) if omitted == OUT else (part.target, part.source)
        matrix = matrix if omitted == OUT else matrix.T
        _add_products(xp, given[source], matrix, made[target], first=target not in filled)
        filled.add(target)
    for k, block in enumerate(made):
        if k not in filled:
            block[...] = 0
    return result
