"""Errors are those written out by hand; the constant predictor is the best constant of a composition."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cartesian.nn.calculators.source import open_model
from cartesian.nn.data.frames import Frame
from cartesian.nn.heads.forces import Potential
from cartesian.nn.models.hotpp import HotPP, HotPPConfig
from cartesian.nn.report.evaluation import Comparison, compare, errors
from cartesian.nn.report.page import Page
from cartesian.nn.report.plots import energy_drift, learning_curve, parity
from cartesian.nn.report.tables import error_cells, write_errors
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
COMPARISONS = compare(open_model(MODEL), FRAMES, size=2)


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


def test_the_constant_is_zero_for_forces_and_else_the_mean_of_a_composition():
    rows = {row.name: row for row in errors(COMPARISONS) if not row.group}
    forces = np.concatenate([one.labels["forces"].ravel() for one in FRAMES])
    assert_allclose(rows["forces"].constant, 1e3 * np.sqrt(np.mean(forces**2)))
    dipoles = np.array([one.labels["dipole"] for one in FRAMES])
    said = dipoles.copy()
    said[[0, 4]], said[[1, 2]] = dipoles[[0, 4]].mean(0), dipoles[[1, 2]].mean(0)
    assert_allclose(rows["dipole"].constant, 1e3 * np.sqrt(np.mean((said - dipoles) ** 2)))
    assert_allclose(rows["dipole"].factor, rows["dipole"].constant / rows["dipole"].rmse)


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


def test_units_of_unknown_results_are_thousandths():
    values = np.array([[1000.0], [1.0]])
    one = Comparison("beta", values, values + 0.5, np.array(["", ""]), np.array(["Ar", "Ar"]), np.arange(2))
    (row,) = errors([one])
    assert error_cells(row) == ("all", "beta", "500", "500", "499500", "999.0", "10⁻³")


def test_a_model_without_energies_is_compared_too():
    model = HotPP(
        HotPPConfig(("Ar",), 5.0, layers=1, channels=2, radial=(4,), energy=False, targets=("dipole",))
    )
    dipole = model(FRAMES[0].graph(5.0))["dipole"].detach().numpy()
    (one,) = compare(open_model(model), [replace(FRAMES[0], labels={"dipole": np.ones(3)})])
    assert_allclose(one.predicted, dipole)
