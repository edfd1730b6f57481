# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web page: it is there, with the right status and text, seen from the controller or from the target itself."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .check import OUTPUT_BYTES, SEARCHED_BYTES, Answer, Finding, Kind, Surroundings
from .http_exchange import NoAnswerError, Request, Response, request_of, without_password

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# How every program that http.sh uses notes the status of an answer, the last one being that which counts.
_STATUS = re.compile(r"^\s*(?:wget: server returned error: )?HTTP/\S+ ([1-5][0-9]{2})\b", re.MULTILINE)
_ENDED = re.compile(r"^ended: ([0-9]+) (late)?$", re.MULTILINE)
_CANNOT = re.compile(r"^cannot: (.*)$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class HttpFromController:
    """A page that the controller can see."""

    name: str
    request: Request
    fetch: Callable[[Request], Response]

    @property
    def timeout(self) -> int:
        """See ``CheckFromController.timeout``."""
        return self.request.timeout

    def look(self) -> Finding:
        """See ``CheckFromController.look``."""
        try:
            return self.request.judge(self.fetch(self.request))
        except NoAnswerError as error:
            return Finding(False, str(error))


@dataclasses.dataclass(frozen=True)
class HttpFromTarget:
    """A page that the target can see."""

    name: str
    request: Request

    script: t.ClassVar[str] = "http"

    @property
    def timeout(self) -> int:
        """See ``CheckOnTarget.timeout``."""
        return self.request.timeout

    @property
    def output_bytes(self) -> int:
        """See ``CheckOnTarget.output_bytes``."""
        return OUTPUT_BYTES if self.request.contains is None else SEARCHED_BYTES

    def call(self) -> list[str]:
        """See ``CheckOnTarget.call``."""
        request = self.request
        words = (request.follows_redirects, request.validate_certs, request.has_secrets)
        return [
            "page",
            str(request.timeout),
            request.url,
            *("yes" if word else "no" for word in words),
            curl_configuration(request),
        ]

    def finding(self, answer: Answer) -> Finding:
        """See ``CheckOnTarget.finding``."""
        if cannot := _CANNOT.search(answer.notes):
            return Finding(False, cannot[1], final=True)
        if statuses := _STATUS.findall(answer.notes):
            return self.request.judge(Response(int(statuses[-1]), answer.output))
        return Finding(False, self._silence(answer.notes))

    def _silence(self, notes: str) -> str:
        ended = _ENDED.search(notes)
        if ended is None or ended[2]:
            return f"no answer within {self.request.timeout} s"
        said = [line.strip() for line in notes[: ended.start()].splitlines() if line.strip()]
        said = [line for line in said if not line.startswith("HTTP/")]
        return said[-1] if said else f"no answer, and the program that asked ended with exit code {ended[1]}"


def curl_configuration(request: Request) -> str:
    """Return what curl reads from its standard input, where no other user can see it."""
    lines = [
        "silent",
        "show-error",
        "globoff",
        'proto = "=http,https"',
        'proto-redir = "=http,https"',
        f"max-time = {request.timeout}",
        # In the words of a server's own answer, as wget repeats them.
        r'write-out = "%{stderr}HTTP/- %{http_code}\n"',
        f"url = {_quoted(request.url)}",
        *(["location", "max-redirs = 10"] if request.follows_redirects else []),
        *([] if request.validate_certs else ["insecure"]),
        # A semicolon is how curl is told of a header without a value.
        *(
            f"header = {_quoted(f'{name}: {value}' if value else f'{name};')}"
            for name, value in request.headers.items()
        ),
    ]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"").replace("\t", r"\t").replace("\v", r"\v")
    return f'"{escaped}"'


def _of(options: Mapping[str, t.Any], surroundings: Surroundings) -> HttpFromController | HttpFromTarget:
    request = request_of(options)
    name = options["name"] or f"http {without_password(request.url)}"
    if options["from"] == "target":
        return HttpFromTarget(name, request)
    return HttpFromController(name, request, surroundings.fetch)


KIND = Kind(
    "http",
    {
        "http": {"type": "str"},
        "from": {"type": "str", "choices": ["controller", "target"]},
        "status": {"type": "list", "elements": "int"},
        "contains": {"type": "str"},
        "headers": {"type": "dict"},
        "validate_certs": {"type": "bool"},
    },
    _of,
)
