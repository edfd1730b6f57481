# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Health checks that run on the machine. The answer of each is framed: its output, then its exit code.

health_run() { # FUNCTION ARGUMENT...; `mark` frames the answer, and `limit` is how many bytes of output are wanted
    printf '\n%s begin\n' "$mark"
    {
        status=$(
            {
                {
                    late=''
                    "$@" 2>&1
                    printf '%s %s' "$?" "$late" >&3
                } | {
                    head -c "$limit" >&4
                    # A command that nobody listens to any more would fail.
                    cat >/dev/null
                }
            } 3>&1
        )
    } 4>&1
    printf '\n%s end %s\n' "$mark" "$status"
}

health_command() { # SECONDS WORD...
    limit_run "$@" </dev/null
}

health_failed_units() { # SECONDS
    command -v systemctl >/dev/null || return 127
    limit_run "$1" systemctl list-units --state=failed --all --plain --no-legend --full --no-pager
}

health_unit_states() { # SECONDS UNIT...
    command -v systemctl >/dev/null || return 127
    seconds=$1
    shift
    limit_run "$seconds" systemctl show --property=LoadState,ActiveState,Result --no-pager -- "$@"
}
