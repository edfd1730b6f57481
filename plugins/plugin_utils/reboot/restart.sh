# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What reboots the machine, when the connection that asked for it has its answer. It holds the lock of deployments until
# then: none begins in a machine that is about to go down. With the boot that it names, the lock loses its force.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

main() {
    case $1 in
        run) restart ;;
        recover) recover ;;
    esac
}

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
    decide asked || give_up ''
    [ -z "$message" ] || ! command -v wall >/dev/null || printf '%s\n' "$message" | wall 2>/dev/null
    # The answer is on its way for a moment.
    sleep "$((delay + 1))"
    mkdir "$run/tried"
    if reboot_machine >"$run/said" 2>&1; then
        # From now on, the machine ends this.
        sleep "$timeout"
        fail 'it was asked to reboot, and has not'
    else
        fail "the command that reboots it ended with exit code $?: $(tail -n 3 "$run/said" | tr '\n' ' ')"
    fi
}

recover() { # what was ended from outside before it had the machine reboot
    { [ -e "$run/holder" ] && ! holder_alive "$run/holder" && ! leaving; } || exit 0
    decide 'it was ended before it had the machine reboot'
    if [ "$(decision)" = asked ] && [ ! -d "$run/tried" ]; then
        fail 'what was to reboot the machine was ended before it did'
    fi
    release_lock
}

give_up() { # before anything has been touched; $1 says why, unless it is known
    [ -z "$1" ] || decide "$1"
    release_lock
    exit 0
}

fail() { # $1 says why
    rm -f "$run/reserve"
    say failed "$1" >"$run/failed"
    release_lock
}
