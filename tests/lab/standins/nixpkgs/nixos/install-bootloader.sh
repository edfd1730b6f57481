#!/bin/sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The boot loader's part, as NixOS' builder for systemd-boot does it: the same files on the ESP, written in the same order
# and each as the real one writes it, so that a full ESP leaves what it leaves there. The system given as the only
# argument becomes the default when it is one of the generations that have an entry; else loader.conf stays as it is.
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
system=$1
boot=/boot
kernels=$boot/EFI/nixos
entries=$boot/loader/entries
loader_conf=$boot/loader/loader.conf
manager=$boot/EFI/systemd/systemd-bootx64.efi
profile=/nix/var/nix/profiles/system

ended_by() { # end by an exception that nobody catches, without the traceback that the real one prints before it
  printf '%s\n' "$*" >&2
  exit 1
}

attempt() { # run a command that only fails by what the operating system says
  if said=$("$@" 2>&1); then return; fi
  case $said in
    *'No space left on device'*) ended_by "OSError: [Errno 28] No space left on device" ;;
    *'File exists'*) ended_by "FileExistsError: [Errno 17] File exists: '$2'" ;;
    *'Read-only file system'*) ended_by "OSError: [Errno 30] Read-only file system: '$2'" ;;
    *) ended_by "OSError: $said" ;;
  esac
}

write() { # FILE TEXT
  printf '%s\n' "$2" | cat > "$1" && sync "$1"
}

write_new() { # FILE TEXT: fails when the file is there
  set -C
  write "$@"
}

copy() { # TEMPORARY SOURCE
  cat "$2" > "$1" && sync "$1"
}

place_of() { # where the ESP has a file of the store
  file=$(readlink -f "$1")
  inside=${file#/nix/store/}
  package=${inside%%/*}
  if test "$package" = "$inside"; then echo "EFI/nixos/$package.efi"; else echo "EFI/nixos/$package-${file##*/}.efi"; fi
}

copy_if_missing() {
  place=$boot/$(place_of "$1")
  if test -e "$place"; then return; fi
  if ! temporary=$(mktemp --suffix=.tmp. "$place.XXXXXXXX" 2>&1); then
    ended_by "OSError: ${temporary##*: }: '$place'"
  fi
  attempt copy "$temporary" "$1"
  mv "$temporary" "$place"
}

write_entry() { # NUMBER SYSTEM TITLE NAME
  copy_if_missing "$2/kernel"
  copy_if_missing "$2/initrd"
  text="title $3
sort-key nixos
version Generation $1 $(cat "$2/nixos-version"), built on $(date -d "@$(stat -c %Z "$profile-$1-link")" +%F)
linux /$(place_of "$2/kernel")
initrd /$(place_of "$2/initrd")
options init=$2/init $(cat "$2/kernel-params")
machine-id $(cat /etc/machine-id)"
  attempt write "$entries/$4.tmp" "$text"
  mv "$entries/$4.tmp" "$entries/$4.conf"
}

write_loader_conf() { # ENTRY
  # Never written over: what a full ESP left of it fails each later attempt, too.
  attempt write_new "${loader_conf%.conf}.tmp" "timeout 5
default $1
console-mode keep"
  mv "${loader_conf%.conf}.tmp" "$loader_conf"
}

remove_old_entries() {
  known=' '
  for number in $generations; do
    for part in kernel initrd; do known="$known$(place_of "$profile-$number-link/$part") "; done
  done
  for entry in "$entries"/nixos*-generation-[1-9]*.conf; do
    test -e "$entry" || continue
    number=${entry##*-generation-}
    number=${number%%[!0-9]*}
    printf '%s\n' "$generations" | grep -qx "$number" || rm "$entry"
  done
  for file in "$kernels"/*; do
    case $known in
      *" ${file#"$boot/"} "*) ;;
      *) rm -f "$file" ;;
    esac
  done
}

if ! mountpoint -q "$boot"; then
  echo "efiSysMountPoint = '$boot' is not a mounted partition. Is the path configured correctly?" >&2
  ended_by "subprocess.CalledProcessError: Command '['check-mountpoints']' returned non-zero exit status 1."
fi
trap 'sync -f "$boot"' EXIT

if test "${NIXOS_INSTALL_BOOTLOADER-}" = 1; then
  rm -f "$loader_conf"
  mkdir -p "${manager%/*}" "$boot/EFI/BOOT" "$boot/loader"
  attempt write "$manager" "systemd-boot 258.2"
  attempt copy "$boot/EFI/BOOT/BOOTX64.EFI" "$manager"
  attempt write "$loader_conf" "#timeout 3
#console-mode keep"
elif ! test -e "$manager"; then
  ended_by "Exception: Could not find any previously installed systemd-boot. If you are switching to systemd-boot from a" \
    "different bootloader, you need to run \`nixos-rebuild switch --install-bootloader\`"
fi
mkdir -p "$kernels" "$entries"

generations=$(printf '%s\n' "$profile"-*-link | sed -n "s|^$profile-\([0-9]*\)-link\$|\1|p" | sort -n)
if test "${CONFIGURATION_LIMIT:-0}" != 0; then
  generations=$(printf '%s\n' "$generations" | tail -n "$CONFIGURATION_LIMIT")
fi
remove_old_entries

for number in $generations; do
  toplevel=$(readlink -f "$profile-$number-link")
  # As bootspec's boot.json has it, which a package around a system takes over as it is.
  case $(readlink "$toplevel/init") in /nix/store/*/init) toplevel=$(dirname "$(readlink "$toplevel/init")") ;; esac
  write_entry "$number" "$toplevel" NixOS "nixos-generation-$number"
  for special in "$toplevel"/specialisation/*; do
    test -e "$special" || continue
    name=${special##*/}
    write_entry "$number" "$(readlink -f "$special")" "NixOS ($name)" "nixos-generation-$number-specialisation-$name"
  done
  if test "$toplevel" = "$system"; then write_loader_conf "nixos-generation-$number.conf"; fi
done
