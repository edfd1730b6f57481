# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Files of the machine's own that an activation takes away or replaces, and that no other one makes again: copies of them, where they
# outlive what happens to the files, until the deployment ends.

kept_left=''

kept_add() { # file or link $1, which may be changed in this moment; and where it is kept may be full for one
    kept_as=$live/kept-$id$1 kept_tries=0
    until { [ -d "${kept_as%/*}" ] || (umask 077 && mkdir -p "${kept_as%/*}"); } &&
        rm -f "$kept_as" && cp -pP "$1" "$kept_as" && path_is_copy "$1" "$kept_as"; do
        [ -e "$1" ] || [ -L "$1" ] || return 0
        kept_tries=$((kept_tries + 1))
        if [ "$kept_tries" -ge 5 ]; then
            echo "$1 could not be kept in $live"
            return 1
        fi
        clock_sleep 1
    done
}

# By function $1, which puts the copy that is its $1 in place of its $2. Once: what somebody changes after that is not ours. Fails as
# long as something is not back.
kept_put_back() {
    [ -d "$live/kept-$id" ] || return 0
    find "$live/kept-$id" ! -type d | while IFS= read -r kept_as; do
        ! "$1" "$kept_as" "${kept_as#"$live/kept-$id"}" || rm -f "$kept_as"
    done
    kept_left=$(find "$live/kept-$id" ! -type d) && [ -z "$kept_left" ]
}

kept_say_left() { # what kept_put_back could not put back
    echo "could not be put back: $(printf '%s\n' "$kept_left" | sed "s|^$live/kept-$id||" | paste -s -d ' ' -)"
}
