# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The programs that a phone's session starts by. They are in use while they are replaced, so the new ones wait beside
# the old until the next login.

{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.user;
  # A file beside this one names the store path of the real one, which no derivation of nix-on-droid's makes. Who evaluates must
  # have it; without that file, everybody has.
  prootPath = ./proot-termux-static;
in
{
  environment.files = {
    login = pkgs.writeScript "login" ''
      #!/bin/sh
      set -eu
      export USER=${cfg.userName}
      export HOME=${cfg.home}
      for program in /bin/.proot-static /usr/lib/.login-inner; do
        if test -e "$program.new"; then
          mv "$program.new" "$(dirname "$program")/''${program##*/.}"
        fi
      done
      exec /usr/lib/login-inner "$@"
    '';
    loginInner = pkgs.writeScript "login-inner" ''
      #!/bin/sh
      set -eu
      # The user of this phone: ${cfg.userName} (${toString cfg.uid}:${toString cfg.gid})
      . "$HOME/.nix-profile/etc/profile.d/nix-on-droid-session-init.sh"
      ${lib.optionalString (config.environment.motd != null) "echo ${lib.escapeShellArg config.environment.motd}"}
      if test $# -gt 0; then exec ${cfg.shell} -c "$*"; fi
      exec ${cfg.shell} -l
    '';
    prootStatic =
      if builtins.pathExists prootPath then
        builtins.storePath (builtins.readFile prootPath)
      else
        pkgs.writeTextFile {
          name = "proot-termux-static";
          destination = "/bin/proot-static";
          executable = true;
          text = ''
            #!/bin/sh
            # A phone's real one puts the Nix store in its place; here it is there already.
            exec "$@"
          '';
        };
  };

  build.activation = {
    installLogin = "installNow ${config.environment.files.login} /bin/login";
    installLoginInner = "installAtLogin ${config.environment.files.loginInner} /usr/lib/login-inner";
    installProotStatic = "installAtLogin ${config.environment.files.prootStatic}/bin/proot-static /bin/proot-static";
  };
}
