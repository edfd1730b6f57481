# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What is kept on this machine: `state` survives a reboot, and only the deploying user can write there; `live`, where the
# system has such a place, is in memory. An activation may fill, remount or mount something over the first.

own_uid='' state='' live=''

state_is_root() {
    [ -n "$own_uid" ] || own_uid=$(id -u) || exit
    [ "$own_uid" = 0 ]
}

# Every script decides this anew, also after an activation: so by nothing that one can change, like a Mac's /run, or a variable
# that a new home sets for its shells.
state_find() { # set `state` and `live`
    state=${NIX_FLEET_STATE_DIRECTORY:-${HOME:-}/.local/state/nix.fleet}
    live=$state
    if state_is_root; then
        state=${NIX_FLEET_STATE_DIRECTORY:-/var/lib/nix.fleet}
        live=$state
        # One that is there is kept to where it can no longer be written.
        if [ -d /proc/self ] && { [ -d /run/nix.fleet ] || { [ -d /run ] && [ -w /run ]; }; }; then live=/run/nix.fleet; fi
    fi
}
