# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# nix-on-droid. Its activation sets the profile itself, and is at home in the login environment only.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

present() {
    [ -d /data/data/com.termux.nix ] || [ -L "$(default_profile)" ]
}

default_profile() {
    echo /nix/var/nix/profiles/nix-on-droid
}

in_login_environment() (
    USER=${USER:-$(id -un)}
    export USER
    session=$HOME/.nix-profile/etc/profile.d/nix-on-droid-session-init.sh
    if [ -r "$session" ]; then
        # shellcheck disable=SC1090  # the user's own
        . "$session"
    fi
    "$@"
)

activate() {
    # From its generation's link, activation returns to that generation instead of making a new one.
    if [ -n "$2" ] && [ -x "$profile-$2-link/activate" ]; then
        in_login_environment "$profile-$2-link/activate"
    else
        in_login_environment "$1/activate"
    fi
}

dry_activate() {
    DRY_RUN=1 in_login_environment "$1/activate"
}
