# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A socket that leads to another one, and hands on no more than is granted."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import typing as t

from ..core.errors import CopyError

if t.TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Iterator

    from .budget import Bandwidth

CHUNK = 1 << 16
# So many pieces a second at least, so that a slow line is not silent between two of them.
PIECES = 20
# How often it is looked whether the block has ended.
POLL_SECONDS = 0.05


@contextlib.contextmanager
def metered(beyond: pathlib.Path, here: pathlib.Path, bandwidth: Bandwidth) -> Iterator[pathlib.Path]:
    """Yield ``here``, a socket whose clients reach ``beyond``; what they send there counts, what they hear does not."""

    class Client(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as other, contextlib.suppress(OSError, CopyError):
                other.connect(str(beyond))
                back = threading.Thread(target=_hand_on, args=(other, self.request, lambda _amount: None), daemon=True)
                back.start()
                _hand_on(self.request, other, bandwidth.take, max(1, min(CHUNK, bandwidth.bytes_per_second // PIECES)))
                back.join()

    with socketserver.ThreadingUnixStreamServer(str(here), Client) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="metered", daemon=True).start()
        try:
            yield here
        finally:
            server.shutdown()


def _hand_on(giver: socket.socket, taker: socket.socket, granted: Callable[[int], None], piece: int = CHUNK) -> None:
    """Hand on what one side sends until it ends, and tell the other of that; one that has gone ends both."""
    try:
        while data := giver.recv(piece):
            granted(len(data))
            taker.sendall(data)
        taker.shutdown(socket.SHUT_WR)
    except (OSError, CopyError):
        for side in (giver, taker):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
