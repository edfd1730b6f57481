# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The home's closure and its activation script.

{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.home;

  failed = lib.filter (check: !check.assertion) config.assertions;
  checked =
    result:
    if failed != [ ] then
      throw "\nFailed assertions:\n${lib.concatMapStringsSep "\n" (check: "- ${check.message}") failed}"
    else
      result;

  sessionVariables = pkgs.writeTextFile {
    name = "hm-session-vars.sh";
    destination = "/etc/profile.d/hm-session-vars.sh";
    text = lib.concatLines (
      lib.mapAttrsToList (name: value: "export ${name}=${lib.escapeShellArg value}") cfg.sessionVariables
    );
  };

  path = pkgs.symlinkJoin {
    name = "home-manager-path";
    paths = cfg.packages ++ [ sessionVariables ];
  };

  step = name: ''
    echo "Activating ${name}"
    ${cfg.activation.${name}.data or cfg.activation.${name}}
  '';
  asEntry = value: if builtins.isString value then lib.hm.dag.entryAnywhere value else value;

  activate = pkgs.writeText "activation-script" ''
    . ${./activation-start.sh}
    findProfile
    expect USER "$USER" ${lib.escapeShellArg cfg.username}
    expect HOME "$HOME" ${lib.escapeShellArg cfg.homeDirectory}
    ${lib.optionalString (cfg.uid != null) "expect uid \"$(id -u)\" ${toString cfg.uid}"}
    trap 'run rm -f "$gcroots/new-home"' EXIT
    rootGeneration new-home
    ${lib.concatMapStrings step (lib.hm.dag.sorted (lib.mapAttrs (_: asEntry) cfg.activation))}
    rootGeneration current-home
  '';
in
{
  home.activation = {
    # Whoever says --driver-version 1 has set the profile; for all others it is set here.
    writeBoundary = lib.hm.dag.entryAnywhere ''
      if test "$hmDriverVersion" -lt 1; then
        if test "$oldGenPath" != "$newGenPath"; then
          echo "Creating new profile generation"
          run nix-env --profile "$genProfilePath" --set "$newGenPath"
        else
          echo "No change so reusing latest profile generation"
        fi
      fi
    '';
    installPackages = lib.hm.dag.entryAfter [ "writeBoundary" ] ''
      if ! run nix-env -i ${path}; then
        echo "Oops, Nix failed to install your new Home Manager profile!" >&2
        exit 1
      fi
    '';
    reloadSystemd = lib.hm.dag.entryAfter [ "linkGeneration" ] ''
      if test ! -S "/run/user/$(id -u)/systemd/private"; then
        echo "User systemd daemon not running. Skipping reload."
      fi
    '';
  };

  home.activationPackage = checked (
    pkgs.runCommand "home-manager-generation" { } ''
      mkdir "$out"
      echo 1 > "$out/gen-version"
      echo ${lib.escapeShellArg "${cfg.version.release}-pre"} > "$out/hm-version"
      {
        printf '#!/bin/sh\nnewGenPath=%s\n' "$out"
        cat ${activate}
      } > "$out/activate"
      chmod +x "$out/activate"
      mkdir "$out/bin"
      ln -s "$out/activate" "$out/bin/home-manager-generation"
      ln -s ${config.home-files} "$out/home-files"
      ln -s ${path} "$out/home-path"
    ''
  );
}
