# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The packages of a real nixpkgs that has no packages of its own in the rehearsal (18.03 was tried), where nothing is compiled:
# what is written down as a script or a text is made as it is there, and in place of all else there are the host's own programs.

{
  nixpkgs,
  system,
  config ? { },
  ...
}:
let
  lib = import (nixpkgs + "/lib");
  platform = lib.systems.elaborate { inherit system; };

  # What a package has that is called otherwise than the package.
  programs = {
    busybox = [ "busybox" "httpd" ];
    bash = [ "bash" "sh" ];
    coreutils = [
      "basename" "cat" "chmod" "chown" "chroot" "cksum" "comm" "cp" "cut" "date" "dd" "df" "dirname" "du" "echo" "env" "expr"
      "false" "head" "id" "install" "join" "ln" "ls" "md5sum" "mkdir" "mkfifo" "mknod" "mktemp" "mv" "nohup" "paste" "printf"
      "pwd" "readlink" "realpath" "rm" "rmdir" "seq" "sha256sum" "sleep" "sort" "stat" "stty" "sync" "tail" "tee" "test"
      "timeout" "touch" "tr" "true" "truncate" "tty" "uname" "uniq" "wc" "whoami"
    ];
    dbus = [ "dbus-daemon" "dbus-send" ];
    e2fsprogs = [ "chattr" "e2fsck" "mke2fs" ];
    findutils = [ "find" "xargs" ];
    glibc = [ "getent" "ldd" "locale" ];
    gnugrep = [ "egrep" "fgrep" "grep" ];
    gnused = [ "sed" ];
    gawk = [ "awk" "gawk" ];
    iproute2 = [ "ip" "ss" ];
    net-tools = [ "hostname" "ifconfig" ];
    nix = [ "nix" "nix-build" "nix-channel" "nix-collect-garbage" "nix-daemon" "nix-env" "nix-instantiate" "nix-store" ];
    openssh = [ "scp" "ssh" "ssh-keygen" "sshd" ];
    procps = [ "pgrep" "pkill" "ps" "sysctl" ];
    shadow = [ "chpasswd" "groupadd" "passwd" "su" "useradd" "usermod" ];
    sudo = [ "sudo" "visudo" ];
    openresolv = [ "resolvconf" ];
    libxslt = [ "xsltproc" ];
    systemd = [
      "journalctl" "systemctl" "systemd-escape" "systemd-run" "systemd-sysusers" "systemd-tmpfiles" "udevadm"
    ];
    util-linux = [ "agetty" "blkid" "dmesg" "flock" "logger" "mount" "mountpoint" "nologin" "swapoff" "umount" ];
  };
  programsOf = name: programs.${(builtins.parseDrvName name).name} or [ (builtins.parseDrvName name).name ];

  # As its module for systemd names them.
  unitsOfSystemd = map builtins.head (
    builtins.filter builtins.isList (
      builtins.split ''"([A-Za-z0-9@._-]+[.](service|socket|target|mount|path|slice|timer))"'' (
        builtins.readFile (nixpkgs + "/nixos/modules/system/boot/systemd.nix")
      )
    )
  );

  stdenv =
    let
      real = import (nixpkgs + "/pkgs/stdenv/generic") {
        inherit config;
        buildPlatform = platform;
        hostPlatform = platform;
        targetPlatform = platform;
        initialPath = [ "/" "/usr" ];
        shell = "/bin/bash";
        cc = null;
        fetchurlBoot = null;
        # A bash of today reads nothing when it is asked for no characters.
        setupScript = builtins.toFile "setup.sh" (
          builtins.replaceStrings [ "read -r -N 0 " ] [ "read -r -d '' " ] (
            builtins.readFile (nixpkgs + "/pkgs/stdenv/generic/setup.sh")
          )
        );
      };
      thin = real // {
        mkDerivation = attributes: if isWrittenDown attributes then real.mkDerivation attributes else packed attributes;
        cc = thin.mkDerivation { name = "gcc-7.3.0"; } // { isGNU = true; isClang = false; cc = thin.cc; libc = thin.cc; };
      };
      isWrittenDown =
        attributes:
        (attributes ? buildCommand || attributes ? builder)
        && !(attributes ? src || attributes ? srcs || attributes ? outputHash);
      packed =
        attributes:
        # Others ask it for its version and the like.
        attributes
        // real.mkDerivation (
          builtins.intersectAttrs { name = null; outputs = null; meta = null; passthru = null; pos = null; } attributes
          // {
            programs = programsOf attributes.name;
            units = ./units;
            missing = unitsOfSystemd;
            perlModules = ./perl;
            buildCommand = builtins.readFile ./package.sh;
          }
        )
        // {
          stdenv = thin;
        };
    in
    thin;
in
import (nixpkgs + "/pkgs/top-level") {
  inherit config;
  localSystem = { inherit system; };
  stdenvStages = arguments: [ (_: { inherit (arguments) config overlays; inherit stdenv; }) ];
}
