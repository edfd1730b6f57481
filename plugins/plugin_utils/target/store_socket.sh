# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# A socket at which this machine's Nix store is served to the user who logs in.

# Print where it is: `socket PATH`, and `keepalive DIRECTORY` of a private daemon; with exit code 127 there is no Nix, with 3 nobody
# who may write the store, with 5 the user who logs in is not known.
#   $1  the program of a private daemon
#   $2  `private` or `system`: which daemon to prefer when both can serve
#   $3, $4  name and number of the user who logs in, empty when that is the user running this; the number is `sudo` or `doas`
#       where that knows
#   $5  seconds without a keepalive after which a private daemon ends
#   $6… what is to be kept when a private daemon is asked to, as `gc_root_keep` takes it
store_socket_open() {
    store_socket_find_user "$3" "$4"
    program=$1 prefer=$2 timeout=$5
    shift 5
    system=${NIX_DAEMON_SOCKET_PATH:-/nix/var/nix/daemon-socket/socket}

    command -v nix-store >/dev/null 2>&1 || store_socket_fail 127 "no nix-store on PATH: $PATH"
    [ "$prefer" = system ] && [ -S "$system" ] && store_socket_use_system
    if ! store_socket_may_write; then
        [ ! -S "$system" ] || store_socket_use_system
        store_socket_fail 3 "no Nix daemon listens at $system, and $(id -un 2>/dev/null || id -u) may not write /nix/store"
    fi
    command -v nix-daemon >/dev/null 2>&1 || store_socket_fail 127 "no nix-daemon on PATH: $PATH"
    store_socket_make_directory $#
    printf '%s\n' "$program" >"$directory/private_daemon" && : >"$directory/log" || exit 1
    exec 3<"$directory/log"
    # In braces: of a function that is called by itself, dash would keep our output open as long as it runs.
    {
        store_socket_exec "$directory/private_daemon" "$directory" "$user" "$timeout" "$@"
    } </dev/null >>"$directory/log" 2>&1 3<&- &

    # From here on the directory is the private daemon's to remove.
    trap '(: >"$directory/end") 2>/dev/null' EXIT
    tries=0
    until store_socket_listens; do
        tries=$((tries + 1))
        pause=0.1
        [ "$tries" -gt 10 ] || pause=0.02
        if [ "$tries" -gt 110 ] || [ ! -d "$directory" ] || [ -e "$directory/ended" ]; then
            cat <&3 >&2
            store_socket_fail 4 'nix-daemon did not start'
        fi
        sleep "$pause" 2>/dev/null || sleep 1
    done
    # The user alone may connect. Nobody else has been able to come this far.
    if [ "$shared" ]; then
        { chown "$uid" "$directory/socket" && chmod 600 "$directory/socket" && chmod 711 "$directory"; } || exit 1
    fi
    trap - EXIT
    printf 'socket %s\nkeepalive %s\n' "$directory/socket" "$directory/keepalive"
}

# The same where the store lacks any of the paths; where it lacks none, keep them. The arguments are those of `store_socket_open`.
store_socket_open_if_missing() {
    if (
        shift 6
        store_paths_on_disk "$@"
    ); then
        store_socket_missing=$(
            shift 5
            store_paths_keep "$@"
        ) || return
        [ -n "$store_socket_missing" ] || return 0
    fi
    echo 'something is missing'
    store_socket_open "$@"
}

store_socket_fail() { # exit with code $1; $2: why
    echo "$2" >&2
    exit "$1"
}

store_socket_find_user() { # set `me`, and `user` and `uid` to those who log in
    me=$(id -u)
    case $2 in
        '') uid=$me user=$(id -un 2>/dev/null || id -u) ;;
        sudo | doas)
            if [ "$2" = sudo ]; then user=${SUDO_USER:-}; else user=${DOAS_USER:-}; fi
            case $user in '' | [!0-9A-Za-z_]* | *[!0-9A-Za-z+._@-]*) exit 5 ;; esac
            uid=$(id -u "$user" 2>/dev/null) || exit 5
            ;;
        *) uid=$2 user=$1 ;;
    esac
}

store_socket_may_write() { # whether we may write the store; a Nix that has never run has no database yet
    database=/nix/var/nix/db
    [ "$me" = 0 ] || { [ -w /nix/store ] && { [ -w "$database" ] || [ ! -e "$database" ]; }; }
}

store_socket_use_system() {
    printf 'socket %s\n' "$system"
    exit 0
}

# Set `directory` to a new one, and `shared` where another user is to pass through it. $1: how many arguments follow for a question.
# It stays ours, for whatever another user may write to leads us wherever that user likes. The user passes through it to the
# socket, and has in it a directory for keepalives, and a pipe for the question.
store_socket_make_directory() {
    # /run is in memory: the error of a full disk is then Nix's own, about the store.
    umask 077
    if [ "$me" = 0 ] && [ -d /run ] && [ -w /run ]; then place=/run; else place=/tmp; fi
    directory=$(mktemp -d "$place/nix.fleet.XXXXXX") || exit 1
    trap 'rm -rf "$directory"' EXIT
    mkdir "$directory/keepalive" || exit 1
    [ "$1" = 0 ] || mkfifo "$directory/question" 2>/dev/null
    shared=''
    if [ "$uid" != "$me" ] && [ "$uid" != 0 ]; then
        shared=yes
        chown "$uid" "$directory/keepalive" || exit 1
        [ ! -p "$directory/question" ] || chown "$uid" "$directory/question" || exit 1
    fi
}

# Run file $1 with the other arguments in place of this shell, in a session of its own where there is one to be had: sudo and login managers end what is
# left of theirs.
store_socket_exec() {
    session=''
    ! command -v setsid >/dev/null 2>&1 || session=setsid
    # run0 is a unit, and all that is in it ends with it.
    while read -r group; do
        case $group in
            */run-*.service)
                session="systemd-run --scope --quiet --collect $session"
                break
                ;;
        esac
    done 2>/dev/null </proc/self/cgroup
    # shellcheck disable=SC2086  # one word or several
    exec $session sh "$@"
}

store_socket_listens() { # Nix opens the socket to everybody, and that is the last that it does to it
    [ -S "$directory/socket" ] || return 1
    case $(ls -ld "$directory/socket") in s???????w*) ;; *) return 1 ;; esac
}
