# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What there is now, in words for the controller.
# shellcheck disable=SC2154  # one program in several files, which share variables

look() { # answer with outcome $1 and what is there now
    say outcome "$1"
    say previous_generation "$(generation_of "$profile")"
    say previous_closure "$(closure_of "$profile")"
    say previous_running "$(running)"
    say_standing
}

say_standing() { # what the machine runs and boots now
    say profile "$profile"
    say generation "$(generation_of "$profile")"
    say default "$(closure_of "$profile")"
    say running "$(running)"
    if [ "$reboot" = yes ] || reboot_required "$closure"; then
        say reboot_required yes
    fi
}
