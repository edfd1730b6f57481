# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store answers, and what is a path of one."""

from __future__ import annotations

from ansible_collections.nix.fleet.plugins.plugin_utils.nix import store
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.store import StorePathInfo

from ...errors import fails_with

BASH = "/nix/store/" + "0" * 32 + "-bash-5.2"


def test_sizes_are_read_whatever_the_column_width() -> None:
    output = f"{BASH}\t        120\n/nix/store/{'1' * 32}-glibc-2.40-66 \t   31000000\n"
    assert store.parse_path_sizes(output) == [
        StorePathInfo(BASH, 120),
        StorePathInfo(f"/nix/store/{'1' * 32}-glibc-2.40-66", 31000000),
    ]
    assert store.total_size(store.parse_path_sizes(output)) == 31000120


def test_only_a_store_object_is_a_store_path() -> None:
    assert store.is_store_path(BASH)
    assert not store.is_store_path(f"{BASH}/bin/bash")
    assert not store.is_store_path("/nix/store")
    assert not store.is_store_path("bash-5.2")


def test_what_is_given_as_store_paths_is_had_once_each_or_refused_by_its_name() -> None:
    assert store.store_paths([BASH, BASH]) == [BASH]
    for strange in ("--help", "", f"{BASH}/bin/bash"):
        with fails_with("nix.no_store_path") as refused:
            store.store_paths([BASH, strange])
        assert repr(strange) in refused.value.cause
