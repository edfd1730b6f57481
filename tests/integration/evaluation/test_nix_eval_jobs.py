# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix-eval-jobs where it is there, by a stand-in with its command line and its lines of JSON."""

from __future__ import annotations

import shlex
import shutil
import sys
import typing as t
from pathlib import Path

import pytest

from .project import WITH_TOOLS, Project

STAND_IN = Path(__file__).with_name("nix_eval_jobs.py")
EACH = {"flake": "{{ nix_flake }}", "attr": "{{ nix_attr }}", "whole_play": True}


def provide(project: Project, script: str | None = None) -> None:
    """Put a nix-eval-jobs on the project's path."""
    words = [sys.executable, STAND_IN, project.directory / "calls", shutil.which("nix", path=WITH_TOOLS)]
    program = project.directory / "bin" / "nix-eval-jobs"
    program.parent.mkdir(exist_ok=True)
    program.write_text(script or f'#!/bin/sh\nexec {shlex.join(map(str, words))} "$@"\n')
    program.chmod(0o755)


def hosts(project: Project, names: str) -> dict[str, dict[str, t.Any]]:
    return {name: {"nix_flake": f"path:{project.flake}", "nix_attr": f'hosts."{name}.x"'} for name in names}


def test_it_evaluates_what_is_healthy_and_nix_tells_what_is_broken(project: Project) -> None:
    project.write_flake('{ hosts."a.x" = mk "a" ""; hosts."b.x" = throw "b is broken"; hosts."c.x" = mk "c" ""; }')
    provide(project)
    run = project.run("nix_eval", EACH, hosts(project, "abcd"))
    assert {name: result["failed"] for name, result in run.results.items()} == {
        "a": False, "b": True, "c": False, "d": True,
    }  # fmt: skip
    assert "b is broken" in run.results["b"]["cause"]
    assert 'has no attribute hosts."d.x"' in run.results["d"]["cause"]
    assert run.calls.count("jobs") == 1
    assert run.calls.count("eval") == 2
    without = project.directory / "bin" / "nix-eval-jobs"
    without.unlink()
    shutil.rmtree(project.directory / "cache")
    again = project.run("nix_eval", EACH, hosts(project, "ac"))
    assert "jobs" not in again.calls
    assert [again.results[name]["out_path"] for name in "ac"] == [run.results[name]["out_path"] for name in "ac"]
    assert [again.results[name]["drv_path"] for name in "ac"] == [run.results[name]["drv_path"] for name in "ac"]


def test_it_overrides_inputs_and_reads_what_is_impure(project: Project) -> None:
    for name in ("one", "two"):
        (project.directory / name).mkdir()
        (project.directory / name / "flake.nix").write_text(f'{{ outputs = _: {{ text = "{name}"; }}; }}')
    project.write_flake('{ hosts."a.x" = mk "${d.text}-${builtins.currentSystem}" ""; }')
    flake = project.flake / "flake.nix"
    text = flake.read_text().replace("{ self }", "{ self, d }")
    flake.write_text(text.replace("outputs =", f'inputs.d.url = "path:{project.directory}/one"; outputs ='))
    provide(project)
    options = {**EACH, "impure": True, "override_inputs": {"d": "./two"}}
    run = project.run("nix_eval", options, hosts(project, "a"))
    assert run.calls == ["metadata", "jobs"], run.output
    assert "-two-x86_64-linux" in run.results["a"]["out_path"]


def test_it_calls_a_file_with_arguments(project: Project) -> None:
    (project.directory / "machines.nix").write_text(
        '{ name }: { web = derivation { inherit name; system = "x86_64-linux"; builder = "/bin/sh"; }; }'
    )
    provide(project)
    options = {"file": "machines.nix", "args": {"name": "given"}, "attr": "web"}
    run = project.run("nix_eval", options, hosts(project, "a"))
    assert run.calls == ["jobs"], run.output
    assert run.results["a"]["drv_path"].endswith("-given.drv")


@pytest.mark.parametrize(
    "script",
    [
        "#!/bin/sh\necho USAGE: nix-eval-jobs, of a release without the option\n",
        "#!/bin/sh\necho --select\nexit 1\n",
        "#!/bin/sh\necho --select\nkill -KILL $$\n",
        '#!/bin/sh\necho --select\necho \'{"attr":"a000007","drvPath":7}\'\necho "[]"\n',
    ],
)
def test_one_that_is_of_no_use_changes_nothing(project: Project, script: str) -> None:
    project.write_flake('{ hosts."a.x" = mk "a" ""; }')
    provide(project, script)
    run = project.run("nix_eval", EACH, hosts(project, "a"))
    assert run.rc == 0, run.output
    assert run.calls.count("eval") == 1
