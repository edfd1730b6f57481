# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The journal: one line of JSON a deployment, kept on the target.

journal_one_line() { # $1 without control characters, and not longer than a journal wants it
    printf '%s' "$1" | LC_ALL=C tr '\000-\037\177' ' ' | LC_ALL=C cut -b 1-500
}

journal_names() { # the comma-separated unit names of $1 as a list
    printf '['
    [ -z "$1" ] || printf '%s\n' "$1" | tr ',' '\n' | sed -e 's/[^A-Za-z0-9:_.@\\-]//g' -e '/^$/d' -e 's/\\/\\\\/g' -e 's/.*/"&"/' | paste -s -d , - | tr -d '\n'
    printf ']'
}

journal_entry=''

journal_write() { # one line of the variables that outcome_finish has set; bounded, so that it never fills a disk
    journal=$state/journal.jsonl
    flat=''
    [ -z "$cause" ] || flat=$(journal_one_line "$cause")
    journal_entry=$(
        printf '%s,"profile":' "${entry%\}}" && record_json_text "$profile"
        printf ',"outcome":"%s","started":"%s","seconds":' "$outcome" "$started" && record_json_number "$seconds"
        printf ',"from":{"generation":' && record_json_number "$recorded_generation"
        printf ',"closure":' && record_json_path "$recorded_default"
        printf ',"running":' && record_json_path "$recorded_running"
        printf '},"to":{"generation":' && record_json_number "$generation_now"
        printf ',"closure":' && record_json_path "$closure"
        printf '},"exit_code":' && record_json_number "$code"
        printf ',"status":"%s","units_failed":' "$status" && journal_names "$units"
        printf ',"cause":' && record_json_text "$flat" && printf '}\n'
    )
    { (umask 077 && journal_end_last_line && printf '%s\n' "$journal_entry" >>"$journal"); } 2>/dev/null || return
    if [ "$(wc -l <"$journal")" -gt 1000 ]; then
        journal_newest=$(tail -n 500 "$journal") && (umask 077 && path_write "$journal" "$journal_newest")
    fi
}

# A host that runs what is wanted already is as that revision has it, whoever brought it there: without a line that says so, it
# would be behind, changed by others, or as it was after a failure, for ever.
journal_note_unchanged() { # write that the profile was found at $closure, unless its last line says as much
    [ "$check:$rollback" = 0: ] || return 0
    journal_revision=''
    case $entry in *'"revision":'*)
        journal_revision=${entry#*'"revision":'}
        journal_revision="\"revision\":${journal_revision%%',"description":'*}"
        ;;
    esac
    journal_last=$(grep -F "\"profile\":$(record_json_text "$profile")," "$state/journal.jsonl" 2>/dev/null)
    journal_last=${journal_last##*"$newline"}
    case $journal_last:$journal_revision in
        : | :'"revision":null,'*) return 0 ;;
        *'"outcome":"rolled_back"'* | *'"outcome":"failed"'* | *'"outcome":"rollback_failed"'* | *'"outcome":"superseded"'*) ;;
        *"$journal_revision,"*"\"closure\":\"$closure\"},"*) return 0 ;;
    esac
    state_make
    # shellcheck disable=SC3067  # POSIX has no -O, but every sh does
    [ -O "$state" ] || return 0
    outcome=unchanged started=$(clock_date) seconds=0 code='' status=active units='' cause=''
    # It may be what only a reboot brings into use.
    [ "$running_now" = "$activated" ] || status=reboot
    recorded_generation=$generation_now recorded_default=$default_now recorded_running=$running_now
    journal_write || :
}

journal_end_last_line() { # of the journal, which a full disk or a loss of power may have cut off
    [ ! -s "$journal" ] || [ -z "$(tail -c 1 "$journal")" ] || echo >>"$journal"
}
