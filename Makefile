# Two commands set everything up:
#   make diagram    the Hopfield phase diagram, or STUDY=path/to/your.yaml
#   make test       all fast tests
# Both make .venv from hash-pinned requirements first; nothing is installed outside of it.

PYTHON ?= python3
STUDY ?=
CORES ?= all

# Each of the many processes that start here would compile all that it imports: 6 s instead of 2.
export PYTHONDONTWRITEBYTECODE :=

VENV := .venv/bin
INSTALLED := .venv/installed
SOURCES := src/mattis tests benchmarks

.PHONY: help setup diagram test test-slow soak bench bench-dispatch bench-table bench-compare lint format lock clean

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

setup: $(INSTALLED)

# uv installs in a third of pip's time. Where it cannot reach the registry that pip is configured
# for, pip installs the same files: the hashes are the same.
$(INSTALLED): requirements/uv.txt requirements/all.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "got Python %d.%d; mattis needs 3.11 to 3.13: make PYTHON=python3.12 ..." % v)'
	@echo "making .venv (15 to 60 seconds)"
	@test -x $(VENV)/python || $(PYTHON) -m venv .venv
	@$(VENV)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(VENV)/uv pip install -q --python $(VENV)/python --require-hashes -r requirements/all.txt \
	  || $(VENV)/python -m pip install -q --require-hashes -r requirements/all.txt
	@$(VENV)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

diagram: setup
	@$(VENV)/python -m snakemake --cores $(CORES) --workflow-profile workflow/profiles/default \
	  $(if $(STUDY),--config "studies=['$(STUDY)']")

test: setup
	@$(VENV)/python -m pytest -n auto --dist worksteal

test-slow: setup
	@$(VENV)/python -m pytest -m slow

# 120 random faults, each with its seed: 6 to 25 minutes, as the machine is free.
soak: setup
	@$(VENV)/python tests/soak/run.py --faults 120 --seed 1

# Everything that is said about speed, side by side in one run of up to ten minutes. What the environment
# says of OpenBLAS would change what the kernels are compared with.
bench: setup
	@env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(VENV)/python benchmarks/bench.py

bench-dispatch: setup
	@$(VENV)/python benchmarks/dispatch.py

bench-table: setup
	@$(VENV)/python benchmarks/table.py

# Did this change make a kernel slower? make bench-compare BASE=revision
BASE ?= HEAD
bench-compare: setup
	@env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(VENV)/python benchmarks/compare.py BASE=$(BASE)

lint: setup
	@$(VENV)/ruff check $(SOURCES)
	@$(VENV)/ruff format --check $(SOURCES)
	@$(VENV)/mypy
	@$(VENV)/lint-imports
	@$(VENV)/snakefmt --check Snakefile workflow
	@$(VENV)/python -m snakemake --lint

format: setup
	@$(VENV)/ruff check --fix $(SOURCES)
	@$(VENV)/ruff format $(SOURCES)
	@$(VENV)/python tests/inlined.py
	@$(VENV)/snakefmt Snakefile workflow

# Newer versions: edit pyproject.toml, make lock, then bring environment.yml along (a test compares).
lock:
	@$(VENV)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate -q -o requirements/all.txt
	@awk '/^uv==/ {on = 1} on && !/^(uv==| )/ {exit} on' requirements/all.txt > requirements/uv.txt

clean:
	rm -rf .venv .snakemake
