# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The supervisor of activations as a program of the host's own: what nix.fleet.nix_activate sends a host for one deployment, with
# pull.sh in the place of the controller. `platform` is the name of a file in plugins/plugin_utils/platforms.
{ platform }:
let
  plugins = ../../plugins/plugin_utils;
  table = builtins.fromJSON (builtins.readFile (plugins + "/target/programs.json"));
  # Without comments, as the controller sends it: a variable of the environment takes at most 128 KiB.
  code =
    file:
    builtins.concatStringsSep "\n" (
      builtins.filter (line: builtins.isString line && builtins.match " *(#.*)?" line == null) (
        builtins.split "\n" (builtins.readFile file)
      )
    )
    + "\n";
  part =
    name:
    code (plugins + "/target/${name}.sh")
    + (if name == "platform" then code (plugins + "/platforms/${platform}.sh") else "");
  quoted = text: "'" + builtins.replaceStrings [ "'" ] [ "'\\''" ] text + "'";
in
builtins.concatStringsSep "\n" [
  "functions=${quoted (builtins.concatStringsSep "" (map part table.deployment))}"
  "platform_name=${builtins.replaceStrings [ "_" ] [ "-" ] platform}"
  (builtins.readFile ./pull.sh)
]
