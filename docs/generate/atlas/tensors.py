"""A page for each material tensor: irreducible parts, and its form under every point group."""

from collections.abc import Iterator

from atlas.forms import GROUPS, Form, form_of, forms, group_link, independent
from atlas.page import Page, display, document, entry, facts, fence, guarded, inline, table
from atlas.properties import PROPERTIES, Property
from cartesian.symbolic.invariants import Invariants
from cartesian.symbolic.patterns import ComponentPattern

_PYTHON = """
import cartesian as ct

space = ct.TensorSpace.jahn("{}")
space.dim, space.irreps
"""


def pages() -> Iterator[Page]:
    """The index and a page per tensor."""
    yield Page("atlas/tensors/index.md", "Material tensors", _index())
    for tensor in PROPERTIES:
        yield Page(f"atlas/tensors/{tensor.slug}.md", tensor.name, _page(tensor))


def _index() -> str:
    rows = [
        (
            f"[{tensor.name}]({tensor.slug}.md)",
            inline(tensor.law),
            f"`{tensor.jahn}`",
            tensor.symmetry.rank,
            tensor.symmetry.dim,
            f"`{tensor.symmetry.irreps}`",
        )
        for tensor in PROPERTIES
    ]
    return document(
        "Material tensors",
        "A property of a crystal is a tensor with a symmetry among its indices, written with a [Jahn "
        "symbol](../../reference/spec.md): `V` is a vector, `[V2]` a symmetric and `{V2}` an antisymmetric "
        "pair, `e` marks an axial tensor. Each page has its irreducible parts and its matrix under all [32 "
        "point groups and seven limit groups](../groups/index.md).",
        table(("tensor", "law", "Jahn", "#rank", "#components", "irreducible parts"), rows),
        'Any other symmetry: `ct.invariants("ijkl=jikl", "4mm")`, or '
        '`cartesian decompose "V[V2]" --group 4mm` in a terminal.',
        "All groups act in space only. A tensor that is odd under time reversal has these forms in crystals "
        "whose magnetic group has no primed operation, and vanishes where time reversal alone is a symmetry.",
    )


def _page(tensor: Property) -> str:
    found = forms(tensor)
    return document(
        tensor.name,
        display(tensor.law),
        facts(_facts(tensor)),
        fence("python", _PYTHON.format(tensor.jahn)),
        "## Irreducible parts",
        _parts(tensor),
        guarded(
            "spec/test_symmetry.py::test_dimension_and_irreps_are_those_of_the_dense_projector",
            "spec/test_symmetry.py::test_material_tensors",
        ),
        "## Under each point group",
        _groups(tensor),
        "## Forms",
        _convention(tensor),
        *(part for form in found if form.invariants.dim for part in _form(tensor, form)),
        guarded(
            "symbolic/test_invariants.py::test_counts_are_those_of_the_known_tables",
            "symbolic/test_invariants.py::test_every_element_leaves_every_basis_tensor_unchanged",
            "symbolic/test_patterns.py::test_cells_and_relations_give_back_every_component",
        ),
    )


def _facts(tensor: Property) -> dict[str, object]:
    symmetry = tensor.symmetry
    rows: dict[str, object] = {
        "Jahn symbol": f"`{tensor.jahn}`",
        "index symmetry": f"`{symmetry}`",
        "rank": symmetry.rank,
        "independent components": f"{symmetry.dim} of {3**symmetry.rank}",
        "under inversion": "even"
        if symmetry.parity == 1
        else "odd, so it vanishes in a centrosymmetric crystal",
        "irreducible parts": f"`{symmetry.irreps}`",
    }
    if tensor.has_pairs:
        rows["Voigt"] = (
            "constants are the components themselves"
            if tensor.shear_factor == 1
            else "constants carry a factor 2 for each pair 23, 13, 12 (yz, xz, xy)"
        )
    if tensor.alike:
        rows["the same symmetry"] = tensor.alike
    return rows


def _parts(tensor: Property) -> str:
    rows = [
        (f"`{irrep}`", count, irrep.dim, f"[rank {irrep.degree}](../ranks/{irrep.degree}.md)")
        for count, irrep in tensor.symmetry.irreps
    ]
    return table(("irrep", "#how often", "#components of each", "what it is"), rows)


def _groups(tensor: Property) -> str:
    rows = []
    for group in GROUPS:
        form = form_of(tensor, group)
        where = f"[form {form.number}](#form-{form.number})" if form.invariants.dim else "vanishes"
        name = f"{group_link(group)} ({group.schoenflies})"
        rows.append((name, form.invariants.dim, where, independent(tensor, form.invariants)))
    return table(("group", "#independent", "form", "which"), rows)


def _convention(tensor: Property) -> str:
    if tensor.symmetry.rank > 4:
        return (
            "A tensor of this rank does not fit a matrix. The components named above are independent, and "
            "`ct.invariants(...).component(index)` says what any other is made of."
        )
    slots = (
        "a pair of exchangeable indices counts from 1 to 6: 11, 22, 33, 23, 13, 12"
        if tensor.has_pairs
        else "indices count from 1 to 3"
    )
    return (
        f"Here {slots}. Axes are those of the "
        "[conventions](../../conventions.md#orientation-of-point-groups)."
    )


def _form(tensor: Property, form: Form) -> Iterator[str]:
    which = ", ".join(group_link(group) for group in form.groups)
    name, group = f"Form {form.number}", form.groups[0].symbol
    yield f'### {name}: {_count(form.invariants.dim)} {{ #form-{form.number} data-toc-label="{name}" }}'
    yield which
    made = (
        f'import cartesian as ct\n\nfound = ct.invariants(ct.IndexSymmetry.jahn("{tensor.jahn}"), "{group}")'
    )
    basis = "found.basis()  # exact tensors, one per independent component"
    if tensor.symmetry.rank > 4:
        yield independent(tensor, form.invariants)
        yield fence("python", f"{made}\n{basis}")
    else:
        symbol = tensor.symbol.replace("\\", "\\\\")
        pairs = f"True, shear_factor={tensor.shear_factor}" if tensor.has_pairs else "False"
        pattern = f'ct.ComponentPattern(found, "{symbol}", voigt={pairs}).latex()'
        yield entry(_pattern(tensor, form.invariants).latex(), f"{made}\n{pattern}\n{basis}")


def _pattern(tensor: Property, found: Invariants) -> ComponentPattern:
    return ComponentPattern(found, tensor.symbol, tensor.has_pairs, tensor.shear_factor)


def _count(number: int) -> str:
    return "one constant" if number == 1 else f"{number} constants"
