# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Every command of the project; `make` lists them. It needs python3 (3.10 or newer), git and, for the fleet, root.
# ARGS reaches the tool behind a target: `make unit ARGS='-k revision'`.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Named, since Ansible overlooks an ansible.cfg in a directory that everyone may write to.
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# Ansible refuses to start in a locale that is not UTF-8.
export LC_ALL := C.UTF-8

TOOLS := .venv/.installed
DOCUMENTATION_TOOLS := .venv/.installed-docs
COLLECTION := .venv/collections/ansible_collections/nix/fleet
LAB := tests/lab/lab
# What stands for the others, and ends in a quarter of an hour. Continuous integration has more, and 45 minutes: .ci/run.
SANITY := sanity-few
UNIT := unit-few
VERSIONS :=
FAULTS := faults-some
INTEGRATION := integration-few
# What only reads the sources goes on side by side: each is the work of one processor. So do the unit tests with the slow
# ones, which wait more than they work, and what takes one processor at a time: other versions of ansible-core, and the roles'
# scenarios. The others measure time, and have the machine to themselves. The fleet is up before all that asks its Nix.
PARTS := '$(SANITY) docs | lint build importer' lab '$(UNIT) | $(VERSIONS) molecule' $(INTEGRATION) $(FAULTS)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: machine
machine:
	@if [ "$$(uname -s)" != Linux ] || [ "$$(id -u)" -ne 0 ] || ! { command -v apt-get || command -v mmdebstrap; } >/dev/null; then \
		echo "this takes a Debian machine and root on it; elsewhere podman or docker will do: make demo-container" >&2; \
		exit 3; \
	fi

.PHONY: demo
demo: machine lab ## deploy a whole fleet of seven machines, made for it here, from one Nix inventory
	@tests/run/demo

.PHONY: demo-container
demo-container: ## the same in a privileged container of podman or docker, and then a shell there
	@tests/run/container demo

.PHONY: test
test: machine $(TOOLS) ## every check; of the longest ones those that stand for the others. A table closes
	@tests/run/everything $(PARTS)

INNER_LOOP = not slow and not thorough$(if $(findstring tests/,$(ARGS)),, and not named)

.PHONY: unit
unit: $(TOOLS) ## the unit tests: the inner loop. ARGS=tests/unit/... also runs what starts shells there
	@tests/run/unit .venv -m '$(INNER_LOOP)' --numprocesses 2 $(ARGS)

.PHONY: unit-all
unit-all: $(TOOLS) ## with the slow ones
	@tests/run/unit .venv --numprocesses 4 $(ARGS)

.PHONY: unit-some
unit-some: ## the same, without what others stand for
	@$(MAKE) --no-print-directory unit-all ARGS="-m 'not thorough' $(ARGS)"

.PHONY: unit-few
unit-few: ## the same, without what continuous integration has besides
	@$(MAKE) --no-print-directory unit-all ARGS="-m 'not thorough and not wide' $(ARGS)"

.PHONY: unit-versions
unit-versions: $(TOOLS) ## the unit tests that come to Ansible, on the oldest and the newest ansible-core, where their Pythons are here
	@PYTEST_ADDOPTS="-m versions --numprocesses 2" tests/run/versions tests/run/unit

.PHONY: lint
lint: $(TOOLS) ## everything that reads the source and runs none of it
	@tests/run/lint

.PHONY: sanity
sanity: $(TOOLS) ## ansible-test sanity
	@tests/run/sanity .venv $(ARGS)

.PHONY: sanity-few
sanity-few: ## the same without pylint, which takes as long as all the rest
	@$(MAKE) --no-print-directory sanity ARGS="--skip-test pylint $(ARGS)"

.PHONY: sanity-all
sanity-all: sanity ## ansible-test sanity on the oldest and the newest ansible-core as well
	@tests/run/versions tests/run/sanity

.PHONY: importer
importer: $(TOOLS) ## what Ansible Galaxy's importer finds in the collection
	@tests/run/importer

.PHONY: build
build: $(TOOLS) ## the collection's tarball, installed elsewhere and used from there
	@tests/run/package

.PHONY: lab
lab: $(TOOLS) ## bring the rehearsal fleet up (seconds, but minutes the first time)
	@$(LAB) up

.PHONY: lab-down
lab-down: ## take the rehearsal fleet down, without a trace
	@$(LAB) down

# Looks at all of the machine, so nothing else may come and go.
ALONE := tests/integration/lab/test_coming_and_going.py
SIDE_BY_SIDE := --numprocesses 3 --dist loadgroup

.PHONY: integration
integration: lab ## what the collection does to the rehearsal fleet
	@PYTHONPATH=$(CURDIR)/.venv/collections pytest $(ARGS) $(ALONE)
	@PYTHONPATH=$(CURDIR)/.venv/collections pytest $(SIDE_BY_SIDE) $(ARGS) $(ALONE:%=--ignore %) tests/integration

.PHONY: integration-some
integration-some: ## the same, without what others stand for
	@$(MAKE) --no-print-directory integration ARGS="-m 'not thorough' $(ARGS)"

.PHONY: integration-few
integration-few: ## the same, without what continuous integration has besides
	@$(MAKE) --no-print-directory integration ARGS="-m 'not thorough and not wide' $(ARGS)"

.PHONY: faults
faults: lab ## every fault at every moment of a deployment; a table closes
	@PYTHONPATH=$(CURDIR)/.venv/collections pytest --numprocesses 4 --tb=short $(ARGS) tests/faults

.PHONY: faults-some
faults-some: lab ## the faults that stand for the others
	@PYTHONPATH=$(CURDIR)/.venv/collections pytest --numprocesses 4 --tb=short --representative $(ARGS) tests/faults

.PHONY: bench
bench: $(TOOLS) ## how fast it is, beside the bare work and whichever other tools are on PATH
	@tests/run/bench $(ARGS)

.PHONY: molecule
molecule: lab ## the roles' Molecule scenarios, on the rehearsal fleet
	@molecule test --all --report

.PHONY: docs
docs: $(DOCUMENTATION_TOOLS) ## the site, in .docs/html; a dead link in it fails
	@tests/run/documentation

.PHONY: venv
venv: $(TOOLS) ## the tools, in .venv (every target that needs them makes them)

$(TOOLS): requirements-dev.txt
	@echo "making .venv (once; about a minute)"
	@tests/run/venv .venv "$$(tests/run/python 3.11 3.12 3.13 3.10 || command -v python3)" -r requirements-dev.txt
	@mkdir -p $(dir $(COLLECTION))
	@ln -sfn ../../../.. $(COLLECTION)
	@touch $@

$(DOCUMENTATION_TOOLS): requirements-docs.txt $(TOOLS)
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	@touch $@

.PHONY: clean
clean: ## remove what was made here, the rehearsal fleet first
	@if [ -d .lab ]; then $(LAB) down; fi
	rm -rf .venv .lab .docs .nox .ansible .mypy_cache .pytest_cache .ruff_cache tests/output nix-fleet-*.tar.gz
