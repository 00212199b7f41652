# One command for each thing a maintainer does; each does its own set-up.
.DEFAULT_GOAL := help
.PHONY: help demo works run test quick coverage standstill fuzz audit chaos year check fmt bench bench-small lock upgrade dist deb pictures clean

PYTHON ?= python3
FOR ?=
CHAOS_KILLS ?= 200
EXAMPLES ?= 3000
DAEMONS ?= 1
SEEDS ?= 10
DAYS ?= 1
SEED ?=
BENCH ?=
# Most tests wait for a process, a broker or a clock: two workers share a core.
WORKERS ?= $(shell expr 2 \* $$(nproc))
BIN := .venv/bin
# A run of the tests starts hundreds of processes: each loads what the first has compiled.
export PYTHONDONTWRITEBYTECODE :=
READY := .venv/.ready

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# uv where it is installed, else venv and pip. Both read the same pins with their hashes, and compile,
# so that warnings about a dependency's syntax do not come up in the middle of a test.
$(READY): constraints.txt pyproject.toml
	@echo "Installing what Watcher and its tests need into .venv: $$(grep -c '==' constraints.txt) packages,"
	@echo "each checked against its hash. Once; a minute or two."
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) .venv && \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r constraints.txt && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
	  $(PYTHON) -m venv .venv && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $(READY)

demo: $(READY)  ## an outage on simulated vendors becomes a Slack thread (FOR=60s ends by itself)
	@$(BIN)/watcher demo $(if $(FOR),--for $(FOR))

works: .venv/works/.ready  ## circuit-maintenance-parser, in .venv/works: it reads other carriers' mails

.venv/works/.ready: constraints-works.txt | $(READY)
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) .venv/works && \
	  uv pip install --quiet --compile-bytecode --python .venv/works/bin/python --require-hashes -r constraints-works.txt ; \
	else \
	  $(PYTHON) -m venv .venv/works && \
	  .venv/works/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints-works.txt ; \
	fi
	@touch $@

run: $(READY)  ## the daemon, on config.toml
	@$(BIN)/watcher run --config config.toml

test: $(READY)  ## the whole suite (WORKERS=4)
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadgroup

quick: $(READY)  ## unit tests: no process, no broker, no browser
	@$(BIN)/python -m pytest tests/unit --numprocesses $$(nproc) --dist loadgroup

# Tests of time and memory are left out: coverage takes some of both itself.
coverage: $(READY)  ## what unit and integration tests reach; fails below the floor in pyproject.toml
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest tests/unit tests/integration --ignore tests/integration/loop --ignore tests/integration/memory --timeout 400 --numprocesses $(WORKERS) --dist loadgroup
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

standstill: $(READY)  ## a whole daemon at 100,000 services: what holds up its event loop (some minutes)
	@WATCHER_STANDSTILL=1 $(BIN)/python -m pytest tests/integration/loop/test_whole_daemon.py --timeout 3600

fuzz: $(READY)  ## odd input at every door, many examples of it, drawn anew each time (EXAMPLES=3000)
	@WATCHER_CI= WATCHER_FUZZ=$(EXAMPLES) $(BIN)/python -m pytest -m fuzz --timeout 3600 --numprocesses $$(nproc)

audit: $(READY)  ## known vulnerabilities of what is pinned; says so when OSV cannot be asked
	@$(BIN)/python .ci/audit.py

year: $(READY)  ## simulated days, drawn from seeds of the date or SEED, told right (SEEDS=10 DAYS=1)
	@$(BIN)/python -m tests.year $(if $(SEED),--seed $(SEED)) --seeds $(SEEDS) --days $(DAYS)

chaos: $(READY)  ## disruptions at random instants, checked afterwards (CHAOS_KILLS=200 DAEMONS=1 SEED=)
	@$(BIN)/python -m tests.chaos --kills $(CHAOS_KILLS) --daemons $(DAEMONS) $(if $(SEED),--seed $(SEED))

check: $(READY)  ## format, lint, types, import contract
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

fmt: $(READY)  ## format, and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY)  ## every budget beside the build before and the limit, one JSON line each (BENCH=step)
	@$(BIN)/python benchmarks/run.py $(BENCH)

bench-small: $(READY)  ## the same at small sizes; fails when a ratio is worse than its budget by half
	@$(BIN)/python benchmarks/run.py --small $(BENCH)

pictures: $(READY)  ## the pictures of README and docs (needs Chromium and Mosquitto)
	@$(BIN)/python docs/pictures/make.py
	@$(BIN)/python docs/pictures/bad_night.py
	@$(BIN)/python docs/pictures/pages.py
	@$(BIN)/python docs/pictures/board.py

lock: $(READY)  ## pin what pyproject.toml has new, with hashes; other pins stay
	@command -v uv >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@PATH="$(BIN):$$PATH" uv pip compile pyproject.toml --quiet $(UPGRADE) --all-extras --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	  --output-file constraints.txt
	@PATH="$(BIN):$$PATH" uv pip compile --group works --quiet $(UPGRADE) --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	  --output-file constraints-works.txt

upgrade: UPGRADE := --upgrade
upgrade: lock  ## pin the newest of every dependency

dist: $(READY)  ## the wheel and the source archive, in dist/
	@rm -rf dist
	@$(BIN)/python -m hatchling build

deb: $(READY)  ## the Debian package for this machine's release, in dist/
	@$(BIN)/python packaging/build_deb.py

clean:  ## forget the environment and caches
	@rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .coverage .coverage.*
