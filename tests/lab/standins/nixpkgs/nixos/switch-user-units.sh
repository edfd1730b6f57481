#!/bin/sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What switch-to-configuration does for each user who is logged in, in a process of theirs: units of /etc/systemd/user
# that the new system changed are restarted, and what it brings comes with its target. Exit code 4: a changed one failed.
set -u
old=$OLD_TOPLEVEL/etc/systemd/user
new=$TOPLEVEL/etc/systemd/user
failed=

say() {
  printf '%s\n' "$*" >&2
}

if ! test -S "$XDG_RUNTIME_DIR/bus"; then
  say "Error: Failed to open dbus connection"
  exit 1
fi
systemctl --user daemon-reexec
systemctl --user reset-failed
systemctl --user daemon-reload

for unit in "$new"/*.service; do
  name=${unit##*/}
  if ! test -e "$unit" || test "$name" = dbus.service || cmp -s "$old/$name" "$unit"; then continue; fi
  systemctl --user --quiet is-active "$name" || continue
  say "restarting the following user units: $name"
  systemctl --user restart "$name" 2> /dev/null || {
    say "Failed to restart user unit $name"
    failed="$failed $name"
  }
done
# What is new comes with its target, and is not heard of when it fails.
systemctl --user start default.target || failed="$failed default.target"

test -z "$failed" || {
  say "warning: the following user units failed: $(echo "$failed" | sed 's/^ //; s/ /, /g')"
  say "See \`systemctl --user status$failed\` for details."
  exit 4
}
