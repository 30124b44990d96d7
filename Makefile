# One command for each thing one does with pyrs; CI calls the same. `make help` lists them.
#
# Everything happens in an environment of its own, $(VENV), and in build/. What is done
# leaves a stamp in $(VENV)/made, so nothing is installed twice; a changed source rebuilds
# what depends on it. The package is installed as users get it, not in editable mode: the
# tests run against the files of a wheel. What the system lacks is installed or named by
# tools/system_packages.sh.

PYTHON  ?= python3
VENV    ?= .venv
PYTHONS ?= 3.10 3.11 3.12 3.13
SECONDS ?= 60
TESTS   ?= tests
JOBS    ?= $(shell nproc 2>/dev/null || echo 2)
ARGS    ?=

MADE    := $(VENV)/made
BIN     := $(VENV)/bin
PIP     := $(BIN)/python -m pip --quiet --disable-pip-version-check
PACKAGE_FLAGS ?= -C cmake.build-type=RelWithDebInfo

# Folders too: their time changes when a file is added or removed.
SOURCES := CMakeLists.txt pyproject.toml README.md LICENSE \
	$(shell find csrc src cmake vendor -not -path '*/__pycache__*')
C_FILES  = $(shell find $(wildcard csrc tests examples benchmarks) -name '*.[ch]')
# JOBS=0 runs the tests in one process, for a debugger.
PARALLEL = -n $(JOBS) --dist worksteal
# Not what is about scripts and a browser, which are run without the sanitizers; nor what
# runs no C code, or takes long and calls none that others do not.
SANITIZED = $(wildcard $(addprefix tests/,unit corpus core http static wsgi cgi)) \
	$(addprefix --ignore=tests/,static/test_listing.py cgi/test_script.py cgi/test_pyserve.py cgi/test_warm.py \
	core/test_layers.py wsgi/test_application_names.py wsgi/test_wsgi_doc.py wsgi/test_django.py wsgi/test_pypiserver.py)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help run test test-all lint types warnings warnings-gcc warnings-clang format screenshots sanitize sanitized fuzz bench \
	measured bench-peers wheel clean

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
	@echo
	@echo '  ARGS="..." goes to pyrs (run), pytest (test, sanitize) or the benchmark (bench).'

run: $(MADE)/package ## serve project_template (port 8094)
	@$(BIN)/pyrs project_template/project.pyrs $(ARGS)

test: $(MADE)/package $(MADE)/test ## all tests
	$(BIN)/python -m pytest $(PARALLEL) $(TESTS) $(ARGS)

test-all: ## all tests under each of PYTHONS="3.10 3.11 3.12 3.13"
	@for version in $(PYTHONS); do tools/find_python.sh $$version >/dev/null || exit 1; done
	@for version in $(PYTHONS); do \
		echo "== Python $$version"; \
		$(MAKE) --no-print-directory test VENV=.venv-$${version##*/} \
			PYTHON="$$(tools/find_python.sh $$version)" || exit 1; \
	done

lint: $(MADE)/package $(MADE)/test $(MADE)/lint ## formatting, types, stubs, compiler warnings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@echo "$(BIN)/clang-format --dry-run -Werror (the C files)"
	@$(BIN)/clang-format --dry-run -Werror $(C_FILES)
	@$(MAKE) --no-print-directory -j 2 --output-sync types warnings

types: $(MADE)/package $(MADE)/test $(MADE)/lint
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest pyrs._core pyrs._bridge

# The C code, warnings as errors. clang's need no optimizer, so it sees the assertions too.
warnings: warnings-gcc warnings-clang
warnings-gcc: BUILD_TYPE := RelWithDebInfo
warnings-clang: BUILD_TYPE := Debug
warnings-gcc warnings-clang: warnings-%: $(MADE)/lint
	@$(BIN)/cmake -S . -B build/$@ -G Ninja -Wno-dev \
		-DCMAKE_MAKE_PROGRAM="$(CURDIR)/$(BIN)/ninja" -DCMAKE_C_COMPILER=$* \
		-DCMAKE_BUILD_TYPE=$(BUILD_TYPE) -DPYRS_WERROR=ON -DSKBUILD=2 \
		-DPython_EXECUTABLE="$(CURDIR)/$(BIN)/python" >/dev/null
	@echo "$*"
	@$(BIN)/cmake --build build/$@ -j 2

format: $(MADE)/lint ## rewrite the sources in the format that lint wants
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i $(C_FILES)

screenshots: $(MADE)/package $(MADE)/test ## build/screenshots/: the page of a folder in a browser, to look at
	PYRS_SCREENSHOTS=build/screenshots $(BIN)/python -m pytest tests/static/test_listing.py -k screenshot

sanitize: ## all tests of C code under ASan and UBSan, assertions on
	@tools/system_packages.sh $(PYTHON) build sanitize
	@$(MAKE) --no-print-directory sanitized VENV=.venv-sanitize \
		PACKAGE_FLAGS="-C cmake.build-type=RelWithDebInfo -C cmake.define.PYRS_SANITIZE=address,undefined"

sanitized: $(MADE)/package $(MADE)/test
	tools/sanitized.sh $(BIN)/python -m pytest $(PARALLEL) $(SANITIZED) $(ARGS)

fuzz: ## every fuzz target, SECONDS=60 each
	@tools/system_packages.sh $(PYTHON) build fuzz
	$(MAKE) -C tests/fuzz -j $(or $(filter-out 0,$(JOBS)),1) --output-sync run SECONDS=$(SECONDS)

bench: ## measure pyrs as users get it, the yardstick and the peers that are installed
	@$(MAKE) --no-print-directory measured VENV=.venv-release PACKAGE_FLAGS=

measured: $(MADE)/package $(MADE)/bench
	$(BIN)/python benchmarks/run.py $(ARGS)

bench-peers: ## install the servers that bench compares with, into .venv-peers
	@tools/system_packages.sh $(PYTHON) peers || true
	$(PYTHON) benchmarks/peers/install.py

wheel: $(MADE)/tools ## wheelhouse/: a wheel with libuv inside, for systems without it
	$(PIP) install --group wheel
	rm -rf build/wheels
	$(PIP) wheel --no-deps --no-build-isolation -C build-dir=build/wheel-$(notdir $(VENV)) -w build/wheels .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/auditwheel repair -w wheelhouse build/wheels/*.whl

clean: ## remove all that was built, the environments too
	rm -rf build dist wheelhouse .venv .venv-* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- the environment ----

$(MADE)/tools: pyproject.toml
	@tools/system_packages.sh $(PYTHON) venv build
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade 'pip>=25.1'
	$(PIP) install --group build
	@mkdir -p $(MADE) && touch $@

$(MADE)/package: $(MADE)/tools $(SOURCES)
	$(PIP) install --no-build-isolation -C build-dir=build/$(notdir $(VENV)) $(PACKAGE_FLAGS) .
	@touch $@

$(MADE)/test: $(MADE)/tools
	@tools/system_packages.sh $(PYTHON) test
	@tools/system_packages.sh $(PYTHON) webdav || echo "litmus's test will be skipped." >&2
	@tools/system_packages.sh $(PYTHON) browser || echo "Tests of pages will be skipped." >&2
	$(PIP) install --group test
	@touch $@

$(MADE)/bench: $(MADE)/tools
	@tools/system_packages.sh $(PYTHON) bench
	$(PIP) install --group bench
	@touch $@

$(MADE)/lint: $(MADE)/tools
	@tools/system_packages.sh $(PYTHON) lint
	$(PIP) install --group lint
	@touch $@
