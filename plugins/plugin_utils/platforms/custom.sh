# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Any profile with a program that activates it. The program is named by the request.

platform_default_first=yes
platform_noun=profile
custom_units=/etc/systemd/system

platform_refusal() {
    [ -x "$1/$activate" ] || printf '%s\n' "$1 has no program $activate"
}

platform_activate() {
    # Both as deploy-rs has it, whose users' programs are named from there.
    (cd "$1" && PATH=$own_path PROFILE=$profile "$1/$activate")
}

# The profile stands at what nobody has confirmed, and nothing goes back from that when the machine is booted but systemd, unless its
# units are in the store, as on NixOS.
platform_watch_boot() {
    state_is_root && [ -d /run/systemd/system ] && [ -w "$custom_units" ] && [ ! -L "$custom_units" ] || return 0
    platform_watch_by_unit "$custom_units" "$run/again" "$run/program" &&
        path_flush ./again . "$custom_units/$platform_unit" "$custom_units/multi-user.target.wants" "$custom_units"
}

platform_unwatch_boot() {
    platform_unwatch_by_unit "$custom_units" "$1" ./again
}
