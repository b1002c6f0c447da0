import json
import os
import pty
import subprocess
import sys
import types

import click
import pytest

from cartesian.cli import command, main


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the command in this process; returns exit code, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cartesian", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out, captured.err

    return run


COMMANDS = [
    "show projector 2",
    "show projector 3 --dimension 4",
    "show coupling 1o 1o 2e",
    "show coupling 2 2 1",
    "show harmonic 3",
    "show isotropic 5",
    "show isotropic 4 --dimension 2",
    "show 3j 1 1 2 1 0 -1",
    "show 6j 1 2 3 2 1 2",
    "show 9j 1 1 2 1 1 2 2 2 2",
    "decompose ijkl=jikl=klij",
    "decompose V[V2] --axial",
    "decompose ijkl=jikl=klij --group 3m",
    "decompose V[V2] --group -43m",
    "decompose [[V2]3] --group m-3m",
    "groups",
]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_answers_in_text_latex_and_json(run, line):
    arguments = line.split()
    code, text, errors = run(*arguments)
    assert (code, errors) == (0, "")
    assert not any(row.endswith(" ") for row in text.splitlines())
    latex = run(*arguments, "--latex")[1]
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\begin") == latex.count(r"\end")
    data = json.loads(run(*arguments, "--json")[1])
    assert text.startswith(data["title"])
    assert data["latex"] == latex.rstrip("\n")
    for row in data.get("table", []):
        assert all(str(cell) in text for cell in row.values() if not isinstance(cell, bool))


@pytest.mark.parametrize(
    ("line", "facts"),
    [
        ("show projector 2", {"trace": 5, "nonzero_components": 21}),
        ("show coupling 2e 2e 2e", {"squared_norm": "35/12", "made_of": "index pairs"}),
        ("show isotropic 5", {"products": 10, "independent": 6}),
        ("show isotropic 8", {"products": 105, "independent": 91}),
        ("show 6j 1 2 3 2 1 2", {"value": "√21/105", "decimal": "0.043643578047198"}),
        ("show 3j 1 1 2 1 0 -1", {"value": "-√10/10"}),
        ("decompose [[V2]2]", {"components": 21, "irreps": "2x0e+2x2e+1x4e"}),
        ("decompose ij=-ji", {"irreps": "1x1e"}),
        ("decompose eV2", {"parity": "odd", "irreps": "1x0o+1x1o+1x2o"}),
        ("decompose ij=ji --axial", {"parity": "odd"}),
        ("decompose ijkl=jikl=klij --group m-3m", {"independent_components": ["T11", "T12", "T44"]}),
        ("decompose V[V2] --group Oh", {"constants": 0, "independent_components": []}),
    ],
)
def test_commands_find_what_is_known(run, line, facts):
    data = json.loads(run(*line.split(), "--json")[1])
    assert {name: data[name] for name in facts} == facts


def test_the_form_of_a_hexagonal_stiffness_is_printed_as_a_matrix(run):
    text = run("decompose", "[[V2]2]", "--group", "6/mmm")[1]
    assert text.endswith("T66 = (T11 - T12)/2\n")


def test_the_harmonic_of_degree_2_is_its_formula_and_five_polynomials(run):
    data = json.loads(run("show", "harmonic", "2", "--json")[1])
    assert data["formula"] == "r_i r_j - 1/3 r² δ_ij"
    assert data["squared_norm"] == "2/3"
    assert len(data["table"]) == 5


def test_groups_lists_the_32_and_the_seven(run):
    data = json.loads(run("groups", "--json")[1])
    assert len(data["table"]) == 39
    assert sum(row["inversion"] for row in data["table"][:32]) == 11


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "harmonic", "two"), "'two' is not a valid integer"),
        (("show", "harmonic"), "Missing argument 'DEGREE'"),
        (("show", "nothing"), "No such command 'nothing'"),
        (("show", "harmonic", "--", "-1"), "a harmonic has an integer degree >= 0, not -1"),
        (("show", "coupling", "1o", "1o", "2o"), "parities multiply, which gives 2e"),
        (("show", "coupling", "1", "1", "5"), "the triangle rule allows degrees 0 to 2, not 5"),
        (("decompose", "ij=-ij"), "the symmetry 'ij=-ij' is inconsistent"),
        (("decompose", "[V]"), "cannot read Jahn symbol '[V]'"),
        (("decompose", "ij=ji", "--group", "m-3mm"), "similar symbols are"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(run, arguments, message):
    code, text, errors = run(*arguments)
    assert (code, text) == (2, "")
    assert errors.startswith("Error: ")
    assert message in errors
    assert errors.count("\n") == 1


def test_without_arguments_it_explains_itself(run):
    code, text, errors = run()
    assert (code, errors) == (0, "")
    assert "show" in text
    assert "decompose" in text


def test_help_and_version_load_neither_libraries_nor_rich():
    program = (
        "import sys\nfrom cartesian.cli import main\nsys.argv = ['cartesian', sys.argv[1]]\n"
        "try: main()\n"
        "except SystemExit: print(*({'numpy', 'sympy', 'torch', 'rich'} & set(sys.modules)))"
    )
    for option, shown in (("--help", "Usage: cartesian"), ("--version", "cartesian 0.")):
        result = subprocess.run(
            [sys.executable, "-c", program, option], capture_output=True, text=True, check=True
        )
        assert result.stdout.startswith(shown)
        assert result.stdout.splitlines()[-1] == ""


def test_a_terminal_gets_colours_and_a_pipe_does_not():
    screen, terminal = pty.openpty()
    command = [sys.executable, "-c", "from cartesian.cli import main; main()", "show", "harmonic", "1"]
    environment = {**os.environ, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}
    subprocess.run(command, stdout=terminal, env=environment, check=True)
    os.close(terminal)
    assert b"\x1b[" in os.read(screen, 10_000)
    os.close(screen)
    piped = subprocess.run(command, capture_output=True, env=environment, check=True)
    assert b"\x1b[" not in piped.stdout


def test_commands_of_potentials_are_loaded_when_asked_for(run, monkeypatch):
    @click.command()
    @click.argument("file")
    def train(file: str) -> None:
        """The real command."""
        click.echo(f"training {file}")

    module = types.ModuleType("cartesian.nn.cli.train")
    module.train = train  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cartesian.nn.cli.train", module)
    monkeypatch.setitem(command.cartesian.commands, "train", command.Deferred("train", help="Train."))
    assert run("train", "ethanol.yaml") == (0, "training ethanol.yaml\n", "")
    assert "The real command." in run("train", "--help")[1]
