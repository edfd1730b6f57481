# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# system.activationScripts → the script `activate`. A snippet that fails is told and remembered, the others still run.

{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;

  snippet.options = {
    text = mkOption {
      type = types.lines;
      default = "";
    };
    deps = mkOption {
      type = types.listOf types.str;
      default = [ ];
    };
    supportsDryActivation = mkOption {
      type = types.bool;
      default = false;
    };
  };

  snippets = config.system.activationScripts;

  # Each after those it depends on, else by name.
  inOrder = lib.foldl' place [ ] ([ "etc" ] ++ lib.attrNames snippets);
  place =
    placed: name:
    if lib.elem name placed then placed else lib.foldl' place placed snippets.${name}.deps ++ [ name ];

  run = name: ''
    ( set -e
    :
    ${snippets.${name}.text}
    )
    _localstatus=$?
    if [ "$_localstatus" -ne 0 ]; then
      printf "Activation script snippet '%s' failed (%s)\n" ${lib.escapeShellArg name} "$_localstatus" >&2
      _status=1
    fi
  '';

  header = ''
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    export PATH
    umask 0022
    _status=0
  '';
in
{
  options.system.activationScripts = mkOption {
    type = types.attrsOf (
      types.coercedTo types.str (text: { inherit text; }) (types.submodule snippet)
    );
    default = { };
  };

  config = {
    system.activationScripts.etc = "/bin/sh ${./install-etc.sh} \"$systemConfig/etc\"";

    system.build.activate = pkgs.writeText "activate" ''
      ${header}
      ${lib.concatMapStrings run inOrder}
      ln -sfn "$(readlink -f "$systemConfig")" /run/current-system
      mkdir -p /nix/var/nix/gcroots && ln -sfn /run/current-system /nix/var/nix/gcroots/current-system
      exit "$_status"
    '';
    system.build.dryActivate = pkgs.writeText "dry-activate" ''
      NIXOS_ACTION=dry-activate
      export NIXOS_ACTION
      ${header}
      ${lib.concatMapStrings run (lib.filter (name: snippets.${name}.supportsDryActivation) inOrder)}
      exit "$_status"
    '';
  };
}
