# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# How packages are made: by the building machine's /bin/sh and what POSIX has, GNU's or busybox's.

{
  lib,
  system,
  bash,
}:
let
  # The modules that come with nixpkgs' own library have scripts for bash.
  runtimeShell = if lib ? systems then "${bash}/bin/bash" else "/bin/sh";

  build =
    { command, ... }@attributes:
    derivation (
      {
        inherit system;
        builder = "/bin/sh";
        args = [
          "-euc"
          # bash, as in nixpkgs, where there is one.
          ''
            for shell in /usr/lib/lab/gnu/bash /bin/bash; do
              test ! -x "$shell" || exec "$shell" -ec '. ${./setup.sh}; . "$commandPath"'
            done
            . "$commandPath"
          ''
        ];
        PATH = "${
          lib.concatMapStrings (input: "${input}/bin:") (attributes.nativeBuildInputs or [ ])
        }/usr/lib/lab/gnu:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
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

  stdenv = {
    hostPlatform = {
      inherit system;
      isLinux = lib.hasSuffix "-linux" system;
      isDarwin = lib.hasSuffix "-darwin" system;
      isx86_64 = lib.hasPrefix "x86_64-" system;
      isAarch64 = lib.hasPrefix "aarch64-" system;
    };
    shell = runtimeShell;
    mkDerivation =
      attributes:
      build (
        removeAttrs attributes [ "builder" ]
        // {
          # What a builder of its own begins with.
          stdenv = runCommand "stdenv" { } "mkdir \"$out\"; : > \"$out/setup\"";
          command = if attributes ? builder then "source ${attributes.builder}" else attributes.buildCommand or "";
        }
      );
  };

  replaced =
    file: values:
    builtins.replaceStrings (map (name: "@${name}@") (lib.attrNames values))
      (map toString (lib.attrValues values))
      (builtins.readFile file);

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
  concatText = name: files: runCommand name { } "cat ${lib.escapeShellArgs files} > \"$out\"\n";
  mkShell = { packages, ... }: symlinkJoin { name = "shell"; paths = packages; };
  emptyDirectory = runCommand "empty-directory" { } "mkdir \"$out\"\n";
  replaceVars = file: values: writeText (baseNameOf file) (replaced file values);
  replaceVarsWith =
    {
      name,
      src,
      replacements,
      dir ? "",
      isExecutable ? false,
      ...
    }:
    writeTextFile {
      inherit name;
      text = replaced src replacements;
      executable = isExecutable;
      destination = lib.optionalString (dir != "") "/${dir}/${name}";
    };
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
  # JSON in any of them: nothing here reads what is configured.
  formats =
    lib.genAttrs
      [
        "ini"
        "iniWithGlobalSection"
        "javaProperties"
        "json"
        "keyValue"
        "rasi"
        "toml"
        "xml"
        "yaml"
      ]
      (
        _: _: {
          type = lib.types.anything;
          generate = toJSONFile;
          lib.types.atom = lib.types.anything;
        }
      );
  inherit stdenv;
  stdenvNoCC = stdenv;
}
