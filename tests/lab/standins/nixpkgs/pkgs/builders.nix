# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# How packages are made: by the building machine's /bin/sh and what POSIX has, GNU's or busybox's.

{ lib, system }:
let
  runtimeShell = "/bin/sh";

  build =
    { command, ... }@attributes:
    derivation (
      {
        inherit system;
        builder = runtimeShell;
        args = [
          "-euc"
          ''. "$commandPath"''
        ];
        PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
        LC_ALL = "C";
        preferLocalBuild = true;
        passAsFile = [ "command" ] ++ attributes.passAsFile or [ ];
      }
      // removeAttrs attributes [ "passAsFile" ]
    );

  runCommand =
    name: attributes: command:
    build (attributes // { inherit name command; });

  writeTextFile =
    {
      name,
      text,
      executable ? false,
      destination ? "",
      meta ? { },
      ...
    }:
    build {
      inherit name text destination;
      executable = if executable then "yes" else "";
      passAsFile = [ "text" ];
      command = ''
        target=$out$destination
        mkdir -p "''${target%/*}"
        cp "$textPath" "$target"
        if test -n "$executable"; then chmod 755 "$target"; else chmod 644 "$target"; fi
      '';
    }
    // {
      inherit meta;
    };

  writeText = name: text: writeTextFile { inherit name text; };
  writeScript =
    name: text:
    writeTextFile {
      inherit name text;
      executable = true;
    };
  writeShellScript = name: text: writeScript name "#!${runtimeShell}\n${text}\n";
  writeShellScriptBin =
    name: text:
    writeTextFile {
      inherit name;
      text = "#!${runtimeShell}\n${text}\n";
      executable = true;
      destination = "/bin/${name}";
      meta.mainProgram = name;
    };

  symlinkJoin =
    {
      name,
      paths,
      postBuild ? "",
      ...
    }:
    build {
      inherit name paths;
      command = ''
        mkdir "$out"
        for path in $paths; do
          (cd "$path" && find . -type d) | while read -r directory; do
            mkdir -p "$out/$directory"
          done
          (cd "$path" && find . ! -type d) | while read -r file; do
            ln -sf "$path/''${file#./}" "$out/$file"
          done
        done
        ${postBuild}
      '';
    };

  toJSONFile = name: value: writeText name (builtins.toJSON value);
in
{
  inherit
    build
    runCommand
    runtimeShell
    symlinkJoin
    writeScript
    writeShellScript
    writeShellScriptBin
    writeText
    writeTextFile
    ;
  runCommandLocal = runCommand;
  buildEnv = symlinkJoin;
  writeTextDir =
    path: text:
    writeTextFile {
      name = baseNameOf path;
      inherit text;
      destination = "/${path}";
    };
  writeScriptBin =
    name: text:
    writeTextFile {
      inherit name text;
      executable = true;
      destination = "/bin/${name}";
    };
  writeShellApplication =
    {
      name,
      text,
      runtimeInputs ? [ ],
      ...
    }:
    writeShellScriptBin name ''
      set -eu
      PATH=${lib.makeBinPath runtimeInputs}:$PATH
      ${text}
    '';
  linkFarm =
    name: entries:
    runCommand name { } (
      "mkdir \"$out\"\n"
      + lib.concatLines (
        lib.mapAttrsToList (
          target: source:
          "mkdir -p \"$(dirname \"$out\"/${lib.escapeShellArg target})\"; ln -s ${source} \"$out\"/${lib.escapeShellArg target}"
        ) entries
      )
    );
  formats.json = _: {
    type = lib.types.anything;
    generate = toJSONFile;
  };
  stdenv.hostPlatform = {
    inherit system;
    isLinux = lib.hasSuffix "-linux" system;
    isDarwin = lib.hasSuffix "-darwin" system;
    isx86_64 = lib.hasPrefix "x86_64-" system;
    isAarch64 = lib.hasPrefix "aarch64-" system;
  };
}
