# The front door. `make` alone lists the targets.
MIRROR ?= $(or $(ALLRELAPSE_MIRROR),$(wildcard ../shared/data-mirror))
COHORT ?= simulated
CORES  ?= $(shell getconf _NPROCESSORS_ONLN)
# Conda users bring their own environment (environment.yml); everyone else gets .venv.
VENV   := $(if $(filter allrelapse,$(CONDA_DEFAULT_ENV)),$(CONDA_PREFIX),.venv)
BIN    := $(VENV)/bin

# Not $(abspath): it would take a space in the path for the end of it.
export ALLRELAPSE_MIRROR := $(if $(MIRROR),$(if $(filter /%,$(MIRROR)),,$(CURDIR)/)$(MIRROR))
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help env reproduce multiverse data scorecard verify site lab classroom grade test lint bench format lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  Settings: MIRROR=folder with the open data files, COHORT=folder, CORES=number,"
	@echo "            NAME=class, CLASS=class, EXERCISES=1,4 and FORCE=1 (for classroom, grade),"
	@echo "            PYTHON=python3.12 (for env), LAB='--no-browser' (for lab),"
	@echo "            PEER_PYTHON=Python with SigProfilerExtractor (for bench)"

env: $(VENV)/.allrelapse ## make the environment from requirements.lock (done by the others when needed)

$(VENV)/.allrelapse: requirements.lock pyproject.toml
	@$(if $(filter .venv,$(VENV)),sh tools/make-venv.sh .venv)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

reproduce: env ## run the whole study, then print the scorecard
	@$(BIN)/allrelapse reproduce --cohort "$(COHORT)" --cores $(CORES)

multiverse: env ## run every defensible choice of analysis, and say which verdicts hold
	@$(BIN)/allrelapse multiverse --cohort "$(COHORT)" --cores $(CORES)

data: env ## fetch and check every open data file
	@$(BIN)/allrelapse data fetch

scorecard: env ## print the scorecard of the results that are there
	@$(BIN)/allrelapse scorecard --cohort "$(COHORT)"

verify: env ## check the results against their receipts, without running anything
	@$(BIN)/allrelapse verify --cohort "$(COHORT)"

site: env ## build the site from the results that are there, into results/site
	@$(BIN)/python tools/build_site.py

lab: env ## explore the notebooks in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir=notebooks $(LAB)

CHOICE = $(if $(EXERCISES),--exercises "$(EXERCISES)") $(if $(FORCE),--force)

classroom: env ## make exercises for a class: ROSTER=roster.csv (docs/teaching.md)
	@test -n "$(ROSTER)" || { echo "say who is in the class: make $@ ROSTER=roster.csv" >&2; exit 2; }
	@$(BIN)/allrelapse classroom make "$(ROSTER)" --cores $(CORES) \
	  $(if $(NAME),--name "$(NAME)") $(CHOICE)

grade: env ## grade what a class handed in: SUBMISSIONS=folder
	@test -n "$(SUBMISSIONS)" || { echo "say what to grade: make $@ SUBMISSIONS=folder" >&2; exit 2; }
	@$(BIN)/allrelapse classroom grade "$(SUBMISSIONS)" --cores $(CORES) \
	  $(if $(CLASS),--class "$(CLASS)") $(CHOICE)

# Whole files to each worker: what a file's tests share, such as a reproduced study, is made once.
test: env ## run the tests
	@$(BIN)/python -m pytest -n $(CORES) --dist loadfile --no-loadscope-reorder

lint: env ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Every script runs, so that one broken promise hides no other.
bench: env ## measure speed and accuracy beside other tools (hours); see benchmarks/README.md
	@failed=; export OMP_NUM_THREADS=1; \
	for run in "simulate_cohort.py" "presence_calibration.py --write" \
	  "attribution_calibration.py --write" "extract_cohorts.py --write" \
	  "enrichment_fdr.py --write" "branching_simulator.py --write" \
	  "doubling_coverage.py --write" "clone_recovery.py --write" "origin_calibration.py --write" \
	  "survival_coverage.py --write" "drug_coverage.py --write" "classroom.py --write" \
	  "extract_signatures.py$(if $(PEER_PYTHON), --write --peer-python $(PEER_PYTHON))" \
	  "refit_signatures.py --write"; do \
	  echo "== $$run"; $(BIN)/python benchmarks/$$run || failed="$$failed $${run%% *}"; \
	done; \
	if [ -n "$$failed" ]; then echo "Promises are broken in:$$failed" >&2; exit 1; fi

format: env ## rewrite code and notebooks in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## renew requirements.lock from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-header --quiet --upgrade --output-file requirements.lock

clean: ## remove the environment and all results
	rm -rf .venv results/[!R]* results/.[!.]*
