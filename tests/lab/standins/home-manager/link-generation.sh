# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Part of a home's activation: removes the links of the generation before that this one has not, and makes its own.
# shellcheck disable=SC2154 # newGenPath and oldGenPath come from the activation

if test -n "$oldGenPath" && test -d "$oldGenPath/home-files"; then
  echo "Cleaning up orphan links from $HOME"
  (cd "$oldGenPath/home-files/" && find . ! -type d) | sed 's|^\./||' | while read -r file; do
    if test -e "$newGenPath/home-files/$file"; then continue; fi
    case $(readlink "$HOME/$file") in
      /nix/store/*-home-manager-files/*)
        run rm "$HOME/$file"
        directory=$(dirname "$file")
        if test "$directory" != .; then (cd "$HOME" && run rmdir -p "$directory" 2> /dev/null) || true; fi
        ;;
      *) echo "Path '$HOME/$file' does not link into a Home Manager generation. Skipping delete." >&2 ;;
    esac
  done
fi

echo "Creating home file links in $HOME"
files=$(readlink -f "$newGenPath/home-files")
(cd "$files" && find . ! -type d) | sed 's|^\./||' | while read -r file; do
  target=$HOME/$file
  if test -e "$target" && test ! -L "$target"; then
    if cmp -s "$files/$file" "$target"; then
      verboseEcho "Skipping '$target' as it is identical to '$files/$file'"
      continue
    elif test -n "${HOME_MANAGER_BACKUP_COMMAND-}"; then
      # shellcheck disable=SC2086 # a command with its arguments
      run $HOME_MANAGER_BACKUP_COMMAND "$target"
    elif test -n "${HOME_MANAGER_BACKUP_EXT-}"; then
      run mv "$target" "$target.$HOME_MANAGER_BACKUP_EXT"
    fi
  fi
  if test "$(readlink "$target")" = "$files/$file"; then continue; fi
  run mkdir -p "$(dirname "$target")"
  run ln -sfn "$files/$file" "$target"
done
