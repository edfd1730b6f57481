# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
{ config, ... }:
{
  networking.domain = "example.net";
  deployment.targetHost = "mirror.${config.networking.domain}";
}
