# make venv        environment in .venv, renewed when pyproject.toml or constraints.txt change
# make demo        train, evaluate, verify and run a small potential; report in runs/demo/report.html
# make test        all tests, and the examples in docstrings and pages
# make lint        style, types, import contracts
# make format      what the linter can mend by itself
# make docs        pages into site/, strict;  make docs-serve: the same, live
# make bench       timings with the peers beside them
# make clean       remove what the targets wrote, the environment included

PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin

# Workers share the cores, so each computes with one thread; a notice of Material about MkDocs 2 stays out.
export OMP_NUM_THREADS ?= 1
export NO_MKDOCS_2_WARNING := 1

.PHONY: venv demo test lint format docs docs-serve bench clean
.DEFAULT_GOAL := test

venv: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: venv
	OMP_NUM_THREADS=2 $(BIN)/python examples/demo.py

test: venv
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

lint: venv
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: venv
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: venv
	$(BIN)/mkdocs build --strict

docs-serve: venv
	$(BIN)/mkdocs serve --livereload

bench: venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,benchmarks]'
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv site build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
