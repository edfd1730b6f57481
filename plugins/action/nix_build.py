# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix_build: what was evaluated, built on the machine that the task runs on."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import time
import typing as t
from pathlib import Path

from ..plugin_utils.ansible.action import NixAction, display, following, warnings_of_nix
from ..plugin_utils.ansible.connections import opened_store
from ..plugin_utils.ansible.run import run_state
from ..plugin_utils.ansible.variables import plain
from ..plugin_utils.build.build import (
    ANYBODYS,
    Build,
    Built,
    Root,
    every_output,
    in_store_of,
    on_controller,
    on_machine,
)
from ..plugin_utils.copy.ssh import LinkLostError
from ..plugin_utils.core.errors import BuildError
from ..plugin_utils.nix.log import NixLog

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..plugin_utils.core.process import Shell

NO_ROOT = "none"
# The entry of remote_builders that stands for the setting of the machine that builds.
OWN = "nix"
# For how long what one host was told of them is told to the others.
SECONDS_SHARED = 60.0


class ActionModule(NixAction):
    """See plugins/modules/nix_build.py."""

    constraints: t.ClassVar[dict[str, t.Any]] = {
        "mutually_exclusive": [["drv_path", "installables"]],
        "required_one_of": [["drv_path", "installables"]],
    }

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """Build, or say what would be built."""
        begin = time.monotonic()
        derivation = options["drv_path"]
        build = Build(
            [every_output(derivation)] if derivation else options["installables"],
            options["nix_options"],
            # A check may not write on the host itself. Elsewhere a result that nothing refers to changes nothing, and
            # without it nobody could say what would be copied and activated.
            dry_run=self.check_mode and self.host == self.play_host,
            builders=self._remote_builders(options),
            log=NixLog(self.announce if display.verbosity else None),
        )
        try:
            with self.traced() as watch:
                follow = following(self, build.log, watch, each=True)
                built = self._built_over_link(dataclasses.replace(build, follow=follow), derivation, options)
        except BuildError as error:
            error.host = self.play_host
            # A builder that was left out may be what the build is missing.
            error.details.update(warnings_of_nix((), self._left_out))
            raise
        first = built.outputs[0]
        return {
            "out_path": first.out_path,
            "out_paths": [output.out_path for output in built.outputs],
            "drv_path": first.drv_path,
            "outputs": dict(first.paths),
            "built": len(built.built),
            "built_derivations": list(built.built),
            "fetched": len(built.fetched),
            "seconds": round(time.monotonic() - begin, 2),
            # Of its settings, a machine's Nix warns also when there is nothing to do.
            **warnings_of_nix(built.warnings if built.changed else (), self._left_out),
            "changed": built.changed,
            "msg": built.message(dry_run=build.dry_run),
        }

    def _remote_builders(self, options: dict[str, t.Any]) -> Callable[[], str | None] | None:
        """Return what finds out which remote builders are to be used, unless that is left to Nix."""
        named = [name for name in options["remote_builders"] if name.strip()]
        self._left_out: tuple[str, ...] = ()
        if not named:
            return None

        def find() -> str | None:
            self.doing("asking builders")
            question = json.dumps([self.host, self.escalates, named])
            # The hosts of a run that build on one machine ask once a minute.
            builders, warnings = run_state().once(
                "builders", question, lambda: self._usable_builders(named), seconds=SECONDS_SHARED
            )
            self._left_out = tuple(warnings)
            return builders

        return find

    def _usable_builders(self, named: list[str]) -> tuple[str | None, list[str]]:
        """Return the value of Nix's setting ``builders``, or None to leave that as it is, and what to warn of."""
        # Few hosts have any.
        from ..plugin_utils.build.builders import check, expanded

        # A shell without the limit for questions: this one ends by itself, somewhat later than ``ANSWER_SECONDS``.
        shell = self.shell_within(None)
        entries = [entry for name in named for entry in self._entries(shell, name)]
        found = check(shell, expanded(shell, entries))
        warnings = [each.warning for each in found if each.warning is not None]
        if named == [OWN] and not warnings:
            # To name them would take a user whom the Nix daemon trusts.
            return None, []
        return "\n".join(each.builder.line for each in found if each.usable), warnings

    def _entries(self, shell: Shell, named: str) -> list[str]:
        """Return a builder as entries of the setting: a host of the inventory, a line, or the setting itself."""
        from ..plugin_utils.build.builders import builder_at, own_builders, validate_builder_name

        first, *fields = named.split()
        if first == OWN and not fields:
            return own_builders(shell)
        if first == self.host:
            # It builds in any case.
            return []
        hosts = self.variables.get("hostvars", {})
        if first not in hosts:
            validate_builder_name(first, hosts)
            return [named]
        return [builder_at(plain(dict(hosts[first])), first, tuple(fields)).line]

    def _built_over_link(self, build: Build, derivation: str | None, options: dict[str, t.Any]) -> Built:
        try:
            return self._built(build, derivation, options)
        except LinkLostError as lost:
            raise BuildError(
                f"the connection to {self.host} was lost while it built",
                code="connection_lost",
                host=self.play_host,
                log=str(lost),
                advice="run again: what is built already is kept",
            ) from lost

    def _built(self, build: Build, derivation: str | None, options: dict[str, t.Any]) -> Built:
        given = options["gc_root"]
        root = Root(self.play_host, given or "", wanted=given != NO_ROOT)
        if self.on_controller:
            return on_controller(build, root, self.environment)
        if derivation is None or not _can_be_sent(derivation):
            return on_machine(build, root, self.shell)
        # A daemon that serves everyone listens to nobody's builders and settings.
        trusted = bool(options["remote_builders"] or set(options["nix_options"]) - ANYBODYS)
        return in_store_of(self.shell, build, derivation, root, lambda: self._store(trusted=trusted))

    @contextlib.contextmanager
    def _store(self, *, trusted: bool) -> Iterator[str]:
        """Yield the URL of the machine's store."""
        with opened_store(self, trusted=trusted) as opened:
            yield f"unix://{opened.socket}"


def _can_be_sent(derivation: str) -> bool:
    """Whether the controller has the derivation, and a Nix to send it with."""
    return Path(derivation).exists() and shutil.which("nix") is not None
