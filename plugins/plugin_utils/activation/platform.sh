# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What every platform does unless its own file says otherwise. Each function below may be defined again there.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

needs_root=no       # whether nothing works without being root
dry_run_writes=yes  # whether the platform's dry run may write something
default_first=no    # whether the profile must stand at a closure before its program can run
boot_activates=no   # whether booting the machine makes all of the default active
boot_entries=no     # whether the boot loader has an entry for each generation of the platform's own profiles

present() { # whether this machine is one of the platform's
    return 1
}

default_profile() { # the profile that the platform's own tools use
    :
}

profile_named() { # the profile that is asked for as $1, by default the usual one
    case $1 in
        '') default_profile ;;
        '~'/*) printf '%s\n' "$HOME/${1#??}" ;;
        *) printf '%s\n' "$1" ;;
    esac
}

refusal() { # why closure $1 is not one of this platform; nothing when it is
    [ -x "$1/activate" ] || printf '%s\n' "$1 has no program to activate it: activate"
}

booted() { # the closure that the machine was booted with, where that is known
    :
}

find_running() { # set `target` to the closure that is active now, or to nothing
    find_target "$profile"
}

running() { # the same, for who wants to have it printed; no platform defines it again
    find_running
    [ -z "$target" ] || printf '%s\n' "$target"
}

activate() { # make closure $1 active; $2 is the number of its generation when it has one
    "$1/activate"
}

make_default() { # after the profile has changed to closure $1: what else the next boot goes by
    :
}

dry_activate() { # say what activating closure $1 would do
    printf 'this platform has no dry run\n'
    return 1
}

meaning() { # of exit code $1 of an activation: active, units (active, but units failed), reboot (only by a reboot), failed
    case $1 in
        0) echo active ;;
        *) echo failed ;;
    esac
}

only_by_reboot() { # whether closure $1 cannot become active in the running system at all
    return 1
}

changed_since_boot() { # the parts of closure $1 that only a reboot brings into use, a line each
    :
}

reboot_required() { # whether closure $1 has parts that only a reboot brings into use
    [ -n "$(changed_since_boot "$1")" ]
}

leaving() { # whether the machine is shutting down, so that nothing can be activated any more
    return 1
}

reboot_machine() { # ask the machine to reboot, with $message for its users; returns before it does
    echo 'this platform is not the whole machine'
    return 1
}

coming_up() { # what a machine that has been booted still waits for; nothing when it is up
    :
}

failed_units() { # the services that could not be started, a line each
    :
}
