# make demo            set up everything in .venv, pre-train on real frames, segment a picture
# make test            set up everything in .venv and run the tests
# make test-official   the same on the official OpenMMLab packages, in .venv-official
# make small-study-quick  every stage of the experiments in minutes; its numbers mean nothing
# make small-study-data  prepare the data of the small study, without running it
# make small-study     the paper's ablation on two CPU cores, in hours; run again, it goes on
# make docs            build the documentation site in build/docs, strictly, and run its blocks
# make lint            ruff, mypy, codespell
# make clean           remove both environments

PYTHON ?= python3
VENV := .venv
VENV_OFFICIAL := .venv-official
PYTEST := -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal
PIP := -m pip install --quiet --disable-pip-version-check

SOURCE ?= ../shared/data
JOBS ?= 2

.PHONY: small-study small-study-quick demo test test-official docs lint setup setup-official clean

demo: $(VENV)/.ready
	$(VENV)/bin/usfm demo-data data/demo
	$(VENV)/bin/usfm index data/demo
	$(VENV)/bin/usfm train usfm/pretrain_demo --work-dir work_dirs/demo --resume
	$(VENV)/bin/usfm report work_dirs/demo
	$(VENV)/bin/usfm predict models/demo_fetal_head.safetensors models/sample_fetal_head.png \
		--out work_dirs/demo/prediction
	@echo "What was learned:     work_dirs/demo/reconstruction/epoch_010.png"
	@echo "What was segmented:   work_dirs/demo/prediction/overlays/sample_fetal_head.png"
	@echo "Next, your own scans: README.md, or source $(VENV)/bin/activate and usfm --help"

# The data of the small study: releases BUSI, HC18, USGRA, USAnotAI, PICMUS and, of the whole one,
# COVID-BLUES under SOURCE.
SMALL := busi hc18 usgra usanotai
PREPARED := $(SMALL:%=data/small/%/dataset.json) data/small_pairs/picmus/dataset.json
CLIPS := data/small_clips/covid_blues/dataset.json
# Training images that are like images of other splits: what "usfm check-overlap" found.
ALIKE := configs/experiments/small_study_alike.csv
RELEASE_busi := BUSI
RELEASE_hc18 := HC18
RELEASE_usgra := USGRA
RELEASE_usanotai := USAnotAI
RELEASE_picmus := PICMUS
RELEASE_covid_blues := COVID-BLUES

$(PREPARED) $(CLIPS): | $(VENV)/.ready
	$(VENV)/bin/usfm prepare $(notdir $(@D)) $(SOURCE)/$(RELEASE_$(notdir $(@D))) $(@D)

# Breast is nine in ten of the images to pre-train on, as in the paper's database.
data/small/index.parquet: $(PREPARED) $(ALIKE)
	$(VENV)/bin/usfm index data/small --prepared --majority breast=0.9 --leave-out $(ALIKE)

data/small_pairs/synthetic/dataset.json: $(PREPARED)
	$(VENV)/bin/usfm degrade data/small/busi data/small/hc18 $(@D)

# No image of data/small that is validated or tested on may be pre-trained on: an error stops here.
.PHONY: small-study-overlap
small-study-overlap: data/small/index.parquet
	$(VENV)/bin/usfm check-overlap data/small --out data/small/overlap.csv

small-study-quick: small-study-overlap
	$(VENV)/bin/usfm experiment small_study_quick --work-dir work_dirs/small_study_quick --jobs $(JOBS)

.PHONY: small-study-data
small-study-data: small-study-overlap $(CLIPS) data/small_pairs/synthetic/dataset.json

small-study: small-study-data
	$(VENV)/bin/usfm experiment small_study --work-dir work_dirs/small_study --jobs $(JOBS)

test: $(VENV)/.ready
	$(VENV)/bin/python $(PYTEST)

test-official: $(VENV_OFFICIAL)/.ready
	$(VENV_OFFICIAL)/bin/python $(PYTEST)

docs: $(VENV)/.ready
	$(VENV)/bin/python -m sphinx -E -a -W --keep-going -q -b html docs build/docs
	$(VENV)/bin/python -m pytest -m docs tests/docs --numprocesses 2 --dist worksteal
	@echo "The site: build/docs/index.html"

lint: $(VENV)/.ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/codespell

setup: $(VENV)/.ready
setup-official: $(VENV_OFFICIAL)/.ready

REQUIREMENTS := setup.py $(wildcard requirements/*.txt)

$(VENV)/.ready: $(REQUIREMENTS)
	@echo "Setting up $(VENV); a first time takes some minutes (about 6 GB with CUDA)."
	@$(PYTHON) -c 'import sys; v = sys.version_info; assert (3, 10) <= v < (3, 13), \
		f"usfm_mm needs Python 3.10 to 3.12, this is {v.major}.{v.minor}: make PYTHON=python3.12"'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python $(PIP) -c requirements/constraints.txt \
		-r requirements/openmmlab.txt -e '.[all]'
	$(VENV)/bin/python $(PIP) --no-deps -r requirements/mmagic.txt
	touch $@

# setuptools 80: mmengine 0.10 imports pkg_resources. Python 3.12 has no torch 2.1.
$(VENV_OFFICIAL)/.ready: $(REQUIREMENTS)
	@echo "Setting up $(VENV_OFFICIAL) with the official OpenMMLab packages."
	@$(PYTHON) -c 'import sys; v = sys.version_info; assert (3, 10) <= v < (3, 12), \
		f"the official stack (torch 2.1.2) needs Python 3.10 or 3.11, this is {v.major}.{v.minor}"'
	$(PYTHON) -m venv $(VENV_OFFICIAL)
	$(VENV_OFFICIAL)/bin/python $(PIP) -c requirements/constraints-official.txt setuptools wheel
	$(VENV_OFFICIAL)/bin/python $(PIP) -c requirements/constraints-official.txt \
		-r requirements/openmmlab-official.txt -e '.[all]'
	$(VENV_OFFICIAL)/bin/python $(PIP) --no-deps -r requirements/mmagic.txt
	touch $@

clean:
	rm -rf $(VENV) $(VENV_OFFICIAL)
