# Thin: each target is a line or two that one could type. `make demo` and `make test` need nothing but
# Python 3.11+, a C/C++ compiler and make.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
export FIELDMATE_MODELS_DIR := $(CURDIR)/models/artifacts
TEST_MODEL := models/artifacts/smollm2-135m-instruct/manifest.json
# What the demo reads and asks; `make demo DOCS=folder Q="question"` takes your own.
DOCS   ?= samples/manuals
Q      ?=
export DOCS Q
# Which of the long tests: all, or a file or folder.
TESTS  ?= tests

.PHONY: demo test test-engine test-ray lint format docs docs-check bench clean help

help:
	@echo "make demo                          pull the models, add the sample manuals, answer four questions"
	@echo "make demo DOCS=folder Q=question   the same with your own folder and question"
	@echo "make test                          the test suite      make test-engine   the long runs with full weights"
	@echo "make lint                          ruff and mypy       make docs          regenerate the README's blocks"

$(READY): pyproject.toml scripts/environment.sh
	@PYTHON="$(PYTHON)" bash scripts/environment.sh $(VENV)

demo: $(READY)
	@FIELDMATE="$(BIN)/fieldmate" bash scripts/demo.sh

# What the end-to-end tests answer with; the tests themselves open no connection.
$(TEST_MODEL): | $(READY)
	@$(BIN)/fieldmate models pull smollm2-135m-instruct

test: $(READY) $(TEST_MODEL)
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m "not engine"

test-engine: $(READY) $(TEST_MODEL)
	@$(BIN)/fieldmate models pull
	@$(BIN)/python -m pytest -q -m engine $(TESTS)

# Ray and its parts (147 MB) are in no other environment than the one that tests them.
test-ray: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[ray]"
	@$(BIN)/python -m pytest -q tests/unit/cluster tests/e2e/test_on_ray.py

lint: $(READY)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: $(READY)
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

docs: $(READY)
	@$(BIN)/cog -r -I . README.md docs/settings.md

docs-check: $(READY)
	@$(BIN)/cog --check -I . README.md docs/settings.md

bench: $(READY)
	@$(BIN)/python -m benchmarks run

clean:
	rm -rf $(VENV) .demo dist
