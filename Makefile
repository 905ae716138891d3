# make run                      try it on the pictures that come with it
# make run PHOTOS=~/Pictures    search your own
# make test                     run all tests; FAST=1 those that take seconds, before each commit
# make test-clients             the packages that clients use, against a server; see below
# make test-scale               what needs a real PostgreSQL, Ray or S3 server; see below
# make test-deploy              deploy/install.sh in a new Debian system; needs root and mmdebstrap
# make check                    ruff, mypy, and the rules for sources, tests and docs
# make bench                    mmembed beside other projects; BENCH=--quick to see that it works
#
# TORCH="torch torchvision"     the newest torch instead of the tested one
# TORCH= VENV=~/my-env          an environment of yours, with the torch that is in it
# PIP_FLAGS="…"                 passed to pip, or to uv, for example another index for torch
# WORKERS=2                     the tests by two processes; else one for each processor, at most 4
# DATA=folder PORT=9000 MODEL=ViT-B-32/laion2b_s34b_b79k

PYTHON ?= python3
VENV ?= .venv
TORCH ?= torch==2.13.0 torchvision==0.28.0
PIP_FLAGS ?=
PORT ?= 8000
WORKERS ?= logical
BIN := $(VENV)/bin
# uv is several times faster; it is used where it is installed.
UV := $(shell command -v uv)
INSTALL := $(if $(UV),uv pip install --python $(BIN)/python,$(BIN)/python -m pip --disable-pip-version-check install)
PIP := $(INSTALL) --constraint constraints.txt $(PIP_FLAGS)

ifdef PHOTOS
SOURCE := $(PHOTOS)
# Every folder of photos has a collection of its own.
DATA ?= data/photos-$(firstword $(shell printf %s "$(PHOTOS)" | cksum))
MODEL ?= auto
else
SOURCE := fixtures/gallery
DATA ?= data/gallery
# The gallery is shown with the model that comes along: nothing is downloaded for a try.
MODEL ?= bundled
endif

.PHONY: run install test test-clients test-scale test-deploy pin-clients check check-style check-types check-rules bench format constraints wheel clean

run: install
	@$(BIN)/mmembed serve --check --port $(PORT)
	@echo "the first start tries the engines for each model, and keeps the fastest: up to some minutes"
	@$(BIN)/mmembed index "$(SOURCE)" --data "$(DATA)" --model "$(MODEL)" || [ $$? -eq 1 ]
ifndef PHOTOS
	@echo "your own  make run PHOTOS=~/Pictures"
endif
	@exec $(BIN)/mmembed serve --data "$(DATA)" --model "$(MODEL)" --port $(PORT)

install: $(VENV)/.installed

# schemathesis is a plugin that takes seconds to load; its tests are slow ones. `make check` runs the
# tests of the project's own rules.
FAST_ONLY := --ignore=tests/project -p no:schemathesis -m "not slow and not network and not clients and not scale"

# Servers are not started by the way: they have a target of their own.
ALL := -m "not network and not clients and not scale"

# They write their files to memory where there is room: a third of the fast ones' time is a disk's.
ROOM_KB := $(if $(FAST),2000000,6000000)
IN_MEMORY := $(if $(shell df -Pk /dev/shm 2>/dev/null | awk '$$4 > $(ROOM_KB) {print $$4}'),PYTEST_DEBUG_TEMPROOT=/dev/shm)

# What pytest makes of the asserts is kept for the next process.
test test-scale test-clients check-rules: export PYTHONDONTWRITEBYTECODE =

# A file's tests share what is made once for a module, so that a worker gets whole files. Each slow
# worker may hold a model: with more than four, memory becomes scarce before the tests are faster.
SPREAD := -n $(WORKERS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder -o tmp_path_retention_policy=failed

test: $(VENV)/.test
	$(IN_MEMORY) $(BIN)/python -m pytest $(SPREAD) $(if $(FAST),$(FAST_ONLY),$(ALL))

# On servers from packages, which the tests start and stop; MMEMBED_TEST_POSTGRES=postgresql://… is
# used in place of theirs. A server that is missing skips its tests; under CI it fails them.
test-scale: $(VENV)/.test-scale
	$(IN_MEMORY) $(if $(CI),MMEMBED_TEST_SERVERS=required) $(BIN)/python -m pytest -q $(SPREAD) -m scale $(SCALE)

test-deploy:
	tests/deploy/chroot.sh "$$(mktemp -u)"

# All clients, or CLIENTS="openai cohere"; each has an environment in ~/.cache/mmembed-test-clients.
test-clients: $(VENV)/.test
	$(BIN)/python -m tests.clients $(CLIENTS)

# The newest versions that tests/clients/requirements/*.in allow, and all that they need.
pin-clients: $(VENV)/.test
	$(PIP) --quiet uv
	PATH="$(BIN):$$PATH" $(BIN)/python -m tests.clients.environments --pin

# `make -j2 check` looks at types and rules side by side.
check: check-style check-types check-rules

check-style: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

check-types: $(VENV)/.test
	$(BIN)/mypy

check-rules: $(VENV)/.test
	$(BIN)/python -m pytest -q -n 0 -p no:schemathesis -m "not slow" tests/project

# Options of `python -m benchmarks`, such as --engines, --photos and --cache.
bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks $(BENCH)

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 10) <= v < (3, 14) else "Python 3.10 to 3.13 is needed, this is %d.%d: make PYTHON=python3.12 …" % v[:2])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing into $(VENV); the first time this fetches torch and more: 1 to 10 minutes"
	@$(PIP) $(if $(UV),--compile-bytecode) $(TORCH) --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.installed
	$(PIP) --quiet --editable '.[test,check]'
	@touch $@

$(VENV)/.test-scale: $(VENV)/.test
	@$(PIP) --quiet --editable '.[test-scale]' && touch $@ || { \
	  echo "*** PostgreSQL, Ray or S3 cannot be installed here: their tests do not run ***"; \
	  test -z "$(CI)"; }

# The tested set, for every Python and system that we support; torch is chosen above.
constraints: $(VENV)/.test
	$(PIP) --quiet uv
	printf '%s\n' $(TORCH) | $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.10 \
	  --all-extras --constraint /dev/stdin --no-header --no-annotate --no-emit-index-url --upgrade \
	  | grep -vE '^(torch|torchvision|triton|nvidia-|cuda-)' > constraints.txt

wheel: $(VENV)/.installed
	$(BIN)/python -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir dist .
	@ls -l dist

clean:
	rm -rf $(VENV) data dist .mypy_cache .ruff_cache .pytest_cache
