#!/bin/sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Installs a system's etc, given as the only argument: /etc/static leads to it, and each of its files is a link below
# /etc that leads through /etc/static. What an earlier system had installed and this one has not goes away; a file that
# was there before is kept beside its replacement and comes back with it gone, since the machine is no real NixOS.
set -eu
new=$(readlink -f "$1")
copies=/etc/.clean

mkdir -p /etc
touch /etc/NIXOS

files() {
  (cd "$1" && find . ! -type d ! -name '*.mode') | sed 's|^\./||'
}

is_ours() {
  test "$(readlink "/etc/$1")" = "/etc/static/$1" || { test -f "$copies" && grep -qxF -e "$1" "$copies"; }
}

put_back() {
  if test -e "/etc/$1.before-nixos" || test -L "/etc/$1.before-nixos"; then
    mv "/etc/$1.before-nixos" "/etc/$1"
  fi
}

# What is installed now, by the links of the current system and the list of its copies.
installed=$(
  if test -d /etc/static; then files "$(readlink -f /etc/static)"; fi
  if test -f "$copies"; then cat "$copies"; fi
)
printf '%s\n' "$installed" | sort -u | while read -r file; do
  test -n "$file" || continue
  if is_ours "$file" && ! test -e "$new/$file" && ! test -L "$new/$file"; then
    rm -f "/etc/$file"
    put_back "$file"
  fi
done

ln -s "$new" /etc/static.tmp.$$
mv -T /etc/static.tmp.$$ /etc/static

files "$new" | while read -r file; do
  mkdir -p "$(dirname "/etc/$file")"
  if { test -e "/etc/$file" || test -L "/etc/$file"; } && ! is_ours "$file" && ! test -e "/etc/$file.before-nixos"; then
    cp -a "/etc/$file" "/etc/$file.before-nixos"
  fi
  if test -f "$new/$file.mode"; then
    cp "$new/$file" "/etc/$file.tmp.$$"
    chmod "$(cat "$new/$file.mode")" "/etc/$file.tmp.$$"
    printf '%s\n' "$file" >> "$copies.new"
  elif test "$(readlink "/etc/$file")" = "/etc/static/$file"; then
    continue
  else
    ln -s "/etc/static/$file" "/etc/$file.tmp.$$"
  fi
  mv -T "/etc/$file.tmp.$$" "/etc/$file"
done

rm -f "$copies"
if test -f "$copies.new"; then mv "$copies.new" "$copies"; fi
