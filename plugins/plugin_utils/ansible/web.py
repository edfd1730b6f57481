# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP as Ansible itself speaks it from the controller: web pages, and the API of a server of Semaphore."""

from __future__ import annotations

import http.client
import json
import typing as t
import urllib.error

from ansible.module_utils import urls

from ..core.errors import NixError
from ..health.checks import SEARCHED_BYTES, NoAnswerError, Request, Response

if t.TYPE_CHECKING:
    from ..job_servers.semaphore import Access, Object


def fetch(request: Request) -> Response:
    """Return the answer to ``request``, whatever its status; raises ``NoAnswerError`` when there is none."""
    try:
        answer = _opened(request)
        with answer:
            return Response(int(answer.status), answer.read(SEARCHED_BYTES).decode(errors="replace"))
    except urllib.error.URLError as error:
        raise NoAnswerError(f"no answer: {getattr(error.reason, 'strerror', None) or error.reason}") from error
    except TimeoutError as error:
        raise NoAnswerError(f"no answer within {request.timeout} s") from error
    except (OSError, ValueError, http.client.HTTPException, urls.ConnectionError) as error:
        raise NoAnswerError(f"no answer: {error}") from error


def _opened(request: Request) -> http.client.HTTPResponse:
    try:
        answer: http.client.HTTPResponse = urls.open_url(
            request.url,
            headers=dict(request.headers),
            timeout=request.timeout,
            validate_certs=request.validate_certs,
            follow_redirects="all" if request.follow_redirects else "none",
            http_agent="nix.fleet",
            # An answer out of a cache says nothing of the host.
            force=True,
            # Nothing goes there but what the task says.
            use_netrc=False,
        )
    except urllib.error.HTTPError as error:
        # An answer too.
        return error  # type: ignore[return-value]
    return answer


MOST_BYTES = 64 << 20

_NOT_LET_IN = "see that the token is valid, and its user an owner or manager of the project"
ADVICE = {
    401: _NOT_LET_IN,
    403: _NOT_LET_IN,
    404: "see that the address is that of Semaphore itself, without /api",
    409: "one on BoltDB may take a template's vault for another template: delete that template there, which its tasks go with, and"
    " run this again",
}


def _is_object(found: t.Any) -> bool:
    # A view has a title.
    return isinstance(found, dict) and "id" in found and bool({"name", "title"} & set(found))


class SemaphoreServer:
    """See ``job_servers.semaphore.Server``."""

    def __init__(self, access: Access, *, timeout: float, validate_certs: bool) -> None:
        self._access = access
        self._headers = {"Authorization": f"Bearer {access.token}", "Content-Type": "application/json"}
        self._timeout = timeout
        self._validate_certs = validate_certs

    def get(self, path: str) -> list[Object]:
        """Return the objects there."""
        text = self._answer("GET", path)
        try:
            found = json.loads(text)
            # A list without anything in it is null.
            found = [] if found is None else found
            if isinstance(found, list) and all(map(_is_object, found)):
                return found
        except (ValueError, RecursionError):
            pass
        raise NixError(
            f"{self._access.shown(path)} answers with something else than a list of objects",
            code="semaphore.no_list",
            advice="see that it is a server of Semaphore, without a login page in front of it",
        )

    def one(self, path: str) -> Object:
        """Return the object there."""
        try:
            found = json.loads(self._answer("GET", path))
        except (ValueError, RecursionError):
            found = None
        if _is_object(found):
            return found
        raise NixError(
            f"{self._access.shown(path)} answers with something else than an object", code="semaphore.no_object"
        )

    def post(self, path: str, item: Object) -> None:
        """Make an object."""
        self._answer("POST", path, item)

    def put(self, path: str, item: Object) -> None:
        """Change an object."""
        self._answer("PUT", path, item)

    def _answer(self, method: str, path: str, item: Object | None = None) -> str:
        place = f"{method} {self._access.shown(path)}"
        try:
            answer = urls.open_url(
                self._access.place(path),
                method=method,
                data=None if item is None else json.dumps(item).encode(),
                headers=self._headers,
                timeout=self._timeout,
                validate_certs=self._validate_certs,
                # A token goes nowhere but where it was sent.
                follow_redirects="none",
                http_agent="nix.fleet",
                force=True,
                use_netrc=False,
            )
            with answer:
                return str(answer.read(MOST_BYTES).decode(errors="replace"))
        except urllib.error.HTTPError as refusal:
            raise NixError(
                f"{place}: {refusal.code} {refusal.reason}",
                code="semaphore.refused",
                log=refusal.read(MOST_BYTES).decode(errors="replace"),
                advice=ADVICE.get(refusal.code, "see what the server says"),
            ) from None
        except (OSError, ValueError, http.client.HTTPException, urls.ConnectionError) as error:
            reason = getattr(error, "reason", None) or error
            raise NixError(
                f"{place}: no answer: {reason}",
                code="semaphore.no_answer",
                advice="check the address, and that it is up",
            ) from None
