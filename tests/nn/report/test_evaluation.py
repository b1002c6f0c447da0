"""Errors are those written out by hand, and so are those of the predictors that know less."""

import io
from dataclasses import replace

import ase.units
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from rich.console import Console

from cartesian.nn.calculators.source import open_model
from cartesian.nn.data.frames import Frame
from cartesian.nn.heads.forces import Potential
from cartesian.nn.models.hotpp import HotPP, HotPPConfig
from cartesian.nn.report.constant import Constant
from cartesian.nn.report.directions import turning
from cartesian.nn.report.evaluation import ErrorRow, compare, errors, mean
from cartesian.nn.report.page import Page
from cartesian.nn.report.plots import energy_drift, learning_curve, parity
from cartesian.nn.report.tables import error_cells, print_errors, write_errors
from cartesian.nn.report.units import shown
from tests.nn.calculators.models import LennardJones, LennardJonesConfig

MODEL = LennardJones(LennardJonesConfig(cutoff=5.0, targets=("dipole",)))
RNG = np.random.default_rng(0)


def frame(atoms, group, offsets):
    """A frame with labels that differ from the predictions by known offsets."""
    positions = 2.5 * np.array(list(np.ndindex(2, 2, 2)))[:atoms] + RNG.uniform(-0.2, 0.2, (atoms, 3))
    bare = Frame(positions, np.full(atoms, 18), np.zeros((3, 3)), np.zeros(3, dtype=bool))
    results = Potential(MODEL, stress=False).eval()(bare.graph(5.0, MODEL.epsilon.dtype))
    labels = {
        "energy": results["energy"][0].numpy() - offsets["energy"],
        "forces": results["forces"].numpy() - offsets["forces"],
        "dipole": results["dipole"][0].numpy() - offsets["dipole"],
    }
    return Frame(
        positions,
        bare.numbers,
        bare.cell,
        bare.periodic,
        labels,
        frozenset({"forces"}),
        group=group,
        where="here",
    )


OFFSETS: list[dict] = [
    {"energy": RNG.normal(), "forces": RNG.normal(size=(n, 3)), "dipole": RNG.normal(size=3)}
    for n in (2, 3, 3, 4, 2)
]
FRAMES = [frame(n, group, o) for n, group, o in zip((2, 3, 3, 4, 2), "aabba", OFFSETS, strict=True)]
LABELS = {
    "energy": {"mean": (0.0,), "parts": {"Ar": (-0.1,)}},
    "forces": {"parts": {"Ar": (0.0, 0.0, 0.0)}},
    "dipole": {"mean": (9.0, 9.0, 9.0), "parts": {"Ar": (0.1, 0.2, -0.3)}},
}
CONSTANT = Constant(LABELS, frozenset())
COMPARISONS = compare(open_model(MODEL), FRAMES, 2, CONSTANT)


def test_errors_are_the_offsets_energies_per_atom():
    rows = {(row.group, row.name): row for row in errors(COMPARISONS)}
    for group, chosen in (("a", [0, 1, 4]), ("b", [2, 3]), ("", range(5))):
        energy = [1e3 * OFFSETS[k]["energy"] / len(FRAMES[k].numbers) for k in chosen]
        forces = np.concatenate([1e3 * OFFSETS[k]["forces"].ravel() for k in chosen])
        assert_allclose(rows[group, "energy"].mae, np.abs(energy).mean())
        assert_allclose(rows[group, "energy"].rmse, np.sqrt(np.mean(np.square(energy))))
        assert_allclose(rows[group, "forces"].mae, np.abs(forces).mean())
        assert_allclose(rows[group, "forces"].rmse, np.sqrt(np.mean(forces**2)))
        assert rows[group, "forces"].count == forces.size
    assert [one.name for one in COMPARISONS] == ["energy", "forces", "dipole"]


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=4))
def test_models_together_are_better_by_what_they_differ(shifts):
    first = COMPARISONS[1]
    rng = np.random.default_rng(len(shifts))
    members = [
        replace(first, predicted=first.predicted + s * rng.normal(size=first.predicted.shape)) for s in shifts
    ]
    joint = errors(mean([[member] for member in members]))[-1]
    squares = [errors([member])[-1].rmse ** 2 for member in members]
    spread = np.var([member.predicted for member in members], axis=0).mean()
    assert_allclose(joint.rmse**2, np.mean(squares) - spread, rtol=1e-9)
    assert_allclose(joint.constant, errors([first])[-1].constant)


def test_a_mean_takes_what_all_models_have_and_refuses_other_labels():
    assert [one.name for one in mean([COMPARISONS, COMPARISONS[1:]])] == ["forces", "dipole"]
    other = replace(COMPARISONS[0], reference=COMPARISONS[0].reference + 1)
    with pytest.raises(ValueError, match="those of energy differ: give the same frames"):
        mean([COMPARISONS[:1], [other]])
    with pytest.raises(ValueError, match="those of energy differ: give the same frames"):
        mean([COMPARISONS[:1], [replace(COMPARISONS[0], unit="kcal/mol")]])
    with pytest.raises(
        ValueError, match="no result that all models were compared by: they have energy; dipole"
    ):
        mean([COMPARISONS[:1], COMPARISONS[2:]])
    with pytest.raises(ValueError, match="there are none"):
        mean([])


def test_the_constant_predictor_knows_what_the_elements_of_the_training_set_told():
    rows = {row.name: row for row in errors(COMPARISONS) if not row.group}
    forces = np.concatenate([one.labels["forces"].ravel() for one in FRAMES])
    assert_allclose(rows["forces"].constant, 1e3 * np.sqrt(np.mean(forces**2)))
    energies = [one.labels["energy"] / len(one.numbers) + 0.1 for one in FRAMES]
    assert_allclose(rows["energy"].constant, 1e3 * np.sqrt(np.mean(np.square(energies))))
    said = [len(one.numbers) * np.array([0.1, 0.2, -0.3]) - one.labels["dipole"] for one in FRAMES]
    assert_allclose(rows["dipole"].constant, 1e3 * np.sqrt(np.mean(np.square(said))))
    assert_allclose(rows["dipole"].factor, rows["dipole"].constant / rows["dipole"].rmse)
    intensive = compare(open_model(MODEL), FRAMES, constant=Constant(LABELS, frozenset({"dipole"})))
    said = [9.0 - one.labels["dipole"] for one in FRAMES]
    assert_allclose(errors(intensive)[-1].constant, 1e3 * np.sqrt(np.mean(np.square(said))))


def test_tensors_of_atoms_have_a_constant_for_each_element():
    shielding = np.arange(18.0).reshape(2, 3, 3)
    one = Frame(
        np.eye(3)[:2],
        np.array([1, 8]),
        np.zeros((3, 3)),
        np.zeros(3, bool),
        {"shielding": shielding},
        frozenset({"shielding"}),
    )
    parts = {"O": tuple(range(9)), "H": (1.0,) * 9}
    found = Constant({"shielding": {"parts": parts}}, frozenset()).predict("shielding", one)
    assert_allclose(found, [np.ones(9), np.arange(9)])
    found = Constant({"shielding": {"parts": {"O": parts["O"]}}}, frozenset()).predict("shielding", one)
    assert np.isnan(found).all(1).tolist() == [True, False]


def test_a_constant_that_nobody_told_is_left_out():
    row = errors(compare(open_model(MODEL), FRAMES))[-1]
    assert (row.constant, row.factor) == (None, None)
    assert error_cells(row)[5:7] == ("", "")


@given(st.integers(0, 2**32 - 1))
def test_isotropic_tensors_do_not_turn_and_the_rest_does(seed):
    rng = np.random.default_rng(seed)
    a, b, c = rng.standard_normal(3)
    delta = np.eye(3)
    pairs = ("ij,kl->ijkl", "ik,jl->ijkl", "il,jk->ijkl")
    four = sum(x * np.einsum(pair, delta, delta) for x, pair in zip((a, b, c), pairs, strict=True))
    assert_allclose(turning(four.reshape(1, 81)), 0, atol=1e-12)
    matrix = rng.standard_normal((3, 3))
    assert_allclose(turning(matrix.reshape(1, 9))[0], (matrix - np.trace(matrix) / 3 * delta).ravel())
    vector = rng.standard_normal((4, 3))
    assert_allclose(turning(vector), vector)
    assert_allclose(turning(vector[:, :1]), 0)


def test_the_blind_bound_is_the_part_that_turns():
    (row,) = (row for row in errors(COMPARISONS) if row.name == "dipole" and not row.group)
    dipoles = np.array([one.labels["dipole"] for one in FRAMES])
    assert_allclose(row.blind, 1e3 * np.sqrt(np.mean(dipoles**2)))
    assert_allclose(row.turning, row.rmse)
    assert {row.name for row in errors(COMPARISONS) if row.blind is None} == {"energy", "forces"}


def test_errors_are_shown_in_the_unit_asked_for():
    units = {"energy": "kcal/mol", "dipole": "Debye"}
    rows = {row.name: row for row in errors(compare(open_model(MODEL), FRAMES, 2, CONSTANT, units))}
    first = {row.name: row for row in errors(COMPARISONS) if not row.group}
    assert [row.unit for row in rows.values()] == ["kcal/mol/atom", "meV/Å", "Debye"]
    kcal, debye = ase.units.kcal / ase.units.mol, ase.units.Debye
    assert_allclose(rows["energy"].rmse, first["energy"].rmse / 1e3 / kcal)
    assert_allclose(rows["dipole"].blind, first["dipole"].blind / 1e3 / debye)
    with pytest.raises(ValueError, match="'GPa' is no unit of forces"):
        shown("forces", "GPa")


def test_a_label_of_another_shape_names_the_frame():
    labels = {"dipole": np.zeros((3, 3))}
    one = FRAMES[0]
    wrong = Frame(one.positions, one.numbers, one.cell, one.periodic, labels, where="frame 7 of x.xyz")
    with pytest.raises(
        ValueError, match=r"frame 7 of x\.xyz: the label of dipole has shape \(3, 3\), .* \(3,\)"
    ):
        compare(open_model(MODEL), [wrong])


def test_nothing_to_compare_is_an_error():
    one = FRAMES[0]
    bare = Frame(one.positions, one.numbers, one.cell, one.periodic)
    with pytest.raises(ValueError, match="no frame has a label"):
        compare(open_model(MODEL), [bare])


def test_pictures_and_page_hold_every_quantity(tmp_path):
    figure = parity(COMPARISONS)
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["energy", "forces", "dipole"]
    log = [{"epoch": k, "train_loss": 1 / k, "valid_loss": 2 / k, "forces_rmse": 3 / k} for k in (1, 2, 3)]
    curves = learning_curve(log)
    assert [len(panel.lines) for panel in curves.axes] == [2, 1]
    times = np.arange(4.0)
    drift = energy_drift(times, {"kinetic": times, "total": 0.001 * times}, "argon")
    assert_allclose(drift.axes[1].lines[0].get_ydata(), times)
    page = Page("a < b")
    page.table(("x",), [("<y>",)])
    page.picture(figure, "points on a line")
    text = page.html()
    assert "a &lt; b" in text
    assert "<y>" not in text
    assert 'src="data:image/png;base64,' in text
    write_errors(errors(COMPARISONS), tmp_path / "errors.csv")
    assert len((tmp_path / "errors.csv").read_text().splitlines()) == 1 + 3 * 3


def test_tables_are_never_cut():
    stream = io.StringIO()
    console = Console(file=stream, width=20)
    rows = [ErrorRow("kind", "second_hyperpolarizability", "kcal/mol/atom", 1, *[1.23e-10] * 5)]
    print_errors(rows, console)
    text = stream.getvalue()
    assert "…" not in text
    assert text.split()[-9:] == [
        "kind",
        rows[0].name,
        rows[0].unit,
        *["1.23e-10"] * 3,
        "1.0",
        *["1.23e-10"] * 2,
    ]
    assert console.width == 20


def test_what_is_not_known_is_empty():
    row = ErrorRow("", "beta", "as in file", 3, 0.5, 499500.0, 4.0)
    assert error_cells(row) == ("all", "beta", "as in file", "0.5", "499500", "4", "8.0", "", "")


def test_a_model_without_energies_is_compared_too():
    torch.manual_seed(0)
    model = HotPP(
        HotPPConfig(("Ar",), 5.0, layers=1, channels=2, radial=(4,), energy=False, targets=("dipole",))
    )
    dipole = model(FRAMES[3].graph(5.0))["dipole"].detach().numpy()
    assert np.abs(dipole).max() > 1e-6
    (one,) = compare(open_model(model), [replace(FRAMES[3], labels={"dipole": np.ones(3)})])
    assert one.unit == "meÅ"
    assert_allclose(one.predicted, 1e3 * dipole, rtol=1e-5)
