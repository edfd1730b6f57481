# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# What a person sees of a run: a line for each host while it is at work, and one that stays when it is done.

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: stdout
short_description: Show what each host does while it does it
version_added: 0.2.0
author: nix.fleet contributors (!UNKNOWN)
description:
  - On a terminal, each host that is at work has a line which says what it does now. That of a host that is done stays,
    and below that of a host that failed is why, and what to do about it. A table closes, which is that of the callback
    P(nix.fleet.summary#callback).
  - Where standard output is no terminal, a line is printed for each stage that a host has behind it.
  - With C(-v) and more the output is that of P(ansible.builtin.default#callback), whose options are those of this plugin.
  - Nothing is drawn while a person has to type something, and colours are left out where C(NO_COLOR) is set.
requirements:
  - set as stdout in configuration (C(stdout_callback = nix.fleet.progress))
  - the Python library C(rich) on the controller; without it lines are printed as if there were no terminal
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""

import atexit
import os
import signal
import sys
import threading
import time
import typing as t

from ansible import constants, context
from ansible.plugins.callback import CallbackBase
from ansible.plugins.callback.default import CallbackModule as Default
from ansible.utils.display import Display

from ..plugin_utils.ansible.events import began, ended, fleet_options, print_lines, screen_width
from ..plugin_utils.ansible.run import Workers, progress_pipe
from ..plugin_utils.ansible.variables import plain
from ..plugin_utils.core.text import harmless, redacted
from ..plugin_utils.report.progress import ProgressPipe
from ..plugin_utils.report.records import records
from ..plugin_utils.report.summary import summary
from ..plugin_utils.report.table import Line
from ..plugin_utils.report.terminal import CAN_DRAW, Drawing, TerminalLog

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..plugin_utils.report.events import Status
    from ..plugin_utils.report.records import HostRecord

NAME = "nix.fleet.progress"
SECONDS_BETWEEN_PICTURES = 0.125
PAUSE = ("pause", "ansible.builtin.pause", "ansible.legacy.pause")


class CallbackModule(CallbackBase):
    """Ansible's events in, a screen out."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = NAME

    def __init__(self) -> None:
        super().__init__()
        # Ansible holds it while it prints, and while it forks: a worker must not begin in the middle of a line.
        self._lock: threading.RLock = self._display._lock
        self._began = time.monotonic()
        # Ansible itself may ask something in the middle of the run.
        asks = context.CLIARGS.get("step") or constants.ENABLE_TASK_DEBUGGER
        self._draws = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not asks
        self._drawing = Drawing(color=not constants.ANSIBLE_NOCOLOR) if self._draws and CAN_DRAW else None
        self._log = TerminalLog(screen_width, drawn=self._drawing is not None)
        self._fleet_options = ""
        self._pipe: ProgressPipe | None = None
        self._over = threading.Event()
        self._ticker: threading.Thread | None = None
        atexit.register(self.leave)

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        """Begin to draw and to read, once more for each playbook."""
        if self._ticker:
            return
        if self._draws and self._drawing is None:
            self._display.warning(
                f"{NAME}: the Python library rich is not there, so lines are printed and nothing is drawn: pip install rich"
            )
        try:
            self._pipe = ProgressPipe(progress_pipe())
        except OSError as error:
            self._display.warning(f"{NAME}: what hosts do at the moment cannot be shown: {error}")
        self._over.clear()
        self._ticker = threading.Thread(target=self._tick, name=NAME, daemon=True)
        self._ticker.start()

    def v2_playbook_on_play_start(self, play: t.Any) -> None:
        """Begin a play, or the next batch of one."""
        self._fleet_options = fleet_options(play)
        variables = play.get_variable_manager().get_vars(play=play)
        with self._lock:
            self._print(self._log.play(map(str, variables.get("ansible_play_hosts_all", ()))))

    def v2_playbook_on_vars_prompt(self, *_prompt: t.Any, **_more: t.Any) -> None:
        """Make room for a question, until the play begins."""
        with self._lock:
            self._clear()
            self._print(self._log.play(()))

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """Say that a play is for nobody."""
        self._display.display("no hosts matched", color=constants.COLOR_SKIP)

    def v2_runner_on_start(self, host: t.Any, task: t.Any) -> None:
        """Show what a host begins."""
        asks = str(task.action) in PAUSE or getattr(task, "debugger", None) not in (None, "never")
        with self._lock:
            self._log.began(began(host, task), asks=asks)
            if asks:
                self._clear()
                self._print(self._log.diffs())

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """Show that a task went well."""
        with self._lock:
            self._ended(result, "ok")
            self._show(result)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """Show why a task failed."""
        self._ended(result, "failed", ignored=ignore_errors)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        """Show that a host could not be reached."""
        self._ended(result, "unreachable")

    def _ended(self, result: t.Any, status: Status, *, ignored: bool = False) -> None:
        event = ended(result, status)
        with self._lock:
            self._read_pipe()
            self._warn(result)
            self._print(self._log.ignored(event) if ignored else self._log.ended(event))

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        """Show that a host is done with a task that is not for it."""
        with self._lock:
            self._log.skipped(str(result._host.get_name()), time.monotonic())

    def v2_runner_item_on_ok(self, result: t.Any) -> None:
        """Show what an item of a loop has to say."""
        self._show(result)

    def v2_runner_item_on_failed(self, result: t.Any) -> None:
        """Show which item of a loop failed; the failure of the task has the rest."""
        item = self._get_item_label(result._result)
        message = str(result._result.get("msg", "failed")).partition("\n")[0]
        self._say(result, f"{result._task.get_name()} ({item}): {message}", "failed")

    def v2_on_file_diff(self, result: t.Any) -> None:
        """Show what changes, where that was asked for."""
        shown = redacted(result._result)
        for each in shown.get("results") or [shown]:
            if isinstance(each, dict) and each.get("changed") and each.get("diff"):
                diff = str(self._get_diff(each["diff"])).rstrip()
                with self._lock:
                    self._print(self._log.add_diff(began(result._host, result._task), diff))

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """Close with a table, unless the callback that is there for it prints its own."""
        self._over.set()
        if self._ticker:
            self._ticker.join()
            self._ticker = None
        with self._lock:
            lines = [*self._log.finish_all(), *self._log.diffs()]
            self._clear()
            if self._pipe:
                self._pipe.close()
                self._pipe = None
        self._print(lines)
        hosts = records(self._log.events, failed=[str(host) for host, count in stats.failures.items() if count])
        if "nix.fleet.summary" not in constants.CALLBACKS_ENABLED:
            self._print(self._table(hosts))
        self._print(_counted(stats, besides={record.host for record in hosts}))

    def _tick(self) -> None:
        workers = Workers()
        while not self._over.wait(SECONDS_BETWEEN_PICTURES):
            now = time.monotonic()
            if lost := workers.lost(now):
                self._give_up(lost)
                return
            with self._lock:
                self._read_pipe()
                if self._drawing is None:
                    self._print(self._log.long_running(now))
                elif self._log.is_busy():
                    self._drawing.draw(self._log, now, now - self._began)

    def _give_up(self, lost: str) -> None:
        """End a run that would wait for ever, as a signal does: an exception could be lost once more."""
        with self._lock:
            self._clear()
            self._display.error(
                harmless(
                    f"{lost}, and Ansible waits for its result without end: the run is ended. Activations that nobody"
                    " has confirmed go back. See whether the controller has memory to spare (forks, eval_memory), and run again"
                )
            )
        os.kill(os.getpid(), signal.SIGTERM)

    def _read_pipe(self) -> None:
        if self._pipe:
            self._log.update(self._pipe.read(), time.monotonic())

    def _clear(self) -> None:
        if self._drawing:
            self._drawing.clear()

    def leave(self) -> None:
        """End a run that was interrupted: how far each host was, the table, and what becomes of what is not confirmed."""
        self._over.set()
        with self._lock:
            if not self._ticker:
                return
            self._ticker = None
            now = time.monotonic()
            self._read_pipe()
            self._clear()
            self._print([*self._log.interrupted(now), *self._log.diffs()])
            self._print(self._table(self._log.interrupted_records(now)))
            self._print(self._log.unconfirmed(now, self._fleet_options))

    def _table(self, hosts: Sequence[HostRecord]) -> list[Line]:
        seconds = time.monotonic() - self._began
        return [Line(""), *summary(hosts, screen_width(), seconds, whole=False, options=self._fleet_options)]

    def _warn(self, result: t.Any) -> None:
        """Print what a task warns of, once however many hosts it is about."""
        fields = dict(result._result)
        for warning in (fields.get("warnings") or ()) if constants.ACTION_WARNINGS else ():
            self._display.warning(harmless(str(redacted(plain(warning)))))
        # Of deprecations Ansible knows more than their text.
        self._handle_warnings({name: value for name, value in fields.items() if name == "deprecations"})

    def _show(self, result: t.Any) -> None:
        """Print what a task is there to print, such as one of debug."""
        if not self._run_is_verbose(result):
            return
        message = result._result.get("msg")
        whole = self._dump_results(result._result) if message is None else message
        lines = whole if isinstance(whole, list) else [whole]
        for line in lines:
            self._say(result, str(line))

    def _say(self, result: t.Any, text: str, meaning: t.Any = "plain") -> None:
        self._print([Line(f"{result._host.get_name()}: {harmless(str(redacted(text)))}", meaning)])

    def _print(self, lines: Iterable[Line]) -> None:
        print_lines(self._display, lines)


def _counted(stats: t.Any, besides: set[str]) -> list[Line]:
    """Return Ansible's own counts for hosts that no module of ours ran for."""
    lines = []
    for host in sorted(set(map(str, stats.processed)) - besides):
        counts = stats.summarize(host)
        text = ", ".join(
            f"{count} {'failed' if what == 'failures' else what}" for what, count in counts.items() if count
        )
        bad = counts["failures"] or counts["unreachable"]
        lines.append(Line(f"{host}: {text}", "failed" if bad else "changed" if counts["changed"] else "ok"))
    return lines


# Who asks for details gets those of Ansible, by its own callback.
if Display().verbosity:
    CallbackModule = Default  # type: ignore[assignment,misc]
