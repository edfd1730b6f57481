# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store answers and knows of its paths, as binary caches write it, and what is a path of one."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.nix import store
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.store import StorePathInfo, parse_path_infos

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


LIBRARY = "/nix/store/00000000000000000000000000000001-library"
PROGRAM = "/nix/store/00000000000000000000000000000002-program"
RECIPE = "/nix/store/00000000000000000000000000000003-program.drv"
HASH = "sha256-0yfj3fRpNLsj//kl1/A7xc+uhnYptxku0LppnKgmB3Y="
FIELDS: dict[str, t.Any] = {
    "ca": None,
    "deriver": None,
    "narHash": HASH,
    "narSize": 280,
    "references": [],
    "signatures": [],
    "storeDir": "/nix/store",
    "ultimate": True,
}


def said(**program: t.Any) -> str:
    """What Nix says of a program and the library it refers to, the program first."""
    return json.dumps({PROGRAM: {**FIELDS, "references": [LIBRARY, PROGRAM], **program}, LIBRARY: FIELDS})


def test_what_is_referred_to_comes_first() -> None:
    assert [info.path for info in parse_path_infos(said())] == [LIBRARY, PROGRAM]


def test_a_narinfo_has_all_that_the_store_knows() -> None:
    program = parse_path_infos(said(deriver=RECIPE, signatures=["key-1:YWJj", "key-2:ZGVm"], ca="fixed:r:sha256:1abc"))[
        1
    ]
    assert program.narinfo == (
        f"StorePath: {PROGRAM}\n"
        "URL: nar/00000000000000000000000000000002.nar\n"
        "Compression: none\n"
        "NarHash: sha256:d327e3ddf46934bb23fff925d7f03bc5cfae867629b7192ed0ba699ca8260776\n"
        "NarSize: 280\n"
        "References: 00000000000000000000000000000001-library 00000000000000000000000000000002-program\n"
        "Deriver: 00000000000000000000000000000003-program.drv\n"
        "Sig: key-1:YWJj\n"
        "Sig: key-2:ZGVm\n"
        "CA: fixed:r:sha256:1abc\n"
    )


@pytest.mark.parametrize(
    "output",
    [
        "no JSON",
        json.dumps([FIELDS]),
        json.dumps({"version": 2, "info": {}}),
        said(narHash="md5-abc"),
        said(narHash="sha256-YWJj"),
        said(narSize="280"),
        said(references=["/etc/passwd"]),
        said(deriver="/nix/store/x\nSig: forged"),
        said(signatures=["key:YWJj\nStorePath: /nix/store/other"]),
        said(ca={"method": "nar"}),
    ],
)
def test_what_is_not_understood_is_not_guessed(output: str) -> None:
    with fails_with("nix.unknown_form"):
        parse_path_infos(output)
