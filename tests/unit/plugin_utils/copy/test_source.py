# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a closure comes from: the controller, or a machine that is told to copy."""

from __future__ import annotations

import pathlib
import resource

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy.source import (
    ControllerSource,
    HostSource,
    Source,
    closure_sizes,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.ssh import LocalLink

from ...errors import fails_with

ONE = "/nix/store/00000000000000000000000000000001-one"
SECRET = {"access-tokens": "github.com=ghp_secret", "cores": 1}


@pytest.fixture
def nix(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A program in place of ``nix``, first on PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    program = tmp_path / "nix"
    program.write_text(f"#!/bin/sh\nprintf '{ONE} \\t 128\\n'\necho told >&2\n")
    program.chmod(0o755)
    return program


def test_a_machine_runs_its_nix_and_its_log_comes_without_the_keepalives(nix: pathlib.Path) -> None:
    lines: list[str] = []
    answer = HostSource(LocalLink("homelab"), 60, {}).run(["nix", "copy"], lines.append)
    assert (answer.ok, lines) == (True, ["told"])


@pytest.mark.parametrize("there", ["controller", "homelab"])
def test_settings_reach_nix_after_those_that_are_there_and_no_command_line(
    nix: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    # What a parent's command line says counts as well: that is where a script of ours would be.
    nix.write_text(
        '#!/bin/sh\nprintf %s "$NIX_CONFIG" >"${0%/*}/config"\n'
        'cat "/proc/$$/cmdline" "/proc/$PPID/cmdline" | tr "\\0" " " >"${0%/*}/words"\nexit 7\n'
    )
    monkeypatch.setenv("NIX_CONFIG", "cores = 2")
    source: Source = ControllerSource(SECRET)
    if there == "homelab":
        source = HostSource(LocalLink(there), 60, SECRET)
    answer = source.run(["nix", "copy"], print)
    assert (tmp_path / "config").read_text() == "cores = 2\naccess-tokens = github.com=ghp_secret\ncores = 1"
    assert "nix copy" in (tmp_path / "words").read_text()
    assert "ghp_secret" not in (tmp_path / "words").read_text()
    assert "ghp_secret" not in " ".join(answer.argv)


@pytest.mark.parametrize("source", [ControllerSource({}), HostSource(LocalLink("homelab"), 60, {})])
def test_nix_has_as_much_memory_as_it_is_given(nix: pathlib.Path, source: Source) -> None:
    nix.write_text("#!/bin/sh\nulimit -d >&2\n")
    lines: list[str] = []
    answer = source.run(["nix", "copy"], lines.append, memory=1 << 29)
    assert (answer.argv, lines) == (("nix", "copy"), [str(1 << 19)])


@pytest.mark.parametrize("source", [ControllerSource({}), HostSource(LocalLink("homelab"), 60, {})])
def test_a_machine_that_gives_less_memory_runs_it_all_the_same(nix: pathlib.Path, source: Source) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, hard))
    try:
        assert source.run(["nix", "copy"], print, memory=1 << 50).ok
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def test_the_socket_there_is_removed_with_the_end_of_the_copy(nix: pathlib.Path, tmp_path: pathlib.Path) -> None:
    source = HostSource(LocalLink("homelab"), 60, {})
    offered = tmp_path / "store"
    offered.touch()
    with source.store_at(offered) as store:
        assert store == f"unix://{offered}"
        source.run(["nix", "copy"], lambda _line: None)
    assert not offered.exists()


def test_without_nix_the_controller_says_how_to_get_on(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with fails_with("copy.no_nix") as failure:
        ControllerSource({}).run(["nix", "copy"], print)
    assert "source_host" in str(failure.value.advice)


def test_the_closure_is_measured_where_it_comes_from(nix: pathlib.Path) -> None:
    assert closure_sizes(ControllerSource({}), [ONE]) == {ONE: 128}


def test_a_source_without_the_closure_is_named(nix: pathlib.Path) -> None:
    nix.write_text("#!/bin/sh\necho 'error: path is not valid' >&2; exit 1\n")
    with fails_with("copy.not_there"):
        closure_sizes(HostSource(LocalLink("homelab"), 60, {}), [ONE])
