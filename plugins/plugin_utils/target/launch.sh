# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Starts $program where the end of this connection does not reach it. It travels in the environment: nothing of it is read from
# a file again.

launch() { # with argument $1
    log=$run/log
    { true >>"$log"; } 2>/dev/null || log=/dev/null
    if state_is_root && [ -d /run/systemd/system ]; then
        unit=nix-fleet-$id-$1
        # Its shell and its programs too: what systemd starts anew would look for them in what runs by then.
        path_pin
        # Were all of its processes stopped, nothing of ours could act. What systemd ends it also continues, and starts it anew. The
        # time is longer than a lock is waited for. A file system that cannot be mounted has systemd end all but what depends on
        # nothing: its emergency mode. After sysinit.target, it would wait for itself: to be stopped, and to have that started.
        # What the boot loader lies on stays mounted until this has ended, whatever systemd stops. None of the names has to be there, and
        # without an automount's, what is written would land below where nothing is mounted any more.
        systemd-run --quiet --collect --no-ask-password --service-type=exec --unit="$unit" \
            --description="nix.fleet $id" \
            --property=Restart=on-failure --property=RestartSec=1 --property=StartLimitIntervalSec=0 --property=TimeoutStopSec=1h \
            --property=RuntimeMaxSec=2d \
            --property=DefaultDependencies=no --property=Conflicts=shutdown.target --property=Before=shutdown.target \
            --property=After='boot.mount efi.mount boot-efi.mount boot-firmware.mount esp.mount' \
            --property=After='boot.automount efi.automount boot-efi.automount boot-firmware.automount esp.automount' \
            --setenv=PATH="$PATH" --setenv=NIX_FLEET_PATH="$own_path" \
            --setenv=HOME="${HOME:-/root}" --setenv=NIX_FLEET_PROGRAM="$program" \
            ${LOCALE_ARCHIVE:+--setenv=LOCALE_ARCHIVE="$LOCALE_ARCHIVE"} \
            ${NIX_FLEET_STATE_DIRECTORY:+--setenv=NIX_FLEET_STATE_DIRECTORY="$NIX_FLEET_STATE_DIRECTORY"} \
            "$(command -v sh)" -c "$run_program" "nix.fleet-$id" "$1" >>"$log" 2>&1 </dev/null && return
        # It may have failed after it had started the unit.
        if systemctl is-active --quiet "$unit.service" || { [ "$1" = run ] && [ -e "$run/begun" ]; }; then
            return
        fi
        printf '%s\n' 'systemd started no unit for the program, so it ran in a session of its own' >>"$log"
    fi
    (
        trap '' HUP
        cd / || exit
        export NIX_FLEET_PROGRAM="$program" NIX_FLEET_PATH="$own_path"
        process_exec_session sh -c "$run_program" "nix.fleet-$id" "$1"
    ) >>"$log" 2>&1 </dev/null &
}
