# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How attributes are shared out among evaluators: a part for each, and the ends of the others' for who is through with it."""

from __future__ import annotations

import dataclasses
import threading
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .walk import Named


@dataclasses.dataclass(frozen=True)
class Part:
    """What an evaluator is to evaluate: its ``own``, in their order, and then what is left of the ``others``', the last first.

    So two meet when nothing is left between them, however much faster one of them is.
    """

    own: Sequence[Named]
    others: Sequence[Named]


def parted(pending: Sequence[Named], number: int) -> list[Part]:
    """Return ``number`` parts of ``pending``: by turns, so that the first of all are the first of their evaluators."""
    turns = [*enumerate(pending)]
    return [
        Part(
            [named for turn, named in turns if turn % number == first],
            [named for turn, named in reversed(turns) if turn % number != first],
        )
        for first in range(number)
    ]


class Claims:
    """Which attribute has been begun, and by which evaluator."""

    def __init__(self) -> None:
        self._holders: dict[str, object] = {}
        self._one_at_a_time = threading.Lock()

    def claim(self, attribute: str, evaluator: object) -> bool:
        """Return whether ``evaluator`` is the one that begins ``attribute``, or has begun it before."""
        with self._one_at_a_time:
            return self._holders.setdefault(attribute, evaluator) is evaluator

    def give_up(self, attribute: str, evaluator: object) -> None:
        """Leave ``attribute`` to others if ``evaluator`` has begun it."""
        with self._one_at_a_time:
            if self._holders.get(attribute) is evaluator:
                del self._holders[attribute]

    def open_to(self, evaluator: object, attribute: str) -> bool:
        """Return whether no other than ``evaluator`` has begun ``attribute``."""
        with self._one_at_a_time:
            return self._holders.get(attribute, evaluator) is evaluator
