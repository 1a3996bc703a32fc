# Set-up is part of every target: `make train` and `make test` work on a fresh machine with Python >= 3.11.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export TOKENIZERS_PARALLELISM = true

.PHONY: install train serve test thorough quick fast lint types settings clean

install: $(INSTALLED)

# torch comes first and pinned, so that no other package can ask for a build of its own choice.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "sitrep needs Python 3.11 or newer; call make PYTHON=python3.12, for example" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

train: $(INSTALLED)
	$(BIN)/python scripts/train.py

serve: $(INSTALLED)
	$(BIN)/python scripts/serve.py

# A process for each core, with one thread: two cores are done in 0.6 of the time.
test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=logical --maxprocesses=8 --dist=worksteal

# What `make test` leaves out: long tests beside quicker ones of the same.
thorough: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m thorough --numprocesses=logical --maxprocesses=8 --dist=worksteal

# Lint, types, and the tests that take under a second each: in under a minute.
quick: $(INSTALLED)
	@$(MAKE) --jobs=2 --no-print-directory fast lint types

fast: $(INSTALLED)
	$(BIN)/python -m pytest -m "not slow"

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(INSTALLED)
	$(BIN)/mypy

# docs/settings.md, out of the dataclasses.
settings: $(INSTALLED)
	$(BIN)/python -m sitrep.cli.settings_page > docs/settings.md

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache
