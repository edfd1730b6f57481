# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# What a playbook asks of a size of batches before a play's `serial` takes it.

from __future__ import annotations

DOCUMENTATION = r"""
name: batch_sizes
short_description: Whether a value says how many hosts come at a time
version_added: 0.2.0
author: nix.fleet contributors (!UNKNOWN)
description:
  - Whether a play's C(serial) can be set to this, and brings hosts in batches. Ansible takes 0 and an empty list for all hosts
    at once, and prints a traceback of what is no size.
options:
  _input:
    description:
      - A number of hosts or a percentage, from 1 on, or a list of them.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Refuse what is no size
  ansible.builtin.assert:
    that: my_batch_size | default('20%') is nix.fleet.batch_sizes
"""

RETURN = r"""
_value:
  description:
    - Whether it is.
  type: bool
"""

import re
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable

SIZE = re.compile("[1-9][0-9]*%?")


def batch_sizes(value: t.Any) -> bool:
    """Return whether ``value`` is a size, or a list of at least one."""
    sizes = value if isinstance(value, list) else [value]
    return bool(sizes) and all(SIZE.fullmatch(str(size)) for size in sizes)


class TestModule:
    """What Ansible looks for."""

    def tests(self) -> dict[str, Callable[[t.Any], bool]]:
        """Return the test by its name."""
        return {"batch_sizes": batch_sizes}
