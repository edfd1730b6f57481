# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What reboots the machine, when the connection that asked for it has its answer. It holds the lock of deployments until
# then: none begins in a machine that is about to go down. With the boot that it names, the lock loses its force.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

main() {
    program=$NIX_FLEET_PROGRAM
    unset NIX_FLEET_PROGRAM
    trap '' HUP
    # Whoever could not tell whether it had launched this may have launched it twice; what was killed is begun again.
    if mkdir "$run/begun" 2>/dev/null; then
        restart &
        wait "$!"
    fi
    recover
}

restart() {
    started=$(clock_date)
    process_find_own
    lock_take "$own_process"
    case $? in
        0) ;;
        1) give_up "a deployment is running: $(lock_holder)" ;;
        *) give_up "$live cannot be written to" ;;
    esac
    decide asked || give_up ''
    [ -z "$message" ] || ! command -v wall >/dev/null || printf '%s\n' "$message" | wall 2>/dev/null
    # The answer is on its way for a moment.
    sleep "$((delay + 1))"
    mkdir "$run/tried"
    if platform_reboot_machine >"$run/said" 2>&1; then
        # From now on, the machine ends this.
        sleep "$timeout"
        fail 'it was asked to reboot, and has not'
    else
        fail "the command that reboots it ended with exit code $?: $(tail -n 3 "$run/said" | tr '\n' ' ')"
    fi
}

recover() { # what was ended from outside before it had the machine reboot
    lock_read
    # One that was launched twice may be at work.
    { [ "$lock_id" != "$id" ] || ! lock_is_held; } && ! platform_leaving || exit 0
    decide 'it was ended before it had the machine reboot'
    if [ "$(decision)" = asked ] && [ ! -d "$run/tried" ]; then
        fail 'what was to reboot the machine was ended before it did'
    fi
    lock_release
}

give_up() { # before anything has been touched; $1 says why, unless it is known
    [ -z "$1" ] || decide "$1"
    lock_release
    exit 0
}

fail() { # $1 says why
    run_free_reserve
    say failed "$1" >"$run/failed"
    lock_release
}
