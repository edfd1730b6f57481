# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Where a rollback goes: to a generation, or to what a deployment of the journal has found.

# Set the closure that a rollback goes to and `wanted`, its generation. Fails with 1 when there is none, and with 2 when
# nothing has to be gone back from; `missing` says why, `missing_code` by a word, and `remedy` what to do.
rollback_find_closure() {
    wanted=
    case $rollback in
        '') ;;
        before:*) rollback_find_before "${rollback#before:}" ;;
        *) rollback_find_generation ;;
    esac
}

rollback_find_generation() {
    wanted=$rollback
    if [ "$rollback" = previous ]; then
        current=$(profile_generation "$profile")
        wanted=${current:+$(profile_generation_before "$profile" "$current")}
    fi
    closure=${wanted:+$(path_closure "$profile-$wanted-link")}
    [ -z "$closure" ] || return 0
    missing="$profile has no generation to return to (asked for: $rollback)"
    remedy="its generations are: $(profile_generations "$profile" | tr '\n' ' ')"
    return 1
}

rollback_find_before() { # deployment or run $1
    closure=''
    entries=$(rollback_entries "$1")
    if [ -z "$entries" ]; then
        missing="the journal of this machine has no deployment of $profile by the name or in the run $1"
        missing_code=not_in_journal
        return 2
    fi
    # What was found first is what there was before all of a run.
    entry_found=$(printf '%s\n' "$entries" | grep -vF -e '"outcome":"rolled_back"' -e '"outcome":"unchanged"' | head -n 1)
    if [ -z "$entry_found" ]; then
        missing="deployment $1 was rolled back itself, or changed nothing"
        return 2
    fi
    before=$(printf '%s\n' "$entry_found" | sed -n 's/.*"from":{"generation":[0-9nul]*,"closure":"\([^"]*\)".*/\1/p')
    if [ -z "$before" ]; then
        missing="$profile did not exist before deployment $1: there is nothing to return to"
        remedy='deploy another configuration'
        return 1
    fi
    wanted=$(printf '%s\n' "$entry_found" | sed -n 's/.*"from":{"generation":\([0-9]*\),.*/\1/p')
    # What deploy-rs wrapped was written down as it was before 0.3.
    before=$(path_closure "$before")
    # A number may have been given again since, or the generation deleted while its closure is kept by others.
    [ "$(path_closure "$profile-${wanted:-none}-link")" = "$before" ] || wanted=
    if [ ! -e "$before" ]; then
        missing="$before, which $profile stood at before $1, is no longer on this machine"
        remedy="deploy its revision again, or return to one of the generations $(profile_generations "$profile" | tr '\n' ' ')"
        return 1
    fi
    closure=$before
}

rollback_entries() { # the lines of the journal about this profile and deployment or run $1, the oldest first
    # The quotes inside of a text are escaped there, so that no text passes for a field.
    grep -F -e "\"id\":\"$1\"" -e "\"run\":\"$1\"" "$state/journal.jsonl" 2>/dev/null |
        grep -F "\"profile\":$(record_json_text "$profile"),"
}
