# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Packages for one system. Their programs are the host's own, found by name and version as the real ones would be.

{ lib, system }:
let
  builders = import ./builders.nix {
    inherit lib system;
    inherit (self) bash;
  };
  inherit (builders) runCommand;
  self = import ./. { inherit lib system; };

  # A package whose programs run those that the host has by the same name.
  package =
    pname: version: programs:
    runCommand "${pname}-${version}" { inherit pname version programs; } ''
      mkdir -p "$out/bin"
      for program in $programs; do
        {
          printf '#!/bin/sh\n'
          printf 'for place in /usr/lib/lab/gnu /usr/bin /bin /usr/sbin /sbin /opt/nix/bin; do\n'
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

  # Where a system makes it the host's own /bin/sh, it cannot be a script for that.
  shell =
    pname:
    builders.symlinkJoin {
      name = "${pname}-5.3";
      paths = [ (package pname "5.3" [ "bash" ]) ];
      postBuild = "ln -s /usr/lib/lab/gnu/bash \"$out/bin/sh\"";
    }
    // {
      inherit pname;
      version = "5.3";
      meta.mainProgram = "bash";
    };

  # Some megabytes, so that copies of several fill an ESP.
  bootFile =
    name: file: version: megabytes:
    runCommand "${name}-${version}" { inherit version; } ''
      mkdir "$out"
      { echo "${name} $version"; head -c ${toString (megabytes * 1048576)} /dev/zero; } > "$out/${file}"
    '';
  linuxPackagesOf = version: {
    kernel = bootFile "linux" "bzImage" version 2 // {
      initrd = bootFile "initrd-linux" "initrd" version 1;
    };
  };
in
builders
// {
  inherit lib system;
  path = ../.;
  config = { };
  overlays = [ ];
  buildPackages = self;
  __splicedPackages = self;
  callPackage =
    file: more:
    let
      function = if builtins.isFunction file then file else import file;
    in
    function (builtins.intersectAttrs (builtins.functionArgs function) self // more);

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

  # No translations, so that the words are those of the program.
  gettext =
    runCommand "gettext-0.25.1" { } ''
      mkdir -p "$out/bin"
      cd "$out/bin"
      printf '#!/bin/sh\nfor text; do :; done\nprintf %%s "$text"\n' > gettext
      printf '#!/bin/sh\nif [ "$3" = 1 ]; then printf %%s "$1"; else printf %%s "$2"; fi\n' > ngettext
      printf '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\n: > "$2"\n' > msgfmt
      chmod +x ./*
    ''
    // {
      pname = "gettext";
      version = "0.25.1";
    };

  # Of Python, what makes an environment of packages.
  python3 = {
    sitePackages = "lib/python3/site-packages";
    withPackages =
      choose:
      builders.symlinkJoin {
        name = "python3-env";
        paths = choose {
          ansible-core = package "ansible-core" "2.20.0" [ "ansible-playbook" ];
          rich = package "rich" "14.2.0" [ ];
          toPythonModule = package: package;
        };
      };
  };

  bash = shell "bash";
  bashInteractive = shell "bash-interactive";
  cacert =
    runCommand "nss-cacert-3.117" { } ''
      mkdir -p "$out/etc/ssl/certs"
      : > "$out/etc/ssl/certs/ca-bundle.crt"
    ''
    // {
      pname = "nss-cacert";
      version = "3.117";
      override = _: self.cacert;
    };
  coreutils = package "coreutils" "9.8" [
    "basename"
    "cat"
    "chmod"
    "chown"
    "cp"
    "cut"
    "date"
    "dirname"
    "env"
    "expr"
    "head"
    "id"
    "install"
    "ln"
    "ls"
    "mkdir"
    "mktemp"
    "mv"
    "pwd"
    "readlink"
    "realpath"
    "rm"
    "rmdir"
    "sleep"
    "sort"
    "stat"
    "tail"
    "tee"
    "test"
    "touch"
    "tr"
    "true"
    "uname"
    "wc"
  ];
  curl = package "curl" "8.17.0" [ "curl" ];
  fd = package "fd" "10.3.0" [ "fd" ];
  findutils = package "findutils" "4.10.0" [ "find" "xargs" ];
  git = package "git" "2.51.2" [ "git" ];
  gnugrep = package "gnugrep" "3.12" [ "grep" ];
  gnused = package "gnused" "4.9" [ "sed" ];
  htop = package "htop" "3.4.1" [ "htop" ];
  jq = package "jq" "1.8.1" [ "jq" ];
  diffutils = package "diffutils" "3.12" [ "cmp" "diff" ];
  gawk = package "gawk" "5.3.2" [ "awk" ];
  glibcLocales = package "glibc-locales" "2.40" [ ];
  less = package "less" "685" [ "less" ];
  lndir = package "lndir" "1.0.5" [ "lndir" ];
  man = package "man-db" "2.13.1" [ "man" "mandb" ];
  ncurses = package "ncurses" "6.5" [ "tput" ];
  nix = builders.symlinkJoin {
    name = "nix-2.31.2";
    paths = [ (package "nix" "2.31.2" [
      "nix"
      "nix-build"
      "nix-channel"
      "nix-collect-garbage"
      "nix-copy-closure"
      "nix-daemon"
      "nix-env"
      "nix-instantiate"
      "nix-shell"
      "nix-store"
  ]) ];
    # What a phone's sessions begin with.
    postBuild = ''
      mkdir -p "$out/etc/profile.d"
      echo 'export PATH="$HOME/.nix-profile/bin:$PATH"' > "$out/etc/profile.d/nix.sh"
    '';
  } // {
    pname = "nix";
    version = "2.31.2";
    meta.mainProgram = "nix";
  };
  openssh = package "openssh" "10.2p1" [ "ssh" "scp" "ssh-keygen" "sshd" ];
  sd-switch = package "sd-switch" "0.6.0" [ "sd-switch" ];
  shellcheck = package "shellcheck" "0.11.0" [ "shellcheck" ];
  iana-etc = runCommand "iana-etc-20251215" { } "mkdir -p \"$out/etc\"; : > \"$out/etc/protocols\"; : > \"$out/etc/services\"";
  tzdata = package "tzdata" "2025c" [ ];
  zsh = package "zsh" "1" [ "zsh" ];
  nix-zsh-completions = package "nix-zsh-completions" "1" [  ];
  zsh-completions = package "zsh-completions" "1" [  ];
  nix-bash-completions = package "nix-bash-completions" "1" [  ];
  bash-completion = package "bash-completion" "1" [  ];
  gnutar = package "gnutar" "1" [ "tar" ];
  gzip = package "gzip" "1" [ "gzip" ];
  bzip2 = package "bzip2" "1" [ "bzip2" ];
  xz = package "xz" "1" [ "xz" ];
  texinfoInteractive = package "texinfoInteractive" "1" [  ];
  nix-info = package "nix-info" "1" [ "nix-info" ];
  shared-mime-info = package "shared-mime-info" "2.4" [ "update-mime-database" ];
  desktop-file-utils = package "desktop-file-utils" "0.28" [ "update-desktop-database" ];
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
