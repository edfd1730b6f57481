# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The project's one door. `make` says what it opens. It needs python3 (3.10 or newer), git and, for the fleet, root.
# ARGS reaches the tool behind a target: `make unit ARGS='-k journal'`.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Named, since Ansible overlooks an ansible.cfg in a directory that everyone may write to.
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# Ansible refuses to start in a locale that is not UTF-8.
export LC_ALL := C.UTF-8

TOOLS := .venv/.installed
COLLECTION := .venv/collections/ansible_collections/nix/fleet
LAB := tests/lab/lab
# The fleet is up before the unit tests: it brings the Nix that some of them ask.
PARTS := lint build sanity lab unit-all integration molecule

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: lab ## deploy a whole fleet of seven machines, made for it here, from one Nix inventory
	@tests/run/demo

.PHONY: test
test: $(TOOLS) ## every check but the rehearsal; all of them run, and a table closes
	@tests/run/everything $(PARTS)

.PHONY: unit
unit: $(TOOLS) ## the unit tests: the inner loop
	@tests/run/unit .venv -m 'not slow' $(ARGS)

.PHONY: unit-all
unit-all: $(TOOLS) ## with the slow ones, and on the oldest and the newest ansible-core where their Pythons are here
	@tests/run/unit .venv --numprocesses 4 && PYTEST_ADDOPTS="-m 'not slow'" tests/run/versions tests/run/unit

.PHONY: lint
lint: $(TOOLS) ## everything that reads the source and runs none of it
	@tests/run/lint

.PHONY: sanity
sanity: $(TOOLS) ## ansible-test sanity
	@tests/run/sanity .venv $(ARGS)

.PHONY: sanity-all
sanity-all: sanity ## ansible-test sanity on the oldest and the newest ansible-core as well
	@tests/run/versions tests/run/sanity

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

# Not part of `test`: see `rehearsal`.
LONG := $(addprefix tests/integration/,activation build copy fleet lab/test_faults.py lab/test_hosts.py lab/test_power.py standins)

.PHONY: integration
integration: lab ## what the collection does to the rehearsal fleet
	@PYTHONPATH=.venv/collections pytest $(ARGS) $(ALONE)
	@PYTHONPATH=.venv/collections pytest $(ARGS) $(ALONE:%=--ignore %) $(LONG:%=--ignore %) tests/integration

.PHONY: rehearsal
rehearsal: lab ## whole deployments and their faults, and the stand-ins, one after the other
	@PYTHONPATH=.venv/collections pytest $(ARGS) $(LONG)

.PHONY: molecule
molecule: lab ## the roles' Molecule scenarios, on the rehearsal fleet
	@molecule test --all --report

.PHONY: venv
venv: $(TOOLS) ## the tools, in .venv (every target that needs them makes them)

$(TOOLS): requirements-dev.txt
	@echo "making .venv (once; about a minute)"
	@tests/run/venv .venv "$$(tests/run/python 3.11 3.12 3.13 3.10 || command -v python3)" -r requirements-dev.txt
	@mkdir -p $(dir $(COLLECTION))
	@ln -sfn ../../../.. $(COLLECTION)
	@touch $@

.PHONY: clean
clean: ## remove what was made here, the rehearsal fleet first
	@if [ -d .lab ]; then $(LAB) down; fi
	rm -rf .venv .lab .nox .ansible .mypy_cache .pytest_cache .ruff_cache tests/output nix-fleet-*.tar.gz
