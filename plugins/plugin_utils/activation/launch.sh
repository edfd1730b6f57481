# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Starts the program in $run where the end of this connection does not reach it.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

launch() { # the program's part $1, and its part `recover` when that has ended, however it did
    shell=$(command -v sh)
    if root && [ -d /run/systemd/system ]; then
        unit=nix-fleet-$id-$1
        systemd-run --quiet --collect --no-ask-password --service-type=exec --unit="$unit" \
            --description="nix.fleet $id" \
            --property="ExecStopPost=$shell $run/program recover" --property=TimeoutStopSec=1h \
            --setenv=PATH="$PATH" --setenv=HOME="${HOME:-/root}" \
            ${LOCALE_ARCHIVE:+--setenv=LOCALE_ARCHIVE="$LOCALE_ARCHIVE"} \
            ${NIXOS_NO_CHECK:+--setenv=NIXOS_NO_CHECK="$NIXOS_NO_CHECK"} \
            "$shell" "$run/program" "$1" >>"$run/log" 2>&1 </dev/null && return
        # It may have failed after it had started the unit.
        if systemctl is-active --quiet "$unit.service" || { [ "$1" = run ] && [ -e "$run/begun" ]; }; then
            return
        fi
        say warning 'systemd started no unit for the program, so it ran in a session of its own' >>"$run/warnings"
    fi
    (
        trap '' HUP
        cd / || exit
        # A program that has come to its end has emptied itself.
        # shellcheck disable=SC2016  # expanded by the inner shell
        in_new_session "$shell" -c '"$1" "$2" "$3"; [ ! -s "$2" ] || "$1" "$2" recover' guardian "$shell" "$run/program" "$1"
    ) >>"$run/log" 2>&1 </dev/null
}
