# Each target does all its set-up: a virtual environment with the exact versions of the requirements files.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet

# Every process of the tests would compile all the modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test check soak lock clean screenshots

run: $(VENV)/.installed
	$(BIN)/webhookui run

test: $(VENV)/.installed-dev
	@$(BIN)/python scripts/ensure_browser.py
	$(BIN)/python -m pytest -n auto --dist loadfile $(TESTS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deno fmt --quiet --check
	$(BIN)/deno lint --quiet
	$(BIN)/python scripts/make_migration.py --check

soak: $(VENV)/.installed-dev
	$(BIN)/python -m scripts.soak $(SOAK)

screenshots: $(VENV)/.installed-dev
	$(BIN)/python -m scripts.screenshots

# Renews the exact versions. No registry's address gets into the files.
lock:
	uv pip compile pyproject.toml --generate-hashes --universal --python-version 3.11 \
	  --no-header --no-emit-index-url --no-emit-find-links --upgrade -o requirements.txt
	uv pip compile pyproject.toml --extra dev --constraint requirements.txt --generate-hashes --universal --python-version 3.11 \
	  --no-header --no-emit-index-url --no-emit-find-links -o requirements-dev.txt

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("webhookui needs Python 3.11 or newer, and %s is %d.%d; try make PYTHON=python3.12" % (sys.executable, *sys.version_info[:2]) if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt pyproject.toml hatch_build.py | $(VENV)/bin/python
	$(PIP) install --require-hashes -r requirements.txt
	$(PIP) install --no-deps --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

clean:
	rm -rf $(VENV) static/vendor
