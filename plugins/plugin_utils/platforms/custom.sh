# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Any profile with a program that activates it. The program is named by the request.

platform_default_first=yes
platform_noun=profile

platform_refusal() {
    [ -x "$1/$activate" ] || printf '%s\n' "$1 has no program $activate"
}

platform_activate() {
    # Both as deploy-rs has it, whose users' programs are named from there.
    (cd "$1" && PATH=$own_path PROFILE=$profile "$1/$activate")
}
