# Everything one needs, with nothing but Python 3.11+ and make there before.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# NIST's own reader of OSCAL, for one test. It pins jinja2, so it lives apart.
TRESTLE := $(VENV)/trestle

.PHONY: help demo test lint attacks bench crash faults custody clean trestle

help:
	@echo "make demo    seal three tenants, start an application, gate it, sign the report"
	@echo "make test    run every test"
	@echo "make lint    ruff, mypy, import contracts"
	@echo "make attacks every attack on every store; writes docs/attack-matrix.md"
	@echo "make bench   measure, side by side"
	@echo "make faults  break and kill the audit log, key life, backups and the whole vault at their file operations"
	@echo "make crash   kill rotations at every pair of points, at every target (an hour)"
	@echo "make custody eight processes write 200 secrets each, and lose none"

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sealproof needs Python 3.11 or later; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(VENV)/.ready
	$(BIN)/python demo/run.py

faults: $(VENV)/.ready
	SEALPROOF_EVERY_FAULT=1 $(BIN)/python -m pytest -q -n 2 tests/unit/vault/audit/test_crashes.py tests/unit/vault/audit/test_faults.py
	SEALPROOF_TEST_FULL=1 $(BIN)/python -m pytest -q -n 2 tests/unit/vault/keys tests/unit/vault/backup tests/unit/properties/test_vault_machine.py

test: $(VENV)/.ready
	$(BIN)/python -m pytest -q -n auto --dist loadgroup

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

attacks: $(VENV)/.ready
	$(BIN)/python tests/weak_stores/matrix.py

bench: $(VENV)/.ready
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/opening.py
	$(BIN)/python benchmarks/plugin_cost.py
	$(BIN)/python benchmarks/fleet.py
	$(BIN)/python benchmarks/timing.py
	$(BIN)/python benchmarks/audit.py
	$(BIN)/python benchmarks/access.py
	$(BIN)/python benchmarks/custody.py
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/rotation.py

crash: $(VENV)/.ready
	SEALPROOF_CRASH=every $(BIN)/python -m pytest -q -n auto --maxschedchunk 1 tests/integration/rotation/test_crashes.py

trestle: $(TRESTLE)/bin/trestle

$(TRESTLE)/bin/trestle: | $(VENV)/.ready
	$(PYTHON) -m venv $(TRESTLE)
	$(TRESTLE)/bin/python -m pip install --quiet 'compliance-trestle>=5.2,<6'

custody: $(VENV)/.ready
	CUSTODY_WRITES=200 $(BIN)/python -m pytest -q tests/unit/vault/custody/test_processes.py

clean:
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
