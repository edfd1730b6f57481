# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory that leads to the fleet: two git-ignored files that are the only difference to a real fleet's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from .clone import Clone
from .hosts import Host, Kind
from .real_flakes import provided_flakes

# What the flake of the example fleet is made of.
_EXAMPLE = ("inventory", "nix")
_HEADER = "# Written by the rehearsal fleet (tests/lab); removed by `lab down`. Not for version control.\n"


def _all_hosts_file(clone: Clone) -> Path:
    return clone.project / "inventory" / "group_vars" / "all" / "lab.yml"


def _become_password_file(clone: Clone, host: Host) -> Path:
    return clone.project / "inventory" / "host_vars" / host.name / "lab.yml"


def connection_variables(clone: Clone) -> dict[str, str]:
    """What Ansible must know to reach the hosts at their lines."""
    return {
        "ansible_ssh_common_args": f"-F {quote(str(clone.ssh_config))}",
        "ansible_control_path_dir": str(clone.control_paths),
    }


def _yaml(variables: dict[str, str], indent: str = "") -> list[str]:
    return [f"{indent}{name}: {json.dumps(value)}" for name, value in variables.items()]


def copy_example(clone: Clone) -> None:
    """Have the example fleet where the hosts are led to from, when that is not where the example is kept."""
    if clone.collection is None:
        return
    shutil.rmtree(clone.project, ignore_errors=True)
    clone.project.mkdir(parents=True)
    shutil.copy(clone.collection / "flake.nix", clone.project)
    # The collection may be a clone with a fleet of its own.
    others = shutil.ignore_patterns("lab.yml")
    for part in _EXAMPLE:
        shutil.copytree(clone.collection / part, clone.project / part, ignore=others)


def write_inventory(clone: Clone, hosts: Sequence[Host], become_password: str) -> None:
    """Write what points the example inventory at the lab."""
    inputs = provided_flakes(clone)
    lines = [*_yaml(connection_variables(clone)), "deploy_override_inputs:", *_yaml(inputs, "  ")]
    # Nothing of these is on the phone: what a path: names is not sent.
    lines += _yaml({"deploy_evaluate_on": "controller"})
    if clone.collection:
        # As a path: below a repository that ignores .lab, Nix would take the plain name for a flake without its files.
        lines += _yaml({"deploy_flake": f"path:{clone.project}"})
    _write(_all_hosts_file(clone), _HEADER + "\n".join(lines) + "\n", 0o644)
    for host in hosts:
        if host.kind is Kind.DARWIN:
            text = f"{_HEADER}ansible_become_password: {json.dumps(become_password)}\n"
            _write(_become_password_file(clone, host), text, 0o600)


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=mode)
    unfinished.write_text(text)
    unfinished.replace(path)


def remove_inventory(clone: Clone, hosts: Sequence[Host]) -> None:
    """Remove the generated files, and the directories that only they were in."""
    for path in (_all_hosts_file(clone), *(_become_password_file(clone, host) for host in hosts)):
        path.unlink(missing_ok=True)
        for directory in list(path.parents)[:2]:
            if directory.name in ("group_vars", "host_vars") or directory.parent.name in ("group_vars", "host_vars"):
                try:
                    directory.rmdir()
                except OSError:
                    break


def ansible_inventory(clone: Clone, hosts: Sequence[Host], form: str) -> str:
    """The given hosts as an Ansible inventory of their own, for what is tested without a Nix inventory."""
    variables = {
        host.name: {"ansible_host": host.address, "ansible_port": host.port, "ansible_user": host.login}
        for host in hosts
    }
    common = connection_variables(clone)
    if form == "json":
        return json.dumps(
            {
                "_meta": {"hostvars": variables},
                "lab": {"hosts": list(variables), "vars": common},
            },
            indent=2,
        )
    if form == "ini":
        lines = ["[lab]"]
        lines += [
            " ".join([name, *(f"{key}={value}" for key, value in own.items())]) for name, own in variables.items()
        ]
        return "\n".join([*lines, "", "[lab:vars]", *(f"{key}={json.dumps(own)}" for key, own in common.items())])
    lines = ["lab:", "  vars:", *_yaml(common, "    "), "  hosts:"]
    for name, own in variables.items():
        lines.append(f"    {name}:")
        lines += [f"      {key}: {value}" for key, value in own.items()]
    return "\n".join(lines)
