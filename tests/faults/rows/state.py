# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The target is not as it is usually found, or somebody else is at work there."""

from __future__ import annotations

import subprocess
import sys
import typing as t

from ..faults import HEAL, on_target, until_back
from ..fleet import SYSTEM
from ..moments import ACTIVATION, AT_REST, AWAITING, BEFORE_ACTIVATION
from ..row import CHANGED, REFUSED, ROLLED_BACK, Expectation, Fault, Row
from .configuration import FAILING

if t.TYPE_CHECKING:
    from ..scene import Scene

NIX = "PATH=$PATH:/opt/nix/bin;"


def once_before(scene: Scene) -> None:
    """Deploy what is going to be deployed again."""
    ended = scene.deploy().ended()
    assert ended.rc == 0, ended.output


# In a root of its own: SQLite resolves every link on the way to its file, and what /proc calls a root is a link to this machine's.
FORGET = """
import os, sqlite3, sys
root, path = sys.argv[1:]
os.chroot(root)
database = sqlite3.connect("/nix/var/nix/db/db.sqlite", isolation_level=None)
database.execute("PRAGMA foreign_keys = ON")
print(database.execute("DELETE FROM ValidPaths WHERE path = ?", (path,)).rowcount)
"""


def forget_what_runs(scene: Scene) -> None:
    """Have Nix know no more of what it runs, as after a loss of power that its database has not survived whole."""
    once_before(scene)
    command = [sys.executable, "-c", FORGET, str(scene.machine.root), scene.copied()]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "1\n"
    assert scene.machine.asks_nix(f"nix-store --check-validity --print-invalid {scene.copied()}") == scene.copied()


def at_the_same_time(scene: Scene) -> None:
    """Deploy from elsewhere, which must be refused by name."""
    other = scene.deploy_besides()
    if "another deployment is running" not in other.output or other.told(scene.machine.name) != "failed":
        scene.wrong.append(f"the second deployment was not refused:\n{other.output}")


def leave_a_lock(scene: Scene) -> None:
    """Leave what a deployment leaves that was ended before it had begun, with everything that could tidy up."""
    scene.machine.says(
        """
        id=20200101T000000Z-00000000
        mkdir -p /var/lib/nix.fleet/runs/$id
        ln -s "$(printf 'id=%s\\nwho=somebody@elsewhere\\npid=999999\\nstart=1\\nboot=none\\nphase=working\\n' $id)" \\
            /run/nix.fleet/lock
        """
    )


def forget_profile(scene: Scene) -> None:
    """Make the machine one on which nothing has ever been deployed by a profile."""
    scene.machine.says(f"rm -f {SYSTEM} {SYSTEM}-*-link")


def link_profile(scene: Scene) -> None:
    """Make the profile what another tool would: a plain link to the store."""
    scene.machine.says(f"ln -sfn $(readlink -f {SYSTEM}) {SYSTEM}.new && mv -T {SYSTEM}.new {SYSTEM}")


def clock_off(hours: str) -> t.Callable[[Scene], None]:
    """Have the machine tell another time."""
    return on_target(
        f"""
        mv /usr/bin/date /usr/bin/date.true
        printf '#!/bin/sh\\nexec /usr/bin/date.true -d "{hours} hours" "$@"\\n' >/usr/bin/date
        chmod 755 /usr/bin/date
        """
    )


CLOCK_RIGHT = on_target("mv /usr/bin/date.true /usr/bin/date")
COLLECTED = on_target(f"{NIX} nix-collect-garbage --quiet")


def corrupt(scene: Scene) -> None:
    """Empty a file of the new system, as a loss of power can do to what had not reached the disk."""
    new = scene.copied()
    scene.machine.says(f"chmod u+w {new} {new}/activate; : >{new}/activate")


ROWS = (
    Row(Fault("equal closure", prepare=once_before), AT_REST, Expectation("new", "ok", (0,), "unchanged")),
    Row(
        Fault("equal closure, which Nix there does not know of", prepare=forget_what_runs),
        AT_REST,
        Expectation("new", "changed", (0,), "unchanged"),
    ),
    Row(Fault("no profile yet", prepare=forget_profile), AT_REST, CHANGED),
    Row(
        Fault("no profile yet, and activation fails", prepare=forget_profile, module=FAILING.module),
        AT_REST,
        ROLLED_BACK,
        representative=True,
    ),
    Row(Fault("profile written by another tool", prepare=link_profile), AT_REST, CHANGED),
    Row(
        Fault("profile written by another tool, and activation fails", prepare=link_profile, module=FAILING.module),
        AT_REST,
        ROLLED_BACK,
    ),
    Row(Fault("clock an hour ahead", prepare=clock_off("+1"), mend=CLOCK_RIGHT), AT_REST, CHANGED),
    Row(Fault("clock an hour behind", prepare=clock_off("-1"), mend=CLOCK_RIGHT), AT_REST, CHANGED),
    Row(Fault("clock jumps by an hour", clock_off("+1"), CLOCK_RIGHT), ACTIVATION, CHANGED),
    Row(Fault("garbage collected", COLLECTED), BEFORE_ACTIVATION, CHANGED),
    Row(Fault("garbage collected", COLLECTED), ACTIVATION, CHANGED),
    Row(
        Fault("garbage collected, and nobody confirms", COLLECTED, HEAL, meanwhile=until_back, keeps_out=True),
        AWAITING,
        ROLLED_BACK,
    ),
    Row(
        Fault(
            "what was copied is deleted",
            lambda scene: on_target(f"{NIX} rm -r /var/lib/nix.fleet/gcroots; nix-store --delete {scene.copied()}")(
                scene
            ),
        ),
        BEFORE_ACTIVATION,
        REFUSED,
    ),
    Row(Fault("two deployments at once", at_the_same_time), ACTIVATION, CHANGED, representative=True),
    Row(Fault("stale lock after a crash", prepare=leave_a_lock), AT_REST, CHANGED),
    Row(Fault("path corrupted", corrupt), BEFORE_ACTIVATION, ROLLED_BACK),
)
