# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What a collection and its survey have in common: which generations of a profile stay whatever is asked for, since they are the
# default, run, were booted or are what a rollback returns to; whether the boot loader has them in its menu; where our GC roots are;
# and how much is to be freed, as the store is now.

gc_find_protected() { # what the generations of $profile are compared with
    current=$(profile_generation "$profile")
    running_now=$(platform_running)
    booted_with=$(platform_booted)
    returned_to=$(gc_recorded_for_rollback)
}

gc_reasons() { # why generation $1 of $profile stays, in words with commas between them; nothing when it may go
    kept=$(path_closure "$profile-$1-link")
    {
        [ "$1" != "$current" ] || echo current
        ! gc_holds "$kept" "$running_now" || echo running
        ! gc_holds "$kept" "$booted_with" || echo booted
        [ -z "$kept" ] || ! printf '%s\n' "$returned_to" | grep -qxF -e "$kept" || echo rollback
    } | paste -s -d , -
}

gc_holds() ( # whether the closure $1 is what $2 is, or has that as a specialisation
    [ -n "$2" ] || exit 1
    [ "$1" != "$2" ] || exit 0
    for path in "$1"/specialisation/*; do
        [ "$(path_resolve "$path")" != "$2" ] || exit 0
    done
    exit 1
)

gc_recorded_for_rollback() ( # the closures that the last run and what was interrupted return to, a line each
    runs_interrupted | while IFS= read -r directory; do
        for key in recorded_default recorded_running closure; do
            record_field "$key" "$directory/recorded"
        done
    done
    last=$(gc_journal_changes | tail -n 1)
    run_of_last=$(printf '%s\n' "$last" | sed -n 's/.*"run":"\([^"]*\)".*/\1/p')
    # What was found first is what there was before all of a run.
    {
        gc_journal_changes | grep -F "\"run\":\"${run_of_last:-none}\"" | head -n 1
        printf '%s\n' "$last"
    } | sed -n 's/.*"from":{\([^}]*\)}.*/\1/p' | tr ',' '\n' | sed -n 's/^"[a-z]*":"\(.*\)"$/\1/p'
)

gc_journal_changes() { # the lines of the journal about deployments that led $profile, or what runs of it, to another closure
    grep -F "\"profile\":$(record_json_text "$profile")," "$state/journal.jsonl" 2>/dev/null |
        grep -vF '"outcome":"rolled_back"' |
        grep -v '"from":{"generation":[0-9nul]*,"closure":"\([^"]*\)".*"to":{"generation":[0-9nul]*,"closure":"\1"'
}

gc_in_boot_menu() { # whether the boot loader has entries for the generations of $profile
    [ "$platform_boot_entries" = yes ] || return
    case $profile in
        "$(platform_default_profile)" | "$(platform_default_profile)"-profiles/*) ;;
        *) return 1 ;;
    esac
}

gc_root_path() { # where the root $1 is: what was built here is kept in the home of who builds, root's too
    case $1 in
        built/*) printf '%s\n' "${XDG_STATE_HOME:-${HOME:-}/.local/state}/nix.fleet/gcroots/$1" ;;
        *) printf '%s\n' "$state/gcroots/$1" ;;
    esac
}

# Print how many bytes are too many, by $quota (bytes that the store may have) and by $free_space (bytes, or N%, that are to
# be free); zero or less when there is room, nothing when no room is asked for. Fails when the store does not say its size.
gc_excess() (
    [ -n "$quota$free_space" ] || exit 0
    most=0
    if [ -n "$quota" ]; then
        size=$(gc_store_size) || exit 1
        most=$((size - quota))
    fi
    if [ -n "$free_space" ]; then
        # shellcheck disable=SC2046  # two numbers are what is wanted
        set -- $(info_store_space)
        [ "$#" = 2 ] || exit 1
        case $free_space in
            *%) wanted=$(($1 * 1024 * ${free_space%?} / 100)) ;;
            *) wanted=$free_space ;;
        esac
        lacking=$((wanted - $2 * 1024))
        [ "$lacking" -le "$most" ] || most=$lacking
    fi
    printf '%s\n' "$most"
)

gc_store_size() { # the sizes of all paths of the store together, in bytes
    sizes=$(nix --extra-experimental-features nix-command path-info --all --size 2>/dev/null) || return
    # awk counts exactly up to 2^53, and prints more than 2^31 in this form only.
    printf '%s\n' "$sizes" | awk '{ total += $2 } END { printf "%.0f\n", total }'
}
