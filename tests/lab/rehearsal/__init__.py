# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rehearsal fleet: real Nix, real sshd and real systemd on hosts made of namespaces."""
