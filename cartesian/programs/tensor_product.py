r"""Tensor products in the modes that tell which channels meet, and which of them have weights.

| mode | law |
| --- | --- |
| uuu | $z_{u} = w_{u}\, x_u \otimes y_u$ |
| uvu | $z_{u} = \sum_v w_{uv}\, x_u \otimes y_v$ |
| uuw | $z_{w} = \sum_u w_{uw}\, x_u \otimes y_u$ |
| uvw | $z_{w} = \sum_{uv} w_{uvw}\, x_u \otimes y_v$ |

A path couples two blocks. In uuu and uvu every path has channels of its own in the result; in uuw and uvw
paths into one block are summed. The letters are those of e3nn.
"""

from fractions import Fraction
from functools import cache
from typing import Literal, NamedTuple, get_args

from cartesian.programs.build import Normalization, product
from cartesian.programs.connected import Connected, connected
from cartesian.programs.mixing import LinearMap
from cartesian.programs.program import Contraction, Form, Leg, Program, Slot, Term
from cartesian.spec import Irreps
from cartesian.symbolic.coupling import coupling_norm_squared

Mode = Literal["uuu", "uvu", "uuw", "uvw"]


class TensorProduct(NamedTuple):
    """A tensor product, as a value.

    Attributes:
        mode: Which channels meet.
        left, right: What is multiplied.
        out: What comes out.
        normalization: "component" or "natural" couplings.
        weights: Number of weights.
        program: Channel by channel products; none in mode uvw.
        mixing: The linear map before (uvu) or after them (uuw).
        form: The product in mode uvw.
        text: Text of the linear map or of the product in mode uvw.

    Examples:
        >>> tensor_product("4x0e + 4x1o", "2x1o", mode="uvu").out
        4x0e+4x1o+4x1e+4x2e
        >>> tensor_product("4x0e + 4x1o", "2x1o", "8x1o", "uvw").weights
        64
    """

    mode: Mode
    left: Irreps
    right: Irreps
    out: Irreps
    normalization: Normalization
    weights: int
    program: Program | None
    mixing: LinearMap | None
    form: Connected | None
    text: str


@cache
def tensor_product(
    left: Irreps | str,
    right: Irreps | str,
    out: Irreps | str | None = None,
    mode: Mode = "uvw",
    normalization: Normalization = "component",
) -> TensorProduct:
    """The tensor product over all paths from `left` and `right` to irreps of `out`.

    Args:
        left, right: What is multiplied. Modes uuu and uuw couple blocks with equal numbers of channels; uvu
            takes each irrep of `right` once.
        out: What comes out. In modes uuu and uvu its channels follow from those of `left`: only irreps
            matter, and `None` takes all.
        mode: Which channels meet.
        normalization: "component" scales couplings so that components of variance 1 give such components;
            "natural" leaves them.

    Raises:
        ValueError: If no path leads to a block of `out`, or an argument does not fit the mode.
    """
    left, right, wanted = Irreps(left), Irreps(right), None if out is None else Irreps(out)
    if mode not in get_args(Mode):
        raise ValueError(f"unknown mode {mode!r}: choose 'uuu', 'uvu', 'uuw' or 'uvw'")
    if wanted is None and mode in ("uuw", "uvw"):
        raise ValueError(f"mode {mode!r} mixes channels: say which irreps come out, and how many of each")
    if mode == "uvw":
        assert wanted is not None
        form = connected(left, right, wanted, normalization)
        return TensorProduct(
            mode, left, right, wanted, normalization, form.lengths[0], None, None, form, form.text
        )
    if mode == "uvu":
        program, mixing = _left_channels(left, right, wanted, normalization)
        made, count = program.form.legs[3].irreps, mixing.lengths[0]
        return TensorProduct(
            mode, left, right, made, normalization, count, program, mixing, None, mixing.text
        )
    program = product(left, right, wanted, "separate", normalization)
    products = program.form.legs[3].irreps
    if mode == "uuu":
        return TensorProduct(
            mode, left, right, products, normalization, program.row(0), program, None, None, ""
        )
    assert wanted is not None
    mixing = LinearMap(products, wanted)
    count = mixing.lengths[0]
    return TensorProduct(mode, left, right, wanted, normalization, count, program, mixing, None, mixing.text)


def _left_channels(
    left: Irreps, right: Irreps, wanted: Irreps | None, normalization: Normalization
) -> tuple[Program, LinearMap]:
    """Mode uvu: the right side mixed to the channels of the left for every path, then multiplied with it."""
    if len({block.irrep for block in right}) < len(right):
        raise ValueError(f"mode 'uvu' takes each irrep on the right once, not {right}; simplify() joins them")
    found = sorted(
        (irrep, i, j)
        for i, a in enumerate(left)
        for j, b in enumerate(right)
        for irrep in a.irrep * b.irrep
        if wanted is None or irrep in wanted
    )
    for block in wanted or ():
        if all(irrep != block.irrep for irrep, _, _ in found):
            raise ValueError(f"no path leads from {left} times {right} to {block.irrep}")
    mixed = Irreps((left[i].channels, right[j].irrep) for _, i, j in found)
    mixing = LinearMap(right, mixed)
    out = Irreps((left[i].channels, irrep) for irrep, i, _ in found).simplify()
    starts = {block.irrep: part.start for block, part in zip(out, out.slices, strict=True)}
    filled = dict.fromkeys(starts, 0)
    terms = []
    units = Irreps((left[i].channels, "0e") for _, i, _ in found)
    for k, (irrep, i, j) in enumerate(found):
        channels, degrees = left[i].channels, (left[i].irrep.degree, right[j].irrep.degree, irrep.degree)
        scale = Fraction(1)
        if normalization == "component":
            scale = Fraction(2 * irrep.degree + 1) / coupling_norm_squared(*degrees)
        slots = (
            Slot(units.slices[k].start, channels, 0),
            Slot(left.slices[i].start, channels, 0),
            Slot(mixed.slices[k].start, channels, 0),
            Slot(starts[irrep], out.count(irrep), filled[irrep]),
        )
        filled[irrep] += channels
        terms.append(Term(degrees, scale, channels, slots))
    legs = (
        Leg("weights", units.simplify(), "edge"),
        Leg("left", left, "edge"),
        Leg("right", mixed, "edge"),
        Leg("out", out, "edge"),
    )
    return Program(Form(legs, tuple(terms)), (0, 1, 2), (3,), (Contraction((0, 1, 2, None), 0),)), mixing
