# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target that would have a copy take memory without end is given up."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .conftest import Fleet

# A Nix daemon that announces that its version is 1.5 GiB long (Nix's `WORKER_MAGIC_2`, version 1.37 of the protocol), and sends it.
ANNOUNCING = """#!{python}
import os, socket, struct
path = os.environ["NIX_DAEMON_SOCKET_PATH"]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
os.chmod(path, 0o666)
listener.listen()
while True:
    client, _address = listener.accept()
    with open({tally!r}, "a") as tally:
        tally.write("served\\n")
    client.recv(8)
    client.sendall(struct.pack("<QQ", 0x6478696F, 0x125))
    client.recv(8)
    try:
        client.sendall(struct.pack("<Q", 3 << 29))
        while True:
            client.sendall(bytes(1 << 16))
    except OSError:
        pass
"""


def test_a_target_that_announces_more_than_a_copy_may_take_is_given_up_at_once(fleet: Fleet, tmp_path: Path) -> None:
    path = fleet.closure(1)
    tally = tmp_path / "tally"
    programs = {
        "nix-daemon": ANNOUNCING.format(python=sys.executable, tally=str(tally)),
        "nix-store": f"#!/bin/sh\necho {path}\n",
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("all: {hosts: {liar: {ansible_connection: local}}}")
    copying = fleet.start("liar", path, "-i", str(inventory), environment=environment, retries=3)
    result = copying.result()
    assert (result["host"], result["stage"]) == ("liar", "copy"), copying.output
    assert "out of memory" in result["cause"]
    assert result["advice"]
    assert "nix-command flakes' copy" in result["command"]
    assert tally.read_text().count("served") == 1
