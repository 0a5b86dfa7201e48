# Each target works on a fresh checkout: it makes .venv from requirements.lock first, and again when the lock changes.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
JOBS ?= 2
LATEST ?= data/raw
# The sample fitted once for the tests, and again only where the code that fits it has changed.
export ABIE_FITTED ?= $(CURDIR)/build/fitted

.PHONY: house run test test-all real latest explore bench bench-method check sample notebooks params lock clean help

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/ —/'

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c "import sys; sys.exit('Python 3.11 or newer is needed; this is ' + sys.version if sys.version_info < (3, 11) else 0)"
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(READY)

run: $(READY)  ## the main job on the embedded sample: England and nine regions, ending with a report to open
	$(BIN)/abie run --all --jobs $(JOBS)

test: $(READY)  ## lint, types, and all tests but the slow ones
	$(BIN)/ruff check src tests data benchmarks notebooks docs
	$(BIN)/ruff format --check src tests data benchmarks notebooks docs
	$(BIN)/mypy
	$(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile
	$(BIN)/python -m pytest --nbval-lax --nbval-kernel-name python3 notebooks

test-all: test  ## and the slow ones: kills, and the real data when ../shared/open-data (or ABIE_OPEN_DATA) is there
	$(BIN)/python -m pytest -m slow -n auto --dist loadfile

real: $(READY)  ## the real thing: make real DATA=../shared/open-data
	@test -n "$(DATA)" || { echo "Say where the official files are: make real DATA=../shared/open-data"; exit 2; }
	$(BIN)/abie run --data "$(DATA)" --out outputs/real --all --jobs $(JOBS)

latest: $(READY)  ## fetch the newest official files and run the release that they allow: England and nine regions (needs the internet)
	$(BIN)/abie fetch --to "$(LATEST)" --refresh || echo "Not everything came (see above): going on with what is here."
	@release=$$($(BIN)/abie fetch --to "$(LATEST)" --which-release) || { echo "$$release"; exit 1; }; set -x; \
	$(BIN)/abie run --data "$(LATEST)" --release "$$release" --out outputs/latest --all --jobs $(JOBS)

check: $(READY)  ## recognise, validate and reconcile files without a run: make check DATA=../shared/open-data
	$(BIN)/abie check "$(or $(DATA),data/sample)"

explore: $(READY)  ## JupyterLab for an analyst: move a parameter, see what moves; make explore ARGS="--data FOLDER --out outputs/real"
	$(BIN)/abie explore $(ARGS)

bench: $(READY)  ## benchmarks on real data: make bench DATA=../shared/open-data
	@test -n "$(DATA)" || { echo "Say where the official files are: make bench DATA=../shared/open-data"; exit 2; }
	$(BIN)/python benchmarks/sample_bands.py "$(DATA)"
	$(BIN)/python benchmarks/shocks_found.py --data "$(DATA)"
	$(BIN)/python benchmarks/hub_plan.py --data "$(DATA)" --out outputs/bench
	$(BIN)/python benchmarks/placebo_years.py --data "$(DATA)" --out outputs/bench
	$(BIN)/python benchmarks/planted_effects.py --data "$(DATA)" --out outputs/bench --worlds 500

bench-method: $(READY)  ## the criteria for the method, as JSON and as a page: make bench-method DATA=../shared/open-data (the sample without DATA)
	$(BIN)/python benchmarks/bars.py --data "$(or $(DATA),data/sample)" --out $(if $(DATA),outputs/bench,outputs/bench-sample) --perturb

sample: $(READY)  ## regenerate the embedded sample from its seeded script
	$(BIN)/python data/make_sample.py

notebooks: $(READY)  ## run the notebooks on the sample and store the headline outputs that the tests compare
	$(BIN)/python notebooks/refresh.py

params: $(READY)  ## rewrite params/, the notebooks' parameters cells and the data contract from the typed model and the two tables
	$(BIN)/python -m helpers.base.params
	$(BIN)/python -m helpers.run.notebooks
	$(BIN)/python -m helpers.base.contract

house: $(READY)  ## draw the map of the house from the imports
	$(BIN)/python docs/draw_house.py

lock:  ## remake requirements.lock from requirements.in (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate requirements.in -o requirements.lock

clean:  ## remove the environment and results; data stays
	rm -rf $(VENV) outputs/*
