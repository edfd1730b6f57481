# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Whether there is nothing to do, asked before the program that would do it is sent.

question_ask() { # answers as a deployment does that finds nothing to do, and with one line wherever there is any doubt
    if preconditions_hold && ! lock_is_there && [ -n "$closure" ] && [ -e "$closure" ] && current_is_up_to_date &&
        { [ -z "$1" ] || question_is_kept "$1"; } && question_is_valid; then
        say closure "$closure"
        current_answer unchanged
        journal_settle
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
