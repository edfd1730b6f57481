# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# nix-on-droid. Its activation sets the profile itself, and is called in the login environment, as by its own command.

droid_etc=/etc

platform_present() {
    [ -d /data/data/com.termux.nix ] || [ -L "$(platform_default_profile)" ]
}

platform_default_profile() {
    echo /nix/var/nix/profiles/nix-on-droid
}

in_login_environment() (
    USER=${USER:-$(id -un)}
    export USER
    session=$HOME/.nix-profile/etc/profile.d/nix-on-droid-session-init.sh
    # On the way back it is the failed system's. What ends the shell that reads it, or comes to no end, is left out.
    if [ -r "$session" ] && process_run_within 3000 droid_read "$session" >/dev/null 2>&1; then
        wait "$process_asked"
        # shellcheck disable=SC1090  # the user's own
        [ $? != 77 ] || . "$session"
    fi
    "$@"
)

droid_read() { # file $1, and say by a code of its own that it came to its end: what it has started would hold a pipe open
    # shellcheck disable=SC1090  # the user's own
    . "$1"
    exit 77
}

platform_activate() {
    # From its generation's link, activation returns to that generation instead of making a new one.
    if [ -n "$2" ] && [ -x "$profile-$2-link/activate" ]; then
        in_login_environment "$profile-$2-link/activate"
    else
        in_login_environment "$1/activate"
    fi
}

platform_activate_again() {
    # By what the failed one has in /etc, or in its home, no Nix may run any more, and only after Nix does an activation see to them.
    nix-env -q >/dev/null 2>&1 || {
        export NIX_CONF_DIR="$1/etc/nix"
        nix-env -q >/dev/null 2>&1 || export NIX_USER_CONF_FILES=/dev/null
    }
    platform_activate "$@"
}

platform_dry_activate() {
    DRY_RUN=1 in_login_environment "$1/activate"
}

platform_unchecked() {
    [ -e "$closure" ] || echo '/etc was not looked at: that takes the closure on the machine (--skip-tags activate brings it)'
}

platform_predicted() {
    droid_stays=$(find "$1/etc/" -type l 2>/dev/null | while IFS= read -r droid_link; do
        droid_file=$droid_etc/${droid_link#"$1/etc/"}
        [ -e "$droid_file" ] || continue
        case $(readlink "$droid_file") in (/etc/static/*) continue ;; esac
        printf '%s\n' "$droid_file"
    done | head -n 20 | paste -s -d ' ' -)
    [ -z "$droid_stays" ] || printf 'stays as it is, unless environment.etcBackupExtension is set: %s\n' "$droid_stays"
}

platform_warnings() { # set-up-etc leaves a file that is in the way as it is, and succeeds
    grep '^Linking of .* failed'
}
