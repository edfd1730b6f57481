# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor ends on the new system or on the recorded one: real shells, real files, a NixOS of small scripts."""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import signal
import threading
import time
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import deploy
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.program import begin_script
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Origin, Request
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.registry import platforms

from .machine import SHELLS, Machine

if t.TYPE_CHECKING:
    from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import Answer

PROFILE = "/nix/var/nix/profiles/system"
RUNNING = "/run/current-system"
BOOTED = "/boot"
NUMBERS = itertools.count(1)

# What switch-to-configuration does, as far as an activation can tell.
SWITCH = """
self=${0%/bin/switch-to-configuration}
root=@root@
echo "$1 ${self##*-}" >> "$root/calls"
case $1 in
    test)
        TROUBLE
        ln -sfn "$self" "/run/current-system"
        AFTERWARDS
        ;;
    boot) echo "${self##*-}" > "$root/boot" ;;
    dry-activate) echo "would restart web.service" ;;
esac
"""


class NixOS(Machine):
    """A machine with generations of small systems."""

    def system(self, name: str, *, trouble: str = "", afterwards: str = "", **files: str) -> str:
        script = SWITCH.replace("TROUBLE", trouble).replace("AFTERWARDS", afterwards)
        return self.closure(name, bin__switch_to_configuration=script, nixos_version="", **files)

    def install(self, *closures: str) -> None:
        """Have these generations, and run the last of them."""
        for number, closure in enumerate(closures, 1):
            self.link(f"{PROFILE}-{number}-link", closure)
        self.link(PROFILE, f"system-{len(closures)}-link")
        self.link(RUNNING, closures[-1])
        self.path(BOOTED).write_text(closures[-1].rpartition("-")[2] + "\n")

    def deploy(self, closure: str | None = None, **fields: t.Any) -> Answer:
        return deploy(self, self.request(closure, **fields))

    def request(self, closure: str | None = None, **fields: t.Any) -> Request:
        identifier = f"deployment-{next(NUMBERS)}"
        return Request(
            **{
                "id": identifier,
                "platform": platforms()["nixos"],
                "origin": Origin("alice", "laptop"),
                "closure": closure,
                **fields,
            }
        )

    def start(self, request: Request) -> threading.Thread:
        """Begin a deployment in the background, and return once its supervisor has recorded the state."""
        thread = threading.Thread(target=self.run, args=(begin_script(request),))
        thread.start()
        wait_for((self.state / "runs" / request.id / "recorded").exists)
        return thread

    def supervisor_of(self, request: Request) -> int:
        holder = (self.state / "runs" / request.id / "holder").read_text()
        return int(holder.partition("pid=")[2].split()[0])

    @property
    def boots(self) -> str:
        return self.path(BOOTED).read_text().strip()

    @property
    def whole_as(self) -> tuple[str | None, str | None, str]:
        """What runs, what the profile stands at and what the machine boots."""
        running, default = self.standing(RUNNING), self.standing(PROFILE)
        return (running, default, self.boots)


def wait_for(condition: t.Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def whole(closure: str) -> tuple[str, str, str]:
    return (closure, closure, closure.rpartition("-")[2])


@pytest.fixture(params=SHELLS)
def nixos(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> NixOS:
    return NixOS(tmp_path, request.param, uid=0)


@pytest.fixture
def old(nixos: NixOS) -> str:
    first, second = nixos.system("nixos-first"), nixos.system("nixos-old")
    nixos.install(first, second)
    return second


def test_a_new_system_is_tried_before_it_becomes_the_default(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    answer = nixos.deploy(new)
    assert (answer.outcome, answer.previous.generation, answer.now.generation) == ("activated", 2, 3)
    assert nixos.calls == ["test new", "boot new"]
    assert nixos.whole_as == whole(new)


def test_what_runs_and_is_the_default_is_left_alone_in_one_round_trip(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(old)
    assert (answer.outcome, nixos.round_trips, nixos.calls) == ("unchanged", 1, [])
    assert not nixos.state.exists()


def test_a_default_that_does_not_run_is_activated_without_a_new_generation(nixos: NixOS, old: str) -> None:
    nixos.link(RUNNING, nixos.system("nixos-stray"))
    answer = nixos.deploy(old)
    assert (answer.outcome, answer.now.generation, len(nixos.generations(PROFILE))) == ("activated", 2, 2)
    assert nixos.whole_as == whole(old)


def test_goal_boot_changes_the_default_only(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    assert nixos.deploy(new, goal="boot").outcome == "activated"
    assert nixos.whole_as == (old, new, "new")
    assert nixos.calls == ["boot new"]


def test_goal_test_changes_what_runs_only(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    assert nixos.deploy(new, goal="test").outcome == "activated"
    assert nixos.whole_as == (new, old, "old")
    assert nixos.deploy(new, goal="test").outcome == "unchanged"


def test_a_dry_run_says_what_would_happen_and_records_nothing(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-new"), goal="dry-activate")
    assert (answer.outcome, answer.log) == ("unchanged", "would restart web.service")
    assert nixos.whole_as == whole(old)
    assert not nixos.state.exists()


def test_check_mode_foretells_and_writes_nothing(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-new"), check=True)
    assert (answer.outcome, answer.log) == ("activated", "would restart web.service")
    assert nixos.whole_as == whole(old)
    assert not nixos.state.exists()


def test_check_mode_does_not_need_the_closure(nixos: NixOS, old: str) -> None:
    absent = "/nix/store/00000000000000000000000000000000-nixos-absent"
    assert nixos.deploy(absent, check=True).outcome == "activated"
    assert "is not on this machine" in nixos.deploy(absent).cause


@pytest.mark.parametrize("trouble", ["exit 2", "kill -9 $$", 'ln -sfn "$self" "/run/current-system"; exit 2'])
def test_a_failed_activation_returns_to_the_recorded_generation(nixos: NixOS, old: str, trouble: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-bad", trouble=trouble))
    assert (answer.outcome, answer.now.generation) == ("rolled_back", 2)
    assert nixos.calls == ["test bad", "test old"]
    assert nixos.whole_as == whole(old)
    assert list(nixos.generations(PROFILE)) == [1, 2]


def test_after_a_rollback_the_next_deployment_is_an_ordinary_one(nixos: NixOS, old: str) -> None:
    nixos.deploy(nixos.system("nixos-bad", trouble="exit 2"))
    assert nixos.deploy(old).outcome == "unchanged"
    new = nixos.system("nixos-new")
    assert nixos.deploy(new).outcome == "activated"
    assert nixos.whole_as == whole(new)


def test_a_boot_loader_that_cannot_be_written_takes_everything_back(nixos: NixOS, old: str) -> None:
    bad = nixos.system("nixos-bad")
    script = nixos.path(f"{bad}/bin/switch-to-configuration")
    script.write_text(script.read_text().replace("boot) ", "boot) exit 1; "))
    answer = nixos.deploy(bad)
    assert answer.outcome == "rolled_back"
    assert nixos.calls == ["test bad", "boot bad", "boot old", "test old"]
    assert nixos.whole_as == whole(old)
    assert list(nixos.generations(PROFILE)) == [1, 2]


def test_a_failed_goal_boot_is_taken_back_without_touching_what_runs(nixos: NixOS, old: str) -> None:
    bad = nixos.system("nixos-bad")
    script = nixos.path(f"{bad}/bin/switch-to-configuration")
    script.write_text(script.read_text().replace("boot) ", "boot) exit 1; "))
    assert nixos.deploy(bad, goal="boot").outcome == "rolled_back"
    assert nixos.calls == ["boot bad", "boot old"]
    assert nixos.whole_as == whole(old)


def test_a_profile_that_cannot_be_set_takes_the_activation_back(nixos: NixOS, old: str) -> None:
    nixos.path(f"{PROFILE}.broken").touch()
    answer = nixos.deploy(nixos.system("nixos-new"))
    assert answer.outcome == "rolled_back"
    assert "No space left on device" in answer.log
    assert nixos.whole_as == whole(old)


def test_an_activation_that_hangs_is_ended_with_all_it_started(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-bad", trouble="sleep 313 & sleep 313"), activation_timeout=1)
    assert (answer.outcome, answer.exit_code) == ("rolled_back", 124)
    assert "had not ended after 1 s" in answer.cause
    assert nixos.whole_as == whole(old)
    assert not [command for command in processes() if "sleep\000313" in command]


@pytest.mark.parametrize("shell", SHELLS)
def test_without_setsid_all_that_hangs_is_ended_as_well(tmp_path: pathlib.Path, shell: str) -> None:
    machine = NixOS(tmp_path, shell, uid=0, setsid=False)
    old = machine.system("nixos-old")
    machine.install(old)
    answer = machine.deploy(machine.system("nixos-bad", trouble="sleep 317 & sleep 317"), activation_timeout=1)
    assert (answer.outcome, machine.whole_as) == ("rolled_back", whole(old))
    assert not [command for command in processes() if "sleep\000317" in command]


@pytest.mark.parametrize("shell", SHELLS)
def test_without_setsid_a_killed_supervisor_is_made_up_for_as_well(tmp_path: pathlib.Path, shell: str) -> None:
    machine = NixOS(tmp_path, shell, uid=0, setsid=False)
    old = machine.system("nixos-old")
    machine.install(old)
    slow = machine.request(machine.system("nixos-slow", trouble="sleep 3"))
    thread = machine.start(slow)
    wait_for(lambda: machine.calls == ["test slow"])
    os.kill(machine.supervisor_of(slow), signal.SIGKILL)
    thread.join()
    assert deploy(machine, slow).outcome == "rolled_back"
    time.sleep(2)
    assert machine.whole_as == whole(old)


def test_a_rollback_that_fails_too_says_so(nixos: NixOS) -> None:
    first, fragile = nixos.system("nixos-first"), nixos.system("nixos-fragile", trouble="exit 2")
    nixos.install(first, fragile)
    assert nixos.deploy(nixos.system("nixos-bad", trouble="exit 2")).outcome == "rollback_failed"


def test_without_rollback_the_machine_stays_and_the_next_deployment_does_not_call_it_unchanged(
    nixos: NixOS, old: str
) -> None:
    broken = nixos.system(
        "nixos-broken", trouble='[ -e "$root/repaired" ] || { ln -sfn "$self" "/run/current-system"; exit 2; }'
    )
    assert nixos.deploy(broken, rollback_on_failure=False).outcome == "failed"
    nixos.link(PROFILE, broken)
    nixos.path("/repaired").touch()
    assert nixos.deploy(broken).outcome == "activated"
    assert nixos.deploy(broken).outcome == "unchanged"


UNITS = 'ln -sfn "$self" "/run/current-system"; echo "warning: the following units failed: a.service, b\\\\x2dc.service"; exit 4'


def test_failed_units_leave_the_new_system_and_are_named(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new", trouble=UNITS)
    answer = nixos.deploy(new)
    assert (answer.outcome, answer.units_failed) == ("activated", ("a.service", r"b\x2dc.service"))
    assert nixos.whole_as == whole(new)
    assert nixos.journal[-1]["units_failed"] == ["a.service", r"b\x2dc.service"]


def test_a_system_with_failed_units_is_tried_again(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new", trouble=UNITS)
    nixos.deploy(new)
    assert nixos.deploy(new).outcome == "activated"
    assert nixos.calls == ["test new", "boot new"] * 2


def test_failed_units_return_to_the_recorded_system_when_that_is_wanted(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-new", trouble=UNITS), failed_units="rollback")
    assert (answer.outcome, answer.units_failed[0]) == ("rolled_back", "a.service")
    assert nixos.whole_as == whole(old)


def test_a_system_that_only_a_reboot_brings_becomes_the_default(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new", trouble="exit 100", init_interface_version="2")
    answer = nixos.deploy(new)
    assert (answer.outcome, answer.reboot_required) == ("activated", True)
    assert nixos.whole_as == (old, new, "new")
    assert nixos.deploy(new).outcome == "unchanged"


def test_goal_test_of_a_system_that_only_a_reboot_brings_fails(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-new", trouble="exit 100"), goal="test")
    assert (answer.outcome, "reboot" in answer.cause) == ("rolled_back", True)


def test_another_kernel_asks_for_a_reboot(nixos: NixOS) -> None:
    old, new = nixos.system("nixos-old", kernel="6.12"), nixos.system("nixos-new", kernel="6.18")
    nixos.install(old)
    nixos.link("/run/booted-system", old)
    assert nixos.deploy(new).reboot_required
    assert not nixos.deploy(old).reboot_required


def test_an_activation_that_lies_about_its_success_is_found_out(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-bad", afterwards="rm /run/current-system"))
    assert (answer.outcome, "what runs is" in answer.cause) == ("rolled_back", True)
    assert nixos.whole_as == whole(old)


def test_a_closure_that_is_no_system_is_refused_before_anything_is_touched(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.closure("hello-2.12", bin__hello="echo hello"))
    assert answer.outcome == "refused"
    assert "not a NixOS system" in answer.cause
    assert not nixos.state.exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_user_who_is_not_root_is_told_to_escalate(tmp_path: pathlib.Path, shell: str) -> None:
    machine = NixOS(tmp_path, shell, uid=1000)
    answer = machine.deploy(machine.system("nixos-new"))
    assert (answer.outcome, "become" in (answer.advice or "")) == ("refused", True)


def test_the_first_deployment_makes_the_profile(nixos: NixOS) -> None:
    stray = nixos.system("nixos-installer")
    nixos.link(RUNNING, stray)
    new = nixos.system("nixos-new")
    assert nixos.deploy(new).previous.generation is None
    assert nixos.whole_as == whole(new)


def test_a_first_deployment_that_fails_leaves_no_profile_and_the_system_that_ran(nixos: NixOS) -> None:
    stray = nixos.system("nixos-installer")
    nixos.link(RUNNING, stray)
    bad = nixos.system("nixos-bad")
    script = nixos.path(f"{bad}/bin/switch-to-configuration")
    script.write_text(script.read_text().replace("boot) ", "boot) exit 1; "))
    assert nixos.deploy(bad).outcome == "rolled_back"
    assert nixos.whole_as == (stray, None, "installer")
    assert nixos.generations(PROFILE) == {}


def test_a_profile_that_another_tool_linked_is_put_back_as_it_was(nixos: NixOS) -> None:
    old = nixos.system("nixos-old")
    nixos.link(RUNNING, old)
    nixos.link(PROFILE, old)
    bad = nixos.system("nixos-bad")
    script = nixos.path(f"{bad}/bin/switch-to-configuration")
    script.write_text(script.read_text().replace("boot) ", "boot) exit 1; "))
    assert nixos.deploy(bad).outcome == "rolled_back"
    assert nixos.there(str(nixos.path(PROFILE).readlink())) == old
    assert nixos.whole_as == whole(old)


def test_what_fails_again_is_not_returned_to(nixos: NixOS) -> None:
    only = nixos.system("nixos-only", trouble='[ ! -e "$root/broken" ] || exit 2')
    nixos.install(only)
    nixos.link(RUNNING, nixos.system("nixos-stray"))
    nixos.deploy(only)
    nixos.path("/broken").touch()
    answer = nixos.deploy(only, install_bootloader=True)
    assert (answer.outcome, "no other system" in answer.cause) == ("failed", True)
    assert nixos.whole_as == whole(only)


def test_rollback_goes_to_the_generation_before_and_once_more(nixos: NixOS) -> None:
    systems = [nixos.system(f"nixos-{name}") for name in ("a", "b", "c")]
    nixos.install(*systems)
    assert nixos.deploy(rollback="previous").outcome == "activated"
    assert nixos.whole_as == whole(systems[1])
    assert nixos.deploy(rollback="previous").now.generation == 1
    assert nixos.whole_as == whole(systems[0])
    answer = nixos.deploy(rollback="previous")
    assert (answer.outcome, "no generation to return to" in answer.cause) == ("refused", True)
    assert "1 2 3" in (answer.advice or "")


def test_rollback_to_a_generation_of_ones_choice(nixos: NixOS) -> None:
    systems = [nixos.system(f"nixos-{name}") for name in ("a", "b", "c")]
    nixos.install(*systems)
    assert nixos.deploy(rollback="1").now.generation == 1
    assert nixos.deploy(rollback="3").now.generation == 3
    assert nixos.deploy(rollback="3").outcome == "unchanged"
    assert nixos.deploy(rollback="9").outcome == "refused"
    assert len(nixos.generations(PROFILE)) == 3


def test_a_rollback_that_fails_returns_to_where_it_came_from(nixos: NixOS) -> None:
    bad, good = nixos.system("nixos-bad", trouble="exit 2"), nixos.system("nixos-good")
    nixos.install(bad, good)
    assert nixos.deploy(rollback="previous").outcome == "rolled_back"
    assert nixos.whole_as == whole(good)


def test_a_second_deployment_is_refused_and_told_whose_the_first_is(nixos: NixOS, old: str) -> None:
    slow = nixos.request(nixos.system("nixos-slow", trouble="sleep 2"))
    thread = nixos.start(slow)
    answer = nixos.deploy(nixos.system("nixos-new"))
    assert (answer.outcome, "alice@laptop" in answer.cause, slow.id in answer.cause) == ("refused", True, True)
    thread.join()
    assert nixos.boots == "slow"


def test_two_at_once_never_run_together(nixos: NixOS, old: str) -> None:
    answers: list[Answer] = []
    systems = [nixos.system(f"nixos-{name}", trouble="sleep 1") for name in ("a", "b", "c")]
    threads = [
        threading.Thread(target=lambda system=system: answers.append(nixos.deploy(system))) for system in systems
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.outcome for answer in answers).count("activated") >= 1
    calls = nixos.calls
    assert [call.split()[1] for call in calls[::2]] == [call.split()[1] for call in calls[1::2]]


def test_asking_again_waits_for_what_was_begun_and_begins_nothing(nixos: NixOS, old: str) -> None:
    slow = nixos.request(nixos.system("nixos-slow", trouble="sleep 1"))
    thread = nixos.start(slow)
    assert deploy(nixos, slow).outcome == "activated"
    thread.join()
    assert nixos.calls == ["test slow", "boot slow"]
    assert deploy(nixos, slow).outcome == "activated"


def test_an_older_deployment_is_answered_for_by_the_journal(nixos: NixOS, old: str) -> None:
    first = nixos.request(nixos.system("nixos-a"))
    deploy(nixos, first)
    nixos.deploy(nixos.system("nixos-b"))
    answer = deploy(nixos, first)
    assert (answer.outcome, answer.now.generation) == ("activated", 3)
    assert nixos.boots == "b"


def test_a_killed_supervisor_is_made_up_for_at_once(nixos: NixOS, old: str) -> None:
    slow = nixos.request(nixos.system("nixos-slow", trouble="sleep 3"))
    thread = nixos.start(slow)
    wait_for(lambda: nixos.calls == ["test slow"])
    os.kill(nixos.supervisor_of(slow), signal.SIGKILL)
    thread.join()
    assert deploy(nixos, slow).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)
    # What the killed one had started does not finish later.
    time.sleep(2)
    assert nixos.whole_as == whole(old)


def test_what_a_power_cut_left_is_made_up_for_by_the_next_deployment(nixos: NixOS, old: str) -> None:
    slow = nixos.request(nixos.system("nixos-slow", trouble='echo $$ > "$root/step"; sleep 30'))
    thread = nixos.start(slow)
    wait_for(lambda: nixos.path("/step").exists() and nixos.path("/step").read_text().strip().isdigit())
    for pid in family(nixos.supervisor_of(slow), int(nixos.path("/step").read_text())):
        os.kill(pid, signal.SIGKILL)
    new = nixos.system("nixos-new")
    answer = nixos.deploy(new)
    assert (answer.outcome, answer.cause, answer.previous.generation) == ("activated", "", 2)
    assert nixos.whole_as == whole(new)
    assert [entry["outcome"] for entry in nixos.journal] == ["rolled_back", "activated"]
    thread.join()


def test_what_was_interrupted_is_never_called_unchanged(nixos: NixOS, old: str) -> None:
    slow = nixos.request(nixos.system("nixos-slow", trouble='echo $$ > "$root/step"; sleep 30'))
    thread = nixos.start(slow)
    wait_for(lambda: nixos.path("/step").exists() and nixos.path("/step").read_text().strip().isdigit())
    for pid in family(nixos.supervisor_of(slow), int(nixos.path("/step").read_text())):
        os.kill(pid, signal.SIGKILL)
    assert nixos.deploy(old).outcome == "activated"
    assert nixos.whole_as == whole(old)
    thread.join()


def test_the_journal_says_who_did_what_from_where(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    origin = Origin("alice", "laptop", revision="4f1e", dirty=True, description='a "quoted" $(touch x)\nline')
    nixos.deploy(new, origin=origin)
    entry = nixos.journal[-1]
    assert (entry["user"], entry["controller"], entry["revision"], entry["dirty"]) == ("alice", "laptop", "4f1e", True)
    assert entry["description"] == 'a "quoted" $(touch x) line'
    assert (entry["from"]["generation"], entry["to"]["generation"], entry["outcome"]) == (2, 3, "activated")
    assert not nixos.path("/x").exists()


def test_the_state_is_the_deploying_users_alone(nixos: NixOS, old: str) -> None:
    nixos.deploy(nixos.system("nixos-new"))
    assert nixos.state.stat().st_mode & 0o777 == 0o700
    assert (nixos.state / "journal.jsonl").stat().st_mode & 0o777 == 0o600


def test_nothing_is_left_but_the_journal_and_the_last_log(nixos: NixOS, old: str) -> None:
    for name in ("a", "b", "c"):
        nixos.deploy(nixos.system(f"nixos-{name}"))
    assert sorted(path.name for path in nixos.state.iterdir()) == ["journal.jsonl", "runs"]
    assert len(list((nixos.state / "runs").iterdir())) == 1


def test_activation_has_an_ordinary_umask(nixos: NixOS, old: str) -> None:
    nixos.deploy(nixos.system("nixos-new", trouble='umask > "$root/umask"'))
    assert nixos.path("/umask").read_text().strip() == "0022"


def test_a_specialisation_runs_and_its_parent_is_the_default(nixos: NixOS, old: str) -> None:
    inner = nixos.system("nixos-inner")
    new = nixos.system("nixos-new")
    nixos.link(f"{new}/specialisation/travel", inner)
    assert nixos.deploy(new, specialisation="travel").outcome == "activated"
    assert nixos.whole_as == (inner, new, "new")
    assert nixos.deploy(new, specialisation="travel").outcome == "unchanged"


def processes() -> list[str]:
    """Return the command line of every process that there is."""
    found = []
    for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(file.read_text())
    return found


def family(supervisor: int, step: int) -> list[int]:
    """Return the guardian, the supervisor and the step, which a power cut ends all at once."""
    status = pathlib.Path(f"/proc/{supervisor}/stat").read_text()
    guardian = int(status.rpartition(") ")[2].split()[1])
    return [guardian, supervisor, step]
