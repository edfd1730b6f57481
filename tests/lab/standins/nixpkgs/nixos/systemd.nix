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
    unitSection unit { }
    + section "Service" (
      {
        X-RestartIfChanged = if unit.restartIfChanged then null else false;
        X-ReloadIfChanged = if unit.reloadIfChanged then true else null;
        X-StopIfChanged = if unit.stopIfChanged then null else false;
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

  # Under its own name, which systemd looks at.
  file = name: text: "${pkgs.writeTextDir name text}/${name}";
  busSocket = file "dbus.socket" "[Socket]\nListenStream=%t/bus\n";

  filesOf =
    manager: unit:
    let
      source = file unit.name unit.text;
      link = kind: target: lib.nameValuePair "systemd/${manager}/${target}.${kind}/${unit.name}" { inherit source; };
    in
    [ (lib.nameValuePair "systemd/${manager}/${unit.name}" { inherit source; }) ]
    ++ map (link "wants") unit.wantedBy
    ++ map (link "requires") unit.requiredBy;
in
{
  options.systemd = {
    services = option (types.attrsOf (types.submodule service)) { };
    timers = option (types.attrsOf (types.submodule timer)) { };
    user.services = option (types.attrsOf (types.submodule service)) { };
  };

  config = {
    environment.etc =
      lib.listToAttrs (
        lib.concatMap (filesOf "system") units
        ++ lib.concatMap (filesOf "user") (unitsOf "service" serviceText config.systemd.user.services)
      )
      // {
        "systemd/system.conf".source = file "system.conf" "[Manager]\n";
        # Of those that the machine has, the ones that bring new units with them.
        "systemd/system/multi-user.target".source = file "multi-user.target" ''
          [Unit]
          Description=Multi-User System
          Requires=basic.target
          Conflicts=rescue.service rescue.target
          After=basic.target rescue.service rescue.target
          AllowIsolate=yes
        '';
        "systemd/system/local-fs.target".source = file "local-fs.target" ''
          [Unit]
          Description=Local File Systems
          DefaultDependencies=no
          Conflicts=shutdown.target
          After=local-fs-pre.target
          OnFailure=emergency.target
          OnFailureJobMode=replace-irreversibly
        '';
        "systemd/system/timers.target".source = file "timers.target" ''
          [Unit]
          Description=Timer Units
          DefaultDependencies=no
          Conflicts=shutdown.target
        '';
        "systemd/user/default.target".source = file "default.target" ''
          [Unit]
          Description=Main User Target
          Requires=basic.target
          After=basic.target
          AllowIsolate=yes
        '';
        "systemd/system/sysinit-reactivation.target".source =
          file "sysinit-reactivation.target" "[Unit]\nDescription=Reactivate sysinit units\n";
        # The bus of a user who is logged in, which Debian has in a package of its own.
        "systemd/user/dbus.socket".source = busSocket;
        "systemd/user/sockets.target.wants/dbus.socket".source = busSocket;
        "systemd/user/dbus.service".source = file "dbus.service" ''
          [Unit]
          Requires=dbus.socket
          [Service]
          Type=notify
          ExecStart=/usr/bin/dbus-daemon --session --address=systemd: --nofork --nopidfile --systemd-activation
        '';
      };
    systemd.timers = lib.mapAttrs (_: service: {
      wantedBy = [ "timers.target" ];
      timerConfig.OnCalendar = service.startAt;
    }) (lib.filterAttrs (_: service: service.startAt != [ ]) config.systemd.services);
  };
}
