# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A host that follows its own branch: builds what is there, or substitutes it, and has the supervisor activate it, which goes back to
# what ran before when that fails, and writes the journal that nix.fleet.status reads.
# shellcheck shell=sh disable=SC2154  # what comes before it, and the functions that it brings, set these

# Neither launchd nor a user's own systemd has Nix on the PATH.
PATH="${PATH:-/usr/bin:/bin}:/run/wrappers/bin:/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin"
PATH="$PATH:${HOME:-/}/.nix-profile/bin:${XDG_STATE_HOME:-${HOME:-/}/.local/state}/nix/profile/bin"
export PATH
eval "$functions"

pull() { # $1: the flake at the host's branch; $2: the attribute to build; $3: wait up to so many seconds before
    wait_a_while "${3:-0}"
    built=$(flake_nix build --refresh --no-link --no-write-lock-file --print-out-paths -- "$1#$2") || {
        echo "nix.fleet: $1#$2 could not be built; what runs stays" >&2
        return 1
    }
    case $built in
        "$store"/*[!A-Za-z0-9+._?=/-]* | *[!A-Za-z0-9+._?=/-]*) built= ;;
    esac
    id=$(date -u +%Y%m%dT%H%M%SZ)-pull-$$
    revision=$(flake_nix flake metadata --json --no-write-lock-file -- "$1" | sed -n 's/.*"revision":"\([0-9a-f]*\)".*/\1/p')
    request=$(own_request)
    eval "$request"
    answer=$(begin "$functions" "$request" '')
    printf '%s\n' "$answer" | sed -n 's/^log=//p; s/^cause=\(.\)/\1/p' >&2
    outcome=$(printf '%s\n' "$answer" | sed -n 's/^outcome=//p' | head -n 1)
    echo "nix.fleet: $built: ${outcome:-no outcome}"
    case $outcome in
        unchanged | activated | confirmed) ;;
        *) return 1 ;;
    esac
}

flake_nix() {
    nix --extra-experimental-features 'nix-command flakes' "$@"
}

wait_a_while() ( # up to $1 seconds, not all hosts for equally long
    [ "$1" -gt 0 ] || exit 0
    random=$(od -An -N4 -tu4 /dev/urandom)
    sleep $((random % $1))
)

# What the controller would ask for. Of each value nothing is left that a shell or JSON would take for its own.
own_request() {
    user=$(plain "$(id -un)") machine=$(plain "$(uname -n)")
    entry="{\"id\":\"$id\",\"run\":null,\"user\":\"$user\",\"controller\":\"$machine\""
    entry="$entry,\"revision\":$([ -z "$revision" ] && echo null || printf '"%s"' "$revision"),\"dirty\":false"
    entry="$entry,\"description\":\"pulled\",\"platform\":\"$platform_name\",\"goal\":\"switch\",\"rollback\":null}"
    printf "request_read 'id=%s' 'who=%s' 'entry=%s' 'profile=' 'closure=%s'" "$id" "$user@$machine" "$entry" "$built"
    printf " 'rollback=' 'goal=switch' 'activate=' 'specialisation=' 'install_bootloader=0' 'rollback_on_failure=1'"
    printf " 'failed_units=fail' 'activation_timeout=1800' 'confirm_timeout=0' 'backup_extension=' 'lock_timeout=300' 'check=0'\n"
}

plain() {
    printf '%s' "$1" | tr -cd 'A-Za-z0-9@._-'
}

pull "$@"
