# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs the program that comes on standard input, up to a line that ends it. What follows is the program's own input: `read` takes no
# more than a line. It is sent as one line itself, since it passes through whatever shell the user logs in to.
program=$(while IFS= read -r line && [ "$line" != 'nix.fleet end of program' ]; do printf '%s\n' "$line"; done)
eval "$program"
