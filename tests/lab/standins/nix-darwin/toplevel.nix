# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The Mac's closure: all of its activation happens in one script, as root and with an environment of its own.

{
  config,
  lib,
  pkgs,
  ...
}:
let
  failed = lib.filter (check: !check.assertion) config.assertions;
  checked =
    result:
    if failed != [ ] then
      throw "\nFailed assertions:\n${lib.concatMapStringsSep "\n" (check: "- ${check.message}") failed}"
    else
      lib.foldl' (value: warning: lib.warn warning value) result config.warnings;

  path = pkgs.symlinkJoin {
    name = "system-path";
    paths = config.environment.systemPackages ++ [
      (pkgs.writeShellScriptBin "darwin-version" "echo ${lib.escapeShellArg config.system.darwinLabel}")
    ];
  };

  stepText = name: ''
    # ${name}
    ${config.system.activationScripts.${name}.text}
  '';

  activate = pkgs.writeText "activate-script" ''
    set -e
    if test -z "''${NIX_DARWIN_CLEAN-}"; then
      exec /usr/bin/env -i NIX_DARWIN_CLEAN=1 checkActivation="''${checkActivation-}" /bin/sh "$0" "$@"
    fi
    unset NIX_DARWIN_CLEAN
    PATH=/usr/bin:/bin:/usr/sbin:/sbin
    USER=root
    LOGNAME=root
    HOME=~root
    SHELL=/bin/sh
    LANG=C
    export PATH USER LOGNAME HOME SHELL LANG
    umask 0022
    cd /

    if test "$(id -u)" -ne 0; then
      printf 'error: `activate` must be run as root\n' >&2
      exit 2
    fi

    ${lib.concatMapStrings stepText config.system.activationSteps}

    ln -sfn "$(readlink -f "$systemConfig")" /run/current-system
    if test -d /nix/var/nix/gcroots; then
      ln -sfn /run/current-system /nix/var/nix/gcroots/current-system
    fi
  '';

  # What is left of activation as the user: nothing but a word to those who still call it.
  activateUser = pkgs.writeScript "activate-user" ''
    #!/bin/sh
    # nix-darwin: deprecated
    printf 'warning: `activate-user` is deprecated and will be removed in 25.11\n' >&2
  '';
in
{
  system.path = path;

  system.activationScripts.checks.text = lib.mkOrder 2000 ''
    if test -n "$checkActivation"; then
      echo "ok" >&2
      exit 0
    fi
  '';

  system.build.toplevel = checked (
    pkgs.runCommand "darwin-system-${config.system.darwinLabel}" { label = config.system.darwinLabel; } ''
      mkdir -p "$out/Library" "$out/user/Library" "$out/darwin"
      {
        printf '#!/bin/sh\nsystemConfig=%s\n' "$out"
        cat ${activate}
      } > "$out/activate"
      chmod +x "$out/activate"
      cp ${activateUser} "$out/activate-user"

      ln -s ${config.system.build.etc}/etc "$out/etc"
      ln -s ${path} "$out/sw"
      ln -s ${config.system.build.launchd}/Library/LaunchAgents "$out/Library/LaunchAgents"
      ln -s ${config.system.build.launchd}/Library/LaunchDaemons "$out/Library/LaunchDaemons"
      ln -s ${config.system.build.launchd}/user/Library/LaunchAgents "$out/user/Library/LaunchAgents"

      printf %s "$out" > "$out/systemConfig"
      printf %s "$label" > "$out/darwin-version"
      printf '{"darwinLabel":"%s"}\n' "$label" > "$out/darwin-version.json"
      printf %s "$system" > "$out/system"
    ''
  );
}
