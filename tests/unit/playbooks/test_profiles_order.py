# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The profiles of one machine are activated in the order that its inventory names, however many forks there are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ..playbook import ROOT, run_playbook

# Each version has ways of its own to read what an expression lacks.
pytestmark = [pytest.mark.versions, pytest.mark.slow]

# In the place of all that the role calls: the first host takes its time, and each activation is written down.
STAND_IN = """
import pathlib, time
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        host, name = task_vars["inventory_hostname"], self._task.action.rpartition(".")[2]
        if name == "nix_build":
            time.sleep(1.5 if host == "first" else 0)
            return {"failed": host == "first" and bool(task_vars.get("fails")), "out_path": "/x", "out_paths": ["/x"]}
        if name != "nix_activate":
            return {"drv_path": "/x.drv", "out_path": "/x"}
        if self._task.args.get("query"):
            after = [host for host in task_vars.get("nix_after", []) if host in task_vars["ansible_play_hosts_all"]]
            return {"outcome": "needed", "after": after, "asked": int(time.time())}
        with pathlib.Path(task_vars["log"]).open("a") as log:
            log.write(host + "\\n")
        return {"outcome": "activated"}
"""


def deployed(directory: Path, *arguments: str) -> tuple[int, list[str]]:
    """Deploy to three hosts side by side, each after those before it; return the exit code and who was activated."""
    fleet = directory / "ansible_collections/nix/fleet"
    (fleet / "plugins/action").mkdir(parents=True)
    for name in (
        "playbooks",
        "roles",
        "meta",
        "plugins/test",
        "plugins/modules",
        "plugins/plugin_utils",
        "plugins/doc_fragments",
    ):
        (fleet / name).symlink_to(ROOT / name)
    for name in ("nix_eval", "nix_build", "nix_copy_closure", "nix_activate"):
        (fleet / f"plugins/action/{name}.py").write_text(STAND_IN)
    hosts = {"first": {}, "second": {"nix_after": ["first"]}, "third": {"nix_after": ["first", "second"]}}
    known = {"nix_attr": "x", "deploy_flake": "/x", "log": str(directory / "log")}
    (directory / "hosts.yml").write_text(json.dumps({"all": {"hosts": hosts, "vars": known}}))
    done = run_playbook(
        *("nix.fleet.deploy", "-i", "hosts.yml", "-f", "5", "-e", "fleet_allow_unknown_hosts=true", *arguments),
        cwd=directory,
        ANSIBLE_COLLECTIONS_PATH=str(directory),
    )
    log = directory / "log"
    return done.returncode, log.read_text().split() if log.exists() else []


@pytest.mark.parametrize(
    ("arguments", "order"),
    [
        pytest.param((), ["first", "second", "third"], id="all"),
        pytest.param(("-l", "first,third"), ["first", "third"], id="without the one between"),
    ],
)
def test_each_is_activated_after_those_before_it(tmp_path: Path, arguments: tuple[str, ...], order: list[str]) -> None:
    assert deployed(tmp_path, *arguments) == (0, order)


def test_none_is_activated_after_one_that_failed(tmp_path: Path) -> None:
    assert deployed(tmp_path, "-e", "fails=true") == (2, [])
