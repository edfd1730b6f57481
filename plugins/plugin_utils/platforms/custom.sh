# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Any profile with a program that activates it. The program is named by the request.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

default_first=yes

refusal() {
    [ -x "$1/$program" ] || printf '%s\n' "$1 has no program $program"
}

activate() {
    # Both as deploy-rs has it, whose users' programs are named from there.
    (cd "$1" && PROFILE=$profile "$1/$program")
}
