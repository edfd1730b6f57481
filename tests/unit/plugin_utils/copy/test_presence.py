# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target says in one round trip what it lacks, and keeps what it has from the garbage collector."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy.presence import missing_of_many, missing_paths
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import CopyError

if t.TYPE_CHECKING:
    from .machine import Machine

ONE = "/nix/store/00000000000000000000000000000001-one"
TWO = "/nix/store/00000000000000000000000000000002-two"

# Has the paths that are listed in $HOME/valid; links as `--realise PATH --add-root LINK` does.
NIX_STORE = """
case $1 in
  --check-validity)
    shift 2
    for path in "$@"; do grep -qxF "$path" "$HOME/valid" || echo "$path"; done ;;
  --realise)
    shift
    number=
    while [ "$1" != --add-root ]; do
      grep -qxF "$1" "$HOME/valid" || exit 1
      number=$((number + 1)) paths="$paths $1"
      shift
    done
    number=
    for path in $paths; do
      number=$((number + 1))
      if [ "$number" = 1 ]; then ln -sfn "$path" "$2"; else ln -sfn "$path" "$2-$number"; fi
    done ;;
esac
"""


@pytest.fixture
def target(machine: Machine) -> Machine:
    machine.install({"nix-store": NIX_STORE, "id": "echo 1000"})
    (machine.home / "valid").write_text("")
    return machine


def has(target: Machine, *paths: str) -> None:
    (target.home / "valid").write_text("".join(f"{path}\n" for path in paths))


def kept(target: Machine, name: str) -> dict[str, str]:
    directory = target.home / "state" / "nix.fleet" / "gcroots" / "copied" / name
    return {link.name: str(pathlib.Path(link).readlink()) for link in directory.iterdir()}


def test_what_is_missing_is_named_in_one_round_trip(target: Machine) -> None:
    has(target, ONE)
    assert missing_paths(target, [ONE, TWO], protect_as="vps-1") == [TWO]
    assert target.trips == 1


def test_a_target_that_has_everything_keeps_it_in_the_same_round_trip(target: Machine) -> None:
    has(target, ONE, TWO)
    assert missing_paths(target, [ONE, TWO], protect_as="vps-1") == []
    assert kept(target, "vps-1") == {"1": ONE, "1-2": TWO}
    assert target.trips == 1


def test_a_derivation_that_is_there_is_not_built_to_keep_it(target: Machine) -> None:
    derivation = "/nix/store/00000000000000000000000000000003-three.drv"
    has(target, ONE, derivation)
    assert missing_paths(target, [derivation, ONE], protect_as="vps-1") == []
    assert kept(target, "vps-1") == {"1": ONE}


def test_what_was_kept_before_is_let_go(target: Machine) -> None:
    has(target, ONE, TWO)
    missing_paths(target, [ONE, TWO], protect_as="vps-1")
    missing_paths(target, [TWO], protect_as="vps-1")
    assert kept(target, "vps-1") == {"1": TWO}


def test_what_was_built_for_the_host_on_this_machine_is_left_alone(target: Machine) -> None:
    gcroots = target.home / "state" / "nix.fleet" / "gcroots"
    for name in ("vps-1", "built/vps-1", "copied/vps-1"):
        (gcroots / name).parent.mkdir(parents=True, exist_ok=True)
        (gcroots / name).symlink_to(TWO)
    has(target, ONE)
    assert missing_paths(target, [ONE], protect_as="vps-1") == []
    assert kept(target, "vps-1") == {"1": ONE}
    assert str((gcroots / "built" / "vps-1").readlink()) == TWO


def test_a_link_where_a_directory_is_to_be_gives_way(target: Machine) -> None:
    gcroots = target.home / "state" / "nix.fleet" / "gcroots"
    gcroots.mkdir(parents=True)
    (gcroots / "copied").symlink_to(TWO)
    has(target, ONE)
    assert missing_paths(target, [ONE], protect_as="vps-1") == []
    assert kept(target, "vps-1") == {"1": ONE}


def test_nothing_is_kept_while_something_is_missing(target: Machine) -> None:
    has(target, ONE)
    missing_paths(target, [ONE, TWO], protect_as="vps-1")
    assert not (target.home / "state").exists()


def test_without_a_name_nothing_is_written(target: Machine) -> None:
    has(target, ONE)
    assert missing_paths(target, [ONE]) == []
    assert not (target.home / "state").exists()


def test_a_machine_without_nix_is_told_from_a_store_that_fails(machine: Machine) -> None:
    with pytest.raises(CopyError, match="there is no Nix on this machine"):
        missing_paths(machine, [ONE])
    machine.install({"nix-store": "echo 'error: database is locked' >&2; exit 1"})
    with pytest.raises(CopyError, match="cannot be asked") as failure:
        missing_paths(machine, [ONE])
    assert "database is locked" in failure.value.log


def test_a_full_disk_is_called_by_its_name(machine: Machine) -> None:
    machine.install({"nix-store": "echo 'error: writing to file: No space left on device' >&2; exit 1"})
    with pytest.raises(CopyError, match="the disk is full"):
        missing_paths(machine, [ONE])


def test_more_paths_than_fit_on_a_command_line_can_be_asked_about(target: Machine) -> None:
    paths = [f"/nix/store/{number:032}-part-of-a-system-with-a-long-name" for number in range(3000)]
    has(target, paths[0])
    assert missing_of_many(target, paths[:50]) == paths[1:50]
    target.install({"nix-store": 'shift 2; for path in "$@"; do echo "$path"; done'})
    assert missing_of_many(target, paths) == paths
