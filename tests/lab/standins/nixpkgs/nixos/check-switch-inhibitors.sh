#!/bin/sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The pre-switch check of NixOS' `system.switch.inhibitors`: refuses a system of which one of these values differs from
# the running system's, unless it is only to boot. The real one has jq; names and values here have no commas and colons.
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
incoming=$(readlink -f "$1")
action=$2
case $action in
  boot | dry-activate)
    echo "Not checking switch inhibitors (action = $action)"
    exit
    ;;
esac
printf 'Checking switch inhibitors...'

values() { # of a system, a line each
  if test -f "$1/switch-inhibitors"; then tr ',' '\n' < "$1/switch-inhibitors" | tr -d '{}"'; fi
}

current=$(values "$(readlink -f /run/current-system || :)")
difference=$(values "$incoming" | while IFS=: read -r name value; do
  was=$(printf '%s\n' "$current" | sed -n "s/^$name://p")
  if test -n "$was" && test "$was" != "$value"; then echo "$name : $was -> $value"; fi
done)
if test -z "$difference"; then
  echo " done"
  exit
fi
cat << END

There are changes to critical components of the system:

$difference

Switching into this system is not recommended.
You probably want to run 'nixos-rebuild boot' and reboot your system instead.

If you really want to switch into this configuration directly, then
you can set NIXOS_NO_CHECK=1 to ignore pre-switch checks.

WARNING: doing so might cause the switch to fail or your system to become unstable.

END
exit 1
