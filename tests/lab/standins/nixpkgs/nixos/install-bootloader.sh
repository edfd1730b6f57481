#!/bin/sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The boot loader's part: an entry for each generation of the system's profile, and the system given as the only
# argument as the default. The machine's start reads /boot/loader/default, the path of the system to come up with.
set -eu
system=$1
loader=/boot/loader

mkdir -p "$loader/entries"

if test "${NIXOS_INSTALL_BOOTLOADER-}" = 1; then
  mkdir -p /boot/EFI/systemd
  echo "boot loader" > /boot/EFI/systemd/systemd-bootx64.efi
  printf '%s\n' "$system" >> "$loader/installations"
fi

for generation in /nix/var/nix/profiles/system-*-link; do
  test -e "$generation/init" || continue
  number=${generation#/nix/var/nix/profiles/system-}
  number=${number%-link}
  toplevel=$(readlink -f "$generation")
  {
    printf 'title NixOS\n'
    printf 'version Generation %s NixOS %s\n' "$number" "$(cat "$toplevel/nixos-version")"
    printf 'linux %s\ninitrd %s\n' "$(readlink -f "$toplevel/kernel")" "$(readlink -f "$toplevel/initrd")"
    printf 'options init=%s/init %s\n' "$toplevel" "$(cat "$toplevel/kernel-params")"
  } > "$loader/entries/.new"
  mv "$loader/entries/.new" "$loader/entries/nixos-generation-$number.conf"
  if test "$toplevel" = "$system"; then default=nixos-generation-$number.conf; fi
done

for entry in "$loader"/entries/nixos-generation-*.conf; do
  number=${entry##*/nixos-generation-}
  if test -e "$entry" && ! test -e "/nix/var/nix/profiles/system-${number%.conf}-link"; then rm "$entry"; fi
done

printf 'timeout 5\ndefault %s\n' "${default:-@current}" > "$loader/loader.conf.new"
mv "$loader/loader.conf.new" "$loader/loader.conf"
printf '%s\n' "$system" > "$loader/default.new"
mv "$loader/default.new" "$loader/default"
