# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web page: it is there, with the right status and text, seen from the controller."""

from __future__ import annotations

import dataclasses
import re
import typing as t
import urllib.parse

from .check import Context, Finding, Kind, shortened

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# A header's name, as RFC 9110 has it.
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class NoAnswerError(Exception):
    """A web server did not answer; the message says why."""


@dataclasses.dataclass(frozen=True)
class Response:
    """A web server's answer, after redirects."""

    status: int
    body: str


@dataclasses.dataclass(frozen=True)
class Request:
    """A GET request, and what makes its answer good."""

    url: str
    timeout: int
    status: tuple[int, ...] = (200,)
    contains: str | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    validate_certs: bool = True

    @property
    def follows_redirects(self) -> bool:
        """Whether to go where an answer leads: not when being led there is what is wanted."""
        return not all(300 <= status <= 399 for status in self.status)

    def judge(self, response: Response) -> Finding:
        """Say whether the answer is the right one."""
        if response.status not in self.status:
            wanted = " or ".join(map(str, self.status))
            return Finding(False, f"status {response.status} instead of {wanted}", response.body)
        if self.contains is not None and self.contains not in response.body:
            text = f"status {response.status}, but the page does not contain {shortened(self.contains)!r}"
            return Finding(False, text, response.body)
        return Finding(True, f"status {response.status}")


def request_of(options: Mapping[str, t.Any]) -> Request:
    """Return the request that options ask for; raises ``ValueError`` when they make no sense."""
    status = (200,) if options["status"] is None else tuple(options["status"])
    for each in status:
        if not 100 <= each <= 599:
            raise ValueError(f"{each} is not a status of HTTP")
    if not status:
        raise ValueError("status is empty")
    _check_url(options["http"])
    headers = {str(name): str(value) for name, value in (options["headers"] or {}).items()}
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a header")
        if any(character in value for character in "\r\n\0"):
            raise ValueError(f"the header {name} has a line break in it")
    return Request(
        options["http"],
        options["timeout"],
        status,
        options["contains"],
        headers,
        options["validate_certs"] is not False,
    )


def _check_url(url: str) -> None:
    # Without the password that may be in it.
    shown = without_password(url)
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        raise ValueError(f"the URL {shown!r} has white space in it")
    try:
        parts = urllib.parse.urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ValueError(f"the URL {shown!r} is not valid: {error}") from error
    if not valid:
        raise ValueError(f"the URL {shown!r} is not one of a web server: http://HOST/ or https://HOST/")


def without_password(url: str) -> str:
    """Return ``url`` without a user and a password in it."""
    return re.sub(r"//[^/?#]*@", "//", url)


@dataclasses.dataclass(frozen=True)
class HttpCheck:
    """A page that the controller can see."""

    name: str
    request: Request
    fetch: Callable[[Request], Response]

    @property
    def timeout(self) -> int:
        """See ``CheckFromController.timeout``."""
        return self.request.timeout

    def run(self) -> Finding:
        """See ``CheckFromController.run``."""
        try:
            return self.request.judge(self.fetch(self.request))
        except NoAnswerError as error:
            return Finding(False, str(error))


def _of(options: Mapping[str, t.Any], context: Context) -> HttpCheck:
    request = request_of(options)
    return HttpCheck(options["name"] or f"http {without_password(request.url)}", request, context.fetch)


HTTP = Kind("http", ("http", "status", "contains", "headers", "validate_certs"), _of)
