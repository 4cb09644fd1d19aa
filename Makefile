# make run    an embedded Reactions with a demo, on http://127.0.0.1:8000
# make test   every test, on SQLite or on what TEST_DATABASE_URL and TEST_REDIS_URL name
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PORT
export REACTIONS_DATA_DIR

.PHONY: run test lint bench bench-engine clean
.DEFAULT_GOAL := run

run: $(VENV)/.run-ready
	@exec $(BIN)/python manage.py serve --demo

# Three lanes: tests that only compute share the cores, and so do those of faults, which mostly wait for servers of their
# own to notice something; the other servers and the browsers have the machine to themselves.
test: $(VENV)/.test-ready
	$(BIN)/python -m pytest -q -n 2 -m "not end_to_end and not browser" $(PYTEST)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile tests/end_to_end/faults $(PYTEST)
	$(BIN)/python -m pytest -q -m "end_to_end or browser" --ignore=tests/end_to_end/faults $(PYTEST)

lint: $(VENV)/.test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

bench: $(VENV)/.test-ready
	$(BIN)/python -m pytest -q $(wildcard tests/benchmarks/test_*.py) --benchmark-columns=median,mean,rounds $(PYTEST)

# Speed of the whole product through its real processes; takes some minutes. BENCH="drain ingest" for some of it.
bench-engine: $(VENV)/.test-ready
	$(BIN)/python -m tests.benchmarks.engine $(BENCH)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Reactions needs Python 3.11 or newer: set PYTHON=/path/to/python3.11."; exit 1; }
	@echo "Making $(VENV) and installing what requirements.lock names; this happens once."
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed: apt install python3-venv."; exit 1; }

# Marked only after the install succeeded, so that an interrupted one is done again.
$(VENV)/.run-ready: requirements.lock | $(VENV)/bin/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.test-ready: requirements-dev.lock | $(VENV)/bin/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ $(VENV)/.run-ready

clean:
	rm -rf $(VENV) .data .pytest_cache .mypy_cache .ruff_cache
