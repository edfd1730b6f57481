# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The project's one door. `make` says what it opens. Needs python3 (3.10 or newer), git and, for the fleet, root.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# Ansible refuses to start in a locale that is not UTF-8.
export LC_ALL := C.UTF-8

COLLECTION := .venv/collections/ansible_collections/nix/fleet
TOOLS := .venv/.installed

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: venv
venv: $(TOOLS) ## the tools, in .venv (every other target makes them too)

$(TOOLS): requirements-dev.txt
	@echo "making .venv (once; about a minute)"
	@tests/run/venv .venv "$$(tests/run/python 3.11 3.12 3.13 3.10 || command -v python3)" -r requirements-dev.txt
	@mkdir -p $(dir $(COLLECTION))
	@ln -sfn ../../../.. $(COLLECTION)
	@touch $@
