# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The journal: one line of JSON a deployment, kept on the target.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

timestamp() {
    date -u +%Y-%m-%dT%H:%M:%SZ
}

clock() { # seconds that no change of the date touches, where the system has them
    if [ -r /proc/uptime ]; then
        read -r uptime _ </proc/uptime
        printf '%s\n' "${uptime%%.*}"
    else
        date +%s
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

json_names() ( # the comma-separated unit names of $1 as a list
    printf '['
    [ -z "$1" ] || printf '%s\n' "$1" | tr ',' '\n' | sed -e 's/[^A-Za-z0-9:_.@\\-]//g' -e '/^$/d' -e 's/\\/\\\\/g' -e 's/.*/"&"/' | paste -s -d , - | tr -d '\n'
    printf ']'
)

write_journal() { # one line of the variables that `finish` has set; bounded, so that it never fills a disk
    journal=$state/journal.jsonl
    {
        printf '%s,"profile":%s,"outcome":"%s","started":"%s","seconds":%s' \
            "${entry%\}}" "$(json_text "$profile")" "$outcome" "$started" "$(json_number "$seconds")"
        printf ',"from":{"generation":%s,"closure":%s,"running":%s}' \
            "$(json_number "$recorded_generation")" "$(json_path "$recorded_default")" "$(json_path "$recorded_running")"
        printf ',"to":{"generation":%s,"closure":%s},"exit_code":%s,"ending":"%s","units_failed":%s,"cause":%s}\n' \
            "$(json_number "$generation")" "$(json_path "$closure")" "$(json_number "$code")" "$ending" "$(json_names "$units")" \
            "$(json_text "$(one_line "$cause")")"
    } >"$run/entry" && (umask 077 && end_last_line && cat "$run/entry" >>"$journal") || return
    if [ "$(wc -l <"$journal")" -gt 1000 ]; then
        (umask 077 && tail -n 500 "$journal" >"$journal.new") && mv -f "$journal.new" "$journal"
    fi
}

end_last_line() { # of the journal, which a full disk or a loss of power may have cut off
    [ -z "$(tail -c 1 "$journal" 2>/dev/null)" ] || echo >>"$journal"
}
