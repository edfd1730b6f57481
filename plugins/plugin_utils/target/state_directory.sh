# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What is kept on this machine: `state` survives a reboot, and only the deploying user can write there; `live`, where the
# system has such a place, is in memory. An activation may fill, remount or mount something over the first.

own_uid='' state='' live=''

state_is_root() {
    [ -n "$own_uid" ] || own_uid=$(id -u)
    [ "$own_uid" = 0 ]
}

state_find() { # set `state` and `live`
    if state_is_root; then
        state=${NIX_FLEET_STATE_DIRECTORY:-/var/lib/nix.fleet}
        if [ -d /run ] && [ -w /run ]; then live=/run/nix.fleet; else live=$state; fi
    else
        state=${NIX_FLEET_STATE_DIRECTORY:-${XDG_STATE_HOME:-${HOME:-}/.local/state}/nix.fleet}
        live=$state
    fi
}
