# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The journal: one line of JSON a deployment, kept on the target.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

timestamp() {
    # In place of the shell of the `$(…)` that this is called in.
    exec date -u +%Y-%m-%dT%H:%M:%SZ
}

read_clock() { # set `clock` to seconds that no change of the date touches, where the system has them
    if [ -r /proc/uptime ]; then
        read -r clock _ </proc/uptime
        clock=${clock%%.*}
    else
        clock=$(date +%s)
    fi
}

json_number() { # $1 when it is a number, else null
    case $1 in
        '' | *[!0-9]*) printf null ;;
        *) printf '%s' "$1" ;;
    esac
}

json_path() { # $1 when it is a store path, whose characters need no quoting, else null
    case $1 in
        '' | *[!A-Za-z0-9+._?=/-]*) printf null ;;
        *) printf '"%s"' "$1" ;;
    esac
}

json_text() { # $1, which has no control characters, as a string
    case $1 in
        *[\"\\]*) printf '"%s"' "$(printf '%s\n' "$1" | sed 's/["\\]/\\&/g')" ;;
        *) printf '"%s"' "$1" ;;
    esac
}

one_line() { # $1 without control characters, and not longer than a journal wants it
    printf '%s' "$1" | LC_ALL=C tr '\000-\037\177' ' ' | LC_ALL=C cut -b 1-500
}

json_names() { # the comma-separated unit names of $1 as a list
    printf '['
    [ -z "$1" ] || printf '%s\n' "$1" | tr ',' '\n' | sed -e 's/[^A-Za-z0-9:_.@\\-]//g' -e '/^$/d' -e 's/\\/\\\\/g' -e 's/.*/"&"/' | paste -s -d , - | tr -d '\n'
    printf ']'
}

write_journal() { # one line of the variables that `finish` has set; bounded, so that it never fills a disk
    journal=$state/journal.jsonl
    flat=''
    [ -z "$cause" ] || flat=$(one_line "$cause")
    {
        printf '%s,"profile":' "${entry%\}}" && json_text "$profile"
        printf ',"outcome":"%s","started":"%s","seconds":' "$outcome" "$started" && json_number "$seconds"
        printf ',"from":{"generation":' && json_number "$recorded_generation"
        printf ',"closure":' && json_path "$recorded_default"
        printf ',"running":' && json_path "$recorded_running"
        printf '},"to":{"generation":' && json_number "$generation"
        printf ',"closure":' && json_path "$closure"
        printf '},"exit_code":' && json_number "$code"
        printf ',"ending":"%s","units_failed":' "$ending" && json_names "$units"
        printf ',"cause":' && json_text "$flat" && printf '}\n'
    } >"$run/entry" && IFS= read -r line <"$run/entry" && (umask 077 && end_last_line && printf '%s\n' "$line" >>"$journal") || return
    if [ "$(wc -l <"$journal")" -gt 1000 ]; then
        (umask 077 && tail -n 500 "$journal" >"$journal.new") && mv -f "$journal.new" "$journal"
    fi
}

end_last_line() { # of the journal, which a full disk or a loss of power may have cut off
    [ ! -s "$journal" ] || [ -z "$(tail -c 1 "$journal")" ] || echo >>"$journal"
}
