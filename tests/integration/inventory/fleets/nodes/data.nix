# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
{
  nested.list = [
    1
    [
      2
      { deep = null; }
    ]
  ];
  empty = { };
  none = null;
  yes = true;
  text = "Grüß dich, 世界 👋";
  big = 9223372036854775807;
  negative = -3;
  half = 0.5;
  template = "{{ lookup('ansible.builtin.pipe', 'touch created') }}";
  shell = "'\"$(touch created)`\\\n";
  "größe.mit-punkt" = "v";
}
