# make plan   set up what is needed and plan the sample province (result in out/)
# make test   set up what is needed, check the code and run every test (.ci/run: the whole gate)
# make lab    open the notebooks        make data    make the sample province again
# make clean  remove what was made
#
# Uses uv when it is installed, else Python's own venv and pip. A second run starts at once: the files
# .venv/.core, .venv/.lab and .venv/.dev say what is set up, and grow old with pyproject.toml and constraints.txt.

PYTHON ?= python3
STUDY ?= data
OUT ?= out
PYTEST_ARGS ?= -n auto --dist loadfile
COVERAGE_ARGS ?= --cov --cov-report=term:skip-covered
# What a leg of the gate runs, with another Python or with the lowest versions allowed: broad, and done in minutes.
LEG_TESTS := tests/study_floor tests/terrain tests/radio tests/assess tests/fiber tests/propose/test_solver.py \
  tests/propose/test_cover.py tests/propose/test_sharing_program.py tests/publish/test_annexes.py tests/test_cli.py \
  tests/test_package.py
# What is tried as if on Windows by the gate; all of it: make as-windows WINDOWS_TESTS=tests. In one process, for others
# would start without the option.
WINDOWS_TESTS ?= tests/study_floor/test_files.py tests/study_floor/test_filenames.py tests/test_held.py \
  tests/test_open_elsewhere.py tests/test_streams.py tests/test_portable.py tests/test_ntfs.py
PAGE ?= cp1258
BIN := .venv/bin
NEEDS := pyproject.toml constraints.txt
CONSTRAINTS := constraints.txt
# Old versions warn about one another, which says nothing about covplan.
LEG_ARGS := $(if $(filter lowest,$(LEG)),-W default)

# Without .pyc files every start is about three times slower, and uv makes none unless told.
export UV_COMPILE_BYTECODE = 1
export UV_PYTHON_DOWNLOADS = never
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# An environment that is active elsewhere is not ours to fill.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

.PHONY: plan test as-windows wheels test-leg lint lab data wheel-test constraints locale matrix clean
.DELETE_ON_ERROR:

plan: .venv/.core
	$(BIN)/covplan plan "$(STUDY)" -o "$(OUT)"

data: .venv/.core
	$(BIN)/covplan sample data --overwrite

lab: .venv/.lab
	$(BIN)/python -m jupyter lab notebooks

test: lint
	$(BIN)/python -m pytest $(PYTEST_ARGS) $(COVERAGE_ARGS)

# As if on Windows, as far as this system can be made like it: tests/as_windows.py.
as-windows: .venv/.dev
	$(BIN)/python -X warn_default_encoding -m pytest $(PYTEST_ARGS) -n 0 --as-windows=$(PAGE) $(WINDOWS_TESTS)

# Whether nobody needs a compiler: every pinned package as a wheel, on three systems and four Pythons (asks the index).
wheels: .venv/.dev
	$(BIN)/python .ci/wheels.py

# One leg of the gate: make test-leg LEG=3.12 PYTHON=python3.12, or LEG=lowest.
test-leg: build/legs/$(LEG)/.dev
	build/legs/$(LEG)/bin/python -m pytest $(PYTEST_ARGS) $(LEG_ARGS) $(LEG_TESTS)

lint: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m mypy
	$(BIN)/python -m mypy --platform win32
	$(BIN)/lint-imports

# What a user gets: the wheel alone, in an environment of its own, away from the sources.
wheel-test: .venv/.dev
	rm -rf build/wheel
	$(BIN)/python -m build --wheel --outdir build/wheel .
	$(call create_venv,build/wheel/venv)
	$(call install,build/wheel/venv,build/wheel/*.whl)
	cd build/wheel && venv/bin/covplan --version
	cd build/wheel && venv/bin/covplan check ../../data
	cd build/wheel && venv/bin/covplan plan ../../data -o out

.venv/.core: $(NEEDS)
	$(call create_venv,.venv)
	$(call install,.venv,-e .)
	touch $@

.venv/.lab: $(NEEDS)
	$(call create_venv,.venv)
	$(call install,.venv,-e ".[lab]")
	touch .venv/.core $@

.venv/.dev: $(NEEDS)
	$(call create_venv,.venv)
	$(call install,.venv,-e ".[dev]")
	touch .venv/.core .venv/.lab $@

build/legs/lowest/.dev: CONSTRAINTS = build/legs/lowest.txt
build/legs/lowest/.dev: build/legs/lowest.txt
build/legs/lowest.txt: pyproject.toml .ci/lowest.py
	mkdir -p build/legs
	"$(PYTHON)" .ci/lowest.py > $@

build/legs/%/.dev: $(NEEDS)
	$(call create_venv,build/legs/$*)
	$(call install,build/legs/$*,-e ".[dev]")
	touch $@

# An environment whose Python no longer starts (moved folder, upgraded system) is made anew.
define create_venv
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "covplan needs Python 3.11 or newer; '$(PYTHON)' is not. Name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(1)/bin/python -c '' 2>/dev/null || { rm -rf $(1); \
	  if command -v uv >/dev/null; then uv venv --quiet --python "$(PYTHON)" $(1); \
	  else "$(PYTHON)" -m venv $(1) || { rm -rf $(1); \
	    echo "No virtual environment could be made. On Debian and Ubuntu: apt install python3-venv. Or install uv." >&2; exit 1; }; fi; }
endef

define install
	@echo "setting up $(1)"; if command -v uv >/dev/null; then uv pip install --quiet --python $(1)/bin/python -c $(CONSTRAINTS) $(2); \
	else $(1)/bin/python -m pip --version >/dev/null 2>&1 || $(1)/bin/python -m ensurepip >/dev/null; \
	  $(1)/bin/python -m pip install --quiet -c $(CONSTRAINTS) $(2); fi
endef

# Pins for Python 3.11 and for newer ones, in one file without addresses (needs uv).
constraints:
	echo "# Versions pinned for CI and make. Remake: make constraints" > constraints.txt
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --upgrade --quiet \
	  --no-annotate --no-header --no-emit-index-url --no-emit-find-links | sed '/^-e/d' >> constraints.txt

# All of what a study may lack, alone and in pairs, through every step; the gate runs a part of it.
matrix: .venv/.dev
	$(BIN)/python -m tests.least_data

# Texts of the code into the catalogue, and that into what is read at run time.
locale: .venv/.dev
	$(BIN)/python -m tests.catalogue

clean:
	rm -rf out build dist .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov
	find covplan tests -name __pycache__ -type d -prune -exec rm -rf {} +
