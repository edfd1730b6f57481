# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Notes in the journal what system.autoUpgrade has left, so that nobody takes it for somebody's other tool.
#   upgraded.sh STATE PROFILE RUNNING    STATE: the directory of the journal   PROFILE, RUNNING: what boots, and what runs
# shellcheck shell=sh
journal=$1/journal.jsonl
# A host that was never deployed to has nothing to differ from.
[ -s "$journal" ] || exit 0
default=$(readlink -f "$2") running=$(readlink -f "$3")
case $default in
    '' | *[!A-Za-z0-9+._?=/-]*) exit 0 ;;
esac
case $(tail -n 1 "$journal") in
    *'"outcome":"rolled_back"'*) ;;
    # There was nothing new.
    *"\"to\":{\"generation\":"*",\"closure\":\"$default\"}"*) exit 0 ;;
esac
# What waits for a reboot runs only after it.
goal=boot
[ "$default" != "$running" ] || goal=switch
generation=$(readlink "$2")
generation=${generation%-link}
generation=${generation##*-}
case $generation in
    '' | *[!0-9]*) generation=null ;;
esac
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
# The line before may have been cut off.
[ -z "$(tail -c 1 "$journal")" ] || echo >>"$journal"
{
    printf '{"id":"%s-upgrade-%s","run":null,"user":"%s","controller":"%s"' \
        "$(date -u +%Y%m%dT%H%M%SZ)" "$$" "$(id -un | tr -cd 'A-Za-z0-9@._-')" "$(uname -n | tr -cd 'A-Za-z0-9@._-')"
    printf ',"revision":null,"dirty":false,"description":"system.autoUpgrade","platform":"nixos","goal":"%s","rollback":null' "$goal"
    printf ',"profile":"%s","outcome":"activated","started":"%s","seconds":null' "$2" "$now"
    printf ',"from":{"generation":null,"closure":null,"running":null},"to":{"generation":%s,"closure":"%s"}' "$generation" "$default"
    printf ',"exit_code":0,"status":"","units_failed":[],"cause":""}\n'
} >>"$journal"
