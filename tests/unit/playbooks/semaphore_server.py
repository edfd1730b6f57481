# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for a server of Semaphore: the endpoints of its API that set a project up, and a record of who asked what.

What they take and answer is in `api-docs.yml`, `api/router.go` and `api/projects` of https://github.com/semaphoreui/semaphore.
"""

from __future__ import annotations

import http.server
import json
import re
import threading
import typing as t

TOKEN = "secret-token-of-the-test"
KINDS = ("keys", "repositories", "inventory", "environment", "views", "templates", "schedules")
PATH = re.compile(r"/api/(?:projects|project/(?P<project>\d+)/(?P<kind>[a-z]+)(?:/(?P<id>\d+))?)")
# What of a key is told to nobody.
SECRET = ("ssh", "login_password")
# What a question is told to be where nobody said.
UNSET = {"required": False, "type": "", "description": "", "values": None, "default_value": ""}
# Made without an answer.
SILENT = ("keys", "repositories", "environment")


def told(item: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return an object as a server tells it: without secrets, and its questions by the fields that each has."""
    shown = {name: value for name, value in item.items() if name not in SECRET}
    if "survey_vars" in shown:
        shown["survey_vars"] = [{**UNSET, **question} for question in shown["survey_vars"]]
    return shown


class Server(http.server.ThreadingHTTPServer):
    """Keeps what it is told, for as long as it runs."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, list[dict[str, t.Any]]] = {kind: [] for kind in ("projects", *KINDS)}
        self.asked: list[tuple[str, str, t.Any]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def written(self) -> list[tuple[str, str]]:
        """What was asked for that changes something."""
        return [(method, path) for method, path, _body in self.asked if method != "GET"]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def log_message(self, *_arguments: t.Any) -> None:
        """Say nothing."""

    def _answer(self, method: str) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        found = PATH.fullmatch(self.path)
        self.server.asked.append((method, self.path, body))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._say(401, None)
        elif found is None or (found["kind"] or "keys") not in KINDS:
            self._say(404, None)
        elif method != "GET" and found["project"] and body.get("project_id") != int(found["project"]):
            self._say(400, {"error": "Project ID in body and URL must be the same"})
        else:
            self._perform(method, found["kind"] or "projects", found["id"], body)

    def _perform(self, method: str, kind: str, number: str | None, body: t.Any) -> None:
        kept = self.server.objects[kind]
        if method == "GET" and number:
            self._say(200, next(told(item) for item in kept if item["id"] == int(number)))
        elif method == "GET":
            # Go's list of nothing.
            self._say(200, [told(item) for item in kept] or None)
        elif method == "POST":
            # What is empty is left out, as by Go's `omitempty`.
            item = {"id": len(kept) + 7, **{name: value for name, value in body.items() if value}}
            kept.append(item)
            if kind == "projects":
                self.server.objects["keys"].append({"id": 99, "name": "None", "type": "none"})
            self._say(204, None) if kind in SILENT else self._say(201, item)
        elif body.get("id") != int(number or 0):
            self._say(400, {"error": "id in URL and in body must be the same"})
        else:
            # The whole of it: what is not named is gone.
            kept[:] = [body if item["id"] == body["id"] else item for item in kept]
            self._say(204, None)

    def _say(self, status: int, body: t.Any) -> None:
        self.send_response(status)
        content = b"" if status == 204 else json.dumps(body).encode()
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
