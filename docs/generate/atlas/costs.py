"""The page of costs: paths of a convolution, and orders of contraction."""

from collections.abc import Iterator
from itertools import product

from atlas.page import Page, document, fence, guarded, table
from cartesian.programs.build import convolution
from cartesian.programs.contraction import contract_path
from cartesian.programs.network import Stf
from cartesian.spec import Irreps

CHANNELS = 64

# What is contracted, its formula, its operands as Python.
NETWORKS = (
    ("Energy of a deformed elastic solid", "ijkl,ij,kl->", "(3, 3, 3, 3), (3, 3), (3, 3)"),
    ("A chain of matrices, for which the order matters", "ij,jk,kl->il", "(2, 30), (30, 40), (40, 5)"),
    ("Two trace-free tensors of degree 3 in compact storage", "ijk,ijk->", "Stf(3), Stf(3)"),
    ("Three trace-free matrices around a ring", "ij,jk,ki->", "Stf(2), Stf(2), Stf(2)"),
    ("A tensor of degree 3 with a direction, down to a number", "ijk,i,j,k->", "Stf(3), (3,), (3,), (3,)"),
    (
        "Channels: a vector times a trace-free matrix for 100 atoms",
        "nci,ncij->ncj",
        "(100, 16, 3), Stf(2, before=(100, 16))",
    ),
)


def pages() -> Iterator[Page]:
    """The one page."""
    yield Page("atlas/costs.md", "Paths and costs", _page())


def _page() -> str:
    header = (
        "#l ≤",
        "#paths",
        "#of them contractions",
        "#coefficients",
        "#multiply-adds per edge and channel",
        "#weights per edge and channel",
    )
    return document(
        "Paths and costs",
        "How many paths a convolution has, and what it costs. A path is one allowed (ℓ₁, ℓ₂) → ℓ₃ of "
        "features, harmonics of the edge and output, each with degrees up to the given one.",
        "## A convolution of natural parities",
        "Features, harmonics and results have natural parity, so all paths are contractions of index pairs. "
        f"**With l ≤ 3 there are {_natural(3)[0]} paths**; a fused kernel needs {_natural(3)[3]} "
        f"multiply-adds per edge and channel ({CHANNELS} channels, the coupling folded with the harmonics "
        "once per edge).",
        table(header, ((largest, *_natural(largest)) for largest in range(6))),
        "## A convolution of both parities",
        "Features of both parities, harmonics of natural parity: paths with an odd sum of degrees take a "
        f"Levi-Civita tensor and lead from tensors to pseudotensors. With l ≤ 3 there are {_both(3)[0]} "
        "paths.",
        table(header, ((largest, *_both(largest)) for largest in range(6))),
        fence(
            "python",
            "import cartesian as ct\nfrom cartesian.programs.build import convolution\n\n"
            'print(convolution("64x0e+64x1o+64x2e+64x3o", 3, "0e+1o+2e+3o"))\n'
            'len(list(ct.paths("0e+1o+2e+3o", "0e+1o+2e+3o", "0e+1o+2e+3o")))',
        ),
        "If the paths into one output are summed channel by channel, a [chain of directions](chain.md) does "
        "the same for less.",
        guarded(
            "spec/test_path.py::test_the_number_of_paths_is_the_counted_one",
            "spec/test_path.py::test_paths_of_both_parities_of_degree_three_number_68",
        ),
        "## Orders of contraction",
        "A network of tensors is first a value that says in which order it is contracted, and at which "
        "cost. Tensors declared as symmetric and trace-free meet over their 2ℓ+1 components.",
        *(part for name, formula, operands in NETWORKS for part in _network(name, formula, operands)),
        guarded(
            "programs/test_contraction.py::test_operations_of_dense_networks_are_those_of_opt_einsum",
            "programs/test_contraction.py::test_stf_tensors_meet_over_their_independent_components",
        ),
    )


def _natural(largest: int) -> tuple[int, int, int, int, int]:
    return _convolution(Irreps.harmonics(largest))


def _both(largest: int) -> tuple[int, int, int, int, int]:
    return _convolution(Irreps((1, irrep) for irrep in _parities(largest)))


def _parities(largest: int) -> Iterator[str]:
    return (f"{degree}{parity}" for degree, parity in product(range(largest + 1), "eo"))


def _convolution(irreps: Irreps) -> tuple[int, int, int, int, int]:
    """Paths, contractions among them, coefficients, multiply-adds and weights per channel."""
    largest = irreps.max_degree
    program = convolution(Irreps((CHANNELS, block.irrep) for block in irreps), largest, irreps)
    terms = program.form.terms
    contractions = sum(sum(term.degrees) % 2 == 0 for term in terms)
    coefficients = sum(term.coupling.nnz for term in terms)
    return len(terms), contractions, coefficients, round(program.multiply_adds / CHANNELS), len(terms)


def _network(name: str, formula: str, operands: str) -> Iterator[str]:
    given = eval(operands, {"Stf": Stf})  # the text that is shown is what is run
    arguments = f'"{formula}", {operands}'.replace("Stf", "ct.Stf")
    yield f"### {name}"
    yield fence("python", f"import cartesian as ct\n\nprint(ct.contract_path({arguments}))")
    yield fence("text", str(contract_path(formula, *given)))
