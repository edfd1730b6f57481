# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A flake with nothing in it, for inputs that nobody may look into.
{
  outputs = _: { };
}
