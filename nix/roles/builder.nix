# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A machine that builds for the others.
{ node, ... }:
{
  nix.settings = {
    max-jobs = node.jobs;
    experimental-features = [
      "nix-command"
      "flakes"
    ];
  };
  nix.gc = {
    automatic = true;
    options = "--delete-older-than 30d";
  };
}
