# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The one script of a deployment's round trip: look, refuse or begin, and wait for the end. Sent again after a lost
# connection, it finds the deployment that it began and waits on.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

begin() {
    begun_already && return
    find_program || return
    find_closure
    if [ $? = 1 ]; then
        decline "$missing" "$remedy"
        return
    fi
    objections && return
    begun_already && return # by the same script on another connection, in this moment
    say closure "$closure"
    while held && waited_for; do sleep 1; done
    if held; then
        decline "$(somebody_else)" "$wait_for_it"
    elif [ "$goal" = dry-activate ]; then
        look unchanged
        [ ! -e "$closure" ] || dry_run
    elif nothing_to_do; then
        look unchanged
        say cause "${missing:-}"
    elif [ "$check" = 1 ]; then
        look activated
        [ "$dry_run_writes" = yes ] || [ ! -e "$closure" ] || dry_run
    elif leaving; then
        decline 'the machine is shutting down' 'wait until it is back, then run again'
    elif claim; then
        launch run
        follow ended_or_awaiting
    else
        begun_already # what another connection has claimed in this moment
    fi
}

held() {
    [ -e "$state/lock" ] && holder_alive "$state/lock"
}

dry_run() {
    if [ "$needs_root" = yes ] && ! root; then
        echo 'log=what would be started, stopped and restarted is told to root alone: escalate to see it'
        return
    fi
    find_activated
    output=$(dry_activate "$activated" 2>&1)
    say exit_code $?
    printf '%s\n' "$output" | tail -n 200 | sed 's/^/log=/'
}
