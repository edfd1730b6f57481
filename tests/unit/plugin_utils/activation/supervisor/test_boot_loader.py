# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine boots is what the boot loader says, on the way there and back."""

from __future__ import annotations

import os

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import (
    CONFIRMED,
    Confirmation,
    cancelled,
    confirm,
    confirm_script,
    deploy,
)

from .interrupting import STUCK, awaiting, children_of, cut_down, cut_off, guard_of, rewrite_record
from .nixos import LOADER, PROFILE, RUNNING, NixOS, wait_for, whole

# What a boot loader's installer does, for one that does something else as well.
WRITE = """
mkdir -p "/boot/loader/entries"
echo "options init=$self/init" > "/boot/loader/entries/nixos-${self##*-}.conf"
echo "default nixos-${self##*-}.conf" > "/boot/loader/loader.conf"
""".strip()
# A generation beyond the configurationLimit of NixOS's own installer for systemd-boot.
SILENT = "exit 0"


def add_another_loader(nixos: NixOS) -> None:
    """Have files of a second boot loader there: which of the two the machine starts cannot be read."""
    nixos.path("/boot/grub").mkdir()
    nixos.path("/boot/grub/grub.cfg").write_text("of another loader\n")


def test_what_boots_is_told_after_a_deployment(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    assert nixos.deploy(new).boots == new


def test_what_boots_is_told_after_going_back(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-bad", loading=f"{WRITE}; exit 1"))
    assert (answer.outcome, answer.boots) == ("rolled_back", old)


def test_a_system_that_the_boot_loader_has_no_entry_for_is_not_called_the_default(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-bad", loading=SILENT))
    assert (answer.outcome, "configurationLimit" in answer.cause) == ("rolled_back", True)
    assert nixos.whole_as == whole(old)


def test_a_rollback_that_the_boot_loader_has_no_entry_for_is_not_called_the_default(nixos: NixOS) -> None:
    first, second = nixos.system("nixos-first", loading=SILENT), nixos.system("nixos-second")
    nixos.install(first, second)
    assert nixos.deploy(rollback="previous").outcome == "rolled_back"
    assert nixos.whole_as == whole(second)


def test_a_profile_that_stands_elsewhere_in_the_end_is_not_called_the_default(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-bad", loading=f'ln -sfn system-1-link "{PROFILE}"'))
    assert (answer.outcome, "stands at" in answer.cause) == ("rolled_back", True)
    assert nixos.whole_as == whole(old)


def test_a_default_that_the_boot_loader_does_not_come_up_with_is_something_to_do(nixos: NixOS, old: str) -> None:
    nixos.load(nixos.system("nixos-other"))
    assert nixos.deploy(old).outcome == "activated"
    assert nixos.whole_as == whole(old)


def test_goal_test_asks_nothing_of_the_boot_loader(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new", loading=SILENT)
    assert nixos.deploy(new, goal="test").outcome == "activated"
    assert nixos.whole_as == (new, old, "old")


def test_the_failed_generation_makes_room_before_the_boot_loader_is_written_again(nixos: NixOS) -> None:
    old = nixos.system("nixos-old", loading=f'[ ! -L "{PROFILE}-3-link" ] || exit 1')
    nixos.install(nixos.system("nixos-first"), old)
    bad = nixos.system("nixos-bad", loading=f"{WRITE}; exit 1")
    assert nixos.deploy(bad).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)
    assert nixos.calls == ["test bad", "boot bad", "boot old", "test old"]
    assert sorted(nixos.generations(PROFILE)) == [1, 2]


def test_the_boot_loader_is_written_before_what_runs_is_activated_again(nixos: NixOS, old: str) -> None:
    nixos.deploy(nixos.system("nixos-bad", loading=f"{WRITE}; exit 1"))
    assert nixos.calls == ["test bad", "boot bad", "boot old", "test old"]


def test_the_boot_loader_is_tried_again_once_the_old_system_runs(nixos: NixOS) -> None:
    # For instance since it takes a mount that only the old system has.
    old = nixos.system("nixos-old", loading=f'[ "$(readlink "{RUNNING}")" = "$self" ] || exit 1')
    nixos.install(nixos.system("nixos-first"), old)
    assert nixos.deploy(nixos.system("nixos-bad", loading=f"{WRITE}; exit 1")).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)


UNTIL_REPAIRED = '[ -e "$root/repaired" ] || exit 1'


@pytest.mark.parametrize("loading", [UNTIL_REPAIRED, '[ -e "$root/repaired" ] || exit 0'], ids=["fails", "lies"])
def test_a_boot_loader_that_cannot_be_written_back_is_told_and_written_when_it_can_be(
    nixos: NixOS, loading: str
) -> None:
    nixos.hurry()
    old = nixos.system("nixos-old", loading=loading)
    nixos.install(nixos.system("nixos-first"), old)
    bad = nixos.system("nixos-bad", loading=f"{WRITE}; exit 1")
    answer = nixos.deploy(bad)
    assert (answer.outcome, answer.boots, answer.now.running, answer.now.closure) == ("rollback_failed", bad, old, old)
    assert bad in answer.cause
    nixos.path("/repaired").touch()
    wait_for(lambda: [entry["outcome"] for entry in nixos.journal] == ["rollback_failed", "rolled_back"])
    assert nixos.whole_as == whole(old)


def test_what_a_boot_loader_that_could_not_be_written_back_has_brought_up_is_nobody_elses_doing(nixos: NixOS) -> None:
    nixos.hurry()
    old = nixos.system("nixos-old", loading=UNTIL_REPAIRED)
    nixos.install(nixos.system("nixos-first"), old)
    bad = nixos.request(nixos.system("nixos-bad", loading=f"{WRITE}; exit 1"))
    assert deploy(nixos, bad).outcome == "rollback_failed"
    guard = guard_of(nixos, bad)
    cut_down([guard, *children_of(guard)])
    nixos.link(RUNNING, bad.closure or "")
    rewrite_record(nixos, bad, recorded_boot="earlier")
    nixos.path("/repaired").touch()
    nixos.program(bad, "recover")
    assert [entry["outcome"] for entry in nixos.journal] == ["rollback_failed", "rolled_back"]
    assert nixos.whole_as == whole(old)


def test_a_boot_loader_of_which_nothing_can_be_read_is_known_by_its_installer(nixos: NixOS) -> None:
    nixos.hurry()
    old = nixos.system("nixos-old", loading=UNTIL_REPAIRED)
    nixos.install(nixos.system("nixos-first"), old)
    add_another_loader(nixos)
    answer = nixos.deploy(nixos.system("nixos-bad", loading="exit 1"))
    assert (answer.outcome, answer.boots) == ("rollback_failed", None)
    nixos.path("/repaired").touch()
    wait_for(lambda: [entry["outcome"] for entry in nixos.journal] == ["rollback_failed", "rolled_back"])


def test_a_boot_loader_that_was_never_written_is_left_alone(nixos: NixOS, old: str) -> None:
    assert nixos.deploy(nixos.system("nixos-bad", trouble="exit 2")).outcome == "rolled_back"
    assert nixos.calls == ["test bad", "test old"]


def test_a_boot_loader_that_stood_elsewhere_before_is_left_there(nixos: NixOS, old: str) -> None:
    nixos.load(nixos.system("nixos-other"))
    assert nixos.deploy(nixos.system("nixos-bad", trouble="exit 2")).outcome == "rolled_back"
    assert nixos.whole_as == (old, old, "other")


def test_a_boot_loader_that_stood_elsewhere_before_is_brought_back_there(nixos: NixOS) -> None:
    # The profile's may be one that does not work.
    first, second = nixos.system("nixos-first"), nixos.system("nixos-second")
    nixos.install(first, second)
    nixos.load(first)
    answer = nixos.deploy(nixos.system("nixos-bad", loading=f"{WRITE}; exit 1"))
    assert (answer.outcome, answer.boots) == ("rolled_back", first)
    assert nixos.calls == ["test bad", "boot bad", "boot first", "test second"]
    assert nixos.whole_as == (second, second, "first")


@pytest.mark.parametrize("doing", [":", 'rm -r "${self%/*}"/*-chosen'])
def test_a_boot_loader_that_cannot_be_brought_back_to_what_was_chosen_boots_the_profiles(
    nixos: NixOS, old: str, doing: str
) -> None:
    chosen = nixos.system("nixos-chosen", loading=SILENT)
    nixos.load(chosen)
    bad = nixos.system("nixos-bad", loading=f"{WRITE}; {doing}; exit 1")
    answer = nixos.deploy(bad)
    assert (answer.outcome, answer.boots, chosen in answer.cause) == ("rolled_back", old, True)
    assert nixos.whole_as == whole(old)


def test_what_boots_and_is_of_no_profile_is_kept_from_a_collection_while_it_may_be_gone_back_to(
    nixos: NixOS, old: str
) -> None:
    chosen = nixos.system("nixos-chosen")
    nixos.load(chosen)
    request = awaiting(nixos)
    root = nixos.state / "runs" / request.id / "boots"
    assert str(root.readlink()) == nixos.here(chosen)
    confirm(nixos, request.id, CONFIRMED, 10)
    assert not root.is_symlink()


def test_a_boot_loader_that_the_activation_itself_has_written_is_written_back(nixos: NixOS, old: str) -> None:
    assert nixos.deploy(nixos.system("nixos-bad", trouble=f"{WRITE}; exit 2")).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)


def test_a_boot_loader_that_was_written_before_a_power_cut_is_read_and_written_back(nixos: NixOS, old: str) -> None:
    slow = nixos.request(nixos.system("nixos-slow", loading=f"{WRITE}; {STUCK}"))
    cut_off(nixos, slow)
    # What had not reached the disk.
    (nixos.state / "runs" / slow.id / "default-touched").unlink()
    nixos.link(PROFILE, "system-2-link")
    nixos.program(slow, "recover")
    assert [entry["outcome"] for entry in nixos.journal] == ["rolled_back"]
    assert nixos.whole_as == whole(old)


def test_a_boot_loader_of_which_nothing_can_be_read_is_written_back_where_its_directory_is_hidden(
    nixos: NixOS, old: str
) -> None:
    add_another_loader(nixos)
    slow = nixos.request(nixos.system("nixos-slow", loading=f"{WRITE}; {STUCK}"))
    cut_off(nixos, slow)
    # On its way back, it had got as far as the profile.
    nixos.link(PROFILE, "system-2-link")
    nixos.state.rename(nixos.path("/hidden"))
    nixos.deploy(old, goal="test")
    assert nixos.whole_as == whole(old)


def test_a_boot_loader_that_somebody_else_has_written_with_the_same_closure_is_written_back(
    nixos: NixOS, old: str
) -> None:
    add_another_loader(nixos)
    new = nixos.system("nixos-new")
    request = awaiting(nixos, new)
    nixos.link(f"{PROFILE}-3-link", new)
    nixos.link(PROFILE, "system-3-link")
    nixos.load(new)
    assert confirm(nixos, request.id, cancelled("the shop is down"), 10).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)


@pytest.mark.parametrize("lost", ["default-touched", "profile", "both but what is in memory"])
def test_a_boot_loader_of_which_nothing_can_be_read_is_written_back_after_a_power_cut(
    nixos: NixOS, old: str, lost: str
) -> None:
    add_another_loader(nixos)
    # As where no file can be made any more.
    note = (
        'for run in "/var/lib/nix.fleet/runs/"*; do mkdir "$run/default-touched"; done'
        if lost.startswith("both")
        else ":"
    )
    slow = nixos.request(nixos.system("nixos-slow", trouble=note, loading=f"{WRITE}; {STUCK}"))
    cut_off(nixos, slow)
    if lost.startswith("both"):
        (nixos.state / "runs" / slow.id / "default-touched").rmdir()
    else:
        (nixos.live / f"touched-{slow.id}").unlink()
    if lost != "default-touched":
        nixos.link(PROFILE, "system-2-link")
    else:
        (nixos.state / "runs" / slow.id / lost).unlink()
    nixos.program(slow, "recover")
    assert [entry["outcome"] for entry in nixos.journal] == ["rolled_back"]
    assert nixos.whole_as == whole(old)


def test_what_a_full_boot_partition_left_half_written_is_removed_on_the_way_back(nixos: NixOS) -> None:
    old = nixos.system("nixos-old", loading='[ ! -e "/boot/loader/loader.tmp" ] || exit 1')
    nixos.install(nixos.system("nixos-first"), old)
    bad = nixos.system("nixos-bad", loading=f'{WRITE}; : > "/boot/loader/loader.tmp"; exit 1')
    assert nixos.deploy(bad).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)


def test_a_boot_loader_is_installed_on_the_way_there_and_only_written_on_the_way_back(nixos: NixOS) -> None:
    note = 'echo "${self##*-} $NIXOS_INSTALL_BOOTLOADER" >> "$root/installed"'
    old = nixos.system("nixos-old", loading=note)
    nixos.install(nixos.system("nixos-first"), old)
    nixos.deploy(nixos.system("nixos-bad", loading=f"{note}; exit 1"), install_bootloader=True)
    assert nixos.path("/installed").read_text().splitlines() == ["bad 1", "old 0"]


def boots(nixos: NixOS) -> str | None:
    return nixos.deploy(nixos.standing(RUNNING), check=True).boots


@pytest.mark.parametrize(
    ("text", "entries", "known"),
    [
        ("default nixos-old.conf", ["nixos-old.conf"], True),
        ("default nixos-old", ["nixos-old.conf"], True),
        ("default\tnixos-old.conf", ["nixos-old.conf"], True),
        ("default nixos-other.conf\ndefault nixos-old.conf", ["nixos-old.conf", "nixos-other.conf"], True),
        ("preferred nixos-old.conf\ndefault nixos-other.conf", ["nixos-old.conf", "nixos-other.conf"], True),
        # With boot counting.
        ("default nixos-old.conf", ["nixos-old+3.conf"], True),
        ("default nixos-old.conf", ["nixos-old+2-1.conf"], True),
        ("default nixos-*.conf", ["nixos-old.conf"], True),
        ("default nixos-*", ["nixos-old.conf"], True),
        # Of several, the loader chooses by what is not known here.
        ("default nixos-*.conf", ["nixos-old.conf", "nixos-other.conf"], False),
        ("default nixos-old.conf", ["nixos-old.conf", "nixos-old+3.conf"], False),
        ("default nixos-other.conf", ["nixos-old.conf"], False),
        ("default nixos-other", ["nixos-old.conf"], False),
        ("default @saved", ["nixos-old.conf"], False),
        ("default ../entries/nixos-old.conf", ["nixos-old.conf"], False),
        ("timeout 5", ["nixos-old.conf"], False),
    ],
)
def test_systemd_boot_boots_what_its_default_entry_names(
    nixos: NixOS, old: str, text: str, entries: list[str], known: bool
) -> None:
    directory = nixos.path(f"{LOADER}/entries")
    (directory / "nixos-old.conf").unlink()
    for entry in entries:
        closure = old if "old" in entry else nixos.system("nixos-other")
        (directory / entry).write_text(f"title NixOS\noptions init={nixos.here(closure)}/init root=/dev/vda\n")
    nixos.path(f"{LOADER}/loader.conf").write_text(f"{text}\n")
    assert boots(nixos) == (old if known else None)


def test_a_boot_loader_whose_default_entry_is_not_there_is_not_as_it_should_be(nixos: NixOS, old: str) -> None:
    nixos.path(f"{LOADER}/loader.conf").write_text("default nixos-gone.conf\n")
    assert nixos.deploy(old).outcome == "activated"
    assert nixos.whole_as == whole(old)


@pytest.mark.parametrize(("place", "known"), [("/boot/loader/entries", True), ("/boot/elsewhere/entries", False)])
def test_entries_of_systemd_boot_may_be_on_a_partition_of_their_own(
    nixos: NixOS, old: str, place: str, known: bool
) -> None:
    loader = nixos.path("/boot/efi/loader")
    loader.mkdir(parents=True)
    nixos.path(f"{LOADER}/loader.conf").rename(loader / "loader.conf")
    nixos.path(f"{LOADER}/entries/nixos-old.conf").unlink()
    written = WRITE.replace("/boot/loader/loader.conf", "/boot/efi/loader/loader.conf").replace(
        "/boot/loader/entries", place
    )
    new = nixos.system("nixos-new", loading=f"{written}; exit 0")
    answer = nixos.deploy(new)
    assert (answer.outcome, answer.boots) == ("activated", new if known else None)


def test_images_that_match_the_default_make_an_entry_that_is_left_not_what_boots(nixos: NixOS, old: str) -> None:
    nixos.path("/boot/EFI/Linux").mkdir(parents=True)
    nixos.path("/boot/EFI/Linux/nixos-generation-2.efi").touch()
    nixos.path(f"{LOADER}/loader.conf").write_text("default nixos-*\n")
    assert boots(nixos) is None


def test_a_boot_loader_that_is_written_back_with_an_entry_that_is_not_there_is_told(nixos: NixOS) -> None:
    # As where the profile has no generations for the installer to make entries of.
    lost = 'echo "default nixos-gone.conf" > "/boot/loader/loader.conf"; exit 0'
    old = nixos.system("nixos-old", loading=lost)
    nixos.install(nixos.system("nixos-first"), old)
    answer = nixos.deploy(nixos.system("nixos-bad", loading=f"{WRITE}; exit 1"))
    assert (answer.outcome, "nixos-gone.conf" in answer.cause) == ("rollback_failed", True)


LIMINE = """
timeout: 5
default_entry: {default}

# NixOS boot entries start here
/+NixOS default profile
//Generation 2
protocol: linux
cmdline: init={old}/init loglevel=4
//Generation 1
protocol: linux
cmdline: init={first}/init loglevel=4
"""


@pytest.mark.parametrize(("default", "known"), [("2", True), ("3", True), ("4", False), ("2\ndefault_entry: 5", False)])
def test_limine_boots_its_first_generation_unless_another_is_the_default(
    nixos: NixOS, old: str, default: str, known: bool
) -> None:
    nixos.path(f"{LOADER}/loader.conf").unlink()
    text = LIMINE.format(default=default, old=nixos.here(old), first=nixos.here(nixos.system("nixos-first")))
    nixos.path("/boot/limine").mkdir()
    nixos.path("/boot/limine/limine.conf").write_text(text)
    assert boots(nixos) == (old if known else None)


# Whatever it is told.
NEWEST = f"""
for newest in "{PROFILE}"-*-link; do :; done
mkdir -p /boot/limine
printf 'default_entry: 2\\ncmdline: init=%s/init\\n' "$(readlink "$newest")" > /boot/limine/limine.conf
exit 0
""".strip()


def test_a_rollback_is_a_generation_of_its_own_where_the_newest_boots(nixos: NixOS) -> None:
    first, second = (nixos.system(f"nixos-{name}", loading=NEWEST) for name in ("first", "second"))
    nixos.install(first, second)
    nixos.path(f"{LOADER}/loader.conf").unlink()
    nixos.path("/boot/limine").mkdir()
    nixos.path("/boot/limine/limine.conf").touch()
    answer = nixos.deploy(rollback="previous")
    assert (answer.outcome, answer.now.running, answer.boots) == ("activated", first, first)
    assert nixos.generations(PROFILE) == {1: first, 2: second, 3: first}


def test_where_refind_is_nobody_knows_what_boots(nixos: NixOS, old: str) -> None:
    nixos.path("/boot/efi/refind").mkdir(parents=True)
    nixos.path("/boot/efi/refind/refind.conf").touch()
    assert boots(nixos) is None


GRUB = """
{default}
menuentry "NixOS" {{
  linux ($drive1)//kernels/linux-bzImage init={old}/init loglevel=4
}}
menuentry "NixOS - Configuration 1" {{
  linux ($drive1)//kernels/linux-bzImage init={first}/init loglevel=4
}}
"""


@pytest.mark.parametrize(
    ("default", "known"),
    [
        ('set default="0"', True),
        ("set default=0", True),
        ('set default="1"', False),
        ('set default="${saved_entry}"', False),
        ("", False),
    ],
)
def test_grub_boots_its_first_entry_unless_another_is_the_default(
    nixos: NixOS, old: str, default: str, known: bool
) -> None:
    nixos.path(f"{LOADER}/loader.conf").unlink()
    nixos.path("/boot/grub").mkdir()
    text = GRUB.format(default=default, old=nixos.here(old), first=nixos.here(nixos.system("nixos-first")))
    nixos.path("/boot/grub/grub.cfg").write_text(text)
    assert boots(nixos) == (old if known else None)


@pytest.mark.parametrize(
    ("environment", "known"), [("saved_entry=NixOS", False), ("saved_entry=", True), ("next_entry=NixOS", True)]
)
def test_grub_boots_an_entry_once_that_its_environment_names(
    nixos: NixOS, old: str, environment: str, known: bool
) -> None:
    nixos.path(f"{LOADER}/loader.conf").unlink()
    nixos.path("/boot/grub").mkdir()
    default = 'if [ "${saved_entry}" ]; then\n  set default="${saved_entry}"\nelse\n  set default="0"\nfi'
    nixos.path("/boot/grub/grub.cfg").write_text(GRUB.format(default=default, old=nixos.here(old), first="/none"))
    nixos.path("/boot/grub/grubenv").write_text(f"# GRUB Environment Block\n{environment}\n######")
    assert boots(nixos) == (old if known else None)


def test_grub_of_which_an_installer_was_ended_halfway_is_installed_on_the_way_back(nixos: NixOS) -> None:
    grub = nixos.path("/boot/grub")
    grub.mkdir(parents=True)
    (grub / "state").touch()
    os.utime(grub / "state", (0, 0))
    note = 'echo "${self##*-} $NIXOS_INSTALL_BOOTLOADER" >> "$root/installed"'
    old = nixos.system("nixos-old", loading=f"{note}; touch /boot/grub/state")
    nixos.install(nixos.system("nixos-first"), old)
    bad = nixos.system("nixos-bad", loading=f"{note}; touch /boot/grub/normal.mod; exit 1")
    assert nixos.deploy(bad).outcome == "rolled_back"
    assert nixos.path("/installed").read_text().splitlines() == ["bad 0", "old 1"]


def test_grub_of_which_an_installer_was_ended_halfway_may_not_boot_what_it_names(nixos: NixOS, old: str) -> None:
    nixos.path(f"{LOADER}/loader.conf").unlink()
    grub = nixos.path("/boot/grub")
    grub.mkdir()
    (grub / "grub.cfg").write_text(GRUB.format(default="set default=0", old=nixos.here(old), first="/none"))
    for file, age in {"state": 1, "normal.mod": 2}.items():
        (grub / file).touch()
        os.utime(grub / file, (age, age))
    assert boots(nixos) is None


EXTLINUX = """
{default}
LABEL nixos-default
  LINUX ../nixos/linux-Image
  APPEND init={old}/init console=ttyS0
LABEL nixos-1-default
  APPEND init={first}/init
"""


@pytest.mark.parametrize(
    ("default", "known"), [("DEFAULT nixos-default", True), ("DEFAULT nixos-1-default", False), ("", False)]
)
def test_extlinux_boots_its_first_entry_unless_another_is_the_default(
    nixos: NixOS, old: str, default: str, known: bool
) -> None:
    nixos.path(f"{LOADER}/loader.conf").unlink()
    nixos.path("/boot/extlinux").mkdir()
    text = EXTLINUX.format(default=default, old=nixos.here(old), first=nixos.here(nixos.system("nixos-first")))
    nixos.path("/boot/extlinux/extlinux.conf").write_text(text)
    assert boots(nixos) == (old if known else None)


def test_of_two_boot_loaders_nobody_knows_which_one_boots(nixos: NixOS, old: str) -> None:
    nixos.path("/boot/grub").mkdir()
    text = GRUB.format(default="set default=0", old=nixos.here(old), first=nixos.here(old))
    nixos.path("/boot/grub/grub.cfg").write_text(text)
    assert boots(nixos) is None
    new = nixos.system("nixos-new")
    assert nixos.deploy(new).outcome == "activated"
    assert nixos.whole_as == whole(new)


@pytest.mark.parametrize("name", ["LoaderEntryDefault", "LoaderEntryOneShot"])
def test_where_the_firmware_remembers_an_entry_nobody_knows_what_boots(nixos: NixOS, old: str, name: str) -> None:
    variables = nixos.path("/sys/firmware/efi/efivars")
    variables.mkdir(parents=True)
    (variables / f"{name}-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f").touch()
    answer = nixos.deploy(nixos.system("nixos-new"))
    assert (answer.outcome, answer.boots) == ("activated", None)


def test_what_only_boots_is_on_the_disk_before_the_boot_loader_names_it(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("sync", 'echo "sync $#" >> @root@/calls; exec {sync} "$@"'.replace("@root@", str(nixos.root)))
    assert nixos.deploy(nixos.system("nixos-new"), goal="boot").outcome == "activated"
    assert "sync 0" in nixos.calls[: nixos.calls.index("boot new")]


def test_each_file_system_that_the_firmware_reads_is_on_the_disk_in_the_end(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("sync", f'[ "$1" != -f ] || echo "$*" >> {nixos.root}/synced')
    nixos.path("/proc").mkdir()
    mounts = [
        "a / ext4 rw",
        "f /boot vfat rw",
        "b /boot/firmware vfat rw",
        "c /boot2 vfat rw",
        "d /esp ext4 rw",
        "e /boot/in\\040two vfat rw",
        "g /media/stick vfat rw",
    ]
    nixos.path("/proc/mounts").write_text("".join(f"{line} 0 0\n" for line in mounts))
    nixos.deploy(nixos.system("nixos-new"))
    synced = nixos.path("/synced").read_text().replace(str(nixos.root), "")
    assert synced == "-f /boot/ /boot/firmware/ /boot2/ /esp/\n"


@pytest.mark.slow
def test_a_boot_partition_that_cannot_be_written_to_the_disk_in_time_is_told(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("sync", "case $1 in -f) exec sleep 1000 ;; esac")
    new = nixos.system("nixos-new")
    answer = nixos.deploy(new, activation_timeout=8)
    assert (answer.outcome, len(answer.warnings)) == ("activated", 1)
    assert nixos.whole_as == whole(new)


def test_a_boot_partition_that_hangs_keeps_no_machine_from_running_what_ran_before(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("sleep", "exec {sleep} 0.02")
    request = awaiting(nixos)
    hanging = nixos.path(f"{LOADER}/loader.conf")
    hanging.unlink()
    os.mkfifo(hanging)
    nixos.run(confirm_script(request.id, cancelled("not wanted"), 0))
    wait_for(lambda: nixos.standing(RUNNING) == old, 30)
    hanging.unlink()
    nixos.load(old)
    wait_for(lambda: bool(nixos.journal) and nixos.journal[-1]["outcome"] == "rolled_back", 60)
    assert nixos.whole_as == whole(old)


def test_where_no_boot_loader_is_known_the_profile_decides(nixos: NixOS, old: str) -> None:
    nixos.path(f"{LOADER}/loader.conf").unlink()
    answer = nixos.deploy(old)
    assert (answer.outcome, answer.boots) == ("unchanged", None)


def test_the_exit_code_of_a_boot_loader_that_cannot_be_written_is_told(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-bad", loading="exit 7"))
    assert (answer.outcome, answer.exit_code) == ("rolled_back", 7)
    assert "exit code 7" in answer.cause


@pytest.mark.parametrize("init", ["init", "prepare-root"])
@pytest.mark.parametrize(
    ("confirmation", "number"), [(CONFIRMED, 1), (cancelled("no"), 0)], ids=["confirmed", "cancelled"]
)
def test_a_container_whose_activation_says_what_it_boots_boots_what_is_confirmed(
    nixos: NixOS, confirmation: Confirmation, number: int, init: str
) -> None:
    links = f'ln -sfn "$self/{init}" "/sbin/init"'
    systems = [nixos.system(f"nixos-{name}", trouble=links) for name in ("old", "new")]
    nixos.install(systems[0])
    nixos.link("/sbin/init", f"{systems[0]}/{init}")
    request = awaiting(nixos, systems[1])
    assert nixos.standing("/sbin/init") == f"{systems[0]}/{init}"
    confirm(nixos, request.id, confirmation, 60)
    assert nixos.standing("/sbin/init") == f"{systems[number]}/{init}"


def test_a_container_that_loses_its_power_in_the_middle_of_its_activation_boots_the_old_system(nixos: NixOS) -> None:
    old = nixos.system("nixos-old")
    nixos.install(old)
    nixos.link("/sbin/init", f"{old}/init")
    links = 'ln -sfn "$self/init" "/sbin/init"'
    back = (
        f'n=0; until [ "$(readlink "/sbin/init")" = "{old}/init" ] || [ "$n" = 99 ]; do n=$((n + 1)); sleep 0.05; done'
    )
    new = nixos.system("nixos-new", trouble=f'{links}; {back}; echo "$n" > "$root/waited"')
    assert nixos.deploy(new).outcome == "activated"
    assert int(nixos.path("/waited").read_text()) < 99
    assert nixos.standing("/sbin/init") == f"{new}/init"


def test_a_container_whose_activation_was_cut_off_boots_the_old_system_after_the_way_back(nixos: NixOS) -> None:
    old = nixos.system("nixos-old", trouble='ln -sfn "$self/init" "/sbin/init"')
    nixos.install(old)
    slow = cut_off(nixos)
    nixos.link("/sbin/init", f"{slow.closure}/init")
    nixos.program(slow, "recover")
    assert nixos.standing("/sbin/init") == f"{old}/init"


def test_what_windows_starts_is_what_the_activation_has_put_there(nixos: NixOS, old: str) -> None:
    old_shim, new_shim = (
        f"{nixos.closure(f'wsl-utils-{name}', bin__systemd_shim='')}/bin/systemd-shim" for name in ("old", "new")
    )
    nixos.link("/sbin/init", old_shim)
    new = nixos.system("nixos-new", trouble=f'ln -sf "{new_shim}" "/sbin/init"')
    assert nixos.deploy(new).outcome == "activated"
    assert nixos.standing("/sbin/init") == new_shim


def test_a_container_whose_default_does_not_run_boots_it_after_the_way_back_as_well(nixos: NixOS) -> None:
    links = 'ln -sfn "$self/init" "/sbin/init"'
    old, tested, new = (nixos.system(f"nixos-{name}", trouble=links) for name in ("old", "tested", "new"))
    nixos.install(old)
    nixos.link(RUNNING, tested)
    nixos.link("/sbin/init", f"{old}/init")
    request = awaiting(nixos, new)
    confirm(nixos, request.id, cancelled("no"), 60)
    assert (nixos.standing(RUNNING), nixos.standing("/sbin/init")) == (tested, f"{old}/init")


def test_a_container_that_boots_what_the_profile_stands_at_goes_on_to_do_so(nixos: NixOS, old: str) -> None:
    nixos.link("/sbin/init", f"{PROFILE}/init")
    assert nixos.deploy(nixos.system("nixos-new")).outcome == "activated"
    assert nixos.path("/sbin/init").readlink() == nixos.path(f"{PROFILE}/init")
