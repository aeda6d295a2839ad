# `make demo` and `make test` do everything on a fresh Debian 12 with make and python3-venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help demo test test-all quick-tests all-tests needs lint bench campaign soak fuzz deb packages docs lock format clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 16

demo: $(VENV)/run.stamp ## two nodes on this machine call each other, about 20 seconds
	@$(BIN)/copybara demo

# Lint keeps one processor busy, which the tests needn't wait for.
test: $(VENV)/dev.stamp needs ## lint, and all tests but the slow ones, in ten minutes on two cores
	@$(MAKE) --no-print-directory --jobs 2 lint quick-tests

test-all: $(VENV)/dev.stamp needs ## lint, and all tests, in half an hour on two cores
	@$(MAKE) --no-print-directory --jobs 2 lint all-tests

# Without browsers tests wait as long as they work, so that one process more keeps the processor busy.
quick-tests: WORKERS ?= 5
all-tests: WORKERS ?= 3

quick-tests: $(VENV)/dev.stamp
	@echo "running the tests but for the slow ones, less than ten minutes on two cores; a line for each file that begins"
	@tests/run $(BIN)/pytest $(WORKERS) -m "not slow"

all-tests: $(VENV)/dev.stamp
	@echo "running all tests, less than half an hour on two cores; a line for each file that begins"
	@tests/run $(BIN)/pytest $(WORKERS)

# What tests run that isn't installed with the program.
needs: $(VENV)/dev.stamp
	@tests/system-packages
	@tests/node-packages
	@tests/synapse

lint: $(VENV)/dev.stamp ## ruff, mypy strict, import-linter
	@echo "checking the code: ruff, mypy, import-linter, about a minute the first time, then some seconds"
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(VENV)/dev.stamp ## measure against the alternatives, rewrite benchmarks/README.md
	@tests/system-packages bench
	@tests/node-packages
	@tests/synapse
	@echo "measuring, a quarter of an hour or more; leave the machine alone meanwhile"
	@$(BIN)/python -m benchmarks

campaign: $(VENV)/dev.stamp ## kill programs at random moments and check their homes, KILLS=300, PAIRS=3, SEED=1; MESSENGER=1: two bots
	@echo "some minutes for 300 kills on two cores, ten beside other work; a line for each round"
	@$(BIN)/python -m tests.campaign --kills $(KILLS) --pairs $(PAIRS) --seed $(SEED) $(if $(MESSENGER),--messenger)
PAIRS ?= 3
MESSENGER ?=
KILLS ?= 300
SEED ?= 1

soak: $(VENV)/dev.stamp ## many calls between programs that go on running, and what piles up, CALLS=1000; or HOUR=1: one of an hour
	@echo "an hour at most, for 1000 calls as for one of an hour; a line for each look"
	@$(BIN)/python -m tests.soak $(if $(HOUR),--hour,--calls $(CALLS))
CALLS ?= 1000
HOUR ?=

fuzz: $(VENV)/dev.stamp ## let each parser of foreign bytes read what nobody would send, SECONDS=30 for each
	@./install-locked tests/fuzz/requirements.lock $(PIP)
	@echo "about half an hour; a line for each parser"
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS)
SECONDS ?= 30

deb: ## the package for the Debian that this machine runs, into dist/, in about a minute
	@packages/debian/build

packages: $(VENV)/dev.stamp ## install, use and remove everything on fresh Debian machines, half an hour or more
	@tests/system-packages
	@packages/system-packages
	@$(BIN)/pytest --verbose packages

docs: $(VENV)/dev.stamp ## rewrite the generated parts of docs/
	$(BIN)/python -m shared.call.diagram docs/call.md
	$(BIN)/python -m bot.kinds docs/console.md
	COPYBARA_WRITE_DOCS=1 $(BIN)/pytest --quiet tests/bot/telegram/test_ways.py tests/bot/telegram/test_handset.py tests/bot/deltachat/test_calls.py tests/bot/matrix/test_scenes.py tests/browser/test_newcomer.py tests/browser/test_one_browser.py tests/browser/test_page_states.py tests/browser/test_page_told.py tests/browser/test_page_hold.py tests/browser/test_page_conversation.py tests/browser/test_page_recording.py tests/browser/test_page_files.py tests/browser/test_page_voice_message.py tests/browser/test_shared_screen.py tests/browser/test_page_on_a_phone.py tests/browser/test_page_devices.py tests/browser/test_firefox.py

format: $(VENV)/dev.stamp ## let ruff mend what it can
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

lock: $(VENV)/dev.stamp ## resolve pyproject.toml again into the two lock files
	$(PIP) install --quiet pip-tools
	$(BIN)/python -m piptools compile --quiet --strip-extras $(LOCK) --extra dev --output-file requirements-dev.lock pyproject.toml
	$(BIN)/python -m piptools compile --quiet --strip-extras $(LOCK) --constraint requirements-dev.lock --output-file requirements.lock pyproject.toml
LOCK := --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --no-annotate --build-deps-for editable

clean: ## remove what make made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# What running needs, then what testing needs on top, both with hashes. The project itself is installed editable, without
# its dependencies being resolved again and with the setuptools of the lock file. pip is called as a module, so that a
# copied tree installs into its own environment.
$(VENV)/run.stamp: requirements.lock pyproject.toml
	@test -x $(BIN)/python || { echo "making a virtual environment in $(VENV), some ten seconds"; $(PYTHON) -m venv $(VENV); }
	@echo "installing what copybara needs, about a minute"
	@./install-locked requirements.lock $(PIP)
	@echo "installing copybara itself, some seconds"
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@echo "compiling it, some seconds"
	@$(BIN)/python -m compileall -q -j 0 bot peer shared
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements-dev.lock
	@echo "installing what the tests need, about a minute"
	@./install-locked requirements-dev.lock $(PIP)
	@touch $@
