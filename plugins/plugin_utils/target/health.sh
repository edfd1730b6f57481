# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Health checks that run on the machine. The answer of each is framed: its output, then its notes and its exit code.

health_run() { # FUNCTION ARGUMENT...; `mark` frames the answer, and `limit` is how many bytes of output are wanted
    printf '\n%s begin\n' "$mark"
    {
        notes=$(
            {
                {
                    late=''
                    "$@" 2>&1
                    printf '\n%s %s\n' "$?" "$late" >&3
                } | {
                    head -c "$limit" >&4
                    # A command that nobody listens to any more would fail.
                    cat >/dev/null
                }
            } 3>&1
        )
    } 4>&1
    printf '\n%s notes\n%s\n%s end\n' "$mark" "$notes" "$mark"
}

health_command() { # SECONDS WORD...
    limit_run "$@" </dev/null
}

health_failed_units() { # SECONDS
    command -v systemctl >/dev/null || return 127
    limit_run "$1" systemctl list-units --state=failed --all --plain --no-legend --full --no-pager
}

health_unit_states() { # SECONDS UNIT...
    command -v systemctl >/dev/null || return 127
    seconds=$1
    shift
    limit_run "$seconds" systemctl show --property=LoadState,ActiveState,Result --no-pager -- "$@"
}

# A web page, by whichever program there is for it. The page is the output; statuses and errors are notes.

http_get() { # SECONDS URL FOLLOW VALIDATE SECRET CONFIGURATION
    {
        {
            late=''
            http_request "$@"
            printf '\nended: %s %s\n' "$?" "$late" >&2
        } 2>&1 >&5 | head -c 65536 >&3
    } 5>&1
}

http_cannot() { # SENTENCE
    printf 'cannot: %s\n' "$1" >&2
}

http_request() { # as http_get; SECRET is for no process's arguments, CONFIGURATION is curl's
    if command -v curl >/dev/null; then
        printf '%s\n' "$6" | limit_run "$1" curl -q --config -
    elif [ "$5" = yes ]; then
        http_cannot 'there is no curl on this machine, and wget would show the headers and the password to all of its users'
    elif wget --version 2>/dev/null | grep -q 'GNU Wget'; then
        http_request_by_gnu_wget "$@"
    elif command -v wget >/dev/null; then
        http_request_by_small_wget "$@" wget
    elif command -v busybox >/dev/null; then
        http_request_by_small_wget "$@" busybox wget
    else
        http_cannot 'there is neither curl nor wget on this machine: check from the controller, or install one'
    fi
}

http_request_by_gnu_wget() { # as http_request
    seconds=$1 url=$2 follow=$3 validate=$4
    # Quieter, it would not say why there is no answer.
    set -- --no-config --no-verbose --output-document=- --server-response --content-on-error --tries=1 "--timeout=$seconds"
    [ "$follow" = yes ] || set -- "$@" --max-redirect=0
    [ "$validate" = yes ] || set -- "$@" --no-check-certificate
    limit_run "$seconds" wget "$@" "$url"
}

http_request_by_small_wget() { # as http_request; then the words that run it
    seconds=$1 url=$2 follow=$3 validate=$4
    shift 6
    case $follow,$validate,$url in
        no,*) http_cannot 'the wget of this machine follows every redirect: check from the controller, or install curl' ;;
        *,yes,https:*) http_cannot 'the wget of this machine checks no certificates: check from the controller, or install curl' ;;
        # Its own limit of time, -T, makes that of Debian 12 crash.
        *) limit_run "$seconds" "$@" -q -O - -S "$url" ;;
    esac
}
