# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A question that is asked in a thread of its own while its asker prepares for the answer."""

from __future__ import annotations

import contextlib
import threading
import typing as t
from concurrent.futures import Future

from .process import end_thread

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Answer = t.TypeVar("Answer")


@contextlib.contextmanager
def beside(question: Callable[[], Answer]) -> Iterator[Future[Answer]]:
    """Yield what ``question`` is going to return or raise.

    When the block is left by an exception nobody waits for it any more: the commands that ``process.run`` runs for it end.
    """
    future: Future[Answer] = Future()

    def ask() -> None:
        try:
            future.set_result(question())
        except BaseException as error:  # noqa: BLE001  # raised where the answer is asked for
            future.set_exception(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield future
    except BaseException:
        end_thread(thread)
        raise
    thread.join()
