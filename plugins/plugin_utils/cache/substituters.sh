# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Has a machine's Nix fetch from stores and trust keys, by a block of lines in nix.conf, where that file is nobody else's.
#   substituters.sh CHECK FILE SUBSTITUTERS KEYS
#     CHECK: 1 to change nothing   FILE: nix.conf, or nothing for the one that this user's Nix reads
#     SUBSTITUTERS, KEYS: separated by spaces; without any, the block is removed
check=$1 file=$2 substituters=$3 keys=$4
begin='# nix.fleet: what follows is replaced by each run of nix_substituters'
end='# nix.fleet: end'

refuse() {
    printf '%s\n' "$1" >&2
    exit 3
}

root() {
    [ "$(id -u)" = 0 ]
}

usual_file() {
    if ! root; then
        printf '%s\n' "${XDG_CONFIG_HOME:-$HOME/.config}/nix/nix.conf"
    elif grep -Eq '^[[:space:]]*!?include[[:space:]]+(/etc/nix/)?nix\.custom\.conf' /etc/nix/nix.conf 2>/dev/null; then
        # What an installer leaves to the machine's owner, beside a file that it replaces.
        echo /etc/nix/nix.custom.conf
    else
        echo /etc/nix/nix.conf
    fi
}

manager() { # prints whose configuration the file is part of; nothing for a file of the machine's own
    case $file in
    */nix.custom.conf) return ;;
    /etc/*)
        if [ -e /etc/NIXOS ]; then
            echo nixos
        elif [ -e /run/current-system/darwin-version ] || [ -L "$file" ]; then
            if [ "$(uname -s)" = Darwin ]; then
                echo darwin
            elif in_store; then
                echo another
            fi
        fi
        ;;
    *) ! in_store || echo home-manager ;;
    esac
}

in_store() {
    case $(readlink "$file") in
    /nix/store/* | /etc/static/*) return 0 ;;
    *) return 1 ;;
    esac
}

setting() { # what Nix makes of all its files together
    nix --extra-experimental-features nix-command config show "$1" 2>/dev/null
}

has_all() { # $1: words; the others: which of them must be there
    words=" $(printf '%s' "$1" | tr '\n' ' ') "
    shift
    for wanted; do
        case $words in
        *" $wanted "*) ;;
        *) return 1 ;;
        esac
    done
}

believed() { # whether what this user's nix.conf says counts
    root || [ -w /nix/var/nix/db ] ||
        nix --extra-experimental-features nix-command store info --json 2>/dev/null | grep -Eq '"trusted": ?(1|true)'
}

block() {
    if [ -n "$substituters$keys" ]; then
        printf '%s\n' "$begin"
        [ -z "$substituters" ] || printf 'extra-substituters = %s\n' "$substituters"
        [ -z "$keys" ] || printf 'extra-trusted-public-keys = %s\n' "$keys"
        printf '%s\n' "$end"
    fi
}

block_of_file() {
    [ ! -e "$file" ] || awk -v begin="$begin" -v end="$end" '$0 == begin { on = 1 } on { print } $0 == end { on = 0 }' "$file"
}

rest_of_file() {
    [ ! -e "$file" ] || awk -v begin="$begin" -v end="$end" '$0 == begin { on = 1 } !on { print } $0 == end { on = 0 }' "$file"
}

write() {
    umask 022
    mkdir -p "${file%/*}" || exit 1
    # Beside it, so that there is never half of it; and with its owner and mode.
    new=$file.nix.fleet.$$
    trap 'rm -f "$new"' EXIT
    [ ! -e "$file" ] || cp -p "$file" "$new" || exit 1
    { rest_of_file && block; } >"$new" && : >"$unread" && mv -f "$new" "$file" || exit 1
}

restart() { # a daemon reads its settings when it starts
    root || return 0
    if [ -d /run/systemd/system ] && systemctl is-active --quiet nix-daemon.service; then
        systemctl restart nix-daemon.service && echo restarted=yes
    elif [ "$(uname -s)" = Darwin ] && command -v launchctl >/dev/null; then
        for daemon in org.nixos.nix-daemon systems.determinate.nix-daemon; do
            ! launchctl kickstart -k "system/$daemon" 2>/dev/null || echo restarted=yes
        done
    elif [ ! -d /run/systemd/system ] && [ -S "${NIX_DAEMON_SOCKET_PATH:-/nix/var/nix/daemon-socket/socket}" ]; then
        # Of another supervisor, or somebody's shell.
        echo to_be_restarted=yes
    fi
}

# shellcheck disable=SC2088  # the tilde is that of the argument, which no shell has seen
case $file in
'') file=$(usual_file) ;;
'~/'*) file=$HOME/${file#'~/'} ;;
esac
printf 'file=%s\n' "$file"

managed=$(manager)
if [ -n "$managed" ]; then
    printf 'managed=%s\n' "$managed"
    # shellcheck disable=SC2086  # words
    if has_all "$(setting substituters)" $substituters && has_all "$(setting trusted-public-keys)" $keys; then
        echo there=yes
    fi
    exit 0
fi

if [ -e "$file" ] && grep -qxF "$begin" "$file" && ! grep -qxF "$end" "$file"; then
    refuse "$file has the first line of our block and not its last one"
fi
# It is there from just before the file is replaced until the daemon has been restarted, should this run end in between.
unread=$file.nix.fleet-unread
before=$(block_of_file)
[ -z "$before" ] || printf '%s\n' "$before" | sed 's/^/before=/'
believed && echo believed=yes
if [ "$before" != "$(block)" ]; then
    echo changed=yes
    [ "$check" = 1 ] || write
elif [ -e "$unread" ]; then
    echo interrupted=yes
else
    exit 0
fi
[ "$check" = 1 ] || { restart && rm -f "$unread"; }
