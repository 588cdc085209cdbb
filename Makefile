# Two commands do everything on a machine with Python 3.11 or newer and make:
#
#     make demo    set up, then describe, score and ground a photo
#     make test    the same set-up, then every check
#
# The set-up happens once; it is done again when pyproject.toml or constraints.txt change.

PYTHON ?= python3
VENV ?= .venv
# Where torch comes from, if not from pip's usual index; see docs/install.md.
TORCH_INDEX ?=
DEMO_PHOTO ?= docs/photos/coffee.jpg
DEMO_OUT ?= demo-out
# Tests that run side by side, each with one thread: more threads would wait for each other.
TEST_JOBS ?= 2
# More arguments for pytest, such as PYTEST_ARGS='-k boxes -x'.
PYTEST_ARGS ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SPIDER := $(BIN)/spider
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test lint format typecheck build clean \
  prove-smoke prove-speed prove-data prove-distortions prove-eval prove-encode-once prove-stage1 prove-stage2 \
  prove-nano prove-throughput prove-audit prove-engine benchmark peers

help:
	@echo 'make demo         set up, then describe, score and ground $(DEMO_PHOTO)'
	@echo 'make test         set up, then run every check: lint, types, tests'
	@echo 'make install      set up only: the virtual environment $(VENV)'
	@echo 'make lint         ruff, without changing anything'
	@echo 'make format       ruff, mending what it can'
	@echo 'make typecheck    mypy, strict'
	@echo 'make build        the wheel, in dist/'
	@echo 'make prove-smoke  measure the bundled model: make prove-smoke PHOTOS="DIR ..."'
	@echo 'make prove-speed  measure --help and a cold score beside bare imports'
	@echo 'make prove-data   build a data set, again, and killed three times: make prove-data PHOTOS=DIR'
	@echo 'make prove-distortions  measure every type at every level: make prove-distortions PHOTOS=DIR'
	@echo 'make prove-eval   build a data set of PHOTOS, verify it, measure the bundled model on it'
	@echo 'make prove-encode-once  what four tasks cost beside one, in vision and prefill'
	@echo 'make prove-stage1 learn sixteen rows by heart, resume after a kill, two processes as one'
	@echo 'make prove-stage2 every grounding rule of the bundled model: make prove-stage2 DATA=DIR'
	@echo 'make prove-nano   train nano anew (hours) and measure it: see docs/training.md'
	@echo 'make prove-throughput  photos/s and memory, beside Pillow and other packages: ORIGINALS=DIR'
	@echo 'make prove-audit  1,000 mixed photos audited, killed five times, resumed; memory and speed'
	@echo 'make prove-engine 2,000 photos on three Ray nodes over S3, a node and the driver killed; speed, memory'
	@echo 'make benchmark    the whole release benchmark: see docs/evaluation.md'
	@echo 'make clean        remove what these made, $(VENV) too'
	@echo
	@echo 'Variables: PYTHON=$(PYTHON) VENV=$(VENV) TORCH_INDEX=$(TORCH_INDEX)'

SELDOM := site-packages/(.*/tests|moto|transformers/models|torch/(_inductor|testing)|ray/(rllib|serve|train|tune))/
COMPILE := $(BIN)/python -W ignore -m compileall -qq -x '$(SELDOM)'

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'spider needs Python 3.11 or newer; name one: make PYTHON=python3.12'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@if [ -z "$(TORCH_INDEX)$$PIP_FIND_LINKS" ] && [ "$$(uname -sm)" = 'Linux x86_64' ] \
	  && ! command -v nvidia-smi >/dev/null 2>&1; then \
	  echo 'No GPU found. If pip now fetches a CUDA build of torch (gigabytes of nvidia packages),'; \
	  echo 'stop it and name an index of CPU builds; docs/install.md says which: TORCH_INDEX=URL'; \
	fi
	@# torch first and alone: nothing else may choose its build.
	$(PIP) install --no-compile $(if $(TORCH_INDEX),--no-deps --index-url $(TORCH_INDEX)) -c constraints.txt torch
	@# pip compiles one file after the other; here all cores do, torch's while the rest is fetched, and leave out
	@# what few or none import: packages' own tests, and thousands of modules each of which is compiled when it
	@# is needed. A package may hold files that are no Python of this release: they stay as they are.
	@$(COMPILE) -j 1 $(VENV)/lib & trap wait EXIT; \
	  $(PIP) install --no-compile -c constraints.txt -e '.[train,dev]'
	@$(COMPILE) -j 0 $(VENV)/lib spider_cli trainer || true
	@touch $@

demo: $(STAMP)
	@echo
	@echo '$$ spider describe $(DEMO_PHOTO)'
	@$(SPIDER) describe $(DEMO_PHOTO)
	@echo
	@echo '$$ spider score $(DEMO_PHOTO)'
	@$(SPIDER) score $(DEMO_PHOTO)
	@echo
	@echo '$$ spider ground $(DEMO_PHOTO) --most --out $(DEMO_OUT)'
	@$(SPIDER) ground $(DEMO_PHOTO) --most --out $(DEMO_OUT) --force
	@echo
	@echo 'The pictures:'
	@find $(DEMO_OUT) -name '$(notdir $(DEMO_PHOTO)).*.png' | sort

# The type checker goes beside the tests, which leave it a core at first.
test: lint
	$(BIN)/python -m mypy & types=$$!; \
	  OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(TEST_JOBS) --dist worksteal \
	  $(PYTEST_ARGS); tests=$$?; \
	  wait $$types && [ $$tests -eq 0 ]

lint: $(STAMP)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

format: $(STAMP)
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

typecheck: $(STAMP)
	$(BIN)/python -m mypy

build: $(STAMP)
	$(PIP) wheel --no-deps --wheel-dir dist .

prove-smoke: $(STAMP)
	@[ -n "$(PHOTOS)" ] || { echo 'name a folder of photos: make prove-smoke PHOTOS="DIR ..."'; exit 2; }
	$(SPIDER) eval smoke $(foreach folder,$(PHOTOS),--photos $(folder))

prove-speed: $(STAMP)
	$(BIN)/python -m pytest -s -k 'help_is_quick or cold_score' tests/spider_cli/commands/test_door.py

# At full size, what tests/trainer/build/test_run.py shows in small. SIZE: distorted photos.
prove-data: SIZE ?= 2000
prove-data: $(STAMP)
	@[ -n "$(PHOTOS)" ] || { echo 'name a folder of photos: make prove-data PHOTOS=DIR'; exit 2; }
	PROVE_PHOTOS='$(PHOTOS)' PROVE_SIZE=$(SIZE) $(BIN)/python -m pytest -s -k killed_builds \
	  tests/trainer/build/test_run.py

prove-distortions: $(STAMP)
	@[ -n "$(PHOTOS)" ] || { echo 'name a folder of photos: make prove-distortions PHOTOS=DIR'; exit 2; }
	$(BIN)/python -m trainer.distortions.proof --photos '$(PHOTOS)'

prove-eval: SIZE ?= 400
prove-eval: OUT ?= prove-eval-out
prove-eval: $(STAMP)
	@[ -n "$(PHOTOS)" ] || { echo 'name folders never trained on: make prove-eval PHOTOS="DIR ..."'; exit 2; }
	$(SPIDER) data build $(PHOTOS) --out $(OUT)/data --size $(SIZE) --seed 7 --config docs/benchmark.toml
	$(SPIDER) data verify $(OUT)/data
	$(SPIDER) eval $(OUT)/data --out $(OUT)/nano

# ARGS: --size 8b --device cuda --rates on a GPU.
prove-encode-once: $(STAMP)
	$(BIN)/python -m tests.encode_once $(ARGS)

prove-stage1: $(STAMP)
	$(BIN)/python -m pytest -s tests/trainer/tuning/test_train.py tests/trainer/tuning/test_processes.py \
	  tests/trainer/tuning/test_export.py

prove-stage2: OUT ?= prove-stage2-out
prove-stage2: $(STAMP)
	@[ -n "$(DATA)" ] || { echo 'name a data set of spider data build: make prove-stage2 DATA=DIR'; exit 2; }
	$(SPIDER) train stage2 nano --data $(DATA) --all --out $(OUT)

# PHOTOS: pristine ones; ORIGINALS: some of them at full size; OPINIONS: a list of people's scores;
# HELD_OUT: folders for the figures. The segmenter is the bundled one.
prove-nano: OUT ?= prove-nano-out
prove-nano: $(STAMP)
	@[ -n "$(PHOTOS)" ] && [ -n "$(ORIGINALS)" ] && [ -n "$(OPINIONS)" ] && [ -n "$(HELD_OUT)" ] || { \
	  echo 'make prove-nano PHOTOS=DIR ORIGINALS=DIR OPINIONS=labels.csv HELD_OUT="DIR ..."'; exit 2; }
	$(SPIDER) data build $(PHOTOS) --out $(OUT)/nano-data/photos --config trainer/recipes/data/nano.toml
	$(SPIDER) data build $(PHOTOS) --out $(OUT)/nano-data/photos640 --config trainer/recipes/data/nano.toml \
	  --side 640 --size 4500 --seed 13
	$(SPIDER) data build $(ORIGINALS) --out $(OUT)/nano-data/large --config trainer/recipes/data/nano-large.toml \
	  --size 500
	$(SPIDER) data convert $(OPINIONS) --out $(OUT)/nano-data/opinion
	$(SPIDER) train stage1 nano --out $(OUT)/run --resume $(foreach part,0=photos 1=photos640 2=large 3=opinion, \
	  --set data.$(firstword $(subst =, ,$(part))).path=$(OUT)/nano-data/$(lastword $(subst =, ,$(part))))
	$(SPIDER) train stage2 $(OUT)/run/model --segmenter nano --data $(OUT)/nano-data/photos \
	  --scores $(OUT)/nano-data/opinion --recall 0.9 --choose mask-asked
	$(SPIDER) data build $(HELD_OUT) --out $(OUT)/data --size 400 --seed 7 --config docs/benchmark.toml
	$(SPIDER) eval $(OUT)/data --model $(OUT)/run/model --out $(OUT)/figures

# Other packages to measure beside: never needed to run spider. Those of the extra benchmark came with
# dev; pypiqe comes without what it asks for, a second OpenCV over the one that is here.
PEERS_STAMP := $(VENV)/.peers
peers: $(PEERS_STAMP)

$(PEERS_STAMP): $(STAMP)
	$(PIP) install --no-deps -c constraints.txt pypiqe
	@touch $@

# At full size, what tests/test_throughput.py shows in small. COUNT: photos; needs about 2 GB of disk.
prove-throughput: COUNT ?= 200
prove-throughput: OUT ?= prove-throughput-out
prove-throughput: MODEL ?= nano
prove-throughput: $(PEERS_STAMP)
	@[ -n "$(ORIGINALS)" ] || { echo 'name a folder of large photos: make prove-throughput ORIGINALS=DIR'; exit 2; }
	PROVE_ORIGINALS='$(ORIGINALS)' PROVE_COUNT=$(COUNT) PROVE_MODEL='$(MODEL)' PROVE_OUT='$(OUT)' \
	  $(BIN)/python -m pytest -s -k every_figure tests/test_throughput.py

# At full size, what tests/test_audit_demo.py shows in small. COUNT: photos; needs about 4 GB of disk
# in OUT, which is removed but for the figures.
prove-audit: COUNT ?= 1000
prove-audit: OUT ?= prove-audit-out
prove-audit: $(STAMP)
	PROVE_COUNT=$(COUNT) PROVE_OUT='$(OUT)' $(BIN)/python -m pytest -s -k killed_audit \
	  tests/test_audit_demo.py

# At full size, what tests/spider_cli/engines/test_ray.py shows in small. COUNT: photos; 50 minutes on two
# cores. ARGS='--parts kills' does one part of kills, speed, memory.
prove-engine: COUNT ?= 2000
prove-engine: OUT ?= prove-engine-out
prove-engine: $(STAMP)
	$(BIN)/python -m tests.engine_demo --count $(COUNT) --out '$(OUT)' $(ARGS)

# PHOTOS: folders that taught nothing; OPINION: a list of people's scores that taught nothing; OUTSIDE:
# another such list, if there is one; OPINION_PHOTOS, OUTSIDE_PHOTOS: their photos, where these are not
# beside the list; ORIGINALS: large photos.
benchmark: OUT ?= benchmark-out
benchmark: MODEL ?= nano
benchmark: SIZE ?= 400
benchmark: FRAMES ?= 120
benchmark: COUNT ?= 200
benchmark: $(PEERS_STAMP)
	@[ -n "$(PHOTOS)" ] && [ -n "$(OPINION)" ] && [ -n "$(ORIGINALS)" ] || { \
	  echo 'make benchmark PHOTOS="DIR ..." OPINION=labels.csv ORIGINALS=DIR [OUTSIDE=LIST] [OUT=DIR]'; exit 2; }
	$(SPIDER) data build $(PHOTOS) --out $(OUT)/data --size $(SIZE) --seed 7 --config docs/benchmark.toml
	$(SPIDER) data verify $(OUT)/data
	$(SPIDER) eval $(OUT)/data --model $(MODEL) --peers image-quality-ai,cleanvision --out $(OUT)/photos
	$(SPIDER) eval $(OPINION) $(if $(OPINION_PHOTOS),--photos $(OPINION_PHOTOS)) --model $(MODEL) \
	  --peers all --out $(OUT)/opinion
	$(if $(OUTSIDE),$(SPIDER) eval $(OUTSIDE) $(if $(OUTSIDE_PHOTOS),--photos $(OUTSIDE_PHOTOS)) \
	  --model $(MODEL) --peers all --out $(OUT)/outside)
	$(SPIDER) eval camera --photos $(ORIGINALS) --size $(FRAMES) --model $(MODEL) \
	  --peers image-quality-ai,cleanvision --out $(OUT)/camera
	$(MAKE) prove-throughput ORIGINALS='$(ORIGINALS)' COUNT=$(COUNT) MODEL=$(MODEL) \
	  OUT=$(OUT)/speed
	$(SPIDER) eval release $(OUT)/photos $(OUT)/opinion $(if $(OUTSIDE),$(OUT)/outside) $(OUT)/camera \
	  $(OUT)/speed --out $(OUT)

clean:
	rm -rf $(VENV) $(DEMO_OUT) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find spider_cli trainer tests -name __pycache__ -type d -prune -exec rm -rf {} +
