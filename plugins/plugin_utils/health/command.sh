# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# A command of the user's.

command_output() { # SECONDS WORD...
    limited "$@" </dev/null
}
