# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Whether this machine runs an installed NixOS. An installer is one as well, but has no profile of a system.

installed_read() {
    if [ -e /run/current-system/nixos-version ] && [ -L /nix/var/nix/profiles/system ] &&
        ! grep -Eqs '^VARIANT_ID="?installer"?$' /etc/os-release; then
        printf 'installed=%s\n' "$(cat /run/current-system/nixos-version)"
    else
        # shellcheck disable=SC1091  # the machine's own
        printf 'os=%s\n' "$(. /etc/os-release 2>/dev/null && printf '%s' "${PRETTY_NAME:-}")"
    fi
}
