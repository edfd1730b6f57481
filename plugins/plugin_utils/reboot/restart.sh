# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What reboots the machine, when the connection that asked for it has its answer. It holds the lock of deployments until
# then: none begins in a machine that is about to go down. With the boot that it names, the lock loses its force.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

restart() {
    trap '' HUP
    # Whoever could not tell whether it had launched this may have launched it twice.
    mkdir "$run/begun" 2>/dev/null || exit 0
    write_holder || give_up "$run cannot be written to"
    take_lock
    case $? in
        0) ;;
        1) give_up "a deployment is running: $(holder_text "$state/lock")" ;;
        *) give_up "$state cannot be written to" ;;
    esac
    end_request asked yes
    [ -z "$message" ] || ! command -v wall >/dev/null || printf '%s\n' "$message" | wall 2>/dev/null
    # The answer is on its way for a moment.
    sleep "$((delay + 1))"
    if reboot_machine >"$run/said" 2>&1; then
        # From now on, the machine ends this.
        sleep "$timeout"
        say failed 'it was asked to reboot, and has not' >"$run/failed"
    else
        say failed "the command that reboots it ended with exit code $?: $(tail -n 3 "$run/said" | tr '\n' ' ')" >"$run/failed"
    fi
    release_lock
}

give_up() { # before anything has been touched; $1 says why
    end_request refused "$1"
    exit 0
}

end_request() { # with key $1 and value $2; the file also says to later deployments that this directory may go
    say "$1" "$2" >"$run/outcome.new" && mv -f "$run/outcome.new" "$run/outcome"
}
