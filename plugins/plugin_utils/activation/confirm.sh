# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The script that brings the verdict on a deployment, over a connection of its own, and waits for its end.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

confirm() { # deployment $id, with verdict $1, and with the reason $2 when it is a bad one
    if [ ! -d "$run" ]; then
        from_journal || decline "this machine knows of no deployment $id" 'check the id, and the user: each has a state of its own'
        return
    elif ! all_ours; then
        decline_foreign
        return
    fi
    [ -z "$2" ] || printf '%s\n' "$2" >"$run/reason"
    if [ -L "$run/verdict" ]; then
        : # Another one was faster, or this one was brought before and the answer lost.
    elif give_verdict "$1"; then
        say verdict_taken yes
    else
        say warning 'the verdict could not be written on the machine, which goes back when its time is over'
    fi
    # Whatever becomes of the verdict, the end says what the machine has made of it.
    follow ended
}
