# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What systemd says of units.

failed_units() { # SECONDS
    command -v systemctl >/dev/null || return 127
    limited "$1" systemctl list-units --state=failed --all --plain --no-legend --full --no-pager
}

states_of_units() { # SECONDS UNIT...
    command -v systemctl >/dev/null || return 127
    seconds=$1
    shift
    limited "$seconds" systemctl show --property=LoadState,ActiveState,Result --no-pager -- "$@"
}
