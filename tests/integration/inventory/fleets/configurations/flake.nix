# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The four standard outputs. No configuration can be evaluated: of each only its name may be used.
{
  outputs =
    { self }:
    let
      closed = throw "an inventory evaluates no configuration";
    in
    {
      nixosConfigurations = {
        vps = closed;
        "db.example.net" = closed;
      };
      darwinConfigurations.mac = closed;
      nixOnDroidConfigurations.phone = closed;
      homeConfigurations = {
        "alice@desk" = closed;
        bob = closed;
      };
    };
}
