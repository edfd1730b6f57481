# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What must hold before anything begins; the question and the deployment go by the same.

# Set `cause` and `advice` when something does not hold, and fail.
preconditions_hold() {
    cause='' advice=''
    if ! command -v nix-env >/dev/null || ! command -v nix-store >/dev/null; then
        cause='there is no Nix on this machine, or not where it usually is'
        advice="the PATH was $PATH; set the task's environment if Nix is elsewhere"
    elif [ "$platform_needs_root" = yes ] && ! state_is_root && { [ "$check" = 0 ] || [ "$goal" = dry-activate ]; }; then
        # A check may be made by anybody who can look.
        cause="this platform is activated by root, and this is $(id -un)"
        advice='escalate: become, or ansible_become in the inventory'
    elif [ -z "$profile" ]; then
        cause='no profile is named' advice='set the option profile'
    elif [ -e "$profile" ] && [ ! -L "$profile" ]; then
        cause="$profile is not a profile: it is not a symbolic link" advice='name another profile, or move it away'
    elif [ -z "$closure" ]; then
        : # There is nothing to go back from.
    elif [ ! -e "$closure" ]; then
        # Before it is copied, there is only a change to predict.
        [ "$check" = 1 ] || {
            cause="$closure is not on this machine"
            advice='copy it first: nix.fleet.nix_copy_closure, or a deployment with --skip-tags activate'
        }
    elif [ -n "$specialisation" ] && [ ! -e "$closure/specialisation/$specialisation" ]; then
        cause="$closure has no specialisation $specialisation" advice="it has: $(preconditions_specialisations)"
    else
        request_find_activated
        cause=$(platform_refusal "$activated")
        if [ -z "$cause" ]; then
            preconditions_find_way_back
        else
            advice=$(platform_refusal_advice "$activated")
        fi
    fi
    [ -z "$cause" ]
}

# What runs now must be such that it can be activated again, where that may become necessary.
preconditions_find_way_back() {
    case $goal:$confirm_timeout:$rollback_on_failure in
        boot:* | dry-activate:* | *:0:0) return ;;
    esac
    platform_find_running
    [ -n "$target" ] && [ "$target" != "$activated" ] || return
    cause=$(platform_refusal "$target")
    [ -n "$cause" ] || return
    cause="there would be no way back from a failure to what runs now: $cause"
    advice='deploy for the next boot (goal=boot) and reboot, or without confirmation and rollback_on_failure'
}

preconditions_specialisations() { # print the names of those that the closure has
    names=''
    for one in "$closure"/specialisation/*; do
        [ ! -e "$one" ] || names="$names${names:+, }${one##*/}"
    done
    printf '%s\n' "${names:-none}"
}
