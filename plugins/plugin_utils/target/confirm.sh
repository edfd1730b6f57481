# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The script that confirms or cancels a deployment, over a connection of its own, and waits for its end. It needs to write
# nothing: the supervisor is told by a signal.

confirm() { # deployment $id: $1 is `confirmed`, or `cancelled` for the reason $2; waits for $3 seconds
    follow_limit=$(($3 * 100))
    if [ -d "$run" ]; then
        if ! run_is_ours; then
            run_refuse_foreign
            return
        fi
    elif ! follow_is_alive && [ ! -e "$live/outcome-$id" ]; then
        follow_journal ||
            say_refused "this machine knows of no deployment $id" 'check the id, and the user: each has a state of its own'
        return
    fi
    if follow_awaits; then
        case $1 in
            confirmed) kill -USR1 "$lock_pid" && say confirmation_taken yes ;;
            *)
                { printf '%s\n' "$2" >"$live/reason-$id"; } 2>/dev/null
                kill -USR2 "$lock_pid" && say confirmation_taken yes
                ;;
        esac || say warning 'the supervisor could not be told; the machine goes back when its time is over'
    fi
    # Whatever becomes of it, the end says what the machine has made of it.
    follow follow_has_ended
}
