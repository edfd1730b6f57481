# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller finds out by itself: ports that answer, and pages as Ansible fetches them."""

from __future__ import annotations

import http.server
import socket
import sys
import threading
import time
import typing as t
from collections.abc import Iterator

import pytest

from ansible_collections.nix.fleet.plugins.action.nix_health import ActionModule
from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.web import fetch
from ansible_collections.nix.fleet.plugins.plugin_utils.health.checks import Context, Finding, checks_of
from ansible_collections.nix.fleet.plugins.plugin_utils.health.observation import run_checks


class NoShell:
    """A target that nobody is to ask."""

    host = "vps-1"

    def run(self, script: str, *arguments: str) -> t.NoReturn:
        raise AssertionError("the target is not asked")


def findings(*entries: dict[str, t.Any]) -> list[Finding]:
    usual = {name: spec.get("default") for name, spec in ActionModule.argument_spec["checks"]["options"].items()}
    return run_checks(checks_of([usual | entry for entry in entries], Context(lambda: "127.0.0.1", fetch)), NoShell())


def finding(**given: t.Any) -> Finding:
    (found,) = findings(given)
    return found


class Pages(http.server.BaseHTTPRequestHandler):
    """A page, one that repeats a header, one that leads to the first, one that takes too long, and no other."""

    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(3)
        self.send_response({"/": 200, "/me": 200, "/slow": 200, "/moved": 301}.get(self.path, 503))
        self.send_header("Location", "/")
        self.end_headers()
        self.wfile.write(f"Hello {self.headers.get('X-Name')}".encode())

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: t.Any, client_address: t.Any) -> None:
        """Say nothing of who has gone before the answer."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with Server(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_page_is_judged_by_its_status_and_text(site: str) -> None:
    assert finding(http=f"{site}/", contains="Hello").held
    assert finding(http=f"{site}/moved", contains="Hello").held
    assert finding(http=f"{site}/", contains="Bye").held is False
    assert finding(http=f"{site}/moved", status=[301]).held
    found = finding(http=f"{site}/nowhere")
    assert (found.held, found.text, found.output) == (False, "status 503 instead of 200", "Hello None")


def test_a_server_that_is_not_there_is_why_the_check_fails() -> None:
    assert finding(http="http://127.0.0.1:9/").text == "no answer: Connection refused"


def test_slow_pages_are_looked_at_side_by_side_and_given_up(site: str) -> None:
    begin = time.monotonic()
    found = findings(*[{"http": f"{site}/slow", "timeout": 1}] * 4)
    assert {(each.held, each.text) for each in found} == {(False, "no answer within 1 s")}
    assert time.monotonic() - begin < 2.5


def test_a_server_that_speaks_another_language_fails_the_check() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _address = server.accept()
            connection.recv(4096)
            connection.sendall(b"\xff\xfe 220 hello\r\n\r\n")
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        found = finding(http=f"http://127.0.0.1:{server.getsockname()[1]}/")
    assert found.held is False
    assert "no answer" in found.text


def test_a_port_at_which_somebody_listens_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert finding(port=server.getsockname()[1]).held


def test_a_port_at_which_nobody_listens_says_why() -> None:
    found = finding(port=9)
    assert (found.held, found.text) == (False, "no connection to 127.0.0.1: Connection refused")
