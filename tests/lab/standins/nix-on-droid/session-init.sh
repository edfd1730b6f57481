# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What a login session on the phone has in its environment. Other sessions do not.

if test -z "${__NOD_SESS_INIT_SOURCED-}"; then
  export __NOD_SESS_INIT_SOURCED=1
  export USER=nix-on-droid
  export NIX_PROFILES="/nix/var/nix/profiles/default $HOME/.nix-profile"
  export PATH="$HOME/.nix-profile/bin:/nix/var/nix/profiles/default/bin:$PATH"
fi
