# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What a supervisor left that did not live to end its deployment, by whoever finds it: its guardian, a script, the next one.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

recover() { # finish what a supervisor left that was ended from outside, on behalf of whoever holds the lock by record $1
    if [ -e "$run/outcome" ]; then
        release_lock
        exit 0
    fi
    start='' started=$(timestamp)
    holder=$1
    alone "$state/takeover" take_over || exit 0
    [ -e "$run/recorded" ] || refuse 'the supervisor was ended before it had touched anything'
    end_orphan
    if [ "$(field complete "$run/recorded")" != yes ]; then
        cause="the deployment was interrupted and its record is not whole, so nothing was touched: $run/recorded"
        finish failed
    fi
    read_recorded
    started=$recorded_started
    # The clock counts from when the machine was booted.
    find_boot
    [ "$recorded_boot" != "$this_boot" ] || start=$recorded_start
    if superseded; then
        cause='the deployment was interrupted, and the machine has come to another system since, so nothing was undone'
        finish superseded
    fi
    cause='the supervisor was ended before the deployment was complete'
    if [ -e "$run/awaiting" ]; then
        # From now on a verdict comes too late.
        give_verdict expired
        [ "$(verdict)" = confirmed ] || unconfirmed=yes
    fi
    fall_back
}

take_over() { # from the dead supervisor; fails when another deployment holds the lock, or somebody does this already
    [ "$(readlink "$state/lock" 2>/dev/null)" = "$holder" ] && ! holder_alive "$run/holder" && write_holder
}

superseded() { # whether there is something by now that this deployment has neither found nor made
    find_boot
    find_activated
    find_target "$profile"
    case $target in
        "$closure")
            # Where booting activates, what has been booted and is the default is as whole as a repair by hand would make it.
            [ "$goal" = boot ] || [ "$boot_activates" = no ] || [ "$recorded_boot" = "$this_boot" ] || [ "$(running)" != "$activated" ] || return 0
            ;;
        "$recorded_default") ;;
        *) return 0 ;;
    esac
    [ "$goal" != boot ] || return 1
    find_running
    case $target in
        '' | "$recorded_running" | "$activated" | "$recorded_default" | "$closure") return 1 ;;
    esac
}
