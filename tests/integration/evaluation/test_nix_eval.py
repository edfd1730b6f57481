# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix_eval by real playbooks and real Nix: hosts together, errors apart, and nothing twice."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import typing as t

import pytest

from .project import Project, interrupt, running, wait_until

EACH = {"flake": "{{ nix_flake }}", "attr": "{{ nix_attr }}", "whole_play": True}

FIVE = """{
  a = mk "a" "";
  b = throw "b is broken";
  c = builtins.abort "c gives up";
  d = let x = x; in x;
  e = mk "e" "";
}"""


def hosts(project: Project, names: t.Iterable[str], **variables: t.Any) -> dict[str, dict[str, t.Any]]:
    flake = f"path:{project.flake}"
    return {name: {"nix_flake": flake, "nix_attr": name, "nix_impure": False, **variables} for name in names}


@pytest.mark.parametrize(
    ("strategy", "forks"),
    [
        ("linear", "10"),
        ("host_pinned", "1"),
        *(
            pytest.param(*each, marks=pytest.mark.thorough)
            for each in (("linear", "1"), ("free", "1"), ("free", "10"), ("host_pinned", "10"))
        ),
    ],
)
def test_hosts_are_evaluated_together_and_fail_apart(project: Project, strategy: str, forks: str) -> None:
    project.write_flake(FIVE)
    run = project.run("nix_eval", EACH, hosts(project, "abcde"), "--forks", forks, strategy=strategy)
    assert {name: result["failed"] for name, result in run.results.items()} == {
        "a": False, "b": True, "c": True, "d": True, "e": False,
    }  # fmt: skip
    assert "b is broken" in run.results["b"]["cause"]
    assert "c gives up" in run.results["c"]["cause"]
    assert "infinite recursion" in run.results["d"]["cause"]
    # A process for each that is broken, and one that comes to the end unless a broken one was last; and the flake's
    # revision before and after.
    assert run.calls.count("eval") in (3, 4)
    assert run.calls.count("metadata") == 2


@pytest.mark.thorough
def test_healthy_hosts_are_at_most_one_process_a_cpu(project: Project) -> None:
    names = [f"host-{number}" for number in range(30)]
    project.write_flake("""builtins.listToAttrs (map (name: { inherit name; value = mk name ""; })
      (builtins.genList (number: "host-${toString number}") 30))""")
    run = project.run("nix_eval", EACH, hosts(project, names))
    assert run.rc == 0, run.output
    assert 1 <= run.calls.count("eval") <= len(os.sched_getaffinity(0))
    assert len({result["drv_path"] for result in run.results.values()}) == 30


def test_an_unchanged_flake_is_not_evaluated_again(project: Project) -> None:
    project.write_flake(FIVE)
    project.run("nix_eval", EACH, hosts(project, "ae"))
    again = project.run("nix_eval", EACH, hosts(project, "ae"))
    assert again.calls == ["metadata"]
    assert all(result["cached"] and not result["changed"] for result in again.results.values())


def test_a_change_in_a_dirty_tree_counts(project: Project) -> None:
    project.write_flake('{ a = mk "a" (builtins.readFile ./text); }', text="one")
    git(project, "init", "--quiet")
    git(project, "add", ".")
    flake = str(project.flake)
    first = project.run("nix_eval", EACH, hosts(project, "a", nix_flake=flake))
    (project.flake / "text").write_text("two")
    second = project.run("nix_eval", EACH, hosts(project, "a", nix_flake=flake))
    assert second.results["a"]["flake_dirty"]
    assert not second.results["a"]["cached"]
    assert first.results["a"]["drv_path"] != second.results["a"]["drv_path"]


def test_a_clean_tree_is_told_by_its_revision(project: Project) -> None:
    project.write_flake('{ a = mk "a" ""; }')
    git(project, "init", "--quiet")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "--message", "one")
    run = project.run("nix_eval", EACH, hosts(project, "a", nix_flake=str(project.flake)))
    assert run.results["a"]["flake_revision"] == git(project, "rev-parse", "HEAD")
    assert run.results["a"]["flake_revision"] in run.results["a"]["flake_locked_url"]
    assert not run.results["a"]["flake_dirty"]


# The unit tests of what hosts share, or those of runs that are cancelled, stand for it.
@pytest.mark.thorough
def test_another_revision_than_the_one_that_was_built_is_refused(project: Project) -> None:
    project.write_flake('{ a = mk "a" (builtins.readFile ./text); b = mk "b" ""; }', text="one")
    git(project, "init", "--quiet")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "--message", "one")
    fleet = hosts(project, "ab", nix_flake=str(project.flake))
    built = project.run("nix_eval", EACH, fleet)
    revision = built.results["a"]["flake_identity"]
    (project.flake / "text").write_text("two")
    dirty = project.run("nix_eval", {**EACH, "revision": revision}, fleet, "--check")
    git(project, "commit", "--quiet", "--all", "--message", "two")
    refused = project.run("nix_eval", {**EACH, "revision": revision}, fleet)
    assert dirty.calls == refused.calls == ["metadata"]
    for host in "ab":
        assert f"is at revision {revision}-dirty, and is to be at {revision}" in dirty.results[host]["msg"]
        assert (
            f"is at revision {git(project, 'rev-parse', 'HEAD')}, and is to be at {revision}"
            in refused.results[host]["msg"]
        )
    git(project, "reset", "--quiet", "--hard", revision)
    approved = project.run("nix_eval", {**EACH, "revision": revision}, fleet)
    assert approved.calls == ["metadata"]
    assert {host: result["drv_path"] for host, result in approved.results.items()} == {
        host: result["drv_path"] for host, result in built.results.items()
    }


def test_the_lock_file_is_not_written(project: Project) -> None:
    dependency = project.directory / "dependency"
    dependency.mkdir()
    (dependency / "flake.nix").write_text("{ outputs = _: { }; }")
    project.write_flake('{ a = mk "a" ""; }')
    text = (project.flake / "flake.nix").read_text()
    (project.flake / "flake.nix").write_text(
        text.replace("outputs = { self }", f'inputs.d.url = "path:{dependency}"; outputs = {{ self, d }}')
    )
    run = project.run("nix_eval", EACH, hosts(project, "a"))
    assert run.rc == 0, run.output
    assert not (project.flake / "flake.lock").exists()


def test_inputs_are_overridden(project: Project) -> None:
    for name in ("one", "two"):
        (project.directory / name).mkdir()
        (project.directory / name / "flake.nix").write_text(f'{{ outputs = _: {{ text = "{name}"; }}; }}')
    project.flake.mkdir()
    (project.flake / "flake.nix").write_text(
        f'{{ inputs.d.url = "path:{project.directory}/one"; outputs = {{ self, d }}: {{ inherit (d) text; }}; }}'
    )
    options: dict[str, t.Any] = {"flake": f"path:{project.flake}", "attr": "text", "apply": "text: text"}
    assert project.run("nix_eval", options, hosts(project, "a")).results["a"]["value"] == "one"
    # Relative paths start at the playbook.
    options["override_inputs"] = {"d": "./two"}
    assert project.run("nix_eval", options, hosts(project, "a")).results["a"]["value"] == "two"


def test_impure_hosts_are_evaluated_apart_from_pure_ones(project: Project) -> None:
    project.write_flake('{ a = mk "a" ""; b = mk "b" builtins.currentSystem; c = mk "c" builtins.currentSystem; }')
    fleet = {**hosts(project, "ab"), **hosts(project, "c", nix_impure=True)}
    run = project.run("nix_eval", {**EACH, "impure": "{{ nix_impure }}"}, fleet)
    assert {name: result["failed"] for name, result in run.results.items()} == {"a": False, "b": True, "c": False}
    assert "nix_impure" in run.results["b"]["advice"]


HOSTILE = [
    'a"b',
    "dots.and-dashes",
    "$(touch pwned)",
    "`touch pwned`",
    '${builtins.abort "pwned"}',
    "'; touch pwned; '",
    "-x",
    "ünïcode",
    "\\",
    "a b\tc",
]


def test_names_are_never_code(project: Project) -> None:
    names = [name for name in HOSTILE if '"' not in name]
    project.write_flake('builtins.mapAttrs (_: n: mk n "") (builtins.fromJSON (builtins.readFile ./names.json))')
    (project.flake / "names.json").write_text(json.dumps({name: f"h{index}" for index, name in enumerate(names)}))
    fleet = {f"h{index}": hosts(project, [f'"{name}"'])[f'"{name}"'] for index, name in enumerate(names)}
    run = project.run("nix_eval", EACH, fleet)
    assert run.rc == 0, run.output
    failed = {name: result.get("cause") for name, result in run.results.items() if result["failed"]}
    assert not failed
    assert all(result["drv_path"].endswith(f"-{name}.drv") for name, result in run.results.items())
    assert run.calls.count("eval") == 1


def test_hostile_names_that_do_not_exist_are_plain_errors(project: Project) -> None:
    project.write_flake('{ a = mk "a" ""; }')
    fleet = {"a": hosts(project, "a")["a"]}
    fleet |= {f"h{index}": hosts(project, [name])[name] for index, name in enumerate(HOSTILE)}
    run = project.run("nix_eval", EACH, fleet)
    assert not run.results.pop("a")["failed"]
    causes = [result["cause"] for result in run.results.values()]
    assert len(causes) == len(HOSTILE)
    assert all("no attribute" in cause or "not an attribute path" in cause for cause in causes)
    assert not list(project.directory.rglob("pwned"))


def test_a_missing_attribute_names_those_that_exist(project: Project) -> None:
    project.write_flake('{ hosts.web = mk "web" ""; hosts."x.y" = mk "x" ""; }')
    run = project.run("nix_eval", EACH, hosts(project, ["hosts.wbe.toplevel"]))
    (result,) = run.results.values()
    assert result["cause"] == f'flake path:{project.flake} has no attribute hosts.wbe (it has: web, "x.y")'


def test_a_flake_that_cannot_be_read_is_one_error_a_host_and_one_process(project: Project) -> None:
    project.flake.mkdir()
    (project.flake / "flake.nix").write_text("{ outputs = ")
    run = project.run("nix_eval", EACH, hosts(project, "abc"))
    assert all("syntax error" in result["cause"] for result in run.results.values())
    assert run.calls == ["metadata"]


def test_the_command_of_a_failure_repeats_it(project: Project) -> None:
    project.write_flake(FIVE)
    run = project.run("nix_eval", EACH, hosts(project, "b"))
    done = subprocess.run(["sh", "-c", run.results["b"]["command"]], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "b is broken" in done.stderr


def test_files_are_called_with_arguments_that_are_data(project: Project) -> None:
    (project.directory / "machines.nix").write_text(
        "{ region, count ? 1 }: { web = { inherit region count; }; drv = derivation "
        '{ name = "web"; system = "x86_64-linux"; builder = "/bin/sh"; inherit region; }; }'
    )
    options = {"file": "machines.nix", "args": {"region": '${builtins.abort "x"}', "count": 2}}
    value = project.run("nix_eval", {**options, "attr": "web", "apply": "w: w"}, hosts(project, "a"))
    assert value.results["a"]["value"] == {"region": '${builtins.abort "x"}', "count": 2}
    derivation = project.run("nix_eval", {**options, "attr": "drv"}, hosts(project, "a"))
    assert derivation.results["a"]["drv_path"].endswith("-web.drv")


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ({"expr": "1 + 1"}, 2),
        ({"expr": "{ a = [ 1 null ]; }", "apply": "set: set.a # the list"}, [1, None]),
        ({"expr": '{ "x.y" = "z"; }', "attr": '"x.y"'}, "z"),
    ],
)
def test_expressions_are_values(project: Project, options: dict[str, t.Any], value: t.Any) -> None:
    run = project.run("nix_eval", options, hosts(project, "a"))
    assert run.results["a"]["value"] == value


def test_a_value_that_json_cannot_say_is_an_error(project: Project) -> None:
    run = project.run("nix_eval", {"expr": "x: x", "apply": "f: f"}, hosts(project, "a"))
    assert run.results["a"]["failed"]


# The unit tests of what hosts share, or those of runs that are cancelled, stand for it.
@pytest.mark.thorough
def test_a_task_that_tries_again_evaluates_again(project: Project) -> None:
    project.write_flake('{ a = throw "not yet"; }')
    repaired = project.flake / "flake.nix"
    task = {"until": "result is succeeded", "retries": 20, "delay": 1}
    run = project.start("nix_eval", EACH, hosts(project, "a"), **task)
    wait_until((project.directory / "calls").exists)
    repaired.write_text(repaired.read_text().replace('throw "not yet"', 'mk "a" ""'))
    assert run.wait(60) == 0, (project.directory / "output").read_text()
    assert not project.results(["a"])["a"]["failed"]


def test_a_configuration_without_end_is_given_up_alone(project: Project) -> None:
    project.write_flake(f'{{ a = mk "a" ""; b = {ENDLESS}; c = mk "c" ""; }}')
    run = project.run("nix_eval", {**EACH, "timeout": 4}, hosts(project, "abc"))
    assert {name: result["failed"] for name, result in run.results.items()} == {"a": False, "b": True, "c": False}
    assert "no end of the evaluation after 4 s" in run.results["b"]["cause"]


# The unit tests of what hosts share, or those of runs that are cancelled, stand for it.
@pytest.mark.thorough
def test_an_interrupted_run_leaves_no_evaluation(project: Project) -> None:
    project.write_flake(f"{{ a = {ENDLESS}; }}")
    run = project.start("nix_eval", EACH, hosts(project, "a"))
    mark = f"path:{project.flake}#."
    wait_until(lambda: bool(running(mark)))
    assert interrupt(run) != 0
    wait_until(lambda: not running(mark))


def test_a_controller_without_nix_is_told_what_to_do(project: Project) -> None:
    project.write_flake(FIVE)
    run = dataclasses.replace(project, has_nix=False).run("nix_eval", EACH, hosts(project, "a"))
    assert "there is no nix on the controller" in run.results["a"]["cause"]
    assert run.results["a"]["advice"]


def test_a_host_that_is_not_in_the_inventory_is_named(project: Project) -> None:
    project.write_flake(FIVE)
    run = project.run("nix_eval", {**EACH, "hosts": ["nowhere"]}, hosts(project, "a"))
    assert "nowhere, which is not in the inventory" in run.results["a"]["cause"]


def git(project: Project, *arguments: str) -> str:
    identity = ["-c", "user.name=Fleet", "-c", "user.email=fleet@example.org"]
    command = ["git", *identity, "-C", str(project.flake), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


# Minutes of arithmetic in little memory.
ENDLESS = (
    "builtins.foldl' (a: x: a + builtins.foldl' (b: y: b + y) 0 (builtins.genList (y: y) 30000)) 0 "
    "(builtins.genList (x: x) 2000000)"
)
