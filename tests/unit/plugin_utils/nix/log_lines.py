# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nix says in its log, line for line."""

from __future__ import annotations

import json
import typing as t

HASH = "0" * 32


BAD = f"/nix/store/{HASH}-bad-1.0.drv"


TOP = f"/nix/store/{HASH}-top.drv"


NEW_FAILURE = (
    f"Cannot build '{BAD}'.\nReason: builder failed with exit code 3.\nOutput paths:\n  /nix/store/{HASH}-bad-1.0"
)


def event(**fields: t.Any) -> str:
    return "@nix " + json.dumps(fields)


def error(message: str) -> str:
    coloured = "\x1b[31;1merror:\x1b[0m " + message.replace("\n", "\n       ")
    return event(action="msg", level=0, msg=coloured, raw_msg=message)


def building(derivation: str, number: int = 1) -> str:
    return event(action="start", id=number, level=3, type=105, text="", fields=[derivation, "", 1, 1])


def log_line(text: str, number: int = 1) -> str:
    return event(action="result", id=number, type=101, fields=[text])
