# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Lines `key=value`: the answer to the controller, and what a deployment has recorded.

newline='
'

say() { # one line of the answer: key, value
    printf '%s=%s\n' "$1" "$2"
}

# Set each of the variables $3…, whose names begin with $1, to the value of the key that the rest of the name is in text $2, or
# to nothing. No here-document: bash makes a file of it.
record_read() {
    record_prefix=$1
    record_rest=$2$newline
    shift 2
    for record_name; do eval "$record_name="; done
    while [ -n "$record_rest" ]; do
        record_line=${record_rest%%"$newline"*}
        record_rest=${record_rest#*"$newline"}
        for record_name; do
            [ "$record_prefix${record_line%%=*}" != "$record_name" ] || eval "$record_name=\${record_line#*=}"
        done
    done
}

record_field() { # print the value of key $1 in file $2
    while IFS= read -r record_line; do
        case $record_line in "$1="*)
            printf '%s\n' "${record_line#*=}"
            break
            ;;
        esac
    done 2>/dev/null <"$2"
}

record_json_number() { # $1 when it is a number, else null
    case $1 in
        '' | *[!0-9]*) printf null ;;
        *) printf '%s' "$1" ;;
    esac
}

record_json_path() { # $1 when it is a store path, whose characters need no quoting, else null
    case $1 in
        '' | *[!A-Za-z0-9+._?=/-]*) printf null ;;
        *) printf '"%s"' "$1" ;;
    esac
}

record_json_text() { # $1, which has no control characters, as a string
    case $1 in
        *[\"\\]*) printf '"%s"' "$(printf '%s\n' "$1" | sed 's/["\\]/\\&/g')" ;;
        *) printf '"%s"' "$1" ;;
    esac
}
