# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server for as long as a test needs one."""

from __future__ import annotations

import http.server
import sys
import threading
import typing as t
from collections.abc import Iterator


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: t.Any, client_address: t.Any) -> None:
        """Say nothing of who has gone before the answer."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def serving(pages: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve ``pages``; the value is the address of the first."""
    with _Server(("127.0.0.1", 0), pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
