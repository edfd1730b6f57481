# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine of files whose Nix says what it is asked to collect."""

from __future__ import annotations

import json
import os
import pathlib
import typing as t

from ansible_collections.nix.fleet.plugins.plugin_utils.gc.collection import (
    Collection,
    collect_script,
    parse_collection,
    survey_script,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.gc.plan import Plan, Policy, Survey, parse_survey, plan_of

from ..activation.supervisor.nixos import PROFILE, RUNNING, NixOS

NIX_STORE = """
echo "nix-store $*" >> @root@/calls
case $* in
    '--gc --print-dead') cat @root@/dead 2>/dev/null ;;
    '--query --size '*) shift 2; for path; do echo 1000; done ;;
    --gc*)
        [ ! -e @root@/broken ] || { echo 'error: database disk image is malformed'; exit 1; }
        echo "deleting '/nix/store/x'" >&2
        echo '7 store paths deleted, 1.50 MiB freed'
        ;;
esac
"""
# 1000 MiB, of which 100 MiB are free.
DF = "echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'; echo '/dev/x 1024000 921600 102400 90% /'"


class Collecting(NixOS):
    """A NixOS with five generations, of which the last one is the default, runs and was booted."""

    def __init__(self, root: pathlib.Path, shell: str) -> None:
        super().__init__(root, shell, uid=0)
        for name, text in {"nix-store": NIX_STORE, "df": DF}.items():
            self.replace_tool(name, self.here(text))
        self.closures = [self.system(f"nixos-{number}") for number in range(1, 6)]
        self.install(*self.closures)
        self.link("/run/booted-system", self.closures[-1])

    def look(self, policy: Policy | None = None, *, platform: str | None = "nixos", check: bool = False) -> Survey:
        return parse_survey(self.run(survey_script(policy or Policy(), platform, check=check)).stdout)

    def collect(self, plan: Plan | None = None, *, platform: str = "nixos", **options: t.Any) -> Collection:
        policy = Policy(**options)
        plan = plan or plan_of(self.look(policy, platform=platform), policy)
        script = collect_script(policy, platform, plan, name="gc-1", who="alice@laptop")
        return parse_collection(self.run(script).stdout, plan)

    def run_booted_and_current(self, *, running: int, booted: int) -> None:
        """Run one generation's system, having booted another."""
        self.link(RUNNING, self.closures[running - 1])
        self.link("/run/booted-system", self.closures[booted - 1])

    def age(self, number: int, days: int) -> None:
        """Make a generation older."""
        link = self.path(f"{PROFILE}-{number}-link")
        made = link.lstat().st_mtime - days * 86400
        os.utime(link, (made, made), follow_symlinks=False)

    def record(self, **fields: t.Any) -> None:
        """Write an entry of the journal."""
        entry = {"id": "1", "run": "r1", "profile": PROFILE, "outcome": "activated", **fields}
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / "journal.jsonl").open("a", encoding="utf-8") as journal:
            journal.write(self.here(json.dumps(entry, separators=(",", ":"))) + "\n")

    @property
    def numbers(self) -> list[int]:
        return sorted(self.generations(PROFILE))

    @property
    def collected(self) -> list[str]:
        return [call for call in self.calls if call.startswith("nix-store --gc") or "boot" in call]
