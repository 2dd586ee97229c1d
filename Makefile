# make demo   environment, data, training, evaluation, prediction
# make test   lint, types and tests in the same environment
# make reader-weights   the weights of `cellmark read`, anew
# make docs   the documentation as a site in outputs/site; docs-serve shows it while it is written

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
IMAGES := 400
SIZE := 128
DATA := outputs/demo/data-$(IMAGES)x$(SIZE)
RUN := outputs/demo/$(shell date +%Y-%m-%d_%H-%M-%S)
CKPT = $(RUN)/train/checkpoints/best.ckpt
HELD_OUT := 6_dirty_blurred

.PHONY: demo test install benchmark benchmark-reading reader-weights docs docs-serve
install: $(READY)

# Made again when the requirements change. constraints.txt pins versions that were tested together.
$(READY): pyproject.toml constraints.txt
	@works() { $$1 -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, $$2))" 2>/dev/null; }; \
	for newest in 13 99; do for candidate in $${PYTHON:-python3 python3.12 python3.11}; do \
	  [ -n "$${python:-}" ] || ! works $$candidate $$newest || python=$$candidate; \
	done; done; \
	[ -n "$${python:-}" ] || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python" >&2; exit 1; }; \
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $$python -m venv --clear $(VENV)
	@echo "Installing into $(VENV) (PyTorch is large: a few minutes)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY)
	$(BIN)/cellmark dataset_synth output_dir=$(DATA) images_per_folder=$(IMAGES) size=$(SIZE) seed=1
	$(BIN)/cellmark train experiment=demo data.root=$(DATA) data.val_folder=$(HELD_OUT) output_dir=$(RUN)/train
	$(BIN)/cellmark predict input=$(DATA)/$(HELD_OUT) ckpt=$(CKPT) scales=[1] output_dir=$(RUN)/predict
	$(BIN)/cellmark evaluate ckpt=$(CKPT) data.root=$(DATA) data.test_folder=$(HELD_OUT) output_dir=$(RUN)/evaluate

test: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest

benchmark: $(READY)
	$(BIN)/python scripts/benchmark.py

# An hour or more; CKPT=FILE in place of the weights in the package, QUICK=1 for a few pictures.
benchmark-reading: $(READY)
	$(BIN)/python scripts/benchmark_reading.py $(if $(QUICK),--quick) $(if $(filter command line,$(origin CKPT)),--ckpt $(CKPT))

# The weights in the package: three hours on two cores. The run's folder is new each time, the pictures are kept.
READER := outputs/reader
READER_RUN := $(READER)/$(shell date +%Y-%m-%d_%H-%M-%S)
reader-weights: $(READY)
	[ -d $(READER)/data ] || $(BIN)/cellmark dataset_synth output_dir=$(READER)/data conditions=all images_per_folder=2400 size=256 \
	  seed=20 'severity=[0.0,1.6]'
	$(BIN)/cellmark train experiment=reader seed=1 data.root=$(READER)/data data.val_folder=12_mixed output_dir=$(READER_RUN)
	$(BIN)/python scripts/reader_weights.py $(READER_RUN)/checkpoints/best.ckpt
	$(BIN)/python scripts/reader_classifier.py $(READER)/data --output $(READER_RUN)-classifier

docs: $(READY)
	$(BIN)/python -m mkdocs build --strict
	@echo "open outputs/site/index.html"

docs-serve: $(READY)
	$(BIN)/python -m mkdocs serve
