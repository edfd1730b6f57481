# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Frames what each check answers: its output, then its notes and its exit code. `mark` and `limit` are set before.
# shellcheck disable=SC2154

check() { # FUNCTION ARGUMENT...
    printf '\n%s begin\n' "$mark"
    {
        notes=$(
            {
                {
                    late=''
                    "$@" 2>&1
                    printf '\n%s %s\n' "$?" "$late" >&3
                } | {
                    head -c "$limit" >&4
                    # A command that nobody listens to any more would fail.
                    cat >/dev/null
                }
            } 3>&1
        )
    } 4>&1
    printf '\n%s notes\n%s\n%s end\n' "$mark" "$notes" "$mark"
}
