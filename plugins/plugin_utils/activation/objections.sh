# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What must hold before anything begins; the question and the script of the round trip go by the same.
# shellcheck disable=SC2154  # one program in several files, which share variables

find_program() {
    command -v nix-env >/dev/null && command -v nix-store >/dev/null && return
    decline 'there is no Nix on this machine, or not where it usually is' \
        "the PATH was $PATH; set the task's environment if Nix is elsewhere"
    return 1
}

objections() { # fails when there are none
    # A check may be made by anybody who can look.
    if [ "$needs_root" = yes ] && ! root && { [ "$check" = 0 ] || [ "$goal" = dry-activate ]; }; then
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
        decline "$closure is not on this machine" 'copy it first: nix.fleet.nix_copy_closure, or the tag copy of a deployment'
    elif [ -n "$specialisation" ] && [ ! -e "$closure/specialisation/$specialisation" ]; then
        decline "$closure has no specialisation $specialisation" "it has: $(specialisations)"
    elif refused; then
        decline "$reason" 'check that platform and closure belong together'
    else
        return 1
    fi
}

refused() { # whether what is to become active is not one of the platform; sets `reason`
    find_activated
    reason=$(refusal "$activated")
    [ -n "$reason" ]
}

specialisations() { # the names of those that the closure has
    names=''
    for one in "$closure"/specialisation/*; do
        [ ! -e "$one" ] || names="$names${names:+, }${one##*/}"
    done
    printf '%s\n' "${names:-none}"
}
