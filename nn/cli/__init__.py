"""Commands of potentials, each in the file of its name; `cartesian.cli` loads the one that is asked for."""
