# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Web pages, as Ansible itself fetches them from the controller."""

from __future__ import annotations

import http.client
import urllib.error

from ansible.module_utils import urls

from ..health.check import SEARCHED_BYTES
from ..health.web import NoAnswerError, Request, Response


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
            follow_redirects="all" if request.follows_redirects else "none",
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
