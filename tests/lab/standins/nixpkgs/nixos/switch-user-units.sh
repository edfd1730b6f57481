#!/bin/sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What switch-to-configuration does for each user who is logged in, in a process of that user's: units of /etc/systemd/user
# that the new system changed are restarted, and those that it brings are started. Exit code 4: some of them failed.
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
  if ! test -e "$unit" || test "$name" = dbus.service; then continue; fi
  if systemctl --user --quiet is-active "$name"; then
    if cmp -s "$old/$name" "$unit"; then continue; fi
    doing=restart
  elif test -e "$new/default.target.wants/$name"; then
    doing=start
  else
    continue
  fi
  say "${doing}ing the following user units: $name"
  systemctl --user "$doing" "$name" 2> /dev/null || {
    say "Failed to $doing user unit $name"
    failed="$failed $name"
  }
done

test -z "$failed" || {
  say "warning: the following user units failed: $(echo "$failed" | sed 's/^ //; s/ /, /g')"
  say "See \`systemctl --user status$failed\` for details."
  exit 4
}
