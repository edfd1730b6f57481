# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A flake of a controller without Nix, as it arrives in another machine's store."""

from __future__ import annotations

import base64
import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed
from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation.sending import archive, flake_files, sent, store_path
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.source import Source

from ...errors import fails_with

NO_LIMIT = 1 << 30


@pytest.fixture
def flake(tmp_path: Path) -> Path:
    """A flake with every kind of file that an archive knows."""
    root = tmp_path / "fleet"
    (root / "bin").mkdir(parents=True)
    (root / "flake.nix").write_text("{ outputs = _: { }; }\n")
    (root / "bin" / "run").write_text("#!/bin/sh\n")
    (root / "bin" / "run").chmod(0o755)
    (root / "link").symlink_to("bin/run")
    return root


@pytest.fixture
def git(flake: Path) -> Callable[..., str]:
    """The flake is a Git repository with one commit; runs Git in it."""

    def run(*arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", "-C", flake, *identity, *arguments], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    run("init", "--quiet")
    run("add", ".")
    run("commit", "--quiet", "--message", "fleet")
    return run


class Builder:
    """A machine with a store that starts out empty, and keeps what it is sent."""

    host = "builder"

    def __init__(self) -> None:
        self.store: dict[str, bytes] = {}
        self.trips = 0

    def run(self, script: str, *arguments: str) -> Completed:
        self.trips += 1
        if "end of archive" not in script:
            return Completed((), 0 if arguments[0] in self.store else 1, "", "")
        _before, archived, _after = script.split("end of archive")
        content = gzip.decompress(base64.b64decode(archived.partition("\n")[2]))
        path = store_path(content, "source")
        self.store[path] = content
        return Completed((), 0, f"{path}\n", "")


def test_an_archive_is_the_one_that_nix_makes(flake: Path) -> None:
    archived = archive(flake_files(str(flake)).tree, most_bytes=NO_LIMIT)
    # By `nix-store --add` and `nix-hash --type sha256` of the same files.
    assert store_path(archived, "source") == "/nix/store/qx2zi7kaqmzr7p63kpppd8h5l1znvgz3-source"


def test_in_a_repository_only_the_files_that_git_knows_are_the_flakes(flake: Path, git: Callable[..., str]) -> None:
    (flake / "secret").write_text("hidden")
    (flake / "new").write_text("new")
    git("add", "new")
    (flake / "link").unlink()
    files = flake_files(str(flake))
    assert set(files.tree) == {"flake.nix", "bin", "new"}
    assert files.dirty


def test_a_clean_repository_is_known_by_its_commit(flake: Path, git: Callable[..., str]) -> None:
    (flake / "untracked").write_text("")
    files = flake_files(str(flake))
    assert not files.dirty
    assert files.revision == git("rev-parse", "HEAD")
    assert str(files.seconds) == git("log", "-1", "--format=%ct")


@pytest.mark.usefixtures("git")
def test_a_flake_below_the_top_of_its_repository_is_sent_with_all_of_it(flake: Path) -> None:
    files = flake_files(str(flake / "bin"))
    assert files.directory == "bin"
    assert "flake.nix" in files.tree


@pytest.mark.usefixtures("git")
def test_a_flake_beside_a_repository_is_not_taken_for_a_part_of_it(flake: Path) -> None:
    beside = flake.parent / "beside"
    beside.mkdir()
    (beside / "flake.nix").write_text("")
    files = flake_files(f"{flake}/../beside")
    assert (set(files.tree), files.revision) == ({"flake.nix"}, None)


def test_the_signature_of_a_commit_is_not_taken_for_its_name(flake: Path, git: Callable[..., str]) -> None:
    git("config", "log.showSignature", "true")
    key = flake.parent / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    signed = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}")
    git(*signed, "commit", "--quiet", "--allow-empty", "--gpg-sign", "--message", "signed")
    assert flake_files(str(flake)).revision == git("rev-parse", "HEAD")


def test_the_machine_is_told_the_commit_that_it_cannot_see(flake: Path, git: Callable[..., str]) -> None:
    builder = Builder()
    (path,) = _stored(builder, Source(flake=str(flake)))
    revision, seconds = git("log", "-1", "--format=%H %ct").split()
    assert sent(Source(flake=str(flake)), builder).flake == f"path:{path}?rev={revision}&lastModified={seconds}"


def test_changes_that_are_not_committed_are_sent_and_said_to_be_such(flake: Path, git: Callable[..., str]) -> None:
    (flake / "flake.nix").write_text("{ outputs = _: { a = 1; }; }\n")
    builder = Builder()
    source = sent(Source(flake=str(flake)), builder)
    assert source.flake == f"path:{next(iter(builder.store))}"
    assert source.dirty_revision == f"{git('rev-parse', 'HEAD')}-dirty"


def test_what_is_there_already_is_not_sent_again(flake: Path) -> None:
    builder = Builder()
    first = sent(Source(flake=str(flake)), builder)
    trips = builder.trips
    assert sent(Source(flake=str(flake)), builder) == first
    assert builder.trips == trips + 1


def test_inputs_that_are_replaced_by_paths_are_sent_too(flake: Path) -> None:
    builder = Builder()
    overrides = {"a": str(flake), "b": "github:example/b"}
    source = sent(Source(flake="github:example/fleet", override_inputs=overrides), builder)
    assert source.flake == "github:example/fleet"
    assert source.override_inputs == {"a": f"path:{next(iter(builder.store))}", "b": "github:example/b"}


def test_a_directory_that_is_not_there_is_said_to_be_missed_on_the_controller(tmp_path: Path) -> None:
    with fails_with("evaluation.no_directory"):
        sent(Source(flake=str(tmp_path / "nowhere")), Builder())


def test_a_flake_that_is_too_large_is_not_sent(flake: Path) -> None:
    with fails_with("evaluation.too_large"):
        archive(flake_files(str(flake)).tree, most_bytes=100)


def test_a_machine_that_receives_something_else_is_an_error_with_its_words(flake: Path) -> None:
    class Full(Builder):
        def run(self, script: str, *arguments: str) -> Completed:
            del script, arguments
            return Completed((), 1, "", "No space left on device")

    with fails_with("evaluation.not_received") as raised:
        sent(Source(flake=str(flake)), Full())
    assert "No space left" in raised.value.log


def _stored(builder: Builder, source: Source) -> list[str]:
    sent(source, builder)
    return list(builder.store)
