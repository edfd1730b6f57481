# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of the project's playbook: followed while it is under way, and found again in every process that it started."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import secrets
import signal
import subprocess
import threading
import time
import typing as t
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CALLBACKS = Path(__file__).with_name("callbacks")
# In the environment of everything that a run starts on the controller.
MARK = "FAULTS_RUN"
LONGEST_RUN = 150
_RECAP = re.compile(r"^(?P<host>\S+)\s+: (?P<counts>ok=\d+.*)$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a run has ended, and what its tasks were told."""

    rc: int
    output: str
    results: tuple[dict[str, t.Any], ...]

    def counts(self, host: str) -> dict[str, int]:
        """Return Ansible's recap of a host; nothing when the run did not get that far."""
        for found in _RECAP.finditer(self.output):
            if found["host"] == host:
                return {name: int(count) for name, count in (each.split("=") for each in found["counts"].split())}
        return {}

    def told(self, host: str) -> str:
        """Return how Ansible counts a host: ok, changed, failed or unreachable; or nothing, without a recap."""
        counts = self.counts(host)
        for word in ("unreachable", "failed", "changed"):
            if counts.get(word):
                return word
        return "ok" if counts else "nothing"

    def outcome(self, host: str) -> str | None:
        """Return the last outcome of a deployment that a task reported of a host."""
        outcomes = [result["outcome"] for result in self.results if result["host"] == host]
        # That something is to be done is said before anything is.
        told = [outcome for outcome in outcomes if outcome not in (None, "needed")]
        return str(told[-1]) if told else None


class Deployment:
    """A run under way."""

    def __init__(self, project: Path, directory: Path, arguments: t.Sequence[str], hold: str | None) -> None:
        self.directory = directory
        self.mark = secrets.token_hex(8)
        self.lines: list[str] = []
        self._results = directory / "results.jsonl"
        self._results.unlink(missing_ok=True)
        # What a process that was killed cannot remove is the row's directory's to lose, and what is left there is seen.
        self.temporary = directory / "tmp"
        self.temporary.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            ["ansible-playbook", "deploy.yml", *arguments],
            cwd=project,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(project / "ansible.cfg"),
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv/collections"),
                "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
                "ANSIBLE_CALLBACKS_ENABLED": "nix.fleet.summary,witness",
                "ANSIBLE_LOCAL_TEMP": str(self.temporary),
                "ANSIBLE_NOCOLOR": "1",
                "COLUMNS": "120",
                "FAULTS_DIRECTORY": str(directory),
                **({"FAULTS_HOLD": hold} if hold else {}),
                "LC_ALL": "C.UTF-8",
                MARK: self.mark,
                "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}",
                "TMPDIR": str(self.temporary),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def output(self) -> str:
        """All that it has printed so far."""
        return "".join(self.lines)

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Wait until it has printed something."""
        self.wait_until(lambda: text in self.output, f"{text!r} in the output", seconds)

    def wait_until(self, condition: t.Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait until something comes true, as long as the run goes on."""
        deadline = time.monotonic() + seconds
        while not condition():
            over = self.process.poll() is not None and not condition()
            assert not over, (
                f"the run ended (exit code {self.process.returncode}) before there was {what}:\n{self.output}"
            )
            assert time.monotonic() < deadline, f"after {seconds} s there was not {what}:\n{self.output}"
            time.sleep(0.02)

    def interrupt(self) -> None:
        """Press ctrl-C, and once more when nothing comes of it.

        ansible-core can wait for ever for the queue of its results, when a worker is ended just while it writes there.
        """
        for _press in range(3):
            os.killpg(self.process.pid, signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                continue
            return

    def kill(self) -> None:
        """End everything on the controller that belongs to the run, as a loss of power does."""
        for pid in processes_with(self.mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill_main(self) -> None:
        """Kill the process group of `ansible-playbook`, of which its workers are no part."""
        os.killpg(self.process.pid, signal.SIGKILL)

    def ended(self) -> Ended:
        """Wait for the end."""
        try:
            rc = self.process.wait(LONGEST_RUN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the run did not end within {LONGEST_RUN} s:\n{self.output}") from None
        self._reader.join(5)
        text = self._results.read_text() if self._results.exists() else ""
        return Ended(rc, self.output, tuple(json.loads(line) for line in text.splitlines()))


def processes_with(mark: str) -> dict[int, str]:
    """Return the processes of a run that live, and their command lines."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes():
                state = (process / "stat").read_text().rpartition(")")[2].split()[0]
                if state not in "ZX":
                    found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ").strip()
        except OSError:
            continue
    return found
