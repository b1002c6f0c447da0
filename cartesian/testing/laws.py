r"""Laws that a function is asked to obey, on drawn inputs: equivariance, sameness, right gradients.

A function $f$ is equivariant if $f(g x) = g f(x)$ for every element $g$ of the group. Both sides are
computed in floating point, so they differ; how much they may is measured in units of

$$1 + \lVert f \rVert_\infty + \lVert x \cdot \partial f \rVert_\infty,$$

where the last term, found by moving the input a little in a random direction, tells cancellation
($a \cdot b$ for orthogonal vectors is zero up to a rounding of $|a||b|$) from a broken law.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st

from cartesian.testing import tolerances
from cartesian.testing.arguments import Argument, Element, Law, Positions, to_arguments
from cartesian.testing.strategies import orthogonals, values
from cartesian.testing.subject import Function, Subject, deviation


def assert_equivariant(
    function: Function,
    inputs: Law | Sequence[Law],
    outputs: Law | Sequence[Law],
    *,
    extra: Sequence[Any] = (),
    parity: bool = True,
    batch: int = 3,
    dtype: Any = None,
    tolerance: float | None = None,
    examples: int = 50,
) -> None:
    r"""Check that a function or module commutes with rotations, reflections and translations.

    $$f(g x) = g f(x) \quad \text{for drawn } x \text{ and } g$$

    Args:
        function: Called with one array `(batch, ...)` per input, then with `extra`; returns one array
            per output, whose last axes transform and whose other axes are free.
        inputs, outputs: How each argument and each result transforms: irreps for flat features, an integer
            for full Cartesian tensors of that rank, `Full(rank, axial=True)`, `Positions()` for
            points that also follow translations. A list for several.
        extra: Further arguments, invariant and handed on as they are; strategies among them are drawn from.
        parity: Whether reflections belong to the group; without them it is SO(3).
        batch: Length of the leading axis of every input.
        dtype: A dtype of NumPy, or of torch for functions of torch tensors. By default that of the
            parameters of a torch module, and NumPy's float64 otherwise.
        tolerance: Allowed deviation in the unit above, by default that of the dtype.
        examples: Number of drawn examples.

    Raises:
        AssertionError: If the law is broken; names the block, the matrix and the deviation.

    Examples:
        >>> import numpy as np
        >>> assert_equivariant(np.cross, ["1o", "1o"], "1e")
        >>> assert_equivariant(np.cross, ["1o", "1o"], "1o")
        Traceback (most recent call last):
            ...
        AssertionError: cross is not equivariant under O(3): ...
    """
    laws, results = to_arguments(inputs), to_arguments(outputs)
    run = Subject(function, dtype)
    allowed = tolerances.tolerance(run.dtype) if tolerance is None else tolerance

    @_drawn(examples)
    @given(_arrays(laws, batch), _extra(extra), _elements(laws, parity))
    def check(arrays: list[np.ndarray], more: list[Any], element: Element) -> None:
        arrays = [run.rounded(array) for array in arrays]
        moved = [law.act(element, array) for law, array in zip(laws, arrays, strict=True)]
        before, after = run(arrays, more, results), run(moved, more, results)
        units = run.units(moved, more, after, allowed)
        wrong = []
        for law, x, y, unit in zip(results, before, after, units, strict=True):
            wrong += _deviations(law, law.act(element, x), y, allowed * unit)
        if wrong:
            group = "O(3)" if parity else "SO(3)"
            raise AssertionError(
                f"{run.name} is not equivariant under {group}: {'; '.join(wrong)}\nunder {element}"
            )

    check()


def assert_same(
    function: Function,
    reference: Function,
    inputs: Law | Sequence[Law],
    *,
    extra: Sequence[Any] = (),
    batch: int = 3,
    dtype: Any = None,
    reference_dtype: Any = "float64",
    tolerance: float | None = None,
    examples: int = 50,
) -> None:
    """Check that a function gives what another one gives, such as a kernel and its reference.

    Args:
        function: Called with one array per input in `dtype`, then with `extra`.
        reference: Called with the same numbers in `reference_dtype`; returns as many arrays.
        inputs: What is drawn for each argument, as in `assert_equivariant`.
        extra: Further arguments, handed on as they are; strategies among them are drawn from.
        batch: Length of the leading axis of every input.
        dtype: As in `assert_equivariant`.
        reference_dtype: Dtype of the reference, by default NumPy's float64.
        tolerance: Allowed deviation, by default that of `dtype`.
        examples: Number of drawn examples.

    Raises:
        AssertionError: If shapes or values differ.

    Examples:
        >>> import numpy as np
        >>> assert_same(lambda x: x @ x.T, lambda x: np.einsum("ai,bi->ab", x, x), "2x1o", dtype="float32")
    """
    laws = to_arguments(inputs)
    run, other = Subject(function, dtype), Subject(reference, reference_dtype)
    allowed = tolerances.tolerance(run.dtype) if tolerance is None else tolerance

    @_drawn(examples)
    @given(_arrays(laws, batch), _extra(extra))
    def check(arrays: list[np.ndarray], more: list[Any]) -> None:
        arrays = [run.rounded(array) for array in arrays]
        found, wanted = run(arrays, more), other(arrays, more)
        shapes = [[array.shape for array in arrays] for arrays in (found, wanted)]
        if shapes[0] != shapes[1]:
            raise AssertionError(f"{run.name} returned shapes {shapes[0]}, {other.name} returned {shapes[1]}")
        units = other.units(arrays, more, wanted, allowed)
        for k, (x, y, unit) in enumerate(zip(wanted, found, units, strict=True)):
            worst = deviation(x, y)
            if worst > allowed * unit:
                raise AssertionError(
                    f"{run.name} differs from {other.name}: result {k} deviates by {worst:.2g}, "
                    f"where {allowed * unit:.2g} is allowed"
                )

    check()


def assert_gradients(
    function: Function,
    inputs: Law | Sequence[Law],
    *,
    extra: Sequence[Any] = (),
    second: bool = True,
    batch: int = 2,
    examples: int = 5,
) -> None:
    """Check first and second derivatives of a torch function against finite differences.

    Inputs are in general position, float64 and of scale one, so that finite differences are good to 10⁻⁶;
    derivatives are compared along random directions.

    Args:
        function: A function of torch tensors, or a module in float64; returns one or several tensors.
        inputs: What is drawn for each argument, as in `assert_equivariant`.
        extra: Further arguments, handed on as they are; strategies among them are drawn from.
        second: Whether second derivatives are checked too.
        batch: Length of the leading axis of every input.
        examples: Number of drawn examples.

    Raises:
        AssertionError: If a derivative is wrong or missing.
        ValueError: If a module is not in float64.
    """
    import torch

    run = Subject(function, None if isinstance(function, torch.nn.Module) else torch.float64)
    if run.dtype != torch.float64:
        raise ValueError(
            f"{run.name} has parameters in {run.dtype}, where finite differences drown in rounding: "
            "call .double() on it first"
        )
    shapes = [(batch, *law.shape) for law in to_arguments(inputs)]

    @_drawn(examples)
    @given(st.integers(0, 999), _extra(extra))
    def check(seed: int, more: list[Any]) -> None:
        rng = np.random.default_rng(seed)
        arrays = [run.to_native(rng.standard_normal(shape)).requires_grad_() for shape in shapes]
        more = run.to_native_extra(more)
        try:
            torch.autograd.gradcheck(lambda *x: function(*x, *more), arrays, fast_mode=True)
            if second:
                torch.autograd.gradgradcheck(lambda *x: function(*x, *more), arrays, fast_mode=True)
        except RuntimeError as error:
            raise AssertionError(f"derivatives of {run.name} are wrong: {error}") from error

    check()


def _drawn(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        verbosity=Verbosity.quiet,  # our own message says what was drawn, so no phase that explains it
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


def _arrays(laws: Sequence[Argument], batch: int) -> st.SearchStrategy[list[np.ndarray]]:
    return st.tuples(*(law.values(batch) for law in laws)).map(list)


def _extra(extra: Sequence[Any]) -> st.SearchStrategy[list[Any]]:
    drawn = [value if isinstance(value, st.SearchStrategy) else st.just(value) for value in extra]
    return st.tuples(*drawn).map(list)


def _elements(laws: Sequence[Argument], reflections: bool) -> st.SearchStrategy[Element]:
    moves = any(isinstance(law, Positions) for law in laws)
    return st.builds(Element, orthogonals(reflections), values(3) if moves else st.just(np.zeros(3)))


def _deviations(law: Argument, wanted: np.ndarray, found: np.ndarray, allowed: float) -> list[str]:
    """One line per block that deviates by more than is allowed."""
    lines = []
    for name, where in law.blocks():
        worst = deviation(wanted[where], found[where])
        if worst > allowed:
            lines.append(f"{name} deviates by {worst:.2g}, where {allowed:.2g} is allowed")
    return lines
