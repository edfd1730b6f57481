# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the unit tests that start real shells, a real Nix, Ansible or a thousand examples from those that `make unit` always runs."""

from __future__ import annotations

import functools
import re
import types
from pathlib import Path

import hypothesis
import pytest

# `make unit` runs these where ARGS names their place.
NAMED = (
    "hostile",
    "make",
    "nix_side",
    "plugin_utils/activation/supervisor",
    "plugin_utils/ansible/test_connections.py",
    "plugin_utils/channel",
    "plugin_utils/copy/test_store_socket.py",
    "plugin_utils/core/test_process.py",
    "plugin_utils/files/test_engine.py",
    "plugin_utils/files/test_keys.py",
    "plugin_utils/gc/test_scripts.py",
    "plugin_utils/health/test_target.py",
    "plugin_utils/inventory/test_importing.py",
    "plugin_utils/reboot/test_scripts.py",
    "plugin_utils/update/test_git.py",
    "examples/test_execution_environment.py",
    "playbooks",
)
# What continuous integration has time for, and `make test` has not: the set-up of job servers and their images; and machines
# that something more befalls while they go back, for which a fault of the table stands that `make test` has.
WIDE = (
    "examples/test_execution_environment.py",
    "playbooks/test_awx_setup.py",
    "playbooks/test_semaphore_setup.py",
    *(
        f"plugin_utils/activation/supervisor/test_{name}.py"
        for name in ("abandoned", "again", "not_back", "without_files")
    ),
)
# What a test's file has where it comes to Ansible, or to what of ours does: all else is the same under each ansible-core.
ANSIBLE = re.compile(
    r"(?:from|import) ansible[. ]|\.plugins\.(?:action|callback|inventory|test)\b|plugin_utils\.ansible\b|\"ansible-playbook\""
)
OTHER_SHELLS = {"bash", "busybox"}
# What an example takes says more about the machine's other work than about the code.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

NO_PARAMETERS = types.SimpleNamespace(params={})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that are run where they are named, those that others stand for, and those that Ansible may break."""
    places, wide = ([Path(__file__).parent / place for place in each] for each in (NAMED, WIDE))
    for item in items:
        # dash stands for the other shells: it has the least that is not POSIX.
        given = getattr(item, "callspec", NO_PARAMETERS).params.values()
        if OTHER_SHELLS & {str(value).partition(" ")[0] for value in given}:
            item.add_marker(pytest.mark.thorough)
        if item.path in wide:
            item.add_marker(pytest.mark.wide)
        if any(item.path.is_relative_to(place) for place in places):
            item.add_marker(pytest.mark.named)
        elif comes_to_ansible(item.path):
            item.add_marker(pytest.mark.versions)


@functools.cache
def comes_to_ansible(file: Path) -> bool:
    """Whether what a file of tests holds may depend on the version of ansible-core."""
    return bool(ANSIBLE.search(file.read_text()))
