# `make demo`, `make test` and `make lint` need Python 3.11 or newer and make; everything else they fetch themselves.
# Each program has an environment of its own because their pins contradict each other (target-jsonl wants
# jsonschema 2.6, Meltano SQLAlchemy 2.0). `make PYTHON=python3.13 test` tests with another Python.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
# One more than the cores of a small machine: many tests wait for programs rather than compute.
WORKERS ?= 3

# Images of CI set it. Each start of the tap would compile the package, and each run of pytest all tests, in every worker.
unexport PYTHONDONTWRITEBYTECODE

# `make test WHEEL=dist/….whl` tests that file instead of the working copy. For a fresh environment: `make clean` before.
WHEEL ?=
export WHEEL

BIN := .venv/bin
# Workers take tests from each other, or the last of them runs a chunk of long ones while the others wait. With WHEEL the
# paths are appended, so that the wheel's package is found before the working copy's.
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist worksteal $(if $(WHEEL),--import-mode=append)
PROGRAMS := meltano target-postgres target-duckdb target-jsonl dbt report
# Targets that no longer run on a present Python. `make test-targets` leaves out those that can't be prepared, and says so.
OLD_TARGETS := target-sqlite target-mssql target-redshift
old_python = $(or $(firstword $(wildcard $(HOME)/.pyenv/versions/$(1).*/bin/python)),$(shell command -v python$(1)),python$(1))
PYTHON_target-sqlite = $(call old_python,3.9)
PYTHON_target-mssql = $(call old_python,3.10)
PYTHON_target-redshift = $(call old_python,3.8)
TARGETS_ONLY := target-postgres-pipelinewise target-csv target-s3 moto batches target-snowflake target-bigquery
STAMPS := .venv/.ready $(PROGRAMS:%=.venvs/%/.ready)

# What goes into each environment; the exact versions stand in constraints/.
# With the driver of a Meltano database that several machines share.
REQUIRES_meltano := "meltano[postgres]~=4.4"
REQUIRES_target-postgres := meltanolabs-target-postgres~=0.8.1
# With DuckDB 1.3 and newer, target-duckdb 0.8.0 loses the first row of every batch.
REQUIRES_target-duckdb := target-duckdb~=0.8.0 "duckdb<1.3"
REQUIRES_target-jsonl := target-jsonl~=0.1.4
# Newer ones fetch programs from elsewhere while they are installed. DuckDB as the target has it: both open one file.
REQUIRES_dbt := dbt-core==1.11.16 dbt-duckdb==1.11.1 dbt-postgres==1.11.0 "duckdb<1.3"
# The charts of the demo's page.
REQUIRES_report := matplotlib~=3.10
# dbt-core 1.11 takes their 1.12. 800 MB, so only `make dialects` and `make test-all` fetch them.
REQUIRES_dialects := dbt-core==1.11.16 dbt-snowflake~=1.12.4 dbt-bigquery~=1.12.1 sqlglot~=30.30
# For `make demo-cluster`: 350 MB. With the driver of its own database: SQLite gives one task to two workers.
REQUIRES_airflow := "apache-airflow[postgres]~=3.3" apache-airflow-providers-edge3~=5.1
REQUIRES_dagster := dagster~=1.13
# The newest one that needs no package which the registry lacks (zensical-ui, from 0.0.74 on).
REQUIRES_docs := zensical==0.0.73
# For `make test-targets`, beside those of PROGRAMS. The old ones import pkg_resources, which setuptools lost with 80.
REQUIRES_target-postgres-pipelinewise := pipelinewise-target-postgres~=2.1.2 "setuptools<80"
REQUIRES_target-csv := meltanolabs-target-csv~=0.5.0
REQUIRES_target-s3 := plinxore-target-s3~=0.1.7 "setuptools<80"
# Apart from the target: it brings rfc3339-validator, with which targets refuse dates without a zone.
REQUIRES_moto := "moto[server,s3]~=5.2"
# Batch files in a bucket: the tap (from this folder) and a target, both with the SDK's storage for S3.
REQUIRES_batches := meltanolabs-target-postgres~=0.8.1 "singer-sdk[s3]~=0.54.9" msgspec platformdirs python-backoff
REQUIRES_target-sqlite := target-sqlite~=0.2.0 "setuptools<80"
REQUIRES_target-mssql := target-mssql~=0.2.1 "setuptools<80"
REQUIRES_target-redshift := pipelinewise-target-redshift~=1.6.0 "setuptools<80"
REQUIRES_target-snowflake := meltanolabs-target-snowflake~=0.20.4 fakesnow~=0.12.1
REQUIRES_target-bigquery := z3-target-bigquery~=0.7.2 "setuptools<80"
# Pictures and profile of `make bench`.
REQUIRES_bench := matplotlib~=3.10 py-spy~=0.4
# What `make bench` compares whole commands with.
REQUIRES_dlt := "dlt[postgres,parquet]~=1.31.0" adbc-driver-manager~=1.13 adbc-driver-postgresql~=1.13

# No chatter about pip itself, and only errors: the progress lines below are ours.
PIP_FLAGS := -qq --disable-pip-version-check

# `make -j test` must not lint while .venv is being built. Only the call below `setup` is parallel.
ifeq ($(MAKELEVEL),0)
.NOTPARALLEL:
endif

# `make quick` and `make test` test streams of every kind, `make test-all` every stream.
QUICK := -m "not process and not slow"

# The end-to-end tests reach nothing that the others do not reach.
COVERED := tests/unit tests/convergence tests/sdk

.PHONY: help setup browser test-targets demo demo-cluster demo-dagster demo-web dbt dialects models quick test test-all coverage prove attack lint endpoints docs bench format pins clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    run Meltano from a stand-in Exact Online into a real PostgreSQL, twice"
	@echo "make demo-cluster  60 administrations on several workers by Airflow, one of which dies; about 7 minutes, 350 MB of packages"
	@echo "make demo-dagster  the same by Dagster without the faults; about a minute, 160 MB of packages"
	@echo "make demo-web  the page of all connections on a stand-in with five customers, one of them in trouble"
	@echo "make dbt     build the dbt models once more on what the demo left in DEMO_POSTGRES_URL"
	@echo "make models  renew docs/models.md from the dbt package"
	@echo "make dialects  compile the dbt models for Snowflake and BigQuery, and compare their figures; fetches 800 MB"
	@echo "make quick   lint, and the tests that need neither a program nor patience: under a minute"
	@echo "make test    lint, then all tests (unit, SDK, end to end)"
	@echo "make test-all  the same over every stream of the catalogue, as every night"
	@echo "make coverage  what of the package the tests run; fails where it was more before"
	@echo "make prove   thousands of random histories: is each table what Exact holds? PROVE='--histories 300' for less"
	@echo "make attack  attack the tap, on loopback and for ten minutes at most; ATTACK='--only damage --seed 7' for less"
	@echo "make test-targets  load every stream into every target that can be run here; TARGETS='--only DuckDB' for less"
	@echo "make lint    ruff, mypy and deptry"
	@echo "make endpoints  build tap_exactonline/endpoints/*.json from catalogue/"
	@echo "make docs    build the documentation into site/"
	@echo "make bench   measure the tap next to a stock SDK tap, about half an hour; BENCH='--only rate' for less"
	@echo "make format  let ruff mend what it can"
	@echo "make pins    renew constraints/ with the newest versions that pyproject.toml and this file allow"
	@echo "make clean   remove the environments and what the demo left"

demo: setup
	@$(BIN)/python -m scripts.demo

# CLUSTER takes the options of scripts/cluster.
demo-cluster: .venv/.ready .venvs/meltano/.ready .venvs/target-postgres/.ready .venvs/airflow/.ready
	@$(BIN)/python -m scripts.cluster $(CLUSTER)

demo-dagster: .venv/.ready .venvs/meltano/.ready .venvs/target-postgres/.ready .venvs/dagster/.ready
	@$(BIN)/python -m scripts.cluster --engine dagster --administrations 12 --parts 4

demo-web: .venv/.ready
	@$(BIN)/python -m scripts.demo_web

dbt: .venv/.ready .venvs/dbt/.ready .venvs/report/.ready
	@$(BIN)/python -m scripts.demo_books

# Without an account: what Snowflake's and BigQuery's adapters compile is parsed, and run in DuckDB's words.
dialects: .venv/.ready .venvs/target-duckdb/.ready .venvs/dialects/.ready
	$(BIN)/pytest tests/e2e/test_dbt_dialects.py

models: .venv/.ready
	@$(BIN)/python -m scripts.build_models

quick: lint
	$(PYTEST) $(QUICK)

test: setup browser .venvs/docs/.ready lint
	$(PYTEST)

test-all: export ALL_STREAMS = 1
test-all: .venvs/dialects/.ready test

# How much of the package the tests run, and which lines they do not; it may not fall below what pyproject.toml says.
coverage: setup .venvs/docs/.ready
	@rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -n $(WORKERS) $(COVERED)
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# PROVE takes the options of tests/convergence/prove.py.
prove: .venv/.ready
	@$(BIN)/python -m tests.convergence.prove --workers $(WORKERS) $(PROVE)

# ATTACK takes the options of scripts/attack; `--write-docs` renews docs/security.md.
attack: .venv/.ready
	@$(BIN)/python -m scripts.attack $(ATTACK)

lint: .venv/.ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/deptry .

# TARGETS takes the options of scripts/targets; `--write-docs` renews docs/targets.md.
test-targets: setup
	@$(MAKE) -s --no-print-directory -j4 $(TARGETS_ONLY:%=.venvs/%/.ready)
	@$(foreach name,$(OLD_TARGETS),$(MAKE) -s --no-print-directory .venvs/$(name)/.ready 2>/dev/null || true;)
	@$(BIN)/python -m scripts.targets $(TARGETS)

endpoints: .venv/.ready
	@$(BIN)/python -m scripts.build_endpoints

docs: .venv/.ready .venvs/docs/.ready
	@$(BIN)/python -m scripts.build_docs
	@echo "Built: file://$(CURDIR)/site/index.html"

# BENCH takes the options of scripts/benchmark.py; `--write-docs` renews docs/performance.md and its pictures.
bench: setup .venvs/bench/.ready .venvs/dlt/.ready
	@$(BIN)/python -m scripts.benchmark $(BENCH)

format: .venv/.ready
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Side by side, whatever -j the caller gave: fetching and unpacking are what takes the time.
setup:
	@$(MAKE) -s --no-print-directory -j4 $(STAMPS)

# For the tests of the login page. Where it can't be had without asking anybody, those tests are skipped.
browser:
	@scripts/browser

# --group needs a newer pip than the one that comes with Python 3.11. hatchling and hatch-vcs come first so that the
# editable build uses the pinned ones, without an environment of its own.
.venv/.ready: pyproject.toml constraints/dev.txt
	@echo "Preparing .venv (the tap, its tests, the linters) …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints/dev.txt --upgrade pip hatchling hatch-vcs editables
	@$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints/dev.txt --no-build-isolation --group test --group lint $(or $(WHEEL),-e .)
	@touch $@

.venvs/%/.ready: constraints/%.txt
	@echo "Preparing .venvs/$* …"
	@test -x .venvs/$*/bin/python || $(or $(PYTHON_$*),$(PYTHON)) -m venv .venvs/$*
	@.venvs/$*/bin/python -m pip install $(PIP_FLAGS) -c constraints/$*.txt $(REQUIRES_$*)
	@touch $@

pins: clean
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install $(PIP_FLAGS) --upgrade pip setuptools hatchling hatch-vcs editables
	@$(BIN)/python -m pip install $(PIP_FLAGS) --no-build-isolation --group test --group lint -e .
	@scripts/pin dev .venv
	@$(foreach name,$(PROGRAMS) $(TARGETS_ONLY) $(OLD_TARGETS) docs bench dlt dialects airflow dagster,\
	  $(or $(PYTHON_$(name)),$(PYTHON)) -m venv .venvs/$(name) && \
	  .venvs/$(name)/bin/python -m pip install $(PIP_FLAGS) $(REQUIRES_$(name)) && \
	  scripts/pin $(name) .venvs/$(name) &&) true

clean:
	rm -rf .venv .venvs .demo .demo-cluster .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*
