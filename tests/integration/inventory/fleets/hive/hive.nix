# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A hive without flakes.
{
  meta.nixpkgs = ./nixpkgs;
  mirror.deployment.targetHost = "mirror.example.net";
}
