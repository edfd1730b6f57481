# shellcheck shell=sh
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Whether there is nothing to do, asked before the program that would do it is sent.
# shellcheck disable=SC2154  # one program in several files, which share variables

ask() { # answers as `begin` does where that finds nothing to do, and with one line wherever there is any doubt
    if find_program && untouched && ! objections && there && nothing_to_do && { [ -z "$1" ] || kept_as "$1"; } && valid; then
        say closure "$closure"
        say_observed unchanged
    else
        say outcome needed
    fi
}

decline() { # whoever sends the program is told why
    :
}

untouched() { # whether nobody is at work here, or has left a lock behind
    [ ! -e "$state/lock" ] && [ ! -L "$state/lock" ]
}

there() {
    [ -n "$closure" ] && [ -e "$closure" ]
}

kept_as() { # whether the closure, and it alone, is kept from the garbage collector as what was copied under the name $1
    kept=$state/gcroots/copied/$1
    [ ! -L "${kept%/*}" ] && [ ! -L "$kept" ] && [ "$(readlink "$kept/1")" = "$closure" ] && [ ! -L "$kept/2" ]
}

valid() { # whether Nix knows of what is there: after a loss of power it may not, and then it is to be copied anew
    nix-store --check-validity "$closure" 2>/dev/null
}
