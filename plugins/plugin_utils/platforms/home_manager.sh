# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# home-manager, as a user's own profile.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

present() {
    [ -L "$(default_profile)" ]
}

default_profile() (
    own=${XDG_STATE_HOME:-$HOME/.local/state}/nix/profiles
    shared=/nix/var/nix/profiles/per-user/$(id -un)
    if [ ! -d "$own" ] && [ -d "$shared" ]; then
        printf '%s\n' "$shared/home-manager"
    else
        printf '%s\n' "$own/home-manager"
    fi
)

refusal() {
    for file in activate home-files; do
        [ -e "$1/$file" ] && continue
        printf '%s\n' "$1 is not a home-manager generation: it has no $file"
        break
    done
}

find_running() {
    find_target "${XDG_STATE_HOME:-$HOME/.local/state}/home-manager/gcroots/current-home"
    [ -n "$target" ] || find_target "$profile"
}

in_user_session() (
    USER=${USER:-$(id -un)}
    export USER
    # Where the user's own services are reached, which a login that is not interactive may not be told.
    XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
    if [ -d "$XDG_RUNTIME_DIR" ]; then
        export XDG_RUNTIME_DIR
        if [ -S "$XDG_RUNTIME_DIR/bus" ]; then
            export DBUS_SESSION_BUS_ADDRESS="${DBUS_SESSION_BUS_ADDRESS:-unix:path=$XDG_RUNTIME_DIR/bus}"
        fi
    fi
    if [ -n "$backup_extension" ]; then
        export HOME_MANAGER_BACKUP_EXT="$backup_extension"
    fi
    "$@"
)

activate() {
    in_user_session "$1/activate" --driver-version 1
}

dry_activate() {
    DRY_RUN=1 in_user_session "$1/activate" --driver-version 1
}
