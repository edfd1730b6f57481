# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Part of a phone's activation: /etc/static leads to the generation's etc, and each of its files is a link through it.

setUpEtc() {
  new=$1
  was=
  if test -d /etc/static; then was=$(readlink -f /etc/static); fi
  $DRY_RUN_CMD ln -sfn "$new" /etc/static
  (cd "$new" && find . ! -type d) | sed 's|^\./||' | while read -r file; do
    if test "$(readlink "/etc/$file")" = "/etc/static/$file"; then continue; fi
    $DRY_RUN_CMD mkdir -p "$(dirname "/etc/$file")"
    case $(readlink "/etc/$file") in
      /etc/static/*) ;;
      *)
        if test -e "/etc/$file"; then
          echo "Linking of /etc/$file failed. Please remove this file."
          continue
        fi
        ;;
    esac
    $DRY_RUN_CMD ln -sfn "/etc/static/$file" "/etc/$file"
  done
  test -n "$was" || return 0
  (cd "$was" && find . ! -type d) | sed 's|^\./||' | while read -r file; do
    if test -L "$new/$file" || test -e "$new/$file"; then continue; fi
    if test "$(readlink "/etc/$file")" = "/etc/static/$file"; then
      $DRY_RUN_CMD rm -f "/etc/$file"
    fi
  done
}
