# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server for as long as a test needs one."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator


def serving(pages: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve ``pages``; the value is the address of the first."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), pages) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
