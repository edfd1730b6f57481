# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The user who logs in.

login_print() { # its number and its name, which is the number where it has none
    id -u && { id -un 2>/dev/null || id -u; }
}
