# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What a hive wants of nixpkgs: packages with a `lib`, a `path`, and NixOS's eval-config.nix below that.
{
  outputs = { self }: {
    lib = import ./lib;
  };
}
