# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
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
        gc_refresh_boot_entries && gc_collect_garbage && { [ "$optimise" = 0 ] || gc_report optimised nix-store --optimise; }
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
        1) say_refused "a deployment is running: $(lock_holder)" "$lock_wait_for_it" ;;
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
    if ! limit=$(gc_excess); then
        say failed 'the machine does not say how large its store is, or how much room there is'
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
