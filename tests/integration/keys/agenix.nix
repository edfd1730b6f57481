# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What agenix does, with as little: files that are encrypted to a machine's ssh host key are part of its configuration,
# and its activation decrypts them into memory. The program `age` and the secrets lie beside this file.
{
  system.activationScripts.agenix = ''
    mkdir -p -m 0751 /run/agenix
    (
      umask 077
      ${./age} --decrypt --identity /etc/ssh/ssh_host_ed25519_key --output /run/agenix/token.new ${./token.age}
      mv -f /run/agenix/token.new /run/agenix/token
    )
  '';
}
