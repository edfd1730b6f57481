# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Packages for one system. Their programs are the host's own, found by name and version as the real ones would be.

{ lib, system }:
let
  builders = import ./builders.nix { inherit lib system; };
  inherit (builders) runCommand;

  # A package whose programs run those that the host has by the same name.
  package =
    pname: version: programs:
    runCommand "${pname}-${version}" { inherit pname version programs; } ''
      mkdir -p "$out/bin"
      for program in $programs; do
        {
          printf '#!/bin/sh\n'
          printf 'for place in /usr/bin /bin /usr/sbin /sbin; do\n'
          printf '  if [ -x "$place/%s" ]; then exec "$place/%s" "$@"; fi\n' "$program" "$program"
          printf 'done\n'
          printf 'echo "%s %s"\n' "$pname" "$version"
        } > "$out/bin/$program"
        chmod +x "$out/bin/$program"
      done
    ''
    // {
      inherit pname version;
      meta.mainProgram = builtins.head programs;
    };

  linuxPackagesOf = version: {
    kernel = runCommand "linux-${version}" { inherit version; } ''
      mkdir "$out"
      echo "kernel $version" > "$out/bzImage"
    '';
  };
in
builders
// {
  inherit lib system;
  path = ../.;
  config = { };
  overlays = [ ];

  hello = runCommand "hello-2.12.2" { } ''
    mkdir -p "$out/bin"
    printf '#!/bin/sh\necho "Hello, world!"\n' > "$out/bin/hello"
    chmod +x "$out/bin/hello"
  '' // {
    pname = "hello";
    version = "2.12.2";
    meta.mainProgram = "hello";
  };

  busybox =
    runCommand "busybox-1.37.0" { } ''
      mkdir -p "$out/bin"
      for applet in busybox httpd nc sh vi wget; do
        ln -s /bin/busybox "$out/bin/$applet"
      done
    ''
    // {
      pname = "busybox";
      version = "1.37.0";
      meta.mainProgram = "busybox";
    };

  bash = package "bash" "5.3" [ "bash" ];
  bashInteractive = package "bash-interactive" "5.3" [ "bash" ];
  cacert = package "nss-cacert" "3.117" [ ];
  coreutils = package "coreutils" "9.8" [ "cat" "cp" "date" "env" "ls" "mv" "rm" "sleep" ];
  curl = package "curl" "8.17.0" [ "curl" ];
  fd = package "fd" "10.3.0" [ "fd" ];
  findutils = package "findutils" "4.10.0" [ "find" "xargs" ];
  git = package "git" "2.51.2" [ "git" ];
  gnugrep = package "gnugrep" "3.12" [ "grep" ];
  gnused = package "gnused" "4.9" [ "sed" ];
  htop = package "htop" "3.4.1" [ "htop" ];
  jq = package "jq" "1.8.1" [ "jq" ];
  less = package "less" "685" [ "less" ];
  nix = package "nix" "2.31.2" [ ];
  openssh = package "openssh" "10.2p1" [ "ssh" "scp" ];
  ripgrep = package "ripgrep" "15.1.0" [ "rg" ];
  rsync = package "rsync" "3.4.1" [ "rsync" ];
  tmux = package "tmux" "3.5a" [ "tmux" ];
  vim = package "vim" "9.1.1869" [ "vim" ];

  systemd = package "systemd" "258.2" [ "systemctl" "journalctl" ] // {
    interfaceVersion = 2;
  };
  linuxPackages = linuxPackagesOf "6.12.58";
  linuxPackages_latest = linuxPackagesOf "6.17.8";

  # Only in the rehearsal: a package of any name and version, to see upgrades in a closure's difference ...
  labPackage = { pname, version }: package pname version [ pname ];

  # ... and many store paths, or much data, in one package. The data is random, so that no compression makes it small.
  labPayload =
    {
      paths ? 400,
      megabytes ? 32,
    }:
    builders.build {
      name = "lab-payload";
      outputs = [ "out" ] ++ builtins.genList (n: "part${toString (n + 1)}") paths;
      kilobytes = megabytes * 1024 / (if paths > 0 then paths else 1);
      command = ''
        mkdir "$out"
        for output in $outputs; do
          test "$output" != out || continue
          eval "part=\$$output"
          head -c "$(( kilobytes * 1024 ))" /dev/urandom > "$part"
          ln -s "$part" "$out/$output"
        done
      '';
    }
    // {
      meta.outputsToInstall = [ "out" ];
    };
}
