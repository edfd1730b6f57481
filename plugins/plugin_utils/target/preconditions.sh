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
    elif preconditions_lack_programs; then
        cause="a deployment, and the way back from it, takes what is not on this machine: $names"
        advice="install it where this user finds programs; the PATH was $PATH"
    elif [ "$platform_needs_root" = yes ] && ! state_is_root && { [ "$check" = 0 ] || [ "$goal" = dry-activate ]; }; then
        # A check may be made by anybody who can look.
        cause="this platform is activated by root, and this is $(id -un)"
        advice='escalate: become, or ansible_become in the inventory'
    elif [ -z "$profile" ]; then
        cause='no profile is named' advice='name it: nix_profile'
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

preconditions_lack_programs() { # set `names` to those that are missing of what Nix does not bring along, if any
    names=''
    for one in awk find grep sed; do
        command -v "$one" >/dev/null || names="$names${names:+, }$one"
    done
    # Without both, nothing that hangs could be ended with all that it has started.
    command -v ps >/dev/null || command -v setsid >/dev/null || names="$names${names:+, }ps or setsid"
    [ -n "$names" ]
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
    advice='deploy for the next boot (deploy_goal=boot) and reboot, or with deploy_confirm=false and deploy_rollback_on_failure=false'
}

preconditions_specialisations() { # print the names of those that the closure has
    names=''
    for one in "$closure"/specialisation/*; do
        [ ! -e "$one" ] || names="$names${names:+, }${one##*/}"
    done
    printf '%s\n' "${names:-none}"
}

# Whether there is nothing to do, asked before the program that would do it is sent.

question_ask() { # answers as a deployment does that finds nothing to do, and with one line wherever there is any doubt
    if preconditions_hold && ! lock_is_there && [ -n "$closure" ] && [ -e "$closure" ] && current_is_up_to_date &&
        { [ -z "$1" ] || question_is_kept "$1"; } && question_is_valid; then
        say closure "$closure"
        current_answer unchanged
        journal_note_unchanged
    else
        say outcome needed
    fi
}

question_is_kept() { # whether the closure, and it alone, has a GC root as what was copied under the name $1
    kept=$state/gcroots/copied/$1
    [ ! -L "${kept%/*}" ] && [ ! -L "$kept" ] && [ "$(readlink "$kept/1")" = "$closure" ] && [ ! -L "$kept/2" ]
}

question_is_valid() { # whether Nix knows of what is there: after a loss of power it may not, and then it is to be copied anew
    nix-store --check-validity "$closure" 2>/dev/null
}
