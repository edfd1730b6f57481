# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that answers as Hydra documents it: each answer is held to the recorded schema before it is sent."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import json
import threading
import typing as t
import urllib.parse
from pathlib import Path

from jsonschema import Draft202012Validator

API = json.loads((Path(__file__).parents[3] / "cases/hydra-api.json").read_text())


@dataclasses.dataclass
class Hydra:
    """What a Hydra has built: the latest success of each job, its builds and its evaluations."""

    latest: dict[tuple[str, str, str], int] = dataclasses.field(default_factory=dict)
    builds: dict[int, dict[str, t.Any]] = dataclasses.field(default_factory=dict)
    evaluations: dict[int, dict[str, t.Any]] = dataclasses.field(default_factory=dict)
    asked: list[str] = dataclasses.field(default_factory=list)

    def built(self, job: str, number: int, closure: str, **evaluations: str) -> None:
        """Note a success of ``job`` in ``fleet:main``, part of evaluations (``e12=FLAKE``)."""
        numbers = {int(name[1:]): flake for name, flake in evaluations.items()}
        self.latest["fleet", "main", job] = number
        self.builds[number] = {
            "id": number,
            "project": "fleet",
            "jobset": "main",
            "job": job,
            "finished": True,
            "buildstatus": 0,
            "nixname": "nixos-system",
            "drvpath": f"{closure}.drv",
            "system": "x86_64-linux",
            "priority": 100,
            "starttime": 1769860000,
            "stoptime": 1769860100,
            "timestamp": 1769860000,
            "jobsetevals": list(numbers),
            "buildproducts": {},
            "buildoutputs": {"out": {"path": closure}},
        }
        for evaluation, flake in numbers.items():
            self.evaluations[evaluation] = {
                "id": evaluation,
                "flake": flake,
                "timestamp": 1769860000,
                "checkouttime": 1,
                "evaltime": 2,
                "hasnewbuilds": True,
                "builds": [number],
                "jobsetevalinputs": {},
            }

    def answer(self, path: str) -> tuple[int, str | None, t.Any]:
        """Return the status, a place to go to, and the data."""
        words = [urllib.parse.unquote(word) for word in path.strip("/").split("/")]
        if (
            words[0] == "job"
            and words[4:] in (["latest"], ["latest-finished"])
            and (words[1], words[2], words[3]) in self.latest
        ):
            return 302, f"/build/{self.latest[words[1], words[2], words[3]]}", None
        for kind, known, schema in (("build", self.builds, "Build"), ("eval", self.evaluations, "JobsetEval")):
            if words[0] == kind and int(words[1]) in known:
                data = known[int(words[1])]
                Draft202012Validator({"$ref": f"#/$defs/{schema}", "$defs": API["$defs"]}).validate(data)
                return 200, None, data
        return 404, None, {"error": "not found"}

    @contextlib.contextmanager
    def serving(self) -> t.Iterator[str]:
        """Serve it, and yield the address."""
        hydra = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hydra.asked.append(f"{self.path} {self.headers.get('Accept')}")
                status, place, data = hydra.answer(self.path)
                body = json.dumps(data).encode()
                self.send_response(status)
                if place:
                    self.send_header("Location", place)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words: t.Any) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
