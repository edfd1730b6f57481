# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cache behind a real nginx, as docs/caches.md sets it up, and a rehearsal fleet that reaches it."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..fleet.adhoc import Fleet
from ..fleet.lab import ROOT, home, new_fleet
from ..fleet.project import Project

# Debian has it where a user's PATH does not lead.
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
CLOSURE = Path(__file__).parents[1] / "copy" / "closure.nix"
PASSWORD = "a-password-for-pushing"
# Where each host finds the controller's nginx: at the end of a tunnel, since hosts have no network but their line.
TUNNEL_PORT = 8080
SECONDS = 20.0


@dataclasses.dataclass(frozen=True)
class Cache:
    """What nginx serves, and where."""

    root: Path
    port: int
    netrc: Path

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def signatures(self) -> dict[str, list[str]]:
        """Return the names of the keys that have signed each path, by the path's name."""
        found = {}
        for file in self.root.glob("*.narinfo"):
            text = file.read_text()
            name = re.search(r"^StorePath: \S{44}(.*)$", text, re.MULTILINE)
            found[name[1] if name else file.name] = re.findall(r"^Sig: ([^:]+):", text, re.MULTILINE)
        return found

    def forget(self, path: str) -> None:
        """Delete a path, as a cache's own collection of garbage does."""
        narinfo = self.root / f"{path.split('/')[3][:32]}.narinfo"
        archive = re.search(r"^URL: (.*)$", narinfo.read_text(), re.MULTILINE)
        assert archive
        (self.root / archive[1]).unlink()
        narinfo.unlink()


def server_of_the_documentation() -> str:
    """Return nginx's lines in docs/caches.md."""
    found = re.search(r"```nginx\n(.*?)```", (ROOT / "docs" / "caches.md").read_text(), re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cache]:
    """Return a cache that is empty."""
    if NGINX is None:
        pytest.skip("needs nginx, from the Debian package nginx-light")
    directory = tmp_path_factory.mktemp("nginx")
    root = directory / "cache"
    root.mkdir()
    (directory / "push.htpasswd").write_text(f"push:{{PLAIN}}{PASSWORD}\n")
    netrc = directory / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login push password {PASSWORD}\n")
    netrc.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = server_of_the_documentation()
    for old, new in {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "/srv/cache;": f"{root};",
        "/etc/nginx/push.htpasswd": f"{directory}/push.htpasswd",
    }.items():
        assert server.count(old) == 1
        server = server.replace(old, new)
    configuration = directory / "nginx.conf"
    # As the user who runs the tests, whose directory it is.
    configuration.write_text(f"""
        daemon off; user root; pid {directory}/pid; error_log {directory}/errors; events {{ }}
        http {{ access_log {directory}/requests; client_body_temp_path {directory}/uploads; {server} }}
    """)
    process = subprocess.Popen([NGINX, "-p", directory, "-c", configuration, "-e", directory / "errors"])
    try:
        answering("127.0.0.1", port)
        yield Cache(root, port, netrc)
    finally:
        process.terminate()
        process.wait()


def answering(host: str, port: int) -> None:
    """Wait for a server."""
    deadline = time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection((host, port)):
            return
        assert time.monotonic() < deadline, f"nothing at {host}:{port}"
        time.sleep(0.05)


@contextlib.contextmanager
def reached_from(host: str, cache: Cache) -> Iterator[str]:
    """Yield the cache's address on a host of the fleet, which ssh leads to the controller's."""
    ssh = ["ssh", "-F", str(home() / ".lab" / "ssh_config"), "-N", "-o", "ExitOnForwardFailure=yes", "-v"]
    forward = ["-R", f"127.0.0.1:{TUNNEL_PORT}:127.0.0.1:{cache.port}"]
    process = subprocess.Popen([*ssh, *forward, host], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    assert process.stderr
    try:
        # The sentence of OpenSSH's when the other side listens.
        assert any("remote forward success" in line for line in process.stderr)
        yield f"http://127.0.0.1:{TUNNEL_PORT}"
    finally:
        process.terminate()
        process.communicate()


# homelab builds for the server.
_HOSTS = ("homelab", "vps-sg-1", "workstation")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Return a builder, a server, and a machine of a user whom Nix does not trust."""
    new_fleet(*_HOSTS)
    return Fleet(Project.copied_to(tmp_path_factory.mktemp("project")))


def new_closure(seed: str, paths: int = 2) -> str:
    """Return a new path that refers to others, in the controller's store."""
    arguments = ["--arg", "count", str(paths), "--arg", "size", "1000", "--argstr", "seed", seed]
    command = ["nix-build", "--no-out-link", str(CLOSURE), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def closure_of(path: str) -> set[str]:
    """Return the closure of a path of the controller's store."""
    command = ["nix-store", "--query", "--requisites", path]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


@pytest.fixture
def closure(tmp_path: Path) -> str:
    """Return a new path that refers to two others."""
    return new_closure(str(tmp_path))


@dataclasses.dataclass(frozen=True)
class Key:
    """A signing key: its file, and the public key."""

    file: Path
    public: str

    @property
    def secret(self) -> str:
        """What nobody else may see."""
        return self.file.read_text().strip()


def new_key(file: Path, name: str) -> Key:
    """Return a new key by Nix's own command."""
    nix = ["nix", "--extra-experimental-features", "nix-command", "key"]
    with file.open("w") as opened:
        file.chmod(0o600)
        subprocess.run([*nix, "generate-secret", "--key-name", name], stdout=opened, check=True)
    with file.open() as opened:
        convert = [*nix, "convert-secret-to-public"]
        return Key(file, subprocess.run(convert, stdin=opened, capture_output=True, text=True, check=True).stdout)


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    """Return a signing key of the controller's."""
    return new_key(tmp_path_factory.mktemp("key") / "cache.key", "cache-1")
