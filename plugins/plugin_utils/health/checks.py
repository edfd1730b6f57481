# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what a host is there for: units, web pages, ports and commands, each made of its options."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
import shlex
import socket
import time
import typing as t
import urllib.parse

from ..core.errors import NixError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Options: t.TypeAlias = Mapping[str, t.Any]


class HealthError(NixError):
    """A host does not do what it is there for."""

    stage = "health"


class NoAnswerError(Exception):
    """A web server did not answer; the message says why."""


# Enough to see why a check does not hold.
OUTPUT_BYTES = 64 * 1024
# As far as a page or an output is searched.
SEARCHED_BYTES = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a check found.

    ``held`` is None when it was not run. ``text`` is one line, and ``output`` what a command or a page said, when that
    may tell why. With ``final`` waiting will not change it.
    """

    held: bool | None
    text: str
    output: str = ""
    final: bool = False


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a check's function on the target printed, and how it ended; see target/health.sh."""

    output: str
    code: int
    late: bool


@dataclasses.dataclass(frozen=True)
class Request:
    """A GET request."""

    url: str
    timeout: int
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    validate_certs: bool = True
    follow_redirects: bool = True


@dataclasses.dataclass(frozen=True)
class Response:
    """A web server's answer, after redirects."""

    status: int
    body: str


@dataclasses.dataclass(frozen=True)
class Context:
    """What a check may need to know of, beside its options.

    ``address`` says where Ansible connects to, and ``fetch`` asks a web server from the controller.
    """

    address: Callable[[], str]
    fetch: Callable[[Request], Response]
    check_mode: bool = False


@dataclasses.dataclass(frozen=True)
class FromController:
    """A check that the controller makes. It has failed after ``timeout`` seconds."""

    name: str
    timeout: int
    run: Callable[[], Finding]


@dataclasses.dataclass(frozen=True)
class OnTarget:
    """A check that the target makes by ``call``, a function of target/health.sh and its arguments; ``judge`` reads the answer."""

    name: str
    timeout: int
    call: tuple[str, ...]
    judge: Callable[[Answer], Finding]
    output_bytes: int = OUTPUT_BYTES


Check: t.TypeAlias = "FromController | OnTarget"


def shortened(text: str, length: int = 60) -> str:
    """Return the first line of ``text`` in at most ``length`` characters."""
    line, *more = text.strip().splitlines() or [""]
    return f"{line[: length - 1]}…" if more or len(line) > length else line


def words_of(command: t.Any) -> tuple[str, ...]:
    """Return the words of a command that is said as a line for sh, or as a list; raises ``ValueError``."""
    if isinstance(command, str):
        words: tuple[str, ...] = ("sh", "-c", command) if command.strip() else ()
    elif isinstance(command, list) and all(type(word) in (str, int, float) for word in command):
        words = tuple(str(word) for word in command)
    else:
        raise ValueError(
            "command is a line for sh, or a list of words; what YAML takes for another value is to be quoted"
        )
    if not words or not words[0]:
        raise ValueError("command is empty")
    if any("\0" in word for word in words):
        raise ValueError("command has a null character in it")
    return words


def shown(words: tuple[str, ...]) -> str:
    """Return what ``words_of`` has made words of, for a person: a line for sh as it was said."""
    return words[2] if words[:2] == ("sh", "-c") and len(words) == 3 else shlex.join(words)


NO_SYSTEMCTL = 127
# A unit that is asked for by name, and no option of systemctl.
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*")
# A header's name, as RFC 9110 has it.
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def _units(options: Options, _context: Context) -> OnTarget:
    # "a, b" is a list to Ansible, with the spaces in it.
    units = [unit.strip() for unit in options["units"]]
    exempt = [pattern.strip() for pattern in options["except"] or ()]
    name, timeout = options["name"] or f"units {', '.join(units)}", options["timeout"]
    if not units:
        raise ValueError("units is empty: name units, or all of them with 'all'")
    if units == ["all"]:
        judge = _judge_units(timeout, "no unit has failed", lambda output: _failed(output, exempt))
        return OnTarget(name, timeout, ("health_failed_units", str(timeout)), judge)
    if "all" in units:
        raise ValueError("units is either 'all' or a list of names")
    for unit in units:
        if not _UNIT.fullmatch(unit):
            raise ValueError(f"{unit!r} is not the name of a unit")
    if exempt:
        raise ValueError("except goes with units: all")
    # Without a dot, systemctl means a service too.
    units = [unit if "." in unit else f"{unit}.service" for unit in units]
    judge = _judge_units(timeout, f"active: {', '.join(units)}", lambda output: _inactive(output, units))
    return OnTarget(name, timeout, ("health_unit_states", str(timeout), *units), judge)


def _judge_units(timeout: int, good: str, bad: Callable[[str], list[str]]) -> Callable[[Answer], Finding]:
    def judge(answer: Answer) -> Finding:
        if answer.late:
            return Finding(False, f"systemctl did not answer within {timeout} s")
        if answer.code == NO_SYSTEMCTL:
            return Finding(False, "there is no systemctl on this machine: it has no units", final=True)
        if answer.code:
            return Finding(False, f"systemctl ended with exit code {answer.code}", answer.output)
        found = bad(answer.output)
        return Finding(not found, ", ".join(found) or good)

    return judge


def _failed(output: str, exempt: Sequence[str]) -> list[str]:
    units = [line.split()[0] for line in output.splitlines() if line.strip()]
    return [f"{unit} has failed" for unit in units if not any(fnmatch.fnmatchcase(unit, each) for each in exempt)]


def _inactive(output: str, units: Sequence[str]) -> list[str]:
    states = [
        dict(line.partition("=")[::2] for line in block.splitlines() if "=" in line)
        for block in re.split(r"\n\s*\n", output.strip())
    ]
    if len(states) != len(units):
        return [f"systemctl described {len(states)} of {len(units)} units"]
    bad = []
    for unit, state in zip(units, states, strict=True):
        if state.get("LoadState") == "not-found":
            bad.append(f"there is no unit {unit}")
        elif state.get("ActiveState") not in ("active", "reloading"):
            result = state.get("Result", "")
            why = f" ({result})" if result not in ("", "success") else ""
            bad.append(f"{unit} is {state.get('ActiveState', 'in an unknown state')}{why}")
    return bad


def _http(options: Options, context: Context) -> FromController:
    url, contains = options["http"], options["contains"]
    accepted = _numbers(options, "status", 200, range(100, 600), "{} is not a status of HTTP")
    _validate_url(url)
    headers = {str(name): str(value) for name, value in (options["headers"] or {}).items()}
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a header")
        if any(character in value for character in "\r\n\0"):
            raise ValueError(f"the header {name} has a line break in it")
    # Where being led elsewhere is what is wanted, it is not followed.
    follow = not all(300 <= status <= 399 for status in accepted)
    request = Request(url, options["timeout"], headers, options["validate_certs"] is not False, follow)

    def run() -> Finding:
        try:
            response = context.fetch(request)
        except NoAnswerError as error:
            return Finding(False, str(error))
        text = f"status {response.status}"
        if response.status not in accepted:
            return Finding(False, f"{text} instead of {_either(accepted)}", response.body)
        if contains is not None and contains not in response.body:
            return Finding(False, f"{text}, but the page does not contain {shortened(contains)!r}", response.body)
        return Finding(True, text)

    return FromController(options["name"] or f"http {_without_password(url)}", request.timeout, run)


def _validate_url(url: str) -> None:
    shown = _without_password(url)
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        raise ValueError(f"the URL {shown!r} has white space in it")
    try:
        parts = urllib.parse.urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ValueError(f"the URL {shown!r} is not valid: {error}") from error
    if not valid:
        raise ValueError(f"the URL {shown!r} is not one of a web server: http://HOST/ or https://HOST/")


def _without_password(url: str) -> str:
    return re.sub(r"//[^/?#]*@", "//", url)


def _port(options: Options, context: Context) -> FromController:
    port, timeout = options["port"], options["timeout"]
    if not 1 <= port <= 65535:
        raise ValueError(f"{port} is not a TCP port")
    if options["host"] == "":
        raise ValueError("host is empty")
    host = options["host"] or context.address()

    def run() -> Finding:
        begin = time.monotonic()
        try:
            socket.create_connection((host, port), timeout=timeout).close()
        except TimeoutError:
            return Finding(False, f"{host} did not answer within {timeout} s")
        except (OSError, UnicodeError) as error:
            return Finding(False, f"no connection to {host}: {getattr(error, 'strerror', None) or error}")
        return Finding(True, f"{host} answered in {1000 * (time.monotonic() - begin):.0f} ms")

    at = f" of {options['host']}" if options["host"] else ""
    return FromController(options["name"] or f"port {port}{at}", timeout, run)


def _command(options: Options, context: Context) -> Check:
    words, timeout, contains = words_of(options["command"]), options["timeout"], options["contains"]
    name = options["name"] or f"command {shortened(shown(words))}"
    if context.check_mode:
        # Nobody knows what it would change.
        return FromController(name, timeout, lambda: Finding(None, "not run in check mode"))
    codes = _numbers(options, "rc", 0, range(256), "rc {} is not an exit code")

    def judge(answer: Answer) -> Finding:
        if answer.late:
            return Finding(False, f"did not end within {timeout} s", answer.output)
        if answer.code not in codes:
            said = shortened(answer.output.strip().rpartition("\n")[2])
            text = f"exit code {answer.code} instead of {_either(codes)}{said and f': {said}'}"
            return Finding(False, text, answer.output)
        if contains is not None and contains not in answer.output:
            return Finding(False, f"its output does not contain {shortened(contains)!r}", answer.output)
        return Finding(True, f"exit code {answer.code}")

    output_bytes = OUTPUT_BYTES if contains is None else SEARCHED_BYTES
    return OnTarget(name, timeout, ("health_command", str(timeout), *words), judge, output_bytes)


def _numbers(options: Options, name: str, usual: int, valid: range, complaint: str) -> list[int]:
    numbers = [usual] if options[name] is None else list(options[name])
    for number in numbers:
        if number not in valid:
            raise ValueError(complaint.format(number))
    if not numbers:
        raise ValueError(f"{name} is empty")
    return numbers


def _either(numbers: Sequence[int]) -> str:
    return " or ".join(map(str, numbers))


# For each option that asks for a check: which it takes beside it, ``name`` and ``timeout``, and what makes the check.
# That raises ``ValueError`` with what is wrong with the options.
KINDS: dict[str, tuple[tuple[str, ...], Callable[[Options, Context], Check]]] = {
    "units": (("except",), _units),
    "http": (("status", "contains", "headers", "validate_certs"), _http),
    "port": (("host",), _port),
    "command": (("rc", "contains"), _command),
}


def checks_of(entries: Sequence[Options], context: Context) -> list[Check]:
    """Return the checks that ``entries`` ask for, in their order; raises on the first that makes no sense."""
    return [_check_of(f"check {number}", entry, context) for number, entry in enumerate(entries, 1)]


def _check_of(place: str, entry: Options, context: Context) -> Check:
    given = {name for name, value in entry.items() if value is not None}
    kinds = [kind for kind in KINDS if kind in given]
    if len(kinds) != 1:
        found = f"it has {' and '.join(kinds)}" if kinds else "it has none of them"
        raise _error("kind", f"{place} is to have exactly one of {', '.join(KINDS)}; {found}")
    options, make = KINDS[kinds[0]]
    strange = sorted(given - {"name", "timeout", *kinds, *options})
    if strange:
        raise _error("option", f"{place} is one of {kinds[0]}, which takes no {' and no '.join(strange)}")
    if entry["timeout"] < 1:
        raise _error("timeout", f"{place}: its timeout of {entry['timeout']} s leaves no time for it")
    try:
        return make(entry, context)
    except ValueError as error:
        raise _error("value", f"{place}: {error}") from error


def _error(code: str, cause: str) -> HealthError:
    return HealthError(cause, code=code, advice="correct the checks; none of them has been made")
