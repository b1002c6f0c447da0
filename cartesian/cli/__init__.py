"""The command line: exact objects as tables, LaTeX or JSON. A command loads what it needs."""

from cartesian.cli.command import main as main
