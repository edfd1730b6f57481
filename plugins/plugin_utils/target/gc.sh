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
        for key in recorded_default recorded_running recorded_boots closure; do
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

# Print how many bytes are lacking of $free_space (bytes, or N%, that are to be free); zero or less when there is room,
# nothing when no room is asked for. Fails when the machine does not say how much there is.
gc_lacking() (
    [ -n "$free_space" ] || exit 0
    # shellcheck disable=SC2046  # two numbers are what is wanted
    set -- $(info_store_space)
    [ "$#" = 2 ] || exit 1
    case $free_space in
        *%) wanted=$(($1 * 1024 * ${free_space%?} / 100)) ;;
        *) wanted=$free_space ;;
    esac
    printf '%s\n' "$((wanted - $2 * 1024))"
)

# What there is on a machine that could be collected. Reads, and changes nothing.

gc_survey() { # $1: the platform's name; the others: the profiles, by default the platform's own
    say platform "$1"
    shift
    gc_validate && return
    say now "$(date +%s)"
    say space "$(info_store_space)"
    say lacking "$(gc_lacking || echo unknown)"
    [ "$#" -gt 0 ] || set -- ''
    for asked; do
        profile=$(platform_profile_named "$asked")
        [ -z "$profile" ] || gc_say_generations
    done
    gc_say_roots
    [ ! -e "$state/boot-entries-outdated" ] || say boot_entries outdated
    [ "$check" = 0 ] || gc_say_garbage
}

gc_surveyed=no

gc_survey_present() { # as `gc_survey`, unless that has been done or the machine is none of the platform whose functions are there now
    [ "$gc_surveyed" = no ] && platform_present || return 0
    gc_surveyed=yes
    gc_survey "$@"
}

gc_validate() { # fails when there is none
    if ! command -v nix-env >/dev/null || ! command -v nix-store >/dev/null; then
        say_refused 'there is no Nix on this machine, or not where it usually is' \
            "the PATH was $PATH; set the task's environment if Nix is elsewhere"
    elif [ "$platform_needs_root" = yes ] && ! state_is_root; then
        say_refused "the generations of this platform are root's, and this is $(id -un)" \
            'escalate: become, or ansible_become in the inventory'
    elif [ "$wait" = 0 ] && lock_is_held; then
        say_refused "a deployment is running: $(lock_holder)" "$(lock_advice)"
    else
        return 1
    fi
}

gc_say_generations() {
    say profile "$profile"
    ! gc_in_boot_menu || say boot_menu "$profile"
    gc_find_protected
    for number in $(profile_generations "$profile"); do
        link=$profile-$number-link
        why=$(gc_reasons "$number")
        say generation "$number $(info_modified "$link") ${why:--} $(path_closure "$link") $profile"
    done
}

gc_say_roots() { # what is kept for hosts that were built for here, or that this machine has been deployed as
    for kind in built copied; do
        for root in "$(gc_root_path "$kind/")"*; do
            [ ! -e "$root" ] && [ ! -L "$root" ] || say root "$kind/${root##*/}"
        done
    done
}

gc_say_garbage() { # what could go as it is, without any generation going before
    dead=$(nix-store --gc --print-dead 2>/dev/null)
    [ -n "$dead" ] || return 0
    say garbage_paths "$(printf '%s\n' "$dead" | wc -l | tr -d ' ')"
    # Of what is half written, Nix knows no size.
    say garbage_bytes "$(printf '%s\n' "$dead" | xargs nix-store --query --size 2>/dev/null |
        awk '{ total += $1 } END { printf "%.0f\n", total }')"
}

# The collection itself. It holds the lock of deployments, and once begun it comes to its end without the connection too.

gc_collect() {
    trap '' HUP
    outdated=$state/boot-entries-outdated
    gc_prepare || return
    # Kept until the lock is given up: nobody may be there any more to read it.
    answer=$(
        say before "$(info_store_space)"
        gc_remove_roots
        gc_remove_generations
        gc_refresh_boot_entries && gc_collect_garbage
        say after "$(info_store_space)"
        say complete yes
    )
    lock_release
    rm -rf "$run"
    printf '%s\n' "$answer"
}

gc_prepare() { # take the lock; fails when that cannot be had, and says why
    claimed=$(run_claim) || { gc_make_room "$claimed" && claimed=$(run_claim); } || {
        printf '%s\n' "$claimed"
        return 1
    }
    # Nothing is written later that room has to be kept for.
    run_free_reserve
    started=$(clock_date)
    gc_take_lock
    case $? in
        0) return ;;
        1) say_refused "a deployment is running: $(lock_holder)" "$(lock_advice)" ;;
        *) run_refuse_unwritable ;;
    esac
    rm -rf "$run"
    return 1
}

gc_take_lock() { # as `lock_take`, which fails with 1 while another is alive: that one has $wait seconds to end
    waited=0
    while :; do
        lock_take $$
        code=$?
        [ "$code" = 1 ] && [ "$waited" -lt "$wait" ] || return "$code"
        sleep 1
        waited=$((waited + 1))
    done
}

# On a disk on which not even the lock can be written, a first little of the garbage goes without it: no deployment can
# begin on such a disk either.
gc_make_room() { # $1: why there is no lock
    case $1 in
        *'cannot be written'*) ;;
        *) return 1 ;;
    esac
    ! lock_is_held && gc_report collected nix-store --gc --max-freed 16777216
}

gc_remove_root() { # $1, of those that the question has named
    root=$(gc_root_path "$1")
    rm -rf "$root"
    [ -e "$root" ] || [ -L "$root" ] || say removed_root "$1"
}

gc_delete_generations() { # of profile $1 the others, each NUMBER:CLOSURE, unless they are another by now or must stay
    profile=$1 numbers=''
    shift
    gc_find_protected
    for asked; do
        number=${asked%%:*}
        if [ "$(path_closure "$profile-$number-link")" = "${asked#*:}" ] && [ -z "$(gc_reasons "$number")" ]; then
            numbers="$numbers $number"
        fi
    done
    [ -n "$numbers" ] || return 0
    ! gc_in_boot_menu || (: >"$outdated") || return
    # shellcheck disable=SC2086  # a word each
    gc_report removed nix-env --profile "$profile" --delete-generations $numbers
    for number in $numbers; do
        [ -L "$profile-$number-link" ] || say deleted "$number $profile"
    done
}

# Before anything goes that an entry names. A collection that did not come to this leaves its mark, and the next one does.
gc_refresh_boot_entries() {
    [ -e "$outdated" ] || return 0
    profile=$(platform_default_profile)
    # The default stays what it is, even where another system runs.
    default=$(path_closure "$profile")
    reason=$(platform_refusal "$default")
    if [ -n "$reason" ]; then
        say failed "$reason"
        return 1
    fi
    if ! gc_report boot_entries platform_make_default "$default"; then
        say failed "the boot loader's entries could not be brought up to date, so nothing was collected"
        return 1
    fi
    rm -f "$outdated"
}

gc_collect_garbage() {
    if ! limit=$(gc_lacking); then
        say failed 'the machine does not say how much room there is'
        return 1
    fi
    case $limit in
        '') gc_report collected nix-store --gc ;;
        0 | -*) ;;
        *) gc_report collected nix-store --gc --max-freed "$limit" ;;
    esac
}

gc_report() { # run command $2 with the other arguments, and answer with the end of what it prints by the key $1
    key=$1
    shift
    # Of a large collection that is megabytes.
    output=$({
        "$@" </dev/null 2>&1
        echo "exit code $?"
    } | tail -n 25)
    if [ "${output##*exit code }" = 0 ]; then
        printf '%s\n' "$output" | sed "s/^/$key=/"
    else
        say failed "$* ended with exit code ${output##*exit code }"
        printf '%s\n' "$output" | sed 's/^/log=/'
        return 1
    fi
}
