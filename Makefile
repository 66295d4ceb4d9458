# Every target sets up its environment: a fresh clone needs only Python 3.11 or newer, and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := runs/mnist
RUNS := runs/mnist runs/vae
STUDIES := runs/study-ae runs/study-vae runs/study-flat
# The documentation site, and what it is made of beside docs/.
DOCS := build/docs
DOCS_EPOCHS := 2
# The tests of a file stay in one process, so that their shared runs are trained only once.
TWO := -n 2 --dist loadfile --no-loadscope-reorder

# Tests of the extras, whose lowest versions are not tested, and of committed pictures, which another
# version of Matplotlib draws differently.
UNTESTED := accelerator benchmarks cells charts compare contestants identity interleave limit measure \
  page parity ratios report rows runner scaling state tfds pictures

.PHONY: help reproduce test test-quick fuzz soak lint figures literature bench bench-quick accelerator test-lowest test-wheel docs docs-full clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*##/ {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

reproduce: $(VENV)/installed  ## Train 20 epochs on MNIST into runs/mnist and draw the figures
	$(BIN)/jaxae train --run-dir $(RUN) --overwrite

test: $(VENV)/installed-dev  ## Run the whole test suite, on two cores
	$(BIN)/python -m pytest $(TWO) -m "not alone"
	$(BIN)/python -m pytest -m alone

test-quick: $(VENV)/installed-dev  ## Run the tests that need no other process, TensorFlow or PyTorch
	$(BIN)/python -m pytest $(TWO) -m "not slow"

fuzz: $(VENV)/installed-dev  ## Feed 100,000 damaged files to the readers
	$(BIN)/python -m tests.fuzz --files 100000

soak: $(VENV)/installed-dev  ## Inject faults into runs for ten minutes; print a table
	$(BIN)/python -m tests.faults

# The scripts of the explorer share one scope, so they are linted as one, with one "use strict".
lint: $(VENV)/installed-dev  ## Check style, types, the direction of imports and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell *.md docs jaxae benchmarks figures
	$(BIN)/oxfmt --check jaxae/explorer/page
	awk 'NR == 1 || FNR > 1' jaxae/explorer/page/*.js > $(VENV)/page.js
	$(BIN)/oxlint --config .oxlintrc.json --no-ignore --deny-warnings $(VENV)/page.js

figures: $(VENV)/installed-dev $(RUNS:%=%/config.json) $(STUDIES:%=%/report.json)  ## Draw the figures and tables of figures/, from saved runs
	$(BIN)/python figures/draw.py
	$(BIN)/python figures/table.py
	$(BIN)/python -m figures.explorer
	$(BIN)/python -m tests.baseline

literature: $(VENV)/installed  ## Train the studies that are compared with the literature; write their table
	$(BIN)/python figures/literature.py

runs/%/config.json: | $(VENV)/installed
	$(BIN)/jaxae train --model $(if $(filter vae,$*),vae,ae) --run-dir runs/$*

runs/study-%/report.json: | $(VENV)/installed
	$(BIN)/jaxae study $(if $(filter flat,$*),--flatten 1,--model $*) --run-dir runs/study-$* --overwrite

bench: $(VENV)/installed-dev  ## Run the whole framework comparison and report it
	$(BIN)/python -m benchmarks run --out runs/bench.json; status=$$?; \
	  $(BIN)/python -m benchmarks report runs/bench.json && exit $$status

bench-quick: $(VENV)/installed-dev  ## Run a small part of the comparison and report it
	$(BIN)/python -m benchmarks run --quick --out runs/bench-quick.json; status=$$?; \
	  $(BIN)/python -m benchmarks report runs/bench-quick.json && exit $$status

docs: $(VENV)/installed-docs  ## Build the documentation site into build/docs/html/, and check its links
	$(BIN)/jaxae train --epochs $(DOCS_EPOCHS) --run-dir $(DOCS)/run --overwrite
	$(BIN)/jaxae explore $(DOCS)/run --out $(DOCS)/extra/explorer.html
	$(BIN)/sphinx-build -q -c docs -W --keep-going -n -d $(DOCS)/doctrees . $(DOCS)/html
	$(BIN)/python docs/check_site.py $(DOCS)/html

docs-full: DOCS_EPOCHS := 20
docs-full: export JAXAE_DOCS_FULL := 1
docs-full: docs  ## Build the site with models that are trained as long as the figures'

accelerator:  ## On a machine with a GPU or TPU: install, test, train, measure; keep the results
	$(PYTHON) -m benchmarks.accelerator

test-lowest: .venv-lowest/installed  ## Run the test suite with the lowest versions that pyproject.toml allows
	.venv-lowest/bin/python -m pytest $(TWO) -m "not alone" -W default $(UNTESTED:%=--ignore tests/test_%.py)

# The sdist has the files of the repository, and its wheel is that of the work tree. A user's program
# is type-checked where only the wheel is installed.
test-wheel: $(VENV)/installed-dev  ## Build sdist and wheel, check both, and train from an empty folder
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	  $(BIN)/python -m build --wheel --outdir $$dir && cmp dist/*.whl $$dir/*.whl && \
	  git ls-files ':!.ci' ':!.github' | sort > $$dir/tracked && \
	  tar -tf dist/*.tar.gz | sed 's,[^/]*/,,' | grep -vx PKG-INFO | sort | diff $$dir/tracked - && \
	  $(PYTHON) -m venv $$dir/venv && \
	  $$dir/venv/bin/pip install --quiet --constraint constraints.txt dist/*.whl && \
	  mkdir $$dir/empty && cp tests/typed_use.py $$dir/empty && cd $$dir/empty && \
	  $(CURDIR)/$(BIN)/mypy --strict --python-executable ../venv/bin/python typed_use.py && \
	  $(CURDIR)/$(BIN)/basedpyright --pythonpath ../venv/bin/python typed_use.py && \
	  ../venv/bin/jaxae train --epochs 1 --run-dir run && test -s run/figures/grid.png

clean:  ## Remove the environments and caches, keep the runs
	rm -rf $(VENV) .venv-lowest build dist .import_linter_cache .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# The marker files are rewritten whenever the requirements or the version change.
$(VENV)/installed: pyproject.toml constraints.txt jaxae/__init__.py | $(VENV)/bin/python
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,tfds,bench,interchange]'
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs,interchange]'
	@touch $@

$(VENV)/installed-cuda $(VENV)/installed-tpu: $(VENV)/installed-%: $(VENV)/installed-dev
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[$*]'
	@touch $@

.venv-lowest/installed: pyproject.toml constraints-lowest.txt jaxae/__init__.py
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --quiet --constraint constraints-lowest.txt --editable '.[dev]' flatbuffers tensorboardX
	@touch $@
