# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What there is to know of a profile before a generation goes: which stay whatever is asked for, since they are the default,
# run, were booted or are what a rollback returns to; and whether the boot loader has them in its menu. And where our roots are.
# shellcheck disable=SC2034,SC2154  # one program in several files, which share variables

recall() { # what the generations of $profile are compared with
    current=$(profile_generation "$profile")
    running_now=$(platform_running)
    booted_with=$(platform_booted)
    returned_to=$(recorded_for_rollback)
}

reasons() { # why generation $1 of $profile stays, in words with commas between them; nothing when it may go
    kept=$(path_closure "$profile-$1-link")
    {
        [ "$1" != "$current" ] || echo current
        ! holds "$kept" "$running_now" || echo running
        ! holds "$kept" "$booted_with" || echo booted
        [ -z "$kept" ] || ! printf '%s\n' "$returned_to" | grep -qxF -e "$kept" || echo rollback
    } | paste -s -d , -
}

holds() ( # whether the closure $1 is what $2 is, or has that as a specialisation
    [ -n "$2" ] || exit 1
    [ "$1" != "$2" ] || exit 0
    for path in "$1"/specialisation/*; do
        [ "$(path_resolve "$path")" != "$2" ] || exit 0
    done
    exit 1
)

recorded_for_rollback() ( # the closures that the last run and what was interrupted return to, a line each
    runs_interrupted | while IFS= read -r directory; do
        for key in recorded_default recorded_running closure; do
            record_field "$key" "$directory/recorded"
        done
    done
    last=$(changes | tail -n 1)
    run_of_last=$(printf '%s\n' "$last" | sed -n 's/.*"run":"\([^"]*\)".*/\1/p')
    # What was found first is what there was before all of a run.
    {
        changes | grep -F "\"run\":\"${run_of_last:-none}\"" | head -n 1
        printf '%s\n' "$last"
    } | sed -n 's/.*"from":{\([^}]*\)}.*/\1/p' | tr ',' '\n' | sed -n 's/^"[a-z]*":"\(.*\)"$/\1/p'
)

changes() { # the lines of the journal about deployments that led $profile, or what runs of it, to another closure
    grep -F "\"profile\":$(record_json_text "$profile")," "$state/journal.jsonl" 2>/dev/null |
        grep -vF '"outcome":"rolled_back"' |
        grep -v '"from":{"generation":[0-9nul]*,"closure":"\([^"]*\)".*"to":{"generation":[0-9nul]*,"closure":"\1"'
}

in_boot_menu() { # whether the boot loader has entries for the generations of $profile
    [ "$platform_boot_entries" = yes ] || return
    case $profile in
        "$(platform_default_profile)" | "$(platform_default_profile)"-profiles/*) ;;
        *) return 1 ;;
    esac
}

root_path() { # where the root $1 is: what was built here is kept in the home of who builds, root's too
    case $1 in
        built/*) printf '%s\n' "${XDG_STATE_HOME:-${HOME:-}/.local/state}/nix.fleet/gcroots/$1" ;;
        *) printf '%s\n' "$state/gcroots/$1" ;;
    esac
}
