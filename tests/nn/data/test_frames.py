"""Frames from files: what ASE wrote comes back; what is wrong is said with file and frame."""

import gzip
import lzma

import ase.db
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cartesian.nn.data.frames import Frame, Frames, write_frames
from cartesian.nn.data.labels import Label, parse_labels
from cartesian.nn.testing import structures
from cartesian.ops.voigt import to_voigt
from cartesian.spec.symmetry import IndexSymmetry

LABELS = {"energy": "energy", "forces": "forces", "stress": "stress", "dipole": "dipole"}


def crystals(count=3, seed=0):
    """Frames of ASE with labels of all kinds."""
    rng = np.random.default_rng(seed)
    made = []
    for k in range(count):
        atoms = Atoms("OHH"[: k % 3 + 1], rng.uniform(0, 4, (k % 3 + 1, 3)), cell=5 * np.eye(3), pbc=True)
        stress = rng.standard_normal(6)
        results = {
            "energy": -2000.0 - rng.random(),
            "forces": rng.standard_normal((len(atoms), 3)),
            "stress": stress,
            "dipole": rng.standard_normal(3),
        }
        atoms.calc = SinglePointCalculator(atoms, **results)
        atoms.info |= {"alpha": rng.standard_normal(9), "beta": rng.standard_normal(27), "q": float(k)}
        atoms.info |= {"config_type": f"kind {k}", "elastic": rng.standard_normal(36)}
        atoms.new_array("sigma", rng.standard_normal((len(atoms), 9)))
        made.append(atoms)
    return made


@pytest.fixture
def path(tmp_path):
    write(tmp_path / "set.extxyz", crystals())
    return tmp_path / "set.extxyz"


def check(frame, atoms, digits):
    results = atoms.calc.results
    np.testing.assert_allclose(frame.positions, atoms.positions, atol=digits)
    np.testing.assert_array_equal(frame.numbers, atoms.numbers)
    np.testing.assert_allclose(frame.labels["energy"], results["energy"], rtol=1e-15)
    np.testing.assert_allclose(frame.labels["forces"], results["forces"], atol=digits)
    np.testing.assert_allclose(frame.labels["dipole"], results["dipole"])
    xx, yy, zz, yz, xz, xy = results["stress"]
    np.testing.assert_allclose(frame.labels["stress"], [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def test_extended_xyz_is_read_as_ase_wrote_it(path):
    frames = Frames(path, LABELS, charge="q")
    for k, (frame, atoms) in enumerate(zip(frames, crystals(), strict=True)):
        check(frame, atoms, 1e-8)
        assert frame.charge == k
        assert frame.group == f"kind {k}"
        assert frame.where == f"frame {k} of {path}"
        assert frame.periodic.all()
    assert len(frames[:2]) == 2
    np.testing.assert_array_equal(frames[-1].positions, frames[2].positions)
    with pytest.raises(IndexError):
        frames[3]


def test_several_files_follow_each_other(path):
    frames = Frames([path, path], {"energy": "energy"})
    assert len(frames) == 6
    assert frames[4].where == f"frame 1 of {path}"


@pytest.mark.parametrize(("suffix", "pack"), [(".xz", lzma.compress), (".gz", gzip.compress)])
def test_compressed_files_are_read(path, suffix, pack):
    packed = path.with_name(path.name + suffix)
    packed.write_bytes(pack(path.read_bytes()))
    check(Frames(packed, LABELS)[1], crystals()[1], 1e-8)


def test_a_database_is_read(tmp_path):
    with ase.db.connect(tmp_path / "set.db") as database:
        for atoms in crystals():
            database.write(atoms, total=2.0, data={"alpha": atoms.info["alpha"]})
    frames = Frames(tmp_path / "set.db", LABELS | {"polarizability": "alpha"}, charge="total")
    for frame, atoms in zip(frames, crystals(), strict=True):
        check(frame, atoms, 0)
        np.testing.assert_array_equal(frame.labels["polarizability"], atoms.info["alpha"].reshape(3, 3))
        assert frame.charge == 2.0


def test_other_formats_are_read(tmp_path):
    write(tmp_path / "set.traj", crystals())
    check(Frames(tmp_path / "set.traj", LABELS)[1], crystals()[1], 0)


def test_tensors_are_flat_rows(path):
    frame = Frames(path, {"polarizability": "alpha", "hyperpolarizability": "beta", "shielding": "sigma"})[2]
    atoms = crystals()[2]
    np.testing.assert_allclose(frame.labels["polarizability"][0, 2], atoms.info["alpha"][2])
    np.testing.assert_allclose(frame.labels["hyperpolarizability"][0, 1, 2], atoms.info["beta"][5])
    np.testing.assert_allclose(frame.labels["shielding"][1, 0, 1], atoms.arrays["sigma"][1, 1], atol=1e-8)
    assert frame.atomic == {"shielding"}


def test_voigt_forms_are_unfolded(path):
    formula = "ijkl=jikl=ijlk"
    frame = Frames(path, {"stiffness": {"key": "elastic", "voigt": formula}})[0]
    form = to_voigt(frame.labels["stiffness"], IndexSymmetry.parse(formula))
    np.testing.assert_allclose(form.reshape(-1), crystals()[0].info["elastic"])


def test_units_and_factors_are_applied(path):
    plain = Frames(path, LABELS)[1].labels
    labels = {
        "energy": {"unit": "kcal/mol"},
        "forces": {"unit": "Hartree/Bohr"},
        "stress": {"unit": "GPa", "factor": -1},
        "dipole": {"unit": "Debye"},
    }
    found = Frames(path, labels)[1].labels
    factors = {"energy": 0.04336411, "forces": 51.422067, "stress": -1 / 160.21766, "dipole": 0.20819433}
    for name, factor in factors.items():
        np.testing.assert_allclose(found[name], factor * plain[name], rtol=1e-6)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(structures([1, 8]), min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_written_frames_come_back(tmp_path, drawn, seed):
    rng = np.random.default_rng(seed)
    frames = [
        Frame(
            s.positions,
            s.numbers,
            np.zeros((3, 3)) if s.cell is None else s.cell,
            np.array(s.periodic),
            {
                "energy": np.array(rng.standard_normal()),
                "forces": rng.standard_normal((len(s.numbers), 3)),
                "born_charges": rng.standard_normal((len(s.numbers), 3, 3)),
                "hyperpolarizability": rng.standard_normal((3, 3, 3)),
            },
            frozenset({"forces", "born_charges"}),
            group="a b",
            charge=-1.0,
        )
        for s in drawn
    ]
    write_frames(tmp_path / "out.extxyz", frames)
    read = Frames(tmp_path / "out.extxyz", {name: name for name in frames[0].labels}, charge="total_charge")
    for frame, found in zip(frames, read, strict=True):
        np.testing.assert_allclose(found.positions, frame.positions, atol=1e-8)
        np.testing.assert_allclose(found.cell, frame.cell, atol=1e-8)
        np.testing.assert_array_equal(found.periodic, frame.periodic)
        assert (found.group, found.charge, found.atomic) == ("a b", -1.0, frame.atomic)
        for name, values in frame.labels.items():
            np.testing.assert_allclose(found.labels[name], values, atol=1e-8)


def test_a_misspelled_key_suggests_the_near_one(path):
    with pytest.raises(
        ValueError, match=r"frame 0 of .*set.extxyz has no 'enrgy' for energy; is it 'energy'\?"
    ):
        Frames(path, {"energy": "enrgy"})[0]
    with pytest.raises(ValueError, match=r"has no 'xyz' for forces\. It has alpha, beta, config_type"):
        Frames(path, {"forces": "xyz"})[0]


def test_an_optional_label_may_be_missing(path):
    assert Frames(path, {"energy": {"key": "none", "optional": True}})[0].labels == {}


def broken(path, line, old, new, frame):
    lines = path.read_text().splitlines(keepends=True)
    place = [k for k, text in enumerate(lines) if text.strip().isdecimal()][frame] + line
    assert old in lines[place]
    lines[place] = lines[place].replace(old, new, 1)
    path.write_text("".join(lines))
    return Frames(path, LABELS)


def test_nan_is_refused(path):
    energy = f"energy={crystals()[1].calc.results['energy']}"
    frames = broken(path, 1, energy, "energy=nan", 1)
    with pytest.raises(
        ValueError, match=r"frame 1 of .*: 'energy' is nan at \[\]; labels are finite numbers"
    ):
        frames[1]


def test_nan_in_positions_is_refused(path):
    place = f"{crystals()[2].positions[1, 0]:.8f}"
    with pytest.raises(ValueError, match=r"frame 2 of .*: atom 1 is at \[nan, .* positions are finite"):
        broken(path, 3, place, "nan", 2)[2]


def test_an_unknown_element_is_refused(path):
    with pytest.raises(
        ValueError, match=r"frame 1 of .* \(from line 4\) cannot be read: unknown element 'Qq'"
    ):
        broken(path, 3, "H", "Qq", 1)[1]


def test_a_ghost_atom_is_refused(path):
    with pytest.raises(ValueError, match=r"frame 1 of .*: atom 1 is of no element"):
        broken(path, 3, "H", "X", 1)[1]


def test_a_row_without_numbers_is_refused(path):
    place = f"{crystals()[2].positions[1, 0]:.8f}"
    with pytest.raises(ValueError, match=r"frame 2 of .* cannot be read: could not convert string to float"):
        broken(path, 3, place, "oops", 2)[2]


def test_a_wrong_number_of_atoms_is_refused(path):
    with pytest.raises(
        ValueError, match=r"frame 2 of .* is broken: line 7 should be its number of atoms .* 'H "
    ):
        broken(path, 0, "2", "1", 1)


def test_a_truncated_file_is_refused(path):
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    with pytest.raises(
        ValueError, match=r"frame 2 of .* \(from line 8\) .* announces 3 atoms, and line 12 is the end"
    ):
        Frames(path, LABELS)


def test_a_file_that_is_not_there_names_those_that_are(path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*sett.extxyz; in .* are .*set.extxyz"):
        Frames(path.with_name("sett.extxyz"))


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "none.xyz").write_text("\n")
    with pytest.raises(ValueError, match="holds no frames"):
        Frames(tmp_path / "none.xyz")


def test_labels_of_a_wrong_shape_are_refused(path):
    with pytest.raises(ValueError, match=r"'alpha' has shape \(9,\), where forces has one row for each of 1"):
        Frames(path, {"forces": "alpha"})[0]
    with pytest.raises(ValueError, match=r"'elastic' has 36 numbers, which make no tensor: 1, 3, 9, 27"):
        Frames(path, {"stiffness": "elastic"})[0]
    with pytest.raises(ValueError, match=r"'config_type' is 'kind 0', no numbers for energy"):
        Frames(path, {"energy": "config_type"})[0]
    with pytest.raises(ValueError, match=r"has 9 numbers, where the Voigt form of 'ij=ji' has \(6,\)"):
        Frames(path, {"stress": {"key": "alpha", "voigt": "ij=ji"}})[0]


def test_a_charge_is_one_number(path):
    with pytest.raises(ValueError, match="'alpha' is not one number"):
        Frames(path, charge="alpha")[0]


def test_labels_are_parsed():
    assert parse_labels({"energy": "E", "forces": {"unit": "eV/Å"}}) == (
        Label("energy", "E"),
        Label("forces", "forces", "eV/Å"),
    )
    with pytest.raises(ValueError, match="'eV' is no unit of forces"):
        parse_labels({"forces": {"unit": "eV"}})
