# Two commands set everything up:
#   make diagram    the Hopfield phase diagram, or STUDY=path/to/your.yaml
#   make test       all fast tests; make test-slow, which CI runs last, and test-long: more of them
# Both make .venv from hash-pinned requirements first; nothing is installed outside of it.
#   make seeds      every claim of the two documents that this project starts from, measured: docs/claims.md
#   make check      what a change must pass: lint, types, import contracts, all fast tests
#   make test-python-3.13    a part of the fast tests on another Python, in .venv-3.13
#   make test-gpu-host    CUDA code, checked without a GPU; makes .venv-gpu beside it (0.5 GB)
#   make gpu-hour         on a machine with a GPU: is all of it right, and how fast? docs/gpu.md
#   make test-page    pages of studies in a Chromium that is installed; makes .venv-page beside it (0.2 GB)
#   make test-notebook    notebooks of Jupyter and marimo, executed; makes .venv-notebook beside it (0.2 GB)
#   make docs    the site of the docs, build/docs/index.html, without a network; makes .venv-docs beside it (0.1 GB)
#   make test-arm    golden digests on an emulated ARM machine, in .venv-arm (1.2 GB); needs Debian 12

PYTHON ?= python3
ENV ?= .venv
STUDY ?=
CORES ?= all

# Each of the many processes that start here would compile all that it imports: 6 s instead of 2.
export PYTHONDONTWRITEBYTECODE :=

# uv brings certificates of its own, and fails where the registry's is the system's alone. pip asks its settings.
export UV_SYSTEM_CERTS := 1

VENV := $(ENV)/bin
INSTALLED := $(ENV)/installed
GPU := .venv-gpu/bin
PAGE := .venv-page/bin
NOTEBOOK := .venv-notebook/bin
DOCS := .venv-docs/bin
SOURCES := src/mattis tests benchmarks docs/site

.PHONY: help setup setup-gpu setup-page setup-notebook setup-docs diagram gallery seeds check test test-slow test-long test-gpu-host gpu-wheels gpu-hour test-page test-notebook docs vendored test-arm soak bench bench-dispatch bench-compiling bench-table bench-compare lint format lock clean

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

setup: $(INSTALLED)

# What a first run would wait for, while this package is being installed: kernels are compiled, and timed. Where
# nothing of it can be kept, or anything goes wrong, the first run does it.
FIRST := config/studies/hopfield.yaml

# uv installs in a third of pip's time. Where it cannot reach the registry that pip is configured
# for, pip installs the same files: the hashes are the same.
$(INSTALLED): requirements/uv.txt requirements/all.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "got Python %d.%d; mattis needs 3.11 to 3.13: make PYTHON=python3.12 ..." % v)'
	@echo "making $(ENV) (15 to 60 seconds)"
	@test -x $(VENV)/python || $(PYTHON) -m venv $(ENV)
	@$(VENV)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(VENV)/uv pip install -q --python $(VENV)/python --require-hashes -r requirements/all.txt \
	  || $(VENV)/python -m pip install -q --require-hashes -r requirements/all.txt
	@PYTHONPATH=src $(VENV)/python -m mattis plan $(FIRST) > /dev/null 2>&1 & compiling=$$!; \
	$(VENV)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --no-index -e . \
	  || exit 1; wait $$compiling || true
	@touch $@

# Environments beside .venv hold only what it lacks: the rest is found there, by two lines of a .pth file. So
# `make test` proves that nothing needs CuPy, a browser, a notebook or Sphinx.
setup-gpu: .venv-gpu/installed
setup-page: .venv-page/installed
setup-notebook: .venv-notebook/installed
setup-docs: .venv-docs/installed

.venv-gpu/installed: requirements/gpu-host.txt
.venv-page/installed: requirements/page.txt
.venv-notebook/installed: requirements/notebook.txt
.venv-docs/installed: requirements/docs.txt

.venv-gpu/installed .venv-page/installed .venv-notebook/installed .venv-docs/installed: .venv-%/installed: $(INSTALLED)
	@echo "making .venv-$* (5 to 60 seconds)"
	@$(VENV)/python -m venv --clear --without-pip .venv-$*
	@$(VENV)/uv pip install -q --python .venv-$*/bin/python --no-deps --require-hashes -r $(filter requirements/%,$^) \
	  || $(VENV)/python -m pip --python .venv-$*/bin/python install -q --no-deps --require-hashes \
	  -r $(filter requirements/%,$^)
	@cd .venv-$*/lib/python*/site-packages \
	  && printf '%s\n' ../../../../$(ENV)/lib/python*/site-packages ../../../../src > mattis.pth
	@touch $@

diagram: setup
	@$(VENV)/python -m snakemake --cores $(CORES) --workflow-profile workflow/profiles/default \
	  $(if $(STUDY),--config "studies=$(STUDY)")

# Every shipped study, and docs/gallery.md: half an hour where nothing is stored.
gallery: setup
	@$(VENV)/python benchmarks/gallery.py

# What the two documents state, measured and judged: results/claims/claims.json, and docs/claims.md.
seeds: setup
	@$(VENV)/mattis claims --page docs/claims.md

check: lint test

TESTS ?=
MARKS ?=
test: setup
	@$(VENV)/python -m pytest -n auto --dist worksteal $(if $(MARKS),-m "$(MARKS)") $(TESTS)

# Two minutes of tests, for Pythons beside the one that runs all of them: every file is compiled with warnings as errors
# and every module imported (project), every kind of numbers has its golden digest (golden), dataclasses of arrays are
# compared and copied (generating), stores are cut, damaged and mended (repair), and the wheel, a slow test, runs, in
# processes, up to a figure (wheel).
PART := $(addprefix tests/,$(addsuffix .py,project/test_project networks/test_golden \
  networks/neurons/test_generating store/test_repair project/test_wheel))

# PYENV_VERSION makes pyenv's commands run a Python that is not the chosen one; nobody else reads it.
test-python-%:
	@python=$$(PYENV_VERSION=$* python$* -c 'import sys; print(sys.executable)' 2> /dev/null) \
	  || { echo "Python $*: not found, nothing is tested on it"; exit 0; }; \
	$(MAKE) --no-print-directory ENV=.venv-$* PYTHON="$$python" TESTS="$(PART)" MARKS="not long" test

# More of what the fast tests show: each kind of fault, of page and of claim has a quick example among those. Pages of
# studies and of docs, claims, processes that are killed, Snakemake: a second to a minute each. CI runs them last.
# They leave to test-long what takes minutes, and sanitizers of CUDA code.
test-slow: setup
	@$(VENV)/python -m pytest -n auto --dist worksteal -m "slow and not long"

test-long: setup
	@$(VENV)/python -m pytest -m long

# Compiled for every architecture, run on the CPU, names compared with CuPy's: no GPU, no driver.
test-gpu-host: setup-gpu
	@$(GPU)/python -m pytest -n auto --dist worksteal -m "gpu_host and not slow" tests/gpu

# All that only a GPU can tell, in under eight minutes: build/gpu-hour.json and docs/gpu-measured.md. For a machine
# with CuPy and without a network, `make gpu-wheels` brings what else is needed to build/gpu-wheels; take it along.
HOUR := .venv-hour
HOUR_PAGE ?= docs/gpu-measured.md
HOUR_BACKEND ?= gpu
WHEELS := build/gpu-wheels
WHEELS_PYTHON ?= 3.12
gpu-wheels: setup
	@mkdir -p $(WHEELS)
	@$(VENV)/uv pip compile pyproject.toml requirements/gpu-hour.in --constraint requirements/gpu-hour.txt -q --no-header \
	  --generate-hashes --python-version $(WHEELS_PYTHON) --python-platform x86_64-manylinux_2_28 -o $(WHEELS)/list.txt
	@$(VENV)/python -m pip download -q --disable-pip-version-check -d $(WHEELS) --no-deps --only-binary=:all: \
	  --implementation cp --python-version $(WHEELS_PYTHON) --require-hashes -r $(WHEELS)/list.txt \
	  $(foreach libc,2_28 2_27 2_24 2_17 2_12 2_5,--platform manylinux_$(libc)_x86_64) --platform manylinux2014_x86_64

gpu-hour:
	@test -x $(HOUR)/bin/python || $(PYTHON) -m venv --system-site-packages $(HOUR)
	@$(HOUR)/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/gpu-hour.txt \
	  $(if $(wildcard $(WHEELS)),--no-index --find-links $(WHEELS))
	@cd tests && PYTHONPATH=../src:. ../$(HOUR)/bin/python -m gpu.hour --backend $(HOUR_BACKEND) --page ../$(HOUR_PAGE)

# Pages in a real browser (CHROMIUM=/usr/bin/chromium), without a network. Where there is none they are skipped, but with NO_SKIP=1 they fail.
test-page: setup-page
	@$(PAGE)/python -m pytest -m page tests/page

# The libraries of the page, fetched anew: their versions are in src/mattis/page/vendor/vendored.json.
vendored: setup
	@$(VENV)/python benchmarks/vendored.py update

# Notebooks, executed in kernels of their own.
test-notebook: setup-notebook
	@$(NOTEBOOK)/python -m pytest -m notebook tests/notebooks

# The site of the docs. A warning is an error: a broken link, a page that no part names, a cell that fails.
docs: setup-docs
	@$(DOCS)/python -m sphinx -b html -c docs/site -d build/doctrees -W --keep-going -q -j auto . build/docs
	@echo "open build/docs/index.html"

test-arm: setup
	@tests/arm/run $(VENV)/python .venv-arm

# 120 random faults, each with its seed: 6 to 25 minutes, as the machine is free. Then a death, a refused
# write and a power cut at each call that changes a file: hours; SHARE=0.1 tries a tenth of them.
SHARE ?= 1
soak: setup
	@$(VENV)/python tests/soak/run.py --faults 120 --seed 1
	@$(VENV)/python benchmarks/faults.py --share $(SHARE) --seed 1

# Everything that is said about speed, side by side in one run of a quarter of an hour. What the environment
# says of OpenBLAS would change what the kernels are compared with.
bench: setup
	@env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(VENV)/python benchmarks/bench.py

bench-dispatch: setup
	@$(VENV)/python benchmarks/dispatch.py

# How long a first run compiles, kernel by kernel: benchmarks/compiling.md.
bench-compiling: setup
	@$(VENV)/python benchmarks/compiling.py

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
	@$(VENV)/python tests/project/inlined.py
	@$(VENV)/python tests/project/rooms.py
	@$(VENV)/snakefmt Snakefile workflow

# Newer versions: edit pyproject.toml, make lock, then bring environment.yml along (a test compares).
LOCK := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q
lock:
	@$(VENV)/uv pip compile pyproject.toml --extra workflow --extra cluster --extra examples --extra dev $(LOCK) \
	  -o requirements/all.txt
	@awk '/^uv==/ {on = 1} on && !/^(uv==| )/ {exit} on' requirements/all.txt > requirements/uv.txt
	@$(VENV)/uv pip compile requirements/gpu-host.in --constraint requirements/all.txt $(LOCK) \
	  --no-emit-package numpy -o requirements/gpu-host.txt
	@$(VENV)/uv pip compile requirements/page.in --constraint requirements/all.txt $(LOCK) \
	  -o requirements/page.txt
	@$(VENV)/uv pip compile requirements/docs.in --constraint requirements/all.txt $(LOCK) \
	  -o requirements/docs.txt
	@$(VENV)/uv pip compile requirements/notebook.in --constraint requirements/all.txt $(LOCK) \
	  -o requirements/notebook.txt
	@$(VENV)/uv pip compile pyproject.toml requirements/gpu-hour.in --constraint requirements/all.txt $(LOCK) \
	  -o requirements/gpu-hour.txt

clean:
	rm -rf .venv .venv-* .snakemake
