# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The phone's closure and its activation script, which sets the profile itself, last of all.

{
  config,
  lib,
  pkgs,
  ...
}:
let
  profile = "/nix/var/nix/profiles/nix-on-droid";

  sessionInit = pkgs.writeTextFile {
    name = "nix-on-droid-session-init.sh";
    destination = "/etc/profile.d/nix-on-droid-session-init.sh";
    text = builtins.readFile ./session-init.sh;
  };

  path = pkgs.symlinkJoin {
    name = "nix-on-droid-path";
    paths = config.environment.packages ++ [
      pkgs.bashInteractive
      pkgs.coreutils
      pkgs.nix
      sessionInit
    ];
  };

  phase = lib.concatMapStrings (step: ''
    noteEcho "Activating ${step.name}"
    ${step.text}
  '');
  steps = lib.mapAttrsToList (name: text: { inherit name text; });

  activate = pkgs.writeScript "activation-script" ''
    #!/bin/sh
    set -eu
    export PATH="${
      lib.makeBinPath [
        pkgs.bash
        pkgs.coreutils
        pkgs.diffutils
        pkgs.findutils
        pkgs.gnugrep
        pkgs.gnused
        pkgs.ncurses
        pkgs.nix
      ]
    }"
    . ${./activation-start.sh}
    ${phase (steps config.build.activationBefore)}
    ${phase (steps config.build.activation)}
    ${phase (steps config.build.activationAfter)}
  '';
in
{

  build.etc = pkgs.runCommand "etc" { } ''
    mkdir -p "$out/etc"
    cd "$out/etc"
    ${lib.concatStrings (
      lib.mapAttrsToList (
        name: file:
        let
          target = lib.escapeShellArg name;
          source = if file.source != null then file.source else pkgs.writeText "etc-${baseNameOf name}" file.text;
        in
        ''
          mkdir -p "$(dirname ${target})"
          ln -s ${lib.escapeShellArg "${source}"} ${target}
        ''
      ) config.environment.etc
    )}
  '';

  build.activation.installPackages = "$DRY_RUN_CMD nix-env --install ${path}";
  # After it: steps go by the alphabet.
  build.activation.setUpEtc = ". ${./set-up-etc.sh}; setUpEtc ${config.build.etc}/etc";
  build.activationAfter.linkProfile = ''
    generation=$(dirname "$0")
    case $generation in
      ${profile}-*-link)
        number=''${generation#${profile}-}
        $DRY_RUN_CMD nix-env --profile ${profile} --switch-generation "''${number%-link}"
        ;;
      *) $DRY_RUN_CMD nix-env --profile ${profile} --set "$_NOD_GENERATION_DIR" ;;
    esac
  '';

  build.activationPackage = pkgs.runCommand "nix-on-droid-generation" { } ''
    mkdir -p "$out/filesystem/bin" "$out/filesystem/usr/bin" "$out/filesystem/usr/lib"
    cp ${activate} "$out/activate"
    ln -s ${config.build.etc}/etc "$out/etc"
    ln -s ${path} "$out/nix-on-droid-path"
    ln -s ${config.environment.files.login} "$out/filesystem/bin/login"
    ln -s ${config.environment.files.loginInner} "$out/filesystem/usr/lib/login-inner"
    ln -s ${config.environment.files.prootStatic}/bin/proot-static "$out/filesystem/bin/proot-static"
  '';
}
