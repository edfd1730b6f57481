# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Building: where it happens, what keeps its result, commands, answers and failures."""

from __future__ import annotations

import contextlib
import json
import subprocess
import typing as t
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.build.build import (
    INQUIRE,
    NO_SETTINGS,
    Build,
    Output,
    Root,
    failure,
    in_store_of,
    on_controller,
    on_machine,
    parse_outputs,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.core import process
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import BuildError
from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.log import NixLog
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.machine import MEMORY, kibibytes

from ...errors import fails_with
from ..nix.log_lines import BAD, HASH, NEW_FAILURE, TOP, building, error, event, log_line
from ..nix.log_lines import building as building_line

OUT = "/nix/store/" + "1" * 32 + "-top"
ANSWER = json.dumps([{"drvPath": TOP, "outputs": {"out": OUT}}])
ROOT = Root("web")
SECRET = {"access-tokens": "github.com=ghp_secret"}


class ShellOfScripts:
    """A machine's shell that remembers what it was asked, and answers in turn."""

    host = "web"

    def __init__(self, *answers: Completed | str) -> None:
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        self._answers = list(answers)

    def run(self, script: str, *arguments: str) -> Completed:
        self.calls.append((script, arguments))
        answer = self._answers.pop(0)
        return Completed(arguments, 0, answer, "") if isinstance(answer, str) else answer


class ControllerNix:
    """The controller's Nix, which remembers its command lines."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.environments: list[Mapping[str, str] | None] = []
        self.stderr = building_line(TOP)
        self.fails = False

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float | None = None,
        on_stderr_line: Callable[[str], None] | None = None,
        environment: Mapping[str, str] | None = None,
        hold_stdin: bool = False,
    ) -> Completed:
        # What would end with whoever holds its standard input is the last words of a script.
        argv = argv[4:] if hold_stdin else argv
        self.commands.append(list(argv))
        self.environments.append(environment)
        if on_stderr_line is not None:
            for line in self.stderr.splitlines():
                on_stderr_line(line)
        return Completed(tuple(argv), int(self.fails and "--dry-run" not in argv), ANSWER, self.stderr)


@pytest.fixture
def nix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ControllerNix:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    controller = ControllerNix()
    monkeypatch.setattr(process, "run", controller.run)
    return controller


@contextlib.contextmanager
def store() -> Iterator[str]:
    yield "unix:///tmp/store"


def job(**changes: t.Any) -> Build:
    return Build([f"{TOP}^*"], **changes)


def test_a_build_on_the_controller_leaves_a_root_named_after_the_host(nix: ControllerNix, tmp_path: Path) -> None:
    built = on_controller(job(), ROOT, {})
    link = str(tmp_path / "state" / "nix.fleet" / "gcroots" / "built" / "web")
    assert nix.commands[0][-4:] == ["--out-link", link, "--", f"{TOP}^*"]
    assert Path(link).parent.is_dir()
    assert (built.built, built.changed, built.outputs[0].out_path) == ((TOP,), True, OUT)


def test_what_was_copied_for_the_host_to_this_machine_is_left_alone(nix: ControllerNix, tmp_path: Path) -> None:
    gcroots = tmp_path / "state" / "nix.fleet" / "gcroots"
    for former in ("web", "copied/web"):
        (gcroots / former).mkdir(parents=True)
    (gcroots / "built").symlink_to(OUT)
    on_controller(job(), ROOT, {})
    assert str(gcroots / "built" / "web") in nix.commands[0]
    assert (gcroots / "built").is_dir()
    assert (gcroots / "copied" / "web").is_dir()


@pytest.mark.parametrize(("planned", "asked"), [("", 0), ("this derivation will be built:", 1)])
def test_builders_are_asked_only_where_there_is_something_to_build(
    nix: ControllerNix, planned: str, asked: int
) -> None:
    nix.stderr = "\n".join([event(action="msg", level=3, msg=line) for line in (planned, f"  {TOP}")])
    times: list[int] = []

    def builders() -> str:
        times.append(1)
        return "ssh-ng://homelab"

    on_controller(job(builders=builders), ROOT, {})
    assert (len(times), "ssh-ng://homelab" in nix.commands[-1]) == (asked, bool(asked))


def test_check_mode_leaves_no_root(nix: ControllerNix, tmp_path: Path) -> None:
    on_controller(job(dry_run=True), ROOT, {})
    assert "--no-link" in nix.commands[0]
    assert "--dry-run" in nix.commands[0]
    assert not (tmp_path / "state").exists()


def test_another_machine_builds_by_its_own_nix(nix: ControllerNix) -> None:
    shell = ShellOfScripts("root /home/me/.local/state/nix.fleet/gcroots/built/web\njobs 4\n", ANSWER)
    built = on_machine(job(), ROOT, shell)
    assert shell.calls[1][1][-4:] == (
        "--out-link",
        "/home/me/.local/state/nix.fleet/gcroots/built/web",
        "--",
        f"{TOP}^*",
    )
    assert built.outputs[0].out_path == OUT
    assert not nix.commands


def test_what_the_machine_has_takes_one_question(nix: ControllerNix) -> None:
    shell = ShellOfScripts("root /r/web\nvalid\n")
    built = in_store_of(shell, job(), TOP, ROOT, store)
    assert not built.changed
    assert built.outputs[0].out_path == OUT
    assert len(shell.calls) == 1
    assert shell.calls[0][1] == ("", "web", OUT)
    # Its outputs are looked up without building or asking a cache.
    (command,) = nix.commands
    assert {"--dry-run", "--no-link"} <= set(command)
    assert command[command.index("substitute") :][:2] == ["substitute", "false"]


def test_what_the_machine_lacks_is_built_in_its_store_by_its_own_settings(nix: ControllerNix) -> None:
    shell = ShellOfScripts("root /r/web\njobs 4\n", "")
    built = in_store_of(shell, job(), TOP, ROOT, store)
    command = nix.commands[1]
    assert "NIX_REMOTE=unix:///tmp/store" in command
    # What the machine says may not take the controller's memory.
    assert kibibytes(MEMORY) in command
    assert command[command.index("--max-jobs") + 1] == "4"
    # What the controller's nix.conf says is kept from the machine.
    assert nix.environments[1] == NO_SETTINGS
    assert shell.calls[1][1] == ("nix-store", "--realise", OUT, "--add-root", "/r/web")
    assert built.changed


def test_how_many_jobs_the_task_says_beats_what_the_machine_says(nix: ControllerNix) -> None:
    shell = ShellOfScripts("root \njobs 4\n")
    in_store_of(shell, job(options={"max-jobs": 1}), TOP, ROOT, store)
    assert "--max-jobs" not in nix.commands[1]


# What Nix says when it is to protect a path that is not there.
COLLECTED = f"don't know how to build these paths:\n  {OUT}\nerror: build of '{OUT}' failed\n"


def test_a_result_that_is_collected_before_it_is_protected_is_to_be_built_again(nix: ControllerNix) -> None:
    gone = Completed(("nix-store",), 1, "", COLLECTED)
    with fails_with("build.gone"):
        in_store_of(ShellOfScripts("root /r/web\njobs 4\n", gone), job(), TOP, ROOT, store)
    assert len(nix.commands) == 2


def test_a_result_that_is_collected_while_it_is_asked_for_is_to_be_built_again() -> None:
    with fails_with("build.gone"):
        on_machine(job(), ROOT, ShellOfScripts(Completed(("sh",), 1, "", COLLECTED)))


def test_a_build_that_fails_in_its_store_names_a_command_that_can_be_given_on_the_machine(nix: ControllerNix) -> None:
    nix.fails = True
    with pytest.raises(BuildError) as raised:
        in_store_of(ShellOfScripts("root /r/web\njobs 4\n"), job(), TOP, ROOT, store)
    assert "unix:///tmp/store" in " ".join(nix.commands[1])
    assert raised.value.command[0] == "nix"
    assert raised.value.command[-2:] == ("--", f"{TOP}^*")
    assert not [word for word in raised.value.command if "/tmp/store" in word or word == "--eval-store"]


def test_check_mode_sends_and_writes_nothing(nix: ControllerNix) -> None:
    shell = ShellOfScripts("root \njobs 4\n")
    built = in_store_of(shell, job(dry_run=True), TOP, ROOT, store)
    assert built.changed
    # Nobody has asked what the derivation needs.
    assert "derivations to build" not in built.message(dry_run=True)
    assert shell.calls[0][1] == ("none", "web", OUT)
    assert len(nix.commands) == 1


def test_settings_reach_the_controllers_nix_in_its_environment(nix: ControllerNix) -> None:
    on_controller(job(options=SECRET), ROOT, {"PATH": "/opt/nix/bin", "NIX_CONFIG": "cores = 2"})
    assert nix.environments == [
        {"PATH": "/opt/nix/bin", "NIX_CONFIG": "cores = 2\naccess-tokens = github.com=ghp_secret"}
    ]
    assert "ghp_secret" not in str(nix.commands)


def test_settings_reach_another_machines_store_without_those_of_the_controller(
    nix: ControllerNix, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIX_CONFIG", "cores = 2")
    in_store_of(ShellOfScripts("root /r/web\njobs 4\n", ""), job(options=SECRET), TOP, ROOT, store)
    config = {"NIX_CONFIG": "access-tokens = github.com=ghp_secret"}
    assert nix.environments[1] == {**NO_SETTINGS, **config}
    assert "ghp_secret" not in str(nix.commands)


def test_settings_reach_another_machines_nix_in_the_script_and_not_in_its_arguments(nix: ControllerNix) -> None:
    del nix
    shell = ShellOfScripts("root /r/web\njobs 4\n", ANSWER)
    on_machine(job(options=SECRET), ROOT, shell)
    script, arguments = shell.calls[1]
    assert "ghp_secret" in script
    assert "ghp_secret" not in str(arguments)


def test_no_failure_shows_a_setting() -> None:
    shell = ShellOfScripts("root /r/web\njobs 4\n", Completed((), 1, "", "error: no"))
    with pytest.raises(BuildError) as failure:
        on_machine(job(options=SECRET), ROOT, shell)
    assert failure.value.command
    assert "ghp_secret" not in f"{failure.value} {failure.value.to_result()}"


def test_a_root_can_be_given_or_left_out(nix: ControllerNix) -> None:
    del nix
    for root, arguments in [(Root("web", "/my/root"), "/my/root"), (Root("web", wanted=False), "none")]:
        shell = ShellOfScripts("root \nvalid\n")
        in_store_of(shell, job(), TOP, root, store)
        assert shell.calls[0][1][0] == arguments


def test_a_root_that_cannot_be_made_is_told(nix: ControllerNix) -> None:
    del nix
    shell = ShellOfScripts(Completed((), 1, "", "mkdir: Permission denied"))
    with fails_with("build.no_gc_root"):
        in_store_of(shell, job(), TOP, ROOT, store)


@pytest.mark.parametrize("shell", ["sh", "dash", "busybox"])
def test_the_question_is_asked_in_any_posix_shell(shell: str, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "nix-store").write_text("#!/bin/sh\ncase $1 in --check-validity) [ $2 = /valid ];; esac\n")
    (programs / "nix").write_text("#!/bin/sh\necho 3\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    command = [shell, "sh", "-s", "--"] if shell == "busybox" else [shell, "-s", "--"]

    def ask(*arguments: str) -> str:
        try:
            answer = subprocess.run(
                [*command, *arguments],
                input=INQUIRE,
                env={"HOME": str(tmp_path / "it's home"), "PATH": f"{programs}:/usr/bin:/bin"},
                capture_output=True,
                text=True,
                check=True,
            )
        except FileNotFoundError:
            pytest.skip(f"no {shell} here")
        return answer.stdout

    root = tmp_path / "it's home" / ".local" / "state" / "nix.fleet" / "gcroots" / "built" / "web"
    assert ask("", "web", "/valid") == f"root {root}\nvalid\n"
    assert root.parent.is_dir()
    assert ask("none", "web", "/invalid") == "root \njobs 3\n"
    assert ask(f"{tmp_path}/my/root", "web") == f"root {tmp_path}/my/root\njobs 3\n"


LOG = ["--log-format", "internal-json"]

PATH = f"/nix/store/{HASH}-hello"


def test_another_machines_store_is_built_in_with_our_derivations() -> None:
    command = Build(["x"]).command(store="unix:///tmp/s")
    assert command[:3] == ["env", "NIX_REMOTE=unix:///tmp/s", "nix"]
    assert command[command.index("--eval-store") :] == ["--eval-store", "auto", "--", "x"]


def test_outputs_are_read_by_name() -> None:
    text = f'[{{"drvPath":"{TOP}","outputs":{{"dev":"{PATH}-dev","out":"{PATH}"}},"startTime":1}}]'
    (output,) = parse_outputs(text)
    assert output == Output({"dev": f"{PATH}-dev", "out": PATH}, TOP)
    assert output.out_path == PATH


def test_a_derivation_without_the_usual_output_has_its_first_one() -> None:
    assert parse_outputs(f'[{{"drvPath":"{TOP}","outputs":{{"bin":"{PATH}"}}}}]')[0].out_path == PATH


@pytest.mark.parametrize("text", [f'["{PATH}"]', f'[{{"path":"{PATH}"}}]'])
def test_a_plain_store_path_is_its_own_output(text: str) -> None:
    assert parse_outputs(text) == [Output({"out": PATH})]


def test_the_failed_derivation_is_named_with_its_own_log() -> None:
    log = NixLog().read_all("\n".join([building(BAD), log_line("no such file"), error(NEW_FAILURE)]))
    raised = failure(log, rc=1, command=["nix", "build", *LOG, "x"], machine="homelab")
    assert raised.cause == "bad-1.0 did not build: builder failed with exit code 3"
    assert raised.log == "no such file"
    assert raised.command == ("nix", "build", "x")
    assert raised.code == "build.builder_failed"
    assert BAD in str(raised.advice)
    assert raised.details == {"failed_derivations": [BAD]}


def test_several_failures_are_all_named() -> None:
    other = NEW_FAILURE.replace("bad-1.0", "worse")
    raised = failure(NixLog().read_all(f"{error(NEW_FAILURE)}\n{error(other)}"), rc=1, command=[], machine="m")
    assert raised.cause == "2 derivations did not build (bad-1.0, worse); bad-1.0: builder failed with exit code 3"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (f"a 'aarch64-darwin' with features {{}} is required to build '{BAD}', but I am a 'x86_64-linux'", "wrong_system"),
        (f"Cannot build '{BAD}'.\nReason: platform mismatch\nRequired system: 'aarch64-darwin'", "wrong_system"),
        (f"Cannot build '{BAD}'.\nReason: missing system features", "wrong_system"),
        (f"hash mismatch in fixed-output derivation '{BAD}':\n specified: a\n got: b", "hash_mismatch"),
        ("writing to file: No space left on device", "no_room"),
        (f"path '{BAD}' is not valid", "no_derivation"),
        ("something else", "nix"),
    ],
)  # fmt: skip
def test_what_is_wrong_has_a_code_and_a_next_step(message: str, code: str) -> None:
    failed = failure(NixLog().read_all(error(message)), rc=1, command=[], machine="m")
    assert failed.code == f"build.{code}"
    assert failed.advice


def test_a_full_disk_in_a_builder_is_recognised_by_its_log() -> None:
    log = NixLog().read_all("\n".join([building(BAD), log_line("cp: No space left on device"), error(NEW_FAILURE)]))
    assert failure(log, rc=1, command=[], machine="m").code == "build.no_room"
