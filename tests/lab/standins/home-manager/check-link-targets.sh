# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Part of a home's activation: stops before anything is written when a file that is not home-manager's is in the way.
# shellcheck disable=SC2154 # forced and newGenPath come from the activation

collisions=$(
  (cd "$newGenPath/home-files/" && find . ! -type d) | sed 's|^\./||' | while read -r file; do
    source=$newGenPath/home-files/$file
    target=$HOME/$file
    if printf '%s\n' "$forced" | grep -qxF -e "$file"; then continue; fi
    if test ! -e "$target"; then continue; fi
    case $(readlink "$target") in /nix/store/*-home-manager-files/*) continue ;; esac
    if cmp -s "$source" "$target"; then
      echo "Existing file '$target' is in the way of '$source', will be skipped since they are the same" >&2
    elif test ! -L "$target" && test -n "${HOME_MANAGER_BACKUP_COMMAND-}"; then
      verboseEcho "Existing file '$target' differs. '$HOME_MANAGER_BACKUP_COMMAND' will be used to back it up."
    elif test ! -L "$target" && test -n "${HOME_MANAGER_BACKUP_EXT-}"; then
      backup=$target.$HOME_MANAGER_BACKUP_EXT
      if test -e "$backup" && test -z "${HOME_MANAGER_BACKUP_OVERWRITE-}"; then
        echo "Existing file '$backup' would be clobbered by backing up '$target'"
      else
        echo "Existing file '$target' is in the way of '$source', will be moved to '$backup'" >&2
      fi
    else
      echo "Existing file '$target' would be clobbered"
    fi
  done
)
if test -n "$collisions"; then
  echo "Please do one of the following:" >&2
  echo "- In standalone mode, use 'home-manager switch -b backup' to back up files automatically." >&2
  echo "- Set 'force = true' on the related file options to overwrite the files below." >&2
  printf '%s\n' "$collisions" >&2
  exit 1
fi
