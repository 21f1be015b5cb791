# `make run` and `make test` do all their set-up themselves; the other targets likewise.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STORE ?= store
BOARD ?= board
TEST_WORKERS ?= 2
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run test test-all stress lint type docs perf clean

help: ## show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# Python compiles what it imports and keeps it; compiling every file of every package during installation takes longer.
define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "TabGenBench needs Python 3.11 or newer; set PYTHON=python3.11")'
	@echo 'installing into $(VENV)/, a minute or two'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --no-compile --editable '.[$(1)]'
endef

$(VENV)/.installed: pyproject.toml constraints.txt
	$(call install,sdv)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt
	$(call install,dev)
	@touch $(VENV)/.installed $@

run: $(VENV)/.installed ## train and score the quickstart suite on embedded data, print its board and write it to board/
	@$(BIN)/tabgenbench run quickstart --store $(STORE)
	@$(BIN)/tabgenbench leaderboard quickstart --store $(STORE) --out $(BOARD) --format html,csv,json > /dev/null

# Tests marked `alone` run after the others, one at a time; both calls are made, and both have to pass.
define run_tests
	@status=0; \
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile -m "not alone and $(1)" || status=1; \
	$(BIN)/python -m pytest -m "alone and $(1)" || status=1; \
	exit $$status
endef

test: $(VENV)/.installed-dev ## run the tests but the slow ones (offline, CPU)
	$(call run_tests,not slow and not stress)

test-all: $(VENV)/.installed-dev ## run all tests but `stress`
	$(call run_tests,not stress)

stress: $(VENV)/.installed-dev ## run the longest tests: thirty kills, lost nodes of a cluster, two implementations over ten seeds
	$(BIN)/python -m pytest -m stress

lint: $(VENV)/.installed-dev type ## check style, types and prose
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tests/prose.py

type: $(VENV)/.installed-dev ## check types
	$(BIN)/mypy

docs: $(VENV)/.installed-dev ## write docs/command-line.md from the --help texts
	$(BIN)/python docs/write_command_line.py

perf: $(VENV)/.installed-dev ## print the benchmarks of speed and memory, as ratios measured side by side
	@status=0; for script in tests/perf/bench_*.py; do \
		echo "== $$script"; $(BIN)/python $$script || status=1; done; exit $$status

clean: ## remove what the targets made, but no store
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
