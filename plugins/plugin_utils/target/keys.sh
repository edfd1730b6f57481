# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Where secrets are kept, and what else may be in their directory.

keys_directory() ( # print the usual directory for keys
    if safety_is_root && [ "$(uname -s)" = Linux ]; then
        echo /run/keys
    elif safety_is_root; then
        echo /var/lib/nix.fleet-keys
    elif [ -d "${XDG_RUNTIME_DIR:-/run/user/$(id -u)}" ]; then
        printf '%s/keys\n' "${XDG_RUNTIME_DIR:-/run/user/$(id -u)}"
    else
        printf '%s/nix.fleet/keys\n' "${XDG_STATE_HOME:-$HOME/.local/state}"
    fi
)

keys_mask() { # the owners of keys may pass through their directory, and not list it
    if safety_is_root; then echo 066; else echo 077; fi
}

keys_warn() { # if directory $1 goes when the user logs out
    case $1 in
        /run/user/*) ;;
        *) return 0 ;;
    esac
    if [ -d /run/systemd/system ] && [ ! -e "/var/lib/systemd/linger/$(id -un)" ]; then
        answer_say warning "$1 goes when the last session of $(id -un) ends: loginctl enable-linger"
    fi
}

keys_remove_others() { # remove every file from directory $1 except those with the names $2…
    files_enter "$1"
    [ "$missing" = no ] || return 0
    shift
    for keys_file in ./* ./.[!.]* ./..?*; do
        [ -f "$keys_file" ] || [ -L "$keys_file" ] || continue
        keys_file=${keys_file#./}
        case $keys_file in .*.nix.fleet-lock) continue ;; esac
        ! keys_is_listed "$keys_file" "$@" || continue
        [ "$check" = 1 ] || rm -f "./$keys_file" ||
            answer_fail not_removed "$directory/$keys_file could not be removed" ''
        answer_say other "$directory/$keys_file"
    done
}

keys_is_listed() ( # whether $1 is among the others
    wanted=$1
    shift
    for name; do
        [ "$name" != "$wanted" ] || exit 0
    done
    exit 1
)
