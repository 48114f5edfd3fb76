# Every target first installs its requirements, also in a fresh clone.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
# Many tests wait for a server or a process, so two workers share a core.
WORKERS ?= $(shell $(PYTHON) -c "import os; print(2 * len(os.sched_getaffinity(0)))")
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BUILD := build/wheel

# Without compiled files, each process that a test starts compiles the program again.
unexport PYTHONDONTWRITEBYTECODE

# Arguments for the program that the target runs, for example: make test ARGS="tests/unit -k quantity".
ARGS ?=

.PHONY: help
help:  ## Shows this list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

.PHONY: install
install: $(STAMP)  ## Creates .venv with the reconciler command.

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed; reconciler needs Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) .ci/preflight.py
	$(PYTHON) -m venv --clear $(VENV)

$(STAMP): requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@# Otherwise each process of a parallel test run would compile the same modules.
	@$(BIN)/python -m compileall -q -j 0 reconciler
	@touch $@

.PHONY: demo
demo: install  ## Runs two memory hotplug scenarios on a simulated cluster.
	@$(BIN)/reconciler demo $(ARGS)

.PHONY: test
test: install  ## Runs the tests, with two workers per core.
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

.PHONY: coverage
coverage: install  ## Runs the tests with branch coverage, which takes twice as long.
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term $(ARGS)

.PHONY: check
check: install  ## Checks format, lint, types, layers, workflows, data files and installed versions.
	$(BIN)/python -m pip check --quiet --disable-pip-version-check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --no-progress --persona pedantic .github examples/workflows/*/*.yml
	$(BIN)/python .ci/check_data.py

.PHONY: format
format: install  ## Formats the code as check requires.
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

.PHONY: docs
docs: install  ## Writes the generated parts of the documentation; with ARGS=--check, lists outdated parts.
	$(BIN)/python .ci/docs.py $(ARGS)

.PHONY: bench
bench: install  ## Compares the cost of planning many VMs with the smallest possible cost.
	PYTHONPATH=tests $(BIN)/python -m bench.run $(ARGS)

.PHONY: soak
soak: install  ## Runs serve for 30 minutes with changes and faults, and checks that nothing grows.
	PYTHONPATH=tests $(BIN)/python -m soak.run $(ARGS)

.PHONY: envtest
envtest: install  ## Runs tests/envtest against a real API server (see tests/envtest/README.md).
	@[[ -n "$${KUBEBUILDER_ASSETS:-}" || "$${RECONCILER_ENVTEST_CLUSTER:-}" == 1 ]] || { \
	  echo "make envtest needs KUBEBUILDER_ASSETS, a folder with etcd and kube-apiserver, or" \
	    "RECONCILER_ENVTEST_CLUSTER=1 and KUBECONFIG; see tests/envtest/README.md" >&2; exit 1; }
	$(BIN)/python -m pytest tests/envtest $(ARGS)

.PHONY: wheel
wheel: install  ## Builds the wheel, and runs the demo and the tests with it.
	@.ci/wheel $(BUILD)

# uv, unlike pip, resolves the dependencies for all Python versions and platforms in one file. Only this target needs uv.
# requirements-run.lock has the versions of requirements.lock, without development tools: the image and the actions use it.
.PHONY: lock
lock: install  ## Resolves the dependencies again into both lock files; needs uv.
	@uv=$$(command -v $(BIN)/uv uv | head -n 1) || { echo "make lock needs uv: pipx install uv" >&2; exit 1; }; \
	compile=("$$uv" pip compile pyproject.toml --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --quiet $(ARGS)); \
	"$${compile[@]}" --group dev --output-file requirements.lock; \
	"$${compile[@]}" --constraints requirements.lock --no-annotate --output-file requirements-run.lock
	@if grep -nE '://|--(extra-)?index-url|--find-links' requirements.lock requirements-run.lock; then \
	  echo "a lock file contains a host; see the lines above" >&2; exit 1; fi

.PHONY: clean
clean:  ## Removes .venv and all other files that the targets create.
	rm -rf $(VENV) build dist .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
