# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What there is now, in words for the controller.
# shellcheck disable=SC2154  # one program in several files, which share variables

look() { # answer with outcome $1 and what is there now
    observe
    say_observed "$1"
}

observe() { # set what the machine runs and boots now
    read_profile "$profile"
    generation_now=$stands_at default_now=$target
    find_running
    running_now=$target
}

say_observed() { # answer with outcome $1 and what was observed, which nothing has changed
    say outcome "$1"
    say previous_generation "$generation_now"
    say previous_closure "$default_now"
    say previous_running "$running_now"
    say_now
}

say_standing() { # what the machine runs and boots now
    observe
    say_now
}

say_now() { # of what was observed
    say profile "$profile"
    say generation "$generation_now"
    say default "$default_now"
    say running "$running_now"
    if [ "$reboot" = yes ] || reboot_required "$closure"; then
        say reboot_required yes
    fi
}
