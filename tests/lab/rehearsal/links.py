# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talking to the forwarder: one order, one answer."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from .errors import LabError


def order(control: Path, what: str, **details: Any) -> dict[str, Any]:
    """Give the forwarder an order and return its answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(20)
        try:
            _connect(connection, control)
            connection.sendall(json.dumps({"order": what, **details}).encode() + b"\n")
            answer = json.loads(connection.makefile().readline())
        except (OSError, ValueError) as error:
            raise LabError(f"the lines to the hosts do not answer ({error}); run `lab up` again") from None
    if "error" in answer:
        raise LabError(f"{details.get('host', 'links')}: {what}: {answer['error']}")
    result: dict[str, Any] = answer["answer"]
    return result


def _connect(connection: socket.socket, control: Path) -> None:
    """Connect by way of the directory's descriptor: a socket's path may have 108 bytes, a clone's may have more."""
    directory = os.open(control.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection.connect(f"/proc/self/fd/{directory}/{control.name}")
    finally:
        os.close(directory)


def version(control: Path) -> str | None:
    """Which version of the lab the forwarder is of; None when none serves."""
    try:
        return str(order(control, "version")["version"])
    except LabError:
        return None


def wait_until_serving(control: Path, patience: float = 10.0) -> None:
    deadline = time.monotonic() + patience
    while version(control) is None:
        if time.monotonic() > deadline:
            raise LabError(f"the lines to the hosts did not start; see {control.with_name('links.log')}")
        time.sleep(0.02)
