# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Becoming another user by run0: to our actions the same as C(community.general.run0), which tests do not fetch."""

from __future__ import annotations

DOCUMENTATION = r"""
name: run0
short_description: Become another user by run0
author: nix.fleet contributors (!UNKNOWN)
version_added: 0.2.0
description: For tests.
options:
  become_user:
    description: Who to become.
    type: string
    default: root
    vars:
      - name: ansible_become_user
"""

from ansible.plugins.become import BecomeBase  # noqa: E402  # Ansible reads what is above first


class BecomeModule(BecomeBase):
    """See the documentation."""

    name = "run0"
    prompt = "Password: "
    # Ansible asks for one before it asks us.
    require_tty = True

    def build_become_command(self, cmd: str, shell: object) -> str:
        """Return the command line that becomes the user and runs ``cmd``."""
        super().build_become_command(cmd, shell)
        return f"run0 --user={self.get_option('become_user')} {self._build_success_command(cmd, shell)}"
