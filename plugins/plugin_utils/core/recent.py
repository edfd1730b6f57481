# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last of what a command says, as much of it as there is room for."""

from __future__ import annotations

import collections
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Item = t.TypeVar("Item")


class Recent(t.Generic[Item]):
    """Items in their order, the oldest of which go when all together are larger than ``room``.

    ``size`` is that of an item, which takes some room even if it says nothing.
    """

    def __init__(self, room: int, size: Callable[[Item], int]) -> None:
        self._room = room
        self._size = lambda item: 1 + size(item)
        self._items: collections.deque[Item] = collections.deque()
        self._taken = 0

    def append(self, item: Item) -> None:
        """Add ``item`` at the end."""
        self._items.append(item)
        self._taken += self._size(item)
        while self._taken > self._room and len(self._items) > 1:
            self._taken -= self._size(self._items.popleft())

    def pop(self) -> Item:
        """Take the last item out."""
        item = self._items.pop()
        self._taken -= self._size(item)
        return item

    def __getitem__(self, index: int) -> Item:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)
