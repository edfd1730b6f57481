# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# home-manager, as a user's own profile.

platform_again_sets_running=yes
platform_noun=home
recorded_aside=''

platform_present() {
    [ -L "$(platform_default_profile)" ]
}

# Where home-manager finds the profile now. Since Nix 2.14 it has it in the user's own directory, and what it finds in one of
# the older places it moves there whenever it activates.
platform_default_profile() (
    home_state=${XDG_STATE_HOME:-$HOME/.local/state}
    own=$home_state/nix/profiles
    shared=/nix/var/nix/profiles/per-user/${USER:-$(id -un)}
    for directory in "$own" "$shared" "$home_state/home-manager/profiles"; do
        if [ -L "$directory/home-manager" ]; then
            printf '%s\n' "$directory/home-manager"
            exit
        fi
    done
    # Nix makes the first for everybody but root.
    if [ ! -d "$own" ] && [ -d "$shared" ] && [ "$(id -u)" = 0 ]; then
        own=$shared
    fi
    printf '%s\n' "$own/home-manager"
)

platform_move_profile() {
    own=${XDG_STATE_HOME:-$HOME/.local/state}/nix/profiles/home-manager
    [ "$profile" != "$own" ] && [ -L "$profile" ] && [ "$profile" = "$(platform_default_profile)" ] || return 0
    step home_move_profile "$profile" "$own" || return
    # The old one is for home-manager to remove, which does so when it activates.
    [ ! -L "$own" ] || profile=$own
}

home_move_profile() { # $1 to $2, unless there is no place for it
    # As home-manager has its directory made.
    nix-env -q >/dev/null 2>&1
    [ -d "${2%/*}" ] || return 0
    for link in "$1"-*-link; do
        [ ! -L "$link" ] || nix-store --realise "$link" --add-root "${2%/*}/${link##*/}" >/dev/null || return
    done
    ln -s "$(readlink "$1")" "$2" && path_flush "${2%/*}"
}

platform_refusal() {
    for file in activate home-files; do
        [ -e "$1/$file" ] && continue
        printf '%s\n' "$1 is not a home-manager generation: it has no $file"
        break
    done
}

platform_find_running() {
    path_find_closure "$(home_current)"
    [ -n "$target" ] || path_find_closure "$profile"
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
    PATH=$own_path "$@"
)

platform_activate() {
    in_user_session "$1/activate" --driver-version 1
}

platform_dry_activate() {
    DRY_RUN=1 in_user_session "$1/activate" --driver-version 1
}

platform_unchecked() {
    [ -e "$closure" ] || echo 'files in the way were not looked at: that takes the home on the machine (--skip-tags activate brings it)'
}

platform_predicted() {
    home_in_the_way=$(home_files "$1" | while IFS= read -r file; do
        home_is_in_the_way "$file" "$1/home-files/$file" && printf '%s\n' "$HOME/$file"
    done | head -n 20 | paste -s -d ' ' -)
    [ -z "$home_in_the_way" ] || printf 'the activation stops at files in the way, unless they are forced: %s\n' "$home_in_the_way"
}

home_is_in_the_way() { # whether home-manager puts file $2 nowhere, for what is at $1 in the user's home
    [ -e "$HOME/$1" ] || return
    if [ -L "$HOME/$1" ]; then
        case $(readlink "$HOME/$1") in "$store"/*-home-manager-files/*) return 1 ;; esac
    elif [ -n "$backup_extension" ] && [ ! -e "$HOME/$1.$backup_extension" ]; then
        return 1
    fi
    ! cmp -s "$2" "$HOME/$1"
}

# On the way back. What home-manager takes away is what the home that it holds for the current one has and the other has not;
# a home that failed half way is not yet that.
platform_activate_again() {
    request_find_activated
    # Nor is a home activated as long as no Nix runs, by the settings of what failed.
    nix-env -q >/dev/null 2>&1 || export NIX_USER_CONF_FILES="$1/home-files/.config/nix/nix.conf"
    # Where Nix will not, since the closure is damaged, what is left is told.
    [ "$3" = no ] || [ ! -e "$activated/home-files" ] ||
        nix-store --realise "$activated" --add-root "$(home_current)" --option substitute false >/dev/null
    # What the failed home, or a program, has put where this one has a link is in nobody's way.
    { platform_activate "$@" || in_user_session env HOME_MANAGER_BACKUP_EXT="$id" "$1/activate" --driver-version 1; } &&
        home_each_aside home_put_back
    set -- $?
    # One of them may be what the user logs in by.
    kept_put_back home_put_back_kept || {
        kept_say_left
        return 1
    }
    return "$1"
}

home_put_back_kept() { # kept file $1 as file $2, unless by now somebody else's is there
    if [ -L "$2" ]; then
        case $(readlink "$2") in "$store"/*-home-manager-files/*) ;; *) return 0 ;; esac
    elif [ -e "$2" ]; then
        return 0
    fi
    # With the last file in it, home-manager has removed its directory.
    { [ -d "${2%/*}" ] || (umask 077 && mkdir -p "${2%/*}"); } && path_copy "$1" "$2"
}

home_current() {
    printf '%s\n' "${XDG_STATE_HOME:-$HOME/.local/state}/home-manager/gcroots/current-home"
}

home_files() ( # print the files that home $1 links, as seen from the user's home, a line each
    cd "$1/home-files/" 2>/dev/null && find . ! -type d | sed 's|^\./||'
)

# A file of the user's where home-manager has one of its own, between two of which is `//`. What it does not move aside it may replace:
# by force, or since it takes a link for one of its own.
platform_find_aside() {
    path_find_closure "$(home_current)"
    home_files "$1" | while IFS= read -r file; do
        if [ -L "$HOME/$file" ]; then
            [ ! -e "$target/home-files/$file" ] || continue
        elif [ ! -f "$HOME/$file" ] || { [ -n "$backup_extension" ] && [ ! -e "$HOME/$file.$backup_extension" ]; }; then
            continue
        fi
        kept_add "$HOME/$file" || exit
    done || return
    aside=''
    [ -z "$backup_extension" ] || aside=$(
        home_files "$1" | while IFS= read -r file; do
            [ -L "$HOME/$file" ] || [ ! -e "$HOME/$file" ] || [ -e "$HOME/$file.$backup_extension" ] || printf '%s//' "$file"
        done
    )
}

home_each_aside() { # call function $1 with each file that was to be moved aside and was
    aside=$recorded_aside
    while [ -n "$aside" ]; do
        file=${aside%%//*}
        aside=${aside#*//}
        [ ! -e "$HOME/$file.$backup_extension" ] || "$1" "$file"
    done
}

home_put_back() {
    [ ! -L "$HOME/$1" ] || rm -f "$HOME/$1"
    [ -e "$HOME/$1" ] || mv "$HOME/$1.$backup_extension" "$HOME/$1"
}

home_say_aside() {
    printf '%s\n' "$HOME/$1.$backup_extension"
}

platform_remains() {
    failed_files=$(path_closure "$1/home-files")
    if [ "$failed_files" != "$(path_closure "$2/home-files")" ]; then
        home_files "$1" | while IFS= read -r file; do
            [ "$(readlink "$HOME/$file")" != "$failed_files/$file" ] || printf '%s\n' "$HOME/$file"
            case $file in
                */systemd/user/*/*) ;;
                */systemd/user/*)
                    [ -e "$2/home-files/$file" ] || ! in_user_session systemctl --user --quiet is-active "${file##*/}" 2>/dev/null ||
                        printf 'the unit %s\n' "${file##*/}"
                    ;;
            esac
        done
    fi
    home_each_aside home_say_aside
    home_files "$2" | while IFS= read -r file; do
        [ ! -e "$HOME/$file.$id" ] || printf '%s\n' "$HOME/$file.$id"
    done
}

platform_failure_named() { # the first file that is in the way, and how many more are
    awk '
        / would be clobbered/ || (/^Existing file .* is in the way of / && !/will be /) {
            count++
            if (first == "") first = $0
        }
        END { if (count) print first (count > 1 ? " (and " count - 1 " more)" : "") }'
}

platform_failure_advice() {
    # What it has moved away itself stands in nobody's way.
    [ -z "$(platform_failure_named)" ] ||
        echo 'move these files away, or have them renamed: backup_extension (deploy_backup_extension)'
}

# home-manager marks warnings by a colour alone, which a log does not have.
platform_warnings() {
    awk '
        function tell() { if (text != "") print text; text = "" }
        text != "" && /^systemctl --user / { text = text (text ~ /:$/ ? " " : "; ") $0; next }
        text != "" && /^(with Nix packages|  sudo )/ { sub(/^ +/, ""); text = text " " $0; next }
        { tell() }
        /^(Suggested commands:|This non-NixOS system is not yet set up|GPU drivers require an update)/ { text = $0; next }
        /^(Existing file .* is in the way of |Path .* does not link into |Skipping deletion of |Failed to )/ { print; next }
        /^(Cannot restore|Restoring) previous agent / { print; next }
        /^The user systemd session is degraded:$/ { print }
        END { tell() }'
}
