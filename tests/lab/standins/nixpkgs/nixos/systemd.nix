# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# systemd.services and systemd.timers → unit files in /etc/systemd/system.

{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;

  option =
    type: default:
    mkOption {
      inherit type default;
    };
  names = option (types.listOf types.str) [ ];
  settings = option (types.attrsOf types.anything) { };

  common = {
    enable = option types.bool true;
    description = option types.str "";
    wantedBy = names;
    requiredBy = names;
    wants = names;
    requires = names;
    bindsTo = names;
    conflicts = names;
    after = names;
    before = names;
    unitConfig = settings;
    restartTriggers = option (types.listOf types.anything) [ ];
  };

  service.options = common // {
    serviceConfig = settings;
    environment = settings;
    path = option (types.listOf types.package) [ ];
    script = option types.lines "";
    preStart = option types.lines "";
    postStart = option types.lines "";
    restartIfChanged = option types.bool true;
    reloadIfChanged = option types.bool false;
    stopIfChanged = option types.bool true;
    startAt = option types.anything [ ];
  };
  timer.options = common // {
    timerConfig = settings;
  };

  text = value: if builtins.isBool value then lib.boolToString value else toString value;
  section =
    name: values:
    let
      line = key: value: "${key}=${text value}";
      lines = lib.concatLists (
        lib.mapAttrsToList (
          key: value:
          if value == null then
            [ ]
          else if builtins.isList value then
            map (line key) value
          else
            [ (line key value) ]
        ) values
      );
    in
    lib.optionalString (lines != [ ]) (lib.concatLines ([ "[${name}]" ] ++ lines ++ [ "" ]));

  words = list: if list == [ ] then null else toString list;
  unitSection =
    unit: extra:
    section "Unit" (
      {
        Description = if unit.description == "" then null else unit.description;
        Wants = words unit.wants;
        Requires = words unit.requires;
        BindsTo = words unit.bindsTo;
        Conflicts = words unit.conflicts;
        After = words unit.after;
        Before = words unit.before;
        X-Restart-Triggers = words unit.restartTriggers;
      }
      // extra
      // unit.unitConfig
    );

  scriptOf =
    unit: kind: lines:
    if lines == "" then null else "${pkgs.writeShellScript "unit-script-${unit}-${kind}" "set -e\n${lines}"}";
  serviceText =
    name: unit:
    unitSection unit {
      X-RestartIfChanged = if unit.restartIfChanged then null else false;
      X-ReloadIfChanged = if unit.reloadIfChanged then true else null;
      X-StopIfChanged = if unit.stopIfChanged then null else false;
    }
    + section "Service" (
      {
        Environment =
          [
            ''"PATH=${lib.makeBinPath (unit.path ++ [ pkgs.coreutils ])}:/run/current-system/sw/bin:/usr/bin:/bin"''
          ]
          ++ lib.mapAttrsToList (key: value: ''"${key}=${text value}"'') unit.environment;
        ExecStartPre = scriptOf name "pre-start" unit.preStart;
        ExecStart = scriptOf name "start" unit.script;
        ExecStartPost = scriptOf name "post-start" unit.postStart;
      }
      // unit.serviceConfig
    );
  timerText = name: unit: unitSection unit { } + section "Timer" unit.timerConfig;

  unitsOf =
    ending: textOf: units:
    lib.mapAttrsToList (name: unit: {
      name = "${name}.${ending}";
      inherit (unit) wantedBy requiredBy;
      text = textOf name unit;
    }) (lib.filterAttrs (_: unit: unit.enable) units);

  units =
    unitsOf "service" serviceText config.systemd.services
    ++ unitsOf "timer" timerText config.systemd.timers;

  filesOf =
    unit:
    let
      source = "${pkgs.writeTextDir unit.name unit.text}/${unit.name}";
      link = kind: target: lib.nameValuePair "systemd/system/${target}.${kind}/${unit.name}" { inherit source; };
    in
    [ (lib.nameValuePair "systemd/system/${unit.name}" { inherit source; }) ]
    ++ map (link "wants") unit.wantedBy
    ++ map (link "requires") unit.requiredBy;
in
{
  options.systemd = {
    services = option (types.attrsOf (types.submodule service)) { };
    timers = option (types.attrsOf (types.submodule timer)) { };
  };

  config = {
    environment.etc = lib.listToAttrs (lib.concatMap filesOf units);
    systemd.timers = lib.mapAttrs (_: service: {
      wantedBy = [ "timers.target" ];
      timerConfig.OnCalendar = service.startAt;
    }) (lib.filterAttrs (_: service: service.startAt != [ ]) config.systemd.services);
  };
}
