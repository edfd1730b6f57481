# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What reboots the machine, when the connection that asked for it has its answer. It holds the lock of deployments until
# then: none begins in a machine that is about to go down. With the boot that it names, the lock loses its force.

reboot_main() {
    program=$NIX_FLEET_PROGRAM
    unset NIX_FLEET_PROGRAM
    trap '' HUP
    # Whoever could not tell whether it had launched this may have launched it twice; what was killed is begun again.
    if mkdir "$run/begun" 2>/dev/null; then
        reboot_restart &
        wait "$!"
    fi
    reboot_recover
}

reboot_restart() {
    started=$(clock_date)
    process_find_own
    lock_take "$own_process"
    case $? in
        0) ;;
        1) reboot_give_up "a deployment is running: $(lock_holder)" ;;
        *) reboot_give_up "$live cannot be written to" ;;
    esac
    reboot_decide asked || reboot_give_up ''
    [ -z "$message" ] || ! command -v wall >/dev/null || printf '%s\n' "$message" | wall 2>/dev/null
    # The answer is on its way for a moment.
    sleep "$((delay + 1))"
    mkdir "$run/tried"
    if platform_reboot_machine >"$run/said" 2>&1; then
        # From now on, the machine ends this.
        sleep "$timeout"
        reboot_fail 'it was asked to reboot, and has not'
    else
        reboot_fail "the command that reboots it ended with exit code $?: $(tail -n 3 "$run/said" | tr '\n' ' ')"
    fi
}

reboot_recover() { # what was ended from outside before it had the machine reboot
    lock_read
    # One that was launched twice may be at work.
    { [ "$lock_id" != "$id" ] || ! lock_is_held; } && ! platform_leaving || exit 0
    reboot_decide 'it was ended before it had the machine reboot'
    if [ "$(reboot_decision)" = asked ] && [ ! -d "$run/tried" ]; then
        reboot_fail 'what was to reboot the machine was ended before it did'
    fi
    lock_release
}

reboot_give_up() { # before anything has been touched; $1 says why, unless it is known
    [ -z "$1" ] || reboot_decide "$1"
    lock_release
    exit 0
}

reboot_fail() { # $1 says why
    run_free_reserve
    say failed "$1" >"$run/failed"
    lock_release
}
