# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Collects what happened to each host during a run and hands it to the report when the run is over.

from __future__ import annotations

DOCUMENTATION = r"""
name: summary
type: aggregate
short_description: Say at the end of a run what was deployed where
version_added: 0.1.0
author: nix.fleet contributors (!UNKNOWN)
description:
  - Prints a table after a run in which modules of this collection took part, with a row for each host that they ran for.
  - A row has the outcome, the generation before and after, how much was copied, and the time it took. Below the row of
    a host that failed is why, and what to do about it.
  - Runs without any module of this collection print nothing.
  - The same can be written to files, for programs and for pull requests.
requirements:
  - enable in configuration (C(callbacks_enabled = nix.fleet.summary))
options:
  report:
    description:
      - A file to write the whole record of every host to, as JSON. C(docs/report.md) of the collection explains it, and
        C(docs/schemas/report-1.json) is its JSON Schema.
      - A name that ends with V(.md) gets the Markdown of O(report_markdown) instead, and one that ends with V(.html) a page
        that needs nothing but a browser.
      - The file is for its owner alone, and is replaced in one step when the run is over. A file that was there before is
        removed when the run begins, so that a run that is interrupted leaves no other run's report.
    type: path
    version_added: 0.2.0
    env:
      - name: NIX_FLEET_REPORT
    ini:
      - section: callback_nix_fleet_summary
        key: report
  report_markdown:
    description:
      - A file to write a summary in Markdown to, fit for a comment on a pull request or for a job's summary. It is written
        as that of O(report) is, and never longer than GitHub takes a comment.
      - What changes by package is in it where it is known, which takes C(--diff).
    type: path
    version_added: 0.2.0
    env:
      - name: NIX_FLEET_REPORT_MARKDOWN
    ini:
      - section: callback_nix_fleet_summary
        key: report_markdown
  trace:
    description:
      - A file to write a trace of the run to, in the format that Perfetto (U(https://ui.perfetto.dev)) and Chrome read.
        Each host is a row, and each of its stages a slice with what Nix built, fetched and copied in it.
        C(docs/trace.md) of the collection explains it.
      - It is written as that of O(report) is.
    type: path
    version_added: 0.2.0
    env:
      - name: NIX_FLEET_TRACE
    ini:
      - section: callback_nix_fleet_summary
        key: trace
"""

import contextlib
import datetime
import os
import time
import typing as t
from pathlib import Path

from ansible import constants
from ansible.plugins.callback import CallbackBase

from ..plugin_utils.ansible.events import began, ended, fleet_options, print_lines, screen_width
from ..plugin_utils.ansible.run import run_id, run_state
from ..plugin_utils.ansible.variables import plain
from ..plugin_utils.report.json_report import Run
from ..plugin_utils.report.records import records
from ..plugin_utils.report.summary import summary
from ..plugin_utils.run_state.job import job_of, variables_of_jobs

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..plugin_utils.report.events import TaskEvent
    from ..plugin_utils.report.records import HostRecord


_BY_ENDING = {".md": "markdown", ".html": "html"}


class CallbackModule(CallbackBase):
    """Ansible's events in, the closing report out."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "nix.fleet.summary"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._events: list[TaskEvent] = []
        self._ignored: list[TaskEvent] = []
        self._began = time.monotonic()
        self._started = datetime.datetime.now(datetime.timezone.utc)
        self._playbooks: list[str] = []
        self._checks: list[bool] = []
        self._variables: dict[str, t.Any] = {}
        self._fleet_options = ""

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        """Start the clock, unless it runs already: several playbooks are one run."""
        if not self._playbooks:
            self._began = time.monotonic()
            self._started = datetime.datetime.now(datetime.timezone.utc)
            self._begin_files()
        self._playbooks.append(Path(str(playbook._file_name)).name)

    def v2_playbook_on_play_start(self, play: t.Any) -> None:
        """Note whether the play only checks, and what a server says of the job that it is."""
        self._checks.append(bool(play.check_mode))
        self._variables = variables_of_jobs(play.get_variable_manager().extra_vars)
        self._fleet_options = fleet_options(play)

    def v2_runner_on_start(self, host: t.Any, task: t.Any) -> None:
        """Note that a host's task began."""
        self._events.append(began(host, task))

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """Note what a task returned."""
        self._events.append(ended(result, "ok"))

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """Note why a task failed."""
        (self._ignored if ignore_errors else self._events).append(ended(result, "failed"))

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        """Note that a host could not be reached."""
        self._events.append(ended(result, "unreachable"))

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """Print the report, and write it where it was asked for."""
        run = self._run(stats)
        hosts = records(self._events, failed=run.failed)
        # Our own callback has shown each failure whole when it happened; others show it in their own way.
        shown = constants.DEFAULT_STDOUT_CALLBACK == "nix.fleet.progress" and not self._display.verbosity
        lines = summary(hosts, screen_width(), run.seconds, whole=not shown, options=run.fleet_options)
        if lines:
            self._display.banner("FLEET")
            print_lines(self._display, lines)
        self._write(run, hosts)

    def _run(self, stats: t.Any) -> Run:
        variables = plain(self._variables)
        return Run(
            id=run_id(variables),
            playbooks=tuple(self._playbooks),
            started=self._started,
            seconds=time.monotonic() - self._began,
            check_mode=bool(self._checks) and all(self._checks),
            # A failure that was rescued or ignored is not counted there.
            failed=_counted(stats.failures),
            unreachable=_counted(stats.dark),
            job=job_of(variables, os.environ),
            fleet_options=self._fleet_options,
        )

    def _begin_files(self) -> None:
        """Take earlier reports away, and have the processes of the run take notes for a trace."""
        wanted = self._wanted()
        if not wanted:
            return
        # Ansible compiles what it imports in each run anew, and most runs write nothing.
        from ..plugin_utils.report.nix_activities import begin_notes
        from ..plugin_utils.report.output import remove_earlier

        forms = dict(wanted)
        for path, form in wanted:
            if forms[path] != form and not (path.exists() and not path.is_file()):
                self._display.warning(
                    f"{path} is named for two reports, and gets the {forms[path]} alone: give each its own file"
                )
        for path in forms:
            with self._attempt(path):
                remove_earlier(path)
        if "trace" in forms.values():
            state = run_state()
            with self._attempt(state.directory):
                begin_notes(state)

    def _write(self, run: Run, hosts: Sequence[HostRecord]) -> None:
        wanted = self._wanted()
        if not wanted:
            return
        from ..plugin_utils.report.output import rendered, write

        # Failures that the playbook does not mind are part of it.
        events = sorted((*self._events, *self._ignored), key=lambda event: event.at)
        for path, form in wanted:
            with self._attempt(path):
                write(path, rendered(form, run, hosts, events, self._began, run_state()))

    def _wanted(self) -> list[tuple[Path, str]]:
        """Return each file to write, and its form."""
        wanted = []
        for option, form in (("report", "json"), ("report_markdown", "markdown"), ("trace", "trace")):
            named = self.get_option(option)
            # A variable of the environment that is empty, as CI makes of one that is not set, comes as this directory.
            if named and Path(named) != Path.cwd():
                path = Path(named)
                wanted.append((path, _BY_ENDING.get(path.suffix, form) if option == "report" else form))
        return wanted

    @contextlib.contextmanager
    def _attempt(self, path: Path) -> Iterator[None]:
        # What was deployed is deployed, whether or not it can be reported here, and one form that fails leaves the others.
        try:
            yield
        except OSError as error:
            self._display.warning(f"{path} cannot be written: {error.strerror or error}")
        except Exception as error:  # noqa: BLE001  # the same, where the fault is in what makes the form
            self._display.warning(f"{path} cannot be written: {type(error).__name__}: {error}")


def _counted(hosts: t.Mapping[t.Any, int]) -> frozenset[str]:
    return frozenset(str(host) for host, count in hosts.items() if count)
