# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Git on whichever machine: repositories, their remotes with and without a token, and distances."""

from __future__ import annotations

import base64
import contextlib
import http.server
import os
import subprocess
import threading
import typing as t
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import GitError
from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.machine import Controller
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.machine import Remote as OfBuilder
from ansible_collections.nix.fleet.plugins.plugin_utils.update.git import (
    Distance,
    Remote,
    Repository,
    credential,
    distance,
    validate_address,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.update.update import Place, lock_file_program, validate_clean

from ...errors import fails_with
from .repositories import IDENTITY, SETTINGS, bare, clone, commit, git, remote_of

GOOD = [
    "nixos-tested-web",
    "tested/web.example.org",
    "a@b",
    "ü",
    "a;reboot",
    "a$(id)",
    "a'b",
]
BAD = [
    "",
    "-web",
    ".web",
    "/web",
    "web/",
    "web.",
    "web.lock",
    "a.lock/b",
    "a..b",
    "a//b",
    "a/.b",
    "a b",
    "a~b",
    "a^b",
    "a:b",
    "a?b",
    "a*b",
    "a[b",
    "a\\b",
    "a@{b",
    "a\nb",
    "a\x7fb",
    "a\tb",
    "a\0b",
    "a\ud800b",
    "@{-1}",
    "refs/heads/main",
]
REPOSITORY = Repository(Controller(), "/nonexistent")


@pytest.mark.parametrize("name", GOOD)
def test_a_name_that_git_takes_is_taken(name: str) -> None:
    REPOSITORY.validate_branch(name)


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_is_none_of_a_branch_is_refused_for_its_host(name: str) -> None:
    with pytest.raises(GitError) as refused:
        REPOSITORY.validate_branch(name, host="web")
    assert refused.value.host == "web"


TOKEN = "t0ken-that-never-shows"


class _Forge(http.server.BaseHTTPRequestHandler):
    """Serves repositories by Git's own program for that, to whoever has the token."""

    root: Path
    user: str
    seen: list[str | None]
    elsewhere: str | None = None

    def do_GET(self) -> None:
        given = self.headers.get("Authorization")
        self.seen.append(given)
        if self.elsewhere is not None:
            self.send_response(302)
            self.send_header("Location", self.elsewhere + self.path)
            self.end_headers()
        elif given != f"Basic {base64.b64encode(f'{self.user}:{TOKEN}'.encode()).decode()}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="forge"')
            self.end_headers()
        else:
            self._serve()

    def do_POST(self) -> None:
        self.do_GET()

    def _serve(self) -> None:
        path, _mark, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        environment = {
            **os.environ,
            **SETTINGS,
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type") or "",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol") or "",
            "REMOTE_USER": "git",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        head, _blank, content = done.stdout.partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().splitlines()]
        status = next((int(value.split()[0]) for name, value in lines if name == "Status"), 200)
        self.send_response(status)
        for name, value in lines:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_words: t.Any) -> None:
        pass


@contextlib.contextmanager
def forge(root: Path, elsewhere: str | None = None, user: str = "git") -> Iterator[tuple[str, list[str | None]]]:
    """Yield the address of a forge, and what those who ask it sign in with."""
    seen: list[str | None] = []
    handler = type("Forge", (_Forge,), {"root": root, "user": user, "seen": seen, "elsewhere": elsewhere})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a bare repository that may be pushed to by HTTP."""
    path = bare(tmp_path / "fleet.git")
    git(path, "config", "http.receivepack", "true")
    return path


def test_a_token_signs_in_and_is_neither_written_nor_told(repository: Path, tmp_path: Path) -> None:
    work = clone(repository, tmp_path / "work")
    # A helper that writes down what works, as many people have one.
    stored = tmp_path / "stored"
    git(work, "config", "credential.helper", f"store --file={stored}")
    revision = commit(work, "second")
    with forge(tmp_path) as (address, seen):
        remote = remote_of(work, f"{address}/fleet.git", token=TOKEN)
        assert remote.head("tested") is None
        remote.move("tested", None, revision)
        assert remote.head("tested") == revision
    assert any(seen)
    assert not stored.exists()
    assert TOKEN not in repr(remote)
    for file in (work / ".git").rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes()


class Watched(Controller):
    """A controller that remembers each word of its command lines."""

    def __init__(self) -> None:
        super().__init__(SETTINGS)
        self.words: list[str] = []

    def run(self, argv: t.Sequence[str], **more: t.Any) -> Completed:
        self.words.extend(argv)
        return super().run(argv, **more)


def test_no_command_line_has_the_token(repository: Path, tmp_path: Path) -> None:
    work = clone(repository, tmp_path / "work")
    here = Watched()
    with forge(tmp_path) as (address, _seen):
        remote = Remote(Repository(here, str(work)), f"{address}/fleet.git", token=TOKEN)
        remote.move("tested", remote.head("tested"), git(work, "rev-parse", "HEAD"))
    assert "push" in here.words
    assert not [word for word in here.words if TOKEN in word]


def test_a_token_signs_in_as_the_user_in_the_address(repository: Path, tmp_path: Path) -> None:
    work = clone(repository, tmp_path / "work")
    with forge(tmp_path, user="who@home") as (address, _seen):
        named = address.replace("http://", "http://who%40home@")
        assert remote_of(work, f"{named}/fleet.git", token=TOKEN).head("main")


def test_a_wrong_token_is_told_without_it(repository: Path, tmp_path: Path) -> None:
    work = clone(repository, tmp_path / "work")
    with forge(tmp_path) as (address, _seen), pytest.raises(GitError) as refused:
        remote_of(work, f"{address}/fleet.git", token="wr0ng").head("main")
    assert "wr0ng" not in str(refused.value)
    assert refused.value.advice
    assert "token" in refused.value.advice


def test_without_a_token_nobody_is_asked(repository: Path, tmp_path: Path) -> None:
    work = clone(repository, tmp_path / "work")
    with forge(tmp_path) as (address, _seen), fails_with("git.remote"):
        remote_of(work, f"{address}/fleet.git").head("main")


def test_a_redirection_does_not_lead_the_token_to_another_host(repository: Path, tmp_path: Path) -> None:
    work = clone(repository, tmp_path / "work")
    with contextlib.ExitStack() as forges:
        other, seen_elsewhere = forges.enter_context(forge(tmp_path))
        address, _seen = forges.enter_context(forge(tmp_path, other))
        with pytest.raises(GitError):
            remote_of(work, f"{address}/fleet.git", token=TOKEN).head("main")
    assert seen_elsewhere
    assert not any(seen_elsewhere)


class _Builder:
    """A shell of a machine whose environment is its own."""

    host = "homelab"

    def run(self, script: str, *arguments: str) -> Completed:
        """See ``Shell.run``."""
        words = ("sh", "-s", "--", *arguments)
        environment = {"PATH": os.environ["PATH"], **SETTINGS}
        done = subprocess.run(words, input=script, capture_output=True, text=True, env=environment, check=False)
        return Completed(words, done.returncode, done.stdout, done.stderr)


def test_a_builder_signs_in_whatever_settings_git_has_on_the_controller(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = clone(repository, tmp_path / "work")
    for name, value in {"COUNT": "1", "KEY_0": "user.name", "VALUE_0": "of the controller"}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    with forge(tmp_path) as (address, _seen):
        there = Repository(OfBuilder(_Builder()), str(work))
        assert Remote(there, f"{address}/fleet.git", token=TOKEN).head("main")


@pytest.mark.parametrize("url", ["ssh://git@git.example.org/fleet", "git@git.example.org:fleet", "/srv/fleet.git"])
def test_a_token_is_refused_where_it_is_of_no_use(url: str) -> None:
    with fails_with("git.bad_token"):
        credential(url, TOKEN)


@pytest.mark.parametrize(
    "url", ["http://git.example.org/fleet", "http://127.0.0.1.example.org", "http://localhost@evil"]
)
def test_a_token_is_sent_to_no_other_machine_without_encryption(url: str) -> None:
    with fails_with("git.unencrypted"):
        credential(url, TOKEN)


@pytest.mark.parametrize("url", ["https://git:t0k@git.example.org/x", "http://:t0k@git.example.org"])
def test_a_password_in_an_address_is_refused_without_being_repeated(url: str) -> None:
    with fails_with("git.password") as refused:
        validate_address(url)
    assert "t0k" not in str(refused.value)
    validate_address("ssh://git@git.example.org:22/fleet")


@pytest.mark.parametrize("settings", [(), ("--push",)])
def test_a_password_in_the_address_of_a_named_remote_signs_in_and_is_on_no_command_line(
    settings: tuple[str, ...], repository: Path, tmp_path: Path
) -> None:
    work = clone(repository, tmp_path / "work")
    here = Watched()
    with forge(tmp_path, user="who@home") as (address, _seen):
        stored = f"http://who%40home:{TOKEN}@{address.removeprefix('http://')}/fleet.git"
        git(work, "remote", "set-url", *settings, "origin", stored)
        remote = Remote(Repository(here, str(work)), "origin")
        remote.move("tested", remote.head("tested"), git(work, "rev-parse", "HEAD"))
    assert "push" in here.words
    assert not [word for word in here.words if TOKEN in word]
    assert TOKEN not in repr(remote)


def test_a_password_in_the_address_of_a_named_remote_of_ssh_is_refused(repository: Path, tmp_path: Path) -> None:
    work = clone(repository, tmp_path / "work")
    git(work, "remote", "set-url", "origin", "ssh://git:t0k@git.example.org/fleet.git")
    with fails_with("git.password") as refused:
        remote_of(work).head("main")
    assert "t0k" not in str(refused.value)


def test_a_password_in_one_of_several_addresses_of_a_named_remote_is_refused(repository: Path, tmp_path: Path) -> None:
    work = clone(repository, tmp_path / "work")
    for address in ("https://git.example.org/fleet.git", f"https://who:{TOKEN}@mirror.example.org/fleet.git"):
        git(work, "remote", "set-url", "--add", "--push", "origin", address)
    with fails_with("git.password") as refused:
        remote_of(work).head("main")
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize(
    ("named", "author"), [({}, "nix.fleet <nix.fleet@localhost>"), (IDENTITY, "Fleet <fleet@example.org>")]
)
def test_a_branch_for_review_is_committed_also_where_git_knows_no_user(
    named: dict[str, str], author: str, repository: Path, tmp_path: Path
) -> None:
    work = clone(repository, tmp_path / "work")
    (tmp_path / "new.lock").write_text("{}")
    parent = git(work, "rev-parse", "HEAD")
    argv = [
        *lock_file_program("commit_beside"),
        *map(str, (work, tmp_path / "index", tmp_path / "new.lock", parent, "update")),
    ]
    # Git makes up no user of the machine's names.
    settings = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "user.useConfigOnly", "GIT_CONFIG_VALUE_0": "true"}
    unnamed = {name: value for name, value in SETTINGS.items() if name not in IDENTITY}
    done = Controller({**unnamed, **settings, **named}).run(argv)
    assert git(work, "show", "--no-patch", "--format=%an <%ae>", done.stdout.strip()) == author


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return clone(bare(tmp_path / "fleet.git"), tmp_path / "work")


def seen(work: Path, deployed: str | None) -> Distance:
    return distance(Repository(Controller(), str(work)), deployed, dirty=False)


def test_a_machine_is_as_many_commits_behind_as_it_does_not_have(work: Path) -> None:
    first = git(work, "rev-parse", "HEAD")
    commit(work, "second")
    current = commit(work, "third")
    assert seen(work, first) == Distance(first, False, current, behind=2, ahead=0)
    assert seen(work, current) == Distance(current, False, current, behind=0, ahead=0)


def test_a_machine_of_another_branch_is_ahead_too(work: Path) -> None:
    git(work, "switch", "--quiet", "--create", "other")
    other = commit(work, "other")
    git(work, "switch", "--quiet", "main")
    current = commit(work, "second")
    assert seen(work, other) == Distance(other, False, current, behind=1, ahead=1)


@pytest.mark.parametrize("deployed", ["f" * 40, "--all"])
def test_what_the_history_does_not_have_is_unknown(work: Path, deployed: str) -> None:
    why = f"the history in {work} does not have the revision that was deployed"
    assert seen(work, deployed) == Distance(deployed, False, git(work, "rev-parse", "HEAD"), unknown=why)


def test_a_flake_that_is_no_clone_is_told_with_the_variables_that_name_one(tmp_path: Path) -> None:
    with fails_with("update.no_repository") as raised:
        validate_clean(Place(Controller(), str(tmp_path)))
    assert "(update_flake, update_on)" in str(raised.value.advice)


def test_without_a_repository_or_git_nothing_is_known(tmp_path: Path) -> None:
    why = f"{tmp_path} is in no Git repository that can be read and has a commit"
    assert seen(tmp_path, "f" * 40) == Distance("f" * 40, False, unknown=why)
    nowhere = Controller({"PATH": "/nowhere"})
    with mock.patch.dict(os.environ, {"PATH": "/nowhere"}):
        assert distance(Repository(nowhere, str(tmp_path)), None, dirty=True) == Distance(None, True)
        told = distance(Repository(nowhere, str(tmp_path)), "f" * 40, dirty=True).unknown
        assert told is not None
        assert "git" in told
