# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Building: commands word for word, answers and failures."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.build.build import Build, Output, failure, parse_outputs
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.log import NixLog

from ..nix.log_lines import BAD, HASH, NEW_FAILURE, TOP, building, error, log_line

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
