# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A channel: what a host's branch may move to, a commit whose system was really built, here or by a Hydra, and its move.

The answers are those of hydra-api.yaml in Hydra's repository: `/job/{project}/{jobset}/{job}/latest` redirects to a Build,
whose `jobsetevals` name the evaluations it is part of, each to be had by `/eval/{id}` as a JobsetEval."""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t
import urllib.parse

from ..core.errors import NixError
from ..core.text import SHORT
from ..health.checks import NoAnswerError, Request
from ..nix.store import is_store_path, path_sizes
from ..update.git import OvertakenError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..health.checks import Response
    from ..nix.machine import Machine
    from ..update.git import Remote, Repository

REVISION = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class Proof:
    """That a system was built: the commit that it is of, its closure, and who says so."""

    revision: str
    closure: str
    word: str

    def __post_init__(self) -> None:
        """Refuse what is none."""
        if not REVISION.fullmatch(self.revision):
            raise NixError(
                f"{self.revision!r} is not the whole name of a commit",
                code="channel.bad_revision",
                advice="deploy from a Git repository all of whose changes are committed",
            )
        if not is_store_path(self.closure):
            raise NixError(f"{self.closure!r} is not the store path of what was built", code="channel.bad_closure")


def validate_clean(revision: str | None, *, dirty: bool) -> None:
    """Raise ``NixError`` for files that no commit has."""
    if dirty or revision is None or revision.endswith("-dirty"):
        raise NixError(
            "what was built has changes that are not committed, or no commit at all",
            code="channel.dirty",
            advice="commit them, and build that; a flake outside of a Git repository has no branch to move",
        )


def validate_built(machine: Machine, closure: str) -> None:
    """Raise ``NixError`` when the machine does not have the system."""
    done = machine.run(path_sizes(closure))
    done.or_raise(
        NixError(
            f"{closure} is not in the store of {machine.name}: it was not built there, or is gone again",
            code="channel.not_built",
            command=done.argv,
            advice="build it first; the role nix.fleet.channel does both",
        )
    )


def validate_cached(machine: Machine, closure: str, cache: str) -> None:
    """Raise ``NixError`` when a cache does not have the system, which hosts that pull would then have to build."""
    done = machine.run(path_sizes(closure, store=cache))
    done.or_raise(
        NixError(
            f"{closure} is not in the cache {cache}",
            code="channel.not_cached",
            command=done.argv,
            advice="push it there first, and run again; or see whether the cache can be reached and read",
        )
    )


SUCCEEDED = 0
OK = 200
NOT_FOUND = 404
# github:owner/repository/REVISION, and whatever has it as a parameter: git+https://…?rev=REVISION
IN_PATH = re.compile(r"(?:github|gitlab|sourcehut):[^/?]+/[^/?]+/([0-9a-f]{40})(?:\?.*)?")


@dataclasses.dataclass(frozen=True)
class Job:
    """A job of a Hydra; ``source`` is the input of a jobset without a flake that is the fleet's repository."""

    url: str
    project: str
    jobset: str
    job: str
    source: str | None = None
    timeout: int = 30
    validate_certs: bool = True

    @property
    def latest(self) -> str:
        """The address of its last success in an evaluation all of whose builds are over or not."""
        names = (urllib.parse.quote(name, safe="") for name in (self.project, self.jobset, self.job))
        return f"{self._base}/job/{'/'.join(names)}/latest"

    def evaluation(self, number: int) -> str:
        """The address of an evaluation."""
        return f"{self._base}/eval/{number}"

    @property
    def _base(self) -> str:
        return self.url.rstrip("/")


def last_success(job: Job, fetch: Callable[[Request], Response]) -> Proof:
    """Return what the job has last built, and the newest commit that it is the build of."""
    build = _asked(job, job.latest, fetch)
    if build.get("finished") in (False, 0) or build.get("buildstatus") != SUCCEEDED:
        raise NixError(
            f"Hydra's build {build.get('id')} of {job.job} has not succeeded (status {build.get('buildstatus')})",
            code="channel.hydra_not_built",
            advice=f"see {job.latest}",
        )
    evaluations = [number for number in build.get("jobsetevals") or () if _is_number(number)]
    if not evaluations:
        raise NixError(
            f"Hydra's build {build.get('id')} of {job.job} is part of no evaluation any more",
            code="channel.hydra_not_built",
        )
    # The same build can be that of many commits. The one that was evaluated last is the one to move to.
    newest = max(evaluations)
    revision = revision_of(_asked(job, job.evaluation(newest), fetch), job)
    outputs = build.get("buildoutputs")
    output = outputs.get("out") if isinstance(outputs, dict) else None
    closure = output.get("path") if isinstance(output, dict) else None
    return Proof(revision, str(closure), f"build {build.get('id')} of evaluation {newest} at {job.url}")


def revision_of(evaluation: Mapping[str, t.Any], job: Job) -> str:
    """Return the commit that an evaluation is of."""
    if job.source is not None:
        inputs = evaluation.get("jobsetevalinputs")
        source = inputs.get(job.source) if isinstance(inputs, dict) else None
        if not isinstance(source, dict) or not source.get("revision"):
            known = ", ".join(sorted(map(str, inputs))) if isinstance(inputs, dict) and inputs else "none"
            raise NixError(
                f"Hydra's evaluation {evaluation.get('id')} has no input {job.source} with a revision; it has {known}",
                code="channel.hydra_no_commit",
                advice="name the jobset's input that is the fleet's repository (hydra.input)",
            )
        return str(source["revision"])
    flake = evaluation.get("flake")
    if not isinstance(flake, str) or not flake:
        raise NixError(
            f"Hydra's evaluation {evaluation.get('id')} is not of a flake",
            code="channel.hydra_no_commit",
            advice="name the jobset's input that is the fleet's repository (hydra.input)",
        )
    if in_path := IN_PATH.fullmatch(flake):
        return in_path[1]
    given = urllib.parse.parse_qs(urllib.parse.urlsplit(flake).query).get("rev")
    if not given:
        raise NixError(
            f"Hydra's evaluation {evaluation.get('id')} is of {flake}, which names no commit",
            code="channel.hydra_no_commit",
        )
    return given[-1]


def _asked(job: Job, url: str, fetch: Callable[[Request], Response]) -> dict[str, t.Any]:
    request = Request(
        url, timeout=job.timeout, headers={"Accept": "application/json"}, validate_certs=job.validate_certs
    )
    try:
        response = fetch(request)
    except NoAnswerError as error:
        raise NixError(
            f"Hydra does not answer: {error}", code="channel.hydra_away", advice=f"see whether it is up: {url}"
        ) from error
    if response.status == NOT_FOUND:
        raise NixError(
            f"Hydra has never built {job.project}:{job.jobset}:{job.job}, or does not know of it",
            code="channel.hydra_not_built",
            log=response.body,
            advice=f"check the names of project, jobset and job, and that a build has succeeded: {url}",
        )
    try:
        data = json.loads(response.body) if response.status == OK else None
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise NixError(
            f"Hydra answers with something else than it documents (status {response.status})",
            code="channel.hydra_answer",
            log=response.body,
            advice=f"see what is there: {url}",
        )
    return data


def _is_number(value: t.Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# Whoever loses a race finds the branch moved, and mostly nothing left to do: more than this many are no races.
ATTEMPTS = 6
# Shown of what a move brings.
MOST_COMMITS = 50


@dataclasses.dataclass(frozen=True)
class Advance:
    """Where a branch was and is; ``behind`` says that it was ahead of what it was to move to, and stays there."""

    before: str | None
    after: str
    behind: bool = False
    commits: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether it moved."""
        return self.before != self.after


def advance(remote: Remote, branch: str, revision: str, *, check: bool, pause: Callable[[int], None]) -> Advance:
    """Move ``branch`` of ``remote`` forward to ``revision``, or say that it would be; ``pause`` waits before another attempt.

    Between a look at the branch and its move, the server itself sees to it that nobody else has moved it. Raises
    ``NixError`` when forward does not lead there.
    """
    here = remote.repository
    _bring_here(here, remote, revision)
    attempt = 0
    while True:
        attempt += 1
        planned = _planned(here, remote, branch, revision)
        if check or not planned.changed:
            return planned
        try:
            remote.move(branch, planned.before, revision)
        except OvertakenError as overtaken:
            if attempt == ATTEMPTS:
                raise NixError(
                    f"others have moved {branch} {attempt} times while it was to be moved to {revision[:SHORT]}",
                    code="channel.contended",
                    log=overtaken.log,
                    advice="see who else writes to this branch: its name should be of one host alone",
                ) from overtaken
            pause(attempt)
        else:
            return planned


def _planned(here: Repository, remote: Remote, branch: str, revision: str) -> Advance:
    before = remote.head(branch)
    if before is None or before == revision:
        return Advance(before, revision)
    if here.commit_named(before) is None:
        remote.fetch(f"refs/heads/{branch}")
    if here.commit_named(before) is None:
        raise NixError(
            f"{branch} is at {before[:SHORT]}, which cannot be fetched from {remote.shown}",
            code="channel.not_fetched",
            advice="see whether the remote is whole: `git fetch`",
        )
    if _is_ancestor(here, before, revision):
        commits = here.output("log", "--format=%h %s", f"--max-count={MOST_COMMITS}", f"{before}..{revision}", "--")
        return Advance(before, revision, commits=tuple(commits.splitlines()))
    if _is_ancestor(here, revision, before):
        return Advance(before, before, behind=True)
    raise _not_forward(here, branch, before, revision)


def _not_forward(here: Repository, branch: str, before: str, revision: str) -> NixError:
    moving = f"{branch} moves forward only: it is at {before[:SHORT]}, and {revision[:SHORT]} does not come after that"
    if here.run("rev-parse", "--is-shallow-repository").stdout.strip() == "true":
        return NixError(
            f"{moving}, as far as this repository knows, which has not all of the history",
            code="channel.shallow",
            advice="have all of it here: `git fetch --unshallow`, or in CI a checkout of full depth",
        )
    base = here.run("merge-base", before, revision).stdout.strip()
    parted = f"they parted after {base[:SHORT]}" if base else "they have no commit in common"
    return NixError(
        f"{moving}; {parted}",
        code="channel.not_forward",
        advice=f"merge {before[:SHORT]} or build on top of it; if the branch is to be given up, delete it at the remote",
    )


def _bring_here(here: Repository, remote: Remote, revision: str) -> None:
    if here.commit_named(revision) is None:
        remote.fetch(revision)
    if here.commit_named(revision) is None:
        raise NixError(
            f"the commit {revision[:SHORT]} is neither in {here.path} nor to be had from {remote.shown}",
            code="channel.no_commit",
            advice="name the repository that it is of (deploy_flake), and see that it was pushed",
        )


def _is_ancestor(here: Repository, one: str, other: str) -> bool:
    return here.run("merge-base", "--is-ancestor", one, other).ok
