# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The one script of a deployment's round trip: look, refuse or begin, and wait for the end. Sent again after a lost
# connection, it finds the deployment that it began and waits on.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

begin() {
    shell=$(command -v sh)
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
    if [ -e "$state/lock" ] && holder_alive "$state/lock"; then
        decline "another deployment is running: $(holder_text "$state/lock")" 'wait for it to end, then run again'
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
    else
        claim && launch run
        # Also what another connection has claimed in this moment.
        begun_already
    fi
}

find_program() {
    command -v nix-env >/dev/null && command -v nix-store >/dev/null && return
    decline 'there is no Nix on this machine, or not where it usually is' \
        "the PATH was $PATH; set the task's environment if Nix is elsewhere"
    return 1
}

objections() { # fails when there are none
    if [ "$needs_root" = yes ] && ! root; then
        decline "this platform is activated by root, and this is $(id -un)" \
            'escalate: become, or ansible_become in the inventory'
    elif [ -z "$profile" ]; then
        decline 'no profile is named' 'set the option profile'
    elif [ -e "$profile" ] && [ ! -L "$profile" ]; then
        decline "$profile is not a profile: it is not a symbolic link" 'name another profile, or move it away'
    elif [ -z "$closure" ]; then
        return 1 # there is nothing to go back from
    elif [ ! -e "$closure" ]; then
        # Before it is copied, there is only a change to foretell.
        [ "$check" = 0 ] || return 1
        decline "$closure is not on this machine" 'copy it first: nix.fleet.nix_copy_closure'
    elif [ -n "$(refusal "$(activated_path)")" ]; then
        decline "$(refusal "$(activated_path)")" 'check that platform and closure belong together'
    else
        return 1
    fi
}

look() { # answer with outcome $1 and what is there now
    say outcome "$1"
    say previous_generation "$(generation_of "$profile")"
    say previous_closure "$(closure_of "$profile")"
    say previous_running "$(running)"
    say_standing
}

dry_run() {
    output=$(dry_activate "$(activated_path)" 2>&1)
    say exit_code $?
    printf '%s\n' "$output" | tail -n 200 | sed 's/^/log=/'
}
