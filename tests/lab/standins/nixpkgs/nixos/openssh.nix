# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# services.openssh.settings → what the host's sshd goes by, taken up by the switch. The rest of its settings, such as its
# port and its host key, are the host's own, since the tests' way to it leads through them.

{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  text = value: if builtins.isList value then toString value else if builtins.isBool value then (if value then "yes" else "no") else toString value;
  lines = lib.mapAttrsToList (name: value: "${name} ${text value}\n") config.services.openssh.settings;
in
{
  options.services.openssh.settings = mkOption {
    type = types.attrsOf types.anything;
    default = { };
  };

  config = {
    environment.etc."ssh/sshd_config.d/nixos.conf".text = lib.concatStrings lines;
    system.activationScripts.sshd = {
      deps = [ "etc" ];
      text = ''
        cmp -s /etc/ssh/sshd_config.d/nixos.conf /run/sshd/nixos.conf ||
          { cp -L /etc/ssh/sshd_config.d/nixos.conf /run/sshd/ && systemctl try-reload-or-restart ssh; } || :
      '';
    };
  };
}
