"""Contraction of networks of tensors along a path found beforehand."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cartesian.kernels.arrays import as_array, constant, namespace
from cartesian.programs.contraction import ContractionPath, contract_path
from cartesian.programs.formula import index_lengths
from cartesian.programs.network import Node, Stf, Variable, operand
from cartesian.symbolic.exact import ExactTensor

# NumPy takes longer to find out that it may call BLAS than to contract smaller arrays.
_LARGE = 1_000


def contract(path: ContractionPath | str | Sequence[Any], *operands: Any) -> Any:
    r"""Contract NumPy arrays or torch tensors, and exact constants, along a path.

    Args:
        path: A path made by `contract_path`; or formulas, for which one is made. Lengths may
            differ from those that the path was made for; the order of its steps stays the same.
        operands: The operands of the path at their positions. A declared STF operand of degree $\ell$ is
            given in compact form, `(*before, 2ℓ+1, *after)`.

    Returns:
        The result, of the dtype and library of the operands, or a tuple with the result of each formula.

    Raises:
        ValueError: If number, shapes or constants of the operands are not those of the path.
        TypeError: If the operands are not all of one library and dtype, or not real numbers.

    Examples:
        >>> import numpy as np
        >>> contract("ij,jk->ik", np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]]))
        array([[1., 2.],
               [3., 4.]])
    """
    if not isinstance(path, ContractionPath):
        path = contract_path(path, *operands)
    if len(operands) != len(path.operands):
        raise ValueError(f"the path has {len(path.operands)} operands, not {len(operands)}")
    values: dict[Node, Any] = {}
    shapes: list[tuple[int, ...]] = []
    for k, (given, known) in enumerate(zip(operands, path.operands, strict=True)):
        if isinstance(known, ExactTensor):
            if operand(given) != known:
                raise ValueError(f"operand {k} is not the exact constant the path was made for")
            shapes.append(known.shape)
            continue
        if isinstance(operand(given), (ExactTensor, Stf)):
            raise ValueError(f"operand {k} of the path is an array, not {given!r}")
        array = as_array(given)
        node = Variable(k, known.shape if isinstance(known, Stf) else known)
        values[node] = array
        shapes.append(_full_shape(array, known, k) if isinstance(known, Stf) else tuple(array.shape))
    lengths = [index_lengths(formula, shapes) for formula in path.formulas]
    like = _common(list(values.values()))
    _run(path, values, like)
    results = tuple(
        constant(np.zeros([index[x] for x in formula.out]), like) if node is None else values[node]
        for formula, node, index in zip(path.formulas, path.results, lengths, strict=True)
    )
    return results[0] if len(results) == 1 else results


def _full_shape(array: Any, known: Stf, k: int) -> tuple[int, ...]:
    """Lengths of the axes a formula names, after checking those of the array."""
    start, stop = len(known.before), array.ndim - len(known.after)
    shape = tuple(array.shape)
    if array.ndim != len(known.shape) or shape[start:stop] != (2 * known.degree + 1,):
        raise ValueError(
            f"operand {k} is STF of degree {known.degree} in compact form, "
            f"which has the shape {known.shape}, not {shape}"
        )
    return (*shape[:start], *[3] * known.degree, *shape[stop:])


def _common(arrays: list[Any]) -> Any:
    """One of the arrays, after checking that they are of one library and dtype; a number if there is none."""
    kinds = {(namespace(array).__name__, str(array.dtype)) for array in arrays}
    if len(kinds) > 1:
        raise TypeError(
            "operands of a contraction are arrays of one library and one dtype, not "
            + " and ".join(f"{library} {dtype}" for library, dtype in sorted(kinds))
        )
    return arrays[0] if arrays else np.zeros(())


def _run(path: ContractionPath, values: dict[Node, Any], like: Any) -> None:
    """Add the values of all steps, and drop those that nobody needs any more."""
    xp = namespace(like)
    for node, table in path.constants.items():
        values[node] = constant(table, like)
    for step, done in zip(path.steps, path.last_uses, strict=True):
        inputs = [values[node] for node in step.inputs]
        is_large = xp is np and max(array.size for array in inputs) > _LARGE
        options = {"optimize": True} if is_large else {}
        values[step] = xp.einsum(step.formula, *inputs, **options)
        for node in done:
            del values[node]
