# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix_cache_push gives a cache what it lacks, signed, and nothing twice; nginx, Nix and ssh are the real ones."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ..fleet.adhoc import Fleet
from ..fleet.lab import on
from ..secrecy.processes import Onlooker
from .conftest import Cache, Key, closure_of, reached_from

MODULE = "nix_cache_push"
ON_HOST = "PATH=$PATH:/opt/nix/bin"


def pushing(cache: Cache, path: str, key: Key | None = None) -> dict[str, t.Any]:
    """Return the options that push a path to the cache."""
    options = {"paths": [path], "store": cache.uri, "nix_options": {"netrc-file": str(cache.netrc)}}
    return {**options, "secret_key_file": str(key.file)} if key else options


def test_what_is_lacking_is_pushed_and_signed_and_a_second_time_there_is_nothing_to_do(
    fleet: Fleet, cache: Cache, key: Key, closure: str
) -> None:
    would = fleet.ask("localhost", MODULE, "--check", "--diff", **pushing(cache, closure, key))
    assert (would["changed"], set(would["pushed_paths"])) == (True, closure_of(closure)), would
    assert f"+{closure}\n" in would["printed"]
    assert cache.signatures() == {}
    with Onlooker([key.secret]) as onlooker:
        first = fleet.ask("localhost", MODULE, **pushing(cache, closure, key))
    assert (first["changed"], set(first["pushed_paths"])) == (True, closure_of(closure)), first
    assert first["public_key"] == key.public
    assert cache.signatures() == {"whole": ["cache-1"], "part-0": ["cache-1"], "part-1": ["cache-1"]}
    assert onlooker.processes
    assert onlooker.sightings == set()
    again = fleet.ask("localhost", MODULE, **pushing(cache, closure, key))
    assert (again["changed"], again["msg"]) == (False, "everything is there already")


def test_a_builder_pushes_what_it_has_built_with_a_key_of_its_own(
    fleet: Fleet, cache: Cache, key: Key, tmp_path: Path
) -> None:
    on(
        "homelab",
        '(umask 077; printf %s "$1" >~/cache.key; printf %s "$2" >~/.netrc)',
        key.secret,
        cache.netrc.read_text(),
    )
    built = on("homelab", f"{ON_HOST}; head -c 100 /dev/urandom >/tmp/new && nix-store --add /tmp/new")
    options = {"paths": [built], "secret_key_file": "~/cache.key", "nix_options": {"netrc-file": "/root/.netrc"}}
    with reached_from("homelab", cache) as store:
        first = fleet.ask("homelab", MODULE, store=store, **options)
        again = fleet.ask("homelab", MODULE, store=store, **options)
    assert (first["pushed_paths"], again["changed"]) == ([built], False), first
    assert "cache-1" in cache.signatures()["new"]


def test_a_cache_that_asks_for_a_password_says_where_one_belongs(
    fleet: Fleet, cache: Cache, key: Key, closure: str
) -> None:
    # As it is before anybody has pushed to it.
    (cache.root / "nix-cache-info").unlink(missing_ok=True)
    # Without what Nix remembers of the cache.
    forgetful = fleet.within({"NIX_CACHE_HOME": str(fleet.project.root / "nix")})
    result = forgetful.ask("localhost", MODULE, **{**pushing(cache, closure, key), "nix_options": {}})
    assert (result["failed"], result["changed"], result["stage"]) == (True, False, "cache"), result
    assert "netrc-file" in result["advice"]
