# shellcheck shell=sh
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Tells ssh the password that lies beside this program: it is called by ssh, with a question.
exec cat "${0%/*}/password"
