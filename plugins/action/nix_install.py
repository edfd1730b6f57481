# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a NixOS of a machine that is reached by ssh."""

from __future__ import annotations

import shutil
import typing as t

from ..plugin_utils.ansible.action import NixAction
from ..plugin_utils.bootstrap.installation import (
    Installation,
    Output,
    arguments,
    directory_in_memory,
    options_of_ssh,
    packed,
    unlocked,
)
from ..plugin_utils.core.errors import NixError
from ..plugin_utils.core.process import run
from ..plugin_utils.nix.command import with_settings
from ..plugin_utils.target.programs import fields_and_log, program

if t.TYPE_CHECKING:
    import pathlib
    from collections.abc import Mapping

# Its standard output comes with its standard error, which is read line by line.
ONE_STREAM = ("sh", "-c", 'exec "$@" >&2', "sh")


class ActionModule(NixAction):
    """See the documentation of the module of the same name."""

    # nixos-anywhere has a way of its own to a machine that nobody knows yet.
    known_hosts_only = False

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """See ``NixAction.perform``."""
        fields, _log = fields_and_log(self.questions.run(f"{program('info')}\ninfo_installed\n").stdout)
        installed = fields.get("installed", [""])[-1]
        if installed and not options["reinstall"]:
            return {"changed": False, "installed": installed, "steps": [], "msg": f"runs NixOS {installed} already"}
        if not options["erase"]:
            found = (installed and f"NixOS {installed}") or fields.get("os", [""])[-1] or "an unknown system"
            raise NixError(
                f"it runs {found}, and its disks would be erased",
                code="installation.installed",
                advice="see that nothing on it is needed, and say so (erase; of the role, bootstrap_erase with its name)",
            )
        secrets = options["host_keys"] or options["disk_encryption_keys"]
        with directory_in_memory(allow_disk=options["allow_disk"] or not secrets) as directory:
            words = [*options["program"], *arguments(self._installation(options, directory))]
            if self.check_mode:
                return {
                    "changed": True,
                    "steps": [],
                    "command": words,
                    "msg": "would install NixOS, and erase its disks",
                }
            steps = self._run(words, options)
        return {"changed": True, "steps": steps, "command": words, "msg": f"NixOS is installed: {', '.join(steps)}"}

    def _installation(self, options: dict[str, t.Any], directory: pathlib.Path) -> Installation:
        keys = {str(path): str(key) for path, key in options["disk_encryption_keys"].items()}
        hardware = options["hardware_config"]
        return Installation(
            flake=options["flake"],
            attr=options["attr"],
            address=str(self._ssh("host")),
            user=self._ssh("remote_user"),
            port=int(self._ssh("port") or 0) or None,
            identity_file=self._ssh("private_key_file"),
            ssh_options=self._ssh_options() if options["ssh_options"] is None else tuple(options["ssh_options"]),
            by_password=bool(self._ssh("password")),
            phases=tuple(options["phases"]),
            hardware=(hardware["backend"], hardware["path"]) if hardware else None,
            extra_files=packed(directory, options["extra_files"], options["host_keys"], options["files_root"]),
            encryption_keys=unlocked(directory, keys),
        )

    def _ssh(self, option: str) -> t.Any:
        """Return what Ansible's own ssh is told."""
        if self._connection.transport != "ssh":
            raise NixError(
                f"it is reached by {self._connection.transport}, and nixos-anywhere by ssh alone",
                code="installation.bad_connection",
                advice="set ansible_connection to ssh",
            )
        return self._connection.get_option(option)

    def _ssh_options(self) -> tuple[str, ...]:
        return options_of_ssh(" ".join(self._ssh(name) or "" for name in ("ssh_common_args", "ssh_extra_args")))

    def _run(self, words: list[str], options: dict[str, t.Any]) -> list[str]:
        environment = with_secrets(self.environment, self._ssh("password"), options["nix_options"])
        if not shutil.which(words[0], path=environment.get("PATH")):
            raise NixError(
                f"there is no program {words[0]} on the controller",
                code="installation.no_program",
                advice="install it, or say how it is run (program: [nix, run, github:nix-community/nixos-anywhere, --])",
            )
        output = Output({name: options[name] for name in ("login_timeout", "return_timeout")}, self.doing)
        self.doing("installing")
        completed = run([*ONE_STREAM, *words], environment=environment, on_stderr_line=output.read, look=output.look)
        if not completed.ok:
            raise NixError(
                f"nixos-anywhere ended with exit code {completed.rc}"
                + (f" after: {output.steps[-1]}" if output.steps else ""),
                code="installation.nixos_anywhere",
                command=words,
                log=output.log,
                advice="see its output; what was begun on the machine's disks is not undone",
                steps=output.steps,
            )
        return output.steps


def with_secrets(environment: Mapping[str, str], password: t.Any, nix_options: Mapping[str, t.Any]) -> dict[str, str]:
    """Return the environment of nixos-anywhere, with what must be in no argument: every user of the controller can see those.

    It reads ssh's password from there, and the Nix that it runs here its settings.
    """
    return with_settings({**environment, **({"SSHPASS": str(password)} if password else {})}, nix_options)
