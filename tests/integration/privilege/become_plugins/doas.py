# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Becoming another user by doas: to our actions the same as C(community.general.doas), which tests do not fetch."""

from __future__ import annotations

DOCUMENTATION = r"""
name: doas
short_description: Become another user by doas
author: nix.fleet contributors (!UNKNOWN)
version_added: 0.2.0
description: For tests.
options:
  become_user:
    description: Who to become.
    type: string
    vars:
      - name: ansible_become_user
  become_pass:
    description: The password that doas asks for.
    type: string
    vars:
      - name: ansible_become_password
"""

from ansible.plugins.become import BecomeBase  # noqa: E402  # Ansible reads what is above first


class BecomeModule(BecomeBase):
    """See the documentation."""

    name = "doas"
    # It reads the password from a terminal, and whatever else is on its way to it.
    pipelining = False
    # Any, since it is told by the method below.
    prompt = "Password:"

    def check_password_prompt(self, b_output: bytes) -> bool:
        """Whether doas asks for the password."""
        return b_output.lstrip().startswith((b"doas (", b"Password:"))

    def build_become_command(self, cmd: str, shell: object) -> str:
        """Return the command line that becomes the user and runs ``cmd``."""
        super().build_become_command(cmd, shell)
        quiet = "" if self.get_option("become_pass") else "-n"
        return f"doas {quiet} -u {self.get_option('become_user') or 'root'} {self._build_success_command(cmd, shell)}"
