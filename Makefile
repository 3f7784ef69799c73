# Two commands: `make dataset` and `make test`. Windows has docs/windows.md.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CODE := flows tasks expectations

.PHONY: dataset test heavy properties check lock mutants docs clean

dataset: ## install what is pinned and build the built-in `starter` dataset, offline
	@test -e $(VENV)/.dev || $(MAKE) --no-print-directory $(VENV)/.base
	$(BIN)/python -m flows.build starter --offline --runner direct

test: $(VENV)/.dev ## install everything and run the suite
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

check: $(VENV)/.dev ## linters, types and contracts
	$(BIN)/ruff format --check $(CODE) tests
	$(BIN)/ruff check $(CODE) tests
	$(BIN)/mypy
	$(BIN)/lint-imports

heavy: $(VENV)/.dev ## run the tests that take minutes each
	$(BIN)/python -m pytest -m heavy -rs $(PYTEST_FLAGS)

properties: $(VENV)/.dev ## run the properties of the kernels over many more examples
	DARTBOARD_EXAMPLES=2000 $(BIN)/python -m pytest tests/text --ignore tests/text/test_parity.py $(PYTEST_FLAGS)

mutants: $(VENV)/.dev ## apply each listed mutant and show which test kills it
	$(BIN)/python -m tests.mutants

docs: $(VENV)/.dev ## write the reference from the docstrings
	$(BIN)/python -m tests.house.reference

lock: $(VENV)/.dev ## resolve the pins again
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header pyproject.toml --all-extras --group dev -c requirements.lock -o requirements-dev.lock

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --require-hashes -r bootstrap.lock

$(VENV)/.base: $(BIN)/uv requirements.lock
	$(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(BIN)/uv requirements-dev.lock
	$(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes requirements-dev.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

clean: ## take away the environment
	rm -rf $(VENV)
