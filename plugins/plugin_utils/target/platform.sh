# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What every platform does unless its own file says otherwise. Each function below may be defined again there.

own_path=$PATH # what programs of a closure are given, whatever else we have put before it
platform_needs_root=no       # whether nothing works without being root
platform_dry_run_writes=yes  # whether the platform's dry run may write something
platform_default_first=no    # whether the profile must stand at a closure before its program can run, or else nothing tells what runs
platform_boot_activates=no   # whether booting the machine makes all of the default active
platform_again_sets_running=no # whether going back itself makes the failed closure the current one, for what it takes away
platform_boot_entries=no     # whether the boot loader has an entry for each generation of the platform's own profiles
platform_noun=system # what its closures are, for a person
platform_lock_name='a lock of the system'
platform_check_advice=''
aside=''

platform_present() { # whether this machine is one of the platform's
    return 1
}

platform_default_profile() { # the profile that the platform's own tools use
    :
}

platform_profile_named() { # the profile that is asked for as $1, by default the usual one
    case $1 in
        '') platform_default_profile ;;
        '~'/*) printf '%s\n' "$HOME/${1#??}" ;;
        per-user/*) platform_user_profile "${1#*/}" ;;
        *) printf '%s\n' "$1" ;;
    esac
}

platform_user_profile() ( # where deploy-rs has the profile $1 of a user: in the old place, where there is one
    directory=/nix/var/nix/profiles/per-user/$(id -un)
    [ -d "$directory" ] || directory=${XDG_STATE_HOME:-$HOME/.local/state}/nix/profiles
    printf '%s\n' "$directory/$1"
)

# Before anything is recorded: have the profile where the platform's own activation would move it, and set `profile` to that.
platform_move_profile() {
    :
}

platform_refusal() { # why closure $1 is not one of this platform; nothing when it is
    [ -x "$1/activate" ] || printf '%s\n' "$1 has no program to activate it: activate"
}

platform_booted() { # the closure that the machine was booted with, where that is known
    :
}

platform_find_running() { # set `target` to the closure that is active now, or to nothing
    path_find_closure "$profile"
}

platform_running() { # the same, for who wants to have it printed; no platform defines it again
    platform_find_running
    [ -z "$target" ] || printf '%s\n' "$target"
}

platform_refusal_advice() { # what to do about what platform_refusal has said of closure $1
    echo 'check that platform and closure belong together'
}

platform_activate() { # make closure $1 active; $2 is the number of its generation when it has one
    PATH=$own_path "$1/activate"
}

# The same on the way back, where nothing that the system has against it may stand in the way; $3 is whether it was tried to make
# the new closure active.
platform_activate_again() {
    platform_activate "$@"
}

platform_start_stopped() { # what the activation of closure $1 on the way back had stopped, and not started when it was ended as too slow
    :
}

# Set `aside` to what the way back from closure $1 has to know of this machine, in one line: what its activation will move out of its
# way, or stop.
platform_find_aside() {
    aside=''
}

platform_remains() { # what is left of closure $1 after the way back from it to closure $2 (nothing when there was none), a line each
    :
}

platform_make_default() { # after the profile has changed to closure $1: what else the next boot goes by
    :
}

platform_make_default_again() { # the same on the way back
    platform_make_default "$@"
}

platform_boots_newest() { # whether that is the newest generation, whatever the profile stands at
    return 1
}

platform_find_boots() { # set `boots` to the closure that the next boot brings up, where the boot loader says so
    boots=''
}

platform_check() { # whether the system itself has nothing against closure $1; prints what it has
    return 0
}

platform_unchecked() { # what check mode has not looked at, although the activation itself does, a line each
    :
}

platform_predicted() { # what the activation of closure $1 is going to stop at or to leave as it is, a line each, for a check
    :
}

platform_watch_boot() { # where booting comes back on what has not been confirmed: have the machine go back by itself then
    :
}

platform_watch_soft_reboot() { # while the machine leaves, the same for what may come up without the kernel starting anew
    :
}

platform_unwatch_boot() { # deployment $1 has ended
    :
}

# Have systemd go on with this deployment when it starts anew: by a unit in directory $1 that runs file $2, made for that, with the
# program in file $3.
platform_watch_by_unit() {
    platform_unit=nix-fleet-$id-again.service
    # What is exported may be secret, as Nix's settings are.
    (umask 077 && platform_watch_script "$3" >"$2") && mkdir -p "$1/multi-user.target.wants" &&
        printf '%s\n' '[Unit]' "Description=nix.fleet $id" StartLimitIntervalSec=0 "RequiresMountsFor=$2" "ConditionPathExists=$2" \
            '[Service]' Type=exec Restart=on-failure RestartSec=1 TimeoutStopSec=1h \
            "ExecStart=/bin/sh $2" >"$1/$platform_unit" &&
        ln -sf "../$platform_unit" "$1/multi-user.target.wants/$platform_unit"
}

platform_watch_script() {
    export -p
    printf '%s\n' "NIX_FLEET_PROGRAM=\$(cat $1)" 'export NIX_FLEET_PROGRAM' "exec sh -c '$run_program' nix.fleet-$id recover"
}

platform_unwatch_by_unit() { # the same for deployment $2
    rm -f "$1/multi-user.target.wants/nix-fleet-$2-again.service" "$1/nix-fleet-$2-again.service" "$3"
}

platform_lock_holder() { # who holds the platform's own lock, for a person; nothing when nobody does
    :
}

platform_is_locked() { # whether the last step, which ended with code $1, has failed since somebody else holds that lock
    return 1
}

platform_words_are_of_lock() { # whether what is read from standard input says so
    return 1
}

platform_dry_activate() { # say what activating closure $1 would do
    printf 'this platform has no dry run\n'
    return 1
}

# Of exit code $1 of an activation that did not end well, and of what it has printed, which is read from standard input: units
# (active, but units failed), reboot (only by a reboot), failed.
platform_meaning() {
    echo failed
}

platform_only_by_reboot() { # whether closure $1 cannot become active in the running system at all
    return 1
}

platform_changed_since_boot() { # the parts of closure $1 that only a reboot brings into use, a line each
    :
}

platform_reboot_required() { # whether closure $1 has parts that only a reboot brings into use
    [ -n "$(platform_changed_since_boot "$1")" ]
}

platform_systemd_stops() { # whether systemd is about to end everything; no platform defines it again
    [ "$(systemctl is-system-running 2>/dev/null)" = stopping ]
}

platform_leaving() { # whether the machine is shutting down, so that nothing can be activated any more
    return 1
}

platform_reboot_machine() { # ask the machine to reboot, with $message for its users; returns before it does
    echo 'this platform is not the whole machine'
    return 1
}

platform_coming_up() { # what a machine that has been booted still waits for; nothing when it is up
    :
}

platform_units_named() { # the units that an activation has said to have failed, read from standard input, in one line
    :
}

platform_failure_named() { # what in an activation that ended with code $1 has failed, where its words, on standard input, tell more than the last of them
    :
}

platform_failure_advice() { # what to do about it, or about a check that refuses it, where that is known; read from standard input
    :
}

platform_warnings() { # what of the words of an activation, read from standard input, is for whoever deploys; a line each
    # Of a setting that its version does not know, Nix says so each time that it is called.
    sed -n 's/^[Ww][Aa][Rr][Nn][Ii][Nn][Gg]: *//p' | grep -v '^unknown \(setting\|experimental feature\) '
}

platform_failed_units() { # the services that could not be started, a line each
    :
}
