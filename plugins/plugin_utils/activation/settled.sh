# shellcheck shell=sh
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Whether there is nothing to do, asked before the program that would do it is sent.
# shellcheck disable=SC2154  # one program in several files, which share variables

ask() { # answers as `begin` does where that finds nothing to do, and with one line wherever there is any doubt
    if untouched && in_order && nothing_to_do && { [ -z "$1" ] || kept_as "$1"; }; then
        say outcome unchanged
        say closure "$closure"
        say profile "$profile"
        say previous_generation "$(generation_of "$profile")"
        say previous_closure "$(closure_of "$profile")"
        say previous_running "$(running)"
        say generation "$(generation_of "$profile")"
        say default "$(closure_of "$profile")"
        say running "$(running)"
        ! reboot_required "$closure" || say reboot_required yes
    else
        say outcome needed
    fi
}

untouched() { # whether nobody is at work here, and nothing stands in the way of whoever wants to be
    [ ! -e "$state/lock" ] && [ ! -L "$state/lock" ] &&
        { [ "$needs_root" = no ] || root; } &&
        command -v nix-env >/dev/null && command -v nix-store >/dev/null
}

in_order() { # whether closure and profile are what they are taken for
    [ -n "$closure" ] && [ -n "$profile" ] && [ -L "$profile" ] && [ -e "$closure" ] &&
        [ -z "$(refusal "$(activated_path)")" ]
}

kept_as() { # whether the closure, and it alone, is kept from the garbage collector as what was copied under the name $1
    kept=$state/gcroots/copied/$1
    [ ! -L "${kept%/*}" ] && [ ! -L "$kept" ] && [ "$(readlink "$kept/1")" = "$closure" ] && [ ! -L "$kept/2" ]
}
