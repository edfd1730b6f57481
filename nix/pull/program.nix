# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The supervisor of activations as a program of the host's own: what nix.fleet.nix_activate sends a host for one deployment, with
# pull.sh in the place of the controller. `platform` is the name of a file in plugins/plugin_utils/platforms.
{ platform }:
let
  plugins = ../../plugins/plugin_utils;
  part = name: builtins.readFile (plugins + "/activation/${name}.sh");
  functions =
    map part [
      "target"
      "process"
      "lock"
      "journal"
      "request"
      "history"
      "platform"
    ]
    ++ [ (builtins.readFile (plugins + "/platforms/${platform}.sh")) ];
  following = [
    "descendants"
    "step"
    "confirmation"
    "standing"
    "outcome"
    "claim"
    "launch"
    "follow"
    "objections"
    "begin"
  ];
  onTarget = [
    "descendants"
    "step"
    "confirmation"
    "supervisor"
    "recover"
    "damage"
    "standing"
    "outcome"
    "main"
  ];
in
builtins.concatStringsSep "\n" (
  functions
  ++ map part following
  ++ [
    "platform_name=${builtins.replaceStrings [ "_" ] [ "-" ] platform}"
    "write_program() {"
    "cat <<'end of program'"
  ]
  ++ functions
  ++ map part onTarget
  ++ [
    "end of program"
    "say own_uid \"$own_uid\""
    "own_request"
    "echo 'main \"$@\"'"
    "}"
    (builtins.readFile ./pull.sh)
  ]
)
