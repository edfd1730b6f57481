# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A home goes back to all that it was, wherever its profile is, and says what it could not take away."""

from __future__ import annotations

import pathlib
import shutil

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import failure
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import deploy
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms

from ..machine import SHELLS
from .home import CURRENT, LEGACY, OWN, Home
from .interrupting import children_of, cut_down, guard_of, rewrite_record
from .nixos import wait_for


@pytest.fixture(params=SHELLS)
def user(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Home:
    return Home(tmp_path, request.param, uid=1000)


@pytest.fixture
def old(user: Home) -> str:
    first, second = user.home_of("first"), user.home_of("old", "kept", "dropped")
    user.install_homes(first, second)
    return second


def files_of(user: Home) -> dict[str, str]:
    """Return the files in the user's home, a link by what it leads to."""
    return {
        path.name: user.there(str(path.readlink())) if path.is_symlink() else path.read_text()
        for path in sorted(user.home.iterdir())
        if not path.name.startswith(".")
    }


@pytest.fixture
def legacy(user: Home) -> str:
    """A user whose profile is where Nix had it before 2.14."""
    first, second = user.home_of("first"), user.home_of("old", "kept")
    user.install_homes(first, second, profile=LEGACY)
    shutil.rmtree(user.path(OWN).parent)
    return second


def test_a_profile_in_the_legacy_directory_is_moved_as_home_manager_moves_it(user: Home, legacy: str) -> None:
    new = user.home_of("new")
    answer = user.deploy_home(new)
    assert (answer.outcome, answer.previous.generation, answer.now.generation) == ("activated", 2, 3), answer
    assert (user.standing(OWN), user.standing(CURRENT), user.standing(LEGACY)) == (new, new, None)
    assert list(user.generations(OWN)) == [1, 2, 3]
    assert user.deploy_home(new).outcome == "unchanged"


def test_what_somebody_switches_to_again_after_a_reboot_is_not_said_to_be_booted(user: Home) -> None:
    fragile = user.home_of("fragile", trouble="[ ! -e @root@/no-way-back ] || exit 2")
    user.install_homes(user.home_of("first"), fragile)
    user.path("/no-way-back").touch()
    bad = user.home_of("bad", trouble="exit 2")
    request = user.request(bad, platform=platforms()["home-manager"])
    assert deploy(user, request).outcome == "rollback_failed"
    guard = guard_of(user, request)
    cut_down([guard, *children_of(guard)])
    rewrite_record(user, request, recorded_boot="earlier")
    user.link(f"{OWN}-9-link", bad)
    user.link(OWN, "home-manager-9-link")
    user.program(request, "recover")
    assert (user.journal[-1]["outcome"], "booted" in user.journal[-1]["cause"]) == ("superseded", False)


def test_a_home_that_fails_goes_back_where_its_profile_was_moved(user: Home, legacy: str) -> None:
    answer = user.deploy_home(user.home_of("bad", trouble="exit 3"))
    assert (answer.outcome, answer.now.generation) == ("rolled_back", 2), answer
    assert (user.standing(OWN), user.standing(CURRENT)) == (legacy, legacy)
    assert list(user.generations(OWN)) == [1, 2]


def test_a_home_that_stands_in_the_legacy_directory_is_nothing_to_do(user: Home, legacy: str) -> None:
    answer = user.deploy_home(legacy)
    assert (answer.outcome, answer.profile) == ("unchanged", LEGACY)
    assert user.standing(OWN) is None


def test_a_first_home_is_where_nix_has_its_profiles_though_the_legacy_directory_is_there(user: Home) -> None:
    user.path(LEGACY).parent.mkdir(parents=True)
    home = user.home_of("first")
    assert user.deploy_home(home).outcome == "activated"
    assert (user.standing(OWN), user.standing(LEGACY)) == (home, None)


def test_what_a_failed_home_has_linked_is_taken_away(user: Home, old: str) -> None:
    before = files_of(user)
    answer = user.deploy_home(user.home_of("bad", "kept", "added", trouble="exit 3"))
    assert (answer.outcome, "left of it" in answer.cause) == ("rolled_back", False), answer
    assert files_of(user) == before
    assert user.standing(CURRENT) == old


@pytest.mark.parametrize("trouble", ["exit 3", ":"])
def test_what_was_moved_aside_is_put_back(user: Home, old: str, trouble: str) -> None:
    for name in ("added", "more of it"):
        (user.home / name).write_text("mine")
    (user.home / "dropped").unlink()
    (user.home / "dropped").write_text("mine as well")
    before = files_of(user)
    bad = user.home_of("bad", "added", "more of it", "dropped", trouble=trouble)
    answer = user.deploy_home(bad, backup_extension="bak", confirm_timeout=1)
    assert answer.outcome == ("awaiting" if trouble == ":" else "rolled_back"), answer
    wait_for(lambda: [entry["outcome"] for entry in user.journal] == ["rolled_back"])
    assert files_of(user) == before


def put(user: Home, own: str) -> None:
    """Have a file of the user's own: a text, or a link to what follows the arrow."""
    if own.startswith("-> "):
        (user.home / "keys").symlink_to(own.removeprefix("-> "))
    else:
        (user.home / "keys").write_text(own)
        (user.home / "keys").chmod(0o600)


@pytest.mark.parametrize(
    ("own", "fields"),
    [
        ("mine", {}),
        ("-> nowhere", {}),
        ("-> dropped", {}),
        ("-> dropped", {"backup_extension": "bak"}),
    ],
)
def test_what_a_failed_home_has_replaced_is_put_back(user: Home, old: str, own: str, fields: dict[str, str]) -> None:
    put(user, own)
    before = (user.home / "keys").lstat()
    bad = user.home_of("bad", "keys", trouble="exit 3", forced=True)
    assert user.deploy_home(bad, **fields).outcome == "rolled_back"
    path = user.home / "keys"
    assert (f"-> {path.readlink()}" if path.is_symlink() else path.read_text()) == own
    assert path.lstat().st_mode == before.st_mode
    assert not list(user.live.glob("kept-*"))


def test_what_a_failed_home_has_replaced_is_put_back_where_the_old_one_cannot_be_activated(user: Home) -> None:
    user.hurry()
    fragile = user.home_of("fragile", trouble="[ ! -e @root@/no-way-back ] || exit 2")
    user.install_homes(user.home_of("first"), fragile)
    user.path("/no-way-back").touch()
    put(user, "mine")
    assert user.deploy_home(user.home_of("bad", "keys", trouble="exit 3", forced=True)).outcome == "rollback_failed"
    assert (user.home / "keys").read_text() == "mine"


def test_what_somebody_has_put_where_a_file_was_replaced_is_left(user: Home, old: str) -> None:
    put(user, "mine")
    trouble = 'rm "$HOME/keys"; echo theirs > "$HOME/keys"; exit 3'
    user.deploy_home(user.home_of("bad", "keys", trouble=trouble, forced=True))
    assert (user.home / "keys").read_text() == "theirs\n"


def test_of_what_a_home_replaces_nothing_is_kept_once_it_is_there_to_stay(user: Home, old: str) -> None:
    put(user, "mine")
    assert user.deploy_home(user.home_of("new", "keys", forced=True)).outcome == "activated"
    assert (user.home / "keys").is_symlink()
    assert not list(user.live.glob("kept-*"))


def test_a_home_whose_settings_stop_every_nix_is_gone_back_from(user: Home, old: str) -> None:
    user.stop_nix("NIX_USER_CONF_FILES", 'test -e "$HOME/unreadable"')
    before = files_of(user)
    answer = user.deploy_home(user.home_of("bad", "kept", "unreadable", trouble="exit 3"))
    assert (answer.outcome, "left of it" in answer.cause) == ("rolled_back", False), answer
    assert files_of(user) == before


def test_what_a_failed_home_has_put_in_place_of_a_link_is_moved_aside_for_the_old_one(user: Home, old: str) -> None:
    before = files_of(user)
    answer = user.deploy_home(user.home_of("bad", "kept", trouble='echo new > "$HOME/dropped"; exit 3'))
    (aside,) = files_of(user).keys() - before.keys()
    assert (answer.outcome, f"/{aside}" in answer.cause) == ("rolled_back", True), answer
    assert before.items() < files_of(user).items()


def test_where_more_is_in_the_way_than_could_be_put_back_nothing_is_touched(user: Home, old: str) -> None:
    names = [f"{number:0200}" for number in range(700)]
    for name in names:
        (user.home / name).write_text("mine")
    answer = user.deploy_home(user.home_of("bad", *names, trouble="exit 3"), backup_extension="bak")
    assert (answer.outcome, "too many files" in answer.cause) == ("refused", True)
    assert user.standing(CURRENT) == old


def test_what_is_left_of_a_failed_home_is_told(user: Home) -> None:
    # An old home whose activation takes nothing away.
    old = user.home_of("old", "kept")
    user.path(f"{old}/activate").write_text(f"#!/bin/sh\nln -sfn {user.here(old)} {user.path(CURRENT)}\n")
    user.path(CURRENT).parent.mkdir(parents=True)
    user.install_homes(old)
    answer = user.deploy_home(user.home_of("bad", "added", trouble="exit 3"))
    assert answer.outcome == "rolled_back", answer
    assert f"left of it on this machine: {user.there(str(user.home))}/added" in answer.cause


def test_a_user_unit_of_a_failed_home_that_still_runs_is_told(user: Home) -> None:
    user.install_homes(user.home_of("old", "kept"))
    user.replace_tool("systemctl", 'test "$*" = "--user --quiet is-active ticking.service"')
    units = ("config__systemd__user__ticking.service", "config__systemd__user__ended.service")
    answer = user.deploy_home(user.home_of("bad", *units, trouble="exit 3"))
    assert answer.outcome == "rolled_back"
    assert "the unit ticking.service" in answer.cause
    assert "ended.service" not in answer.cause


def test_what_is_left_of_a_first_home_is_told(user: Home) -> None:
    answer = user.deploy_home(user.home_of("bad", "added", trouble="exit 3"))
    assert (answer.outcome, "/home/added" in answer.cause) == ("failed", True), answer


@pytest.mark.parametrize(("extension", "told"), [(None, True), ("bak", False)])
def test_a_check_names_the_files_in_the_way_of_a_home(user: Home, old: str, extension: str | None, told: bool) -> None:
    for name in ("mine", "same"):
        (user.home / name).write_text("mine")
    new = user.home_of("new", "kept", "mine", "same")
    shutil.copyfile(user.path(f"{new}/home-files").resolve() / "same", user.home / "same")
    answer = user.deploy_home(new, check=True, backup_extension=extension)
    assert answer.outcome == "activated", answer
    assert [text.endswith(": /home/mine") for text in answer.warnings] == [True] * told


def test_a_check_of_a_home_that_is_not_there_says_what_it_did_not_look_at(user: Home, old: str) -> None:
    answer = user.deploy_home("/nix/store/00000000000000000000000000000000-home-absent", check=True)
    assert (answer.outcome, "not looked at" in answer.log) == ("activated", True)


def test_what_is_told_of_a_home_calls_it_one(user: Home, old: str) -> None:
    error = failure("x", user.deploy_home(user.home_of("bad", trouble="exit 3")))
    assert "back on the home it ran before" in error.cause


def test_a_profile_that_cannot_be_moved_is_told_and_nothing_is_touched(user: Home, legacy: str) -> None:
    user.replace_tool("ln", f'case "$*" in *" {user.path(OWN)}") exit 1 ;; esac; exec {{ln}} "$@"')
    answer = user.deploy_home(user.home_of("new"))
    assert (answer.outcome, LEGACY in answer.cause) == ("refused", True)
    assert (user.standing(LEGACY), user.standing(CURRENT)) == (legacy, legacy)


class Phone(Home):
    """A phone whose /etc is below its own directory."""

    def here(self, text: str) -> str:
        return super().here(text.replace("droid_etc=/etc", "droid_etc=@root@/etc"))


@pytest.mark.parametrize("there", [True, False])
def test_a_check_names_what_stays_in_the_etc_of_a_phone(tmp_path: pathlib.Path, there: bool) -> None:
    phone = Phone(tmp_path, next(iter(SHELLS)))
    generation = phone.closure("nix-on-droid-generation", activate="exit 1")
    for name in ("hosts", "ours", "new"):
        phone.link(f"{generation}/etc/{name}", "/nowhere")
    phone.link("/etc/ours", "/etc/static/ours")
    phone.path("/etc/hosts").touch()
    absent = "/nix/store/00000000000000000000000000000000-phone-absent"
    request = phone.request(generation if there else absent, platform=platforms()["nix-on-droid"], check=True)
    answer = deploy(phone, request)
    assert answer.outcome == "activated", answer
    assert [text.rpartition(": ")[2] for text in answer.warnings] == ["/etc/hosts"] * there
    assert ("not looked at" in answer.log) is not there
