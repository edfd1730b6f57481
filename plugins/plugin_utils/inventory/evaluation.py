# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one evaluation that loading an inventory takes, whatever the size of the fleet."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import re
import typing as t

from ..core.errors import InventoryError, NixError
from ..core.process import CommandTimeoutError, run
from ..nix.command import nix, string_literal, with_settings
from ..nix.machine import BUSY_ADVICE, was_busy, when_free
from ..nix.source import override_arguments
from .place import FlakeOutput, NixFile
from .source import quoted, shown

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..core.process import Completed
    from .source import Source

# `at` names a place in the messages of what goes wrong there; `plain` gives a value back as data and nothing else.
_PRELUDE = r"""
let
  inherit (builtins) addErrorContext attrNames deepSeq elem elemAt foldl' genList isAttrs isFunction isList isString length
    mapAttrs removeAttrs toJSON tryEval typeOf;
  at = where: addErrorContext "while reading the inventory at ${where}";
  plain = where: value:
    if typeOf value == "lambda" then throw "is a function; an inventory is data"
    else if typeOf value == "path" then toString value
    else if isList value then
      genList (index: let here = "${where}[${toString index}]"; in at here (plain here (elemAt value index)))
        (length value)
    else if isAttrs value && (value ? outPath || value.type or null == "derivation") then
      throw "is a derivation or a flake; an inventory is data"
    else if isAttrs value then
      mapAttrs (name: item: let here = if where == "" then name else "${where}.${name}"; in at here (plain here item))
        value
    else value;
  select = foldl' (set: step:
    if isAttrs set && set ? ${step} then set.${step} else throw "there is no attribute ${toJSON step}");
  first = foldl' (found: { source, read }: given:
    let earlier = found given; data = read given; in
    if earlier != null then earlier else if data != null then { inherit source data; library = libraryOf given.outputs; }
    else null) (given: null);
  libraryOf = outputs:
    let found = tryEval (outputs.fleet.version or null); in
    if found.success && isString found.value then found.value else null;
in
"""
# As often is it tried again without the node that stopped it.
MOST_BROKEN = 10
_CONTEXT = re.compile(r"^\s*… while reading the inventory at (.*)$")
_ERROR = re.compile(r"^\s*error: (.*)$")
_POSITION = re.compile(r"^\s*at (?P<file>/.*):(?P<line>\d+):(?P<column>\d+):$")
_UNREACHED = re.compile(r"^unable to download '|: Could not (resolve|connect to) ")
_EVALUATED = re.compile(r"^evaluating file '(/.*)'$")
_STORE_SOURCE = re.compile(r"/nix/store/[a-z0-9]{32}-source(?=/)")


@dataclasses.dataclass(frozen=True)
class Settings:
    """How Nix is called."""

    executable: str = "nix"
    override_inputs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    impure: bool = False
    nix_options: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    timeout: float | None = None


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """What an evaluation found: plain data, of which source, and the files on this machine that it is made of.

    ``library`` is the version of the library that made the flake's outputs, where that is ours.
    """

    source: str
    data: t.Any
    files: tuple[str, ...] = ()
    library: str | None = None


def expression(sources: Sequence[Source], place: NixFile | FlakeOutput, broken: Sequence[str] = ()) -> str:
    """Return the function that Nix applies to the flake's outputs or to the file's value, without the nodes ``broken``."""
    readers = "\n".join(
        f"    {{ source = {string_literal(source.name)}; read = {source.expression.strip()}; }}" for source in sources
    )
    if isinstance(place, NixFile):
        given = "{ outputs = { }; inherit value; }"
        argument = "value"
    elif place.attribute is None:
        given = "{ inherit outputs; value = null; }"
        argument = "outputs"
    else:
        steps = " ".join(string_literal(step) for step in place.attribute)
        given = f"{{ inherit outputs; value = select outputs [ {steps} ]; }}"
        argument = "outputs"
    names = f"let broken = [ {' '.join(map(string_literal, broken))} ]; in\n"
    return f"{_PRELUDE}{names}{argument}: first [\n{readers}\n] {given}\n"


def evaluation_command(place: NixFile | FlakeOutput, function: str, settings: Settings, *, report: bool) -> list[str]:
    """Return the command line of the evaluation; with ``report`` Nix also says which files it evaluates."""
    where = ["--file", str(place.path)] if isinstance(place, NixFile) else [*flake_arguments(place, settings)]
    return nix(
        "eval",
        "--json",
        "--show-trace",
        *(["--verbose"] if report else []),
        *where,
        "--apply",
        function,
        executable=settings.executable,
    )


def flake_arguments(place: FlakeOutput, settings: Settings, suffix: str = "#.") -> list[str]:
    """Return the arguments that name a flake to Nix; by default all of its outputs, as the attribute path ``.``."""
    # A path is told as the working directory: some characters of it would mean something else in a flake reference.
    reference = "." if is_local(place) else place.flake
    return [
        *override_arguments(settings.override_inputs),
        *(["--impure"] if settings.impure else []),
        f"{reference}{suffix}",
    ]


def is_local(place: FlakeOutput) -> bool:
    """Whether the flake is named by a path on this machine."""
    return place.flake.startswith("/")


def evaluate(
    sources: Sequence[Source], place: NixFile | FlakeOutput, settings: Settings, *, report: bool = False
) -> Evaluated:
    """Return what the first of ``sources`` that finds its kind of data at ``place`` reads there."""
    completed = _completed(sources, place, settings, report)
    broken: list[str] = []
    while not completed.ok:
        # Nix cannot go on after some errors. The node that one is in is left out of the next try.
        node = broken_node(completed) if any(source.tells_broken for source in sources) else None
        if node is None or node in broken or len(broken) == MOST_BROKEN:
            raise failure(place, completed)
        broken.append(node)
        completed = _completed(sources, place, settings, report, broken)
    found = json.loads(completed.stdout)
    if found is None:
        raise InventoryError(
            f"{place}: there is nothing to make an inventory of: no {', no '.join(s.looks_for for s in sources)}",
            code="nothing_found",
            advice="see the option source for what can be read, and nodes for how to say where it is",
        )
    return Evaluated(found["source"], found["data"], evaluated_files(completed.stderr), found["library"])


def _completed(
    sources: Sequence[Source],
    place: NixFile | FlakeOutput,
    settings: Settings,
    report: bool,
    broken: Sequence[str] = (),
) -> Completed:
    function = expression(sources, place, broken)
    return run_nix(evaluation_command(place, function, settings, report=report), place, settings)


def broken_node(completed: Completed) -> str | None:
    """Return the node that an evaluation failed in, as far as that can be told."""
    contexts = (match[1] for match in map(_CONTEXT.match, completed.stderr.splitlines()) if match)
    outermost = next(contexts, "")
    return outermost.removeprefix("node ") if outermost.startswith("node ") else None


def run_nix(command: list[str], place: NixFile | FlakeOutput, settings: Settings) -> Completed:
    """Run ``command`` where its relative names are right; raises ``InventoryError`` when it does not end by itself."""
    cwd = place.flake if isinstance(place, FlakeOutput) and is_local(place) else None
    if cwd is not None and not pathlib.Path(cwd).is_dir():
        raise InventoryError(
            f"{place}: there is no such directory", code="no_directory", advice="correct the option flake"
        )
    try:
        environment = with_settings({}, settings.nix_options)
        return when_free(lambda: run(command, cwd=cwd, environment=environment, timeout=settings.timeout))
    except NixError as refused:
        raise InventoryError(refused.cause, code="bad_settings", advice=refused.advice) from None
    except FileNotFoundError:
        raise InventoryError(
            f"{place}: reading it needs Nix, and there is no program {quoted(settings.executable)} on this machine",
            code="no_nix",
            advice="install Nix, say where it is with nix_executable, or keep the nodes in JSON or YAML, "
            "which are read without Nix",
        ) from None
    except OSError as error:
        raise InventoryError(
            f"{place}: {quoted(settings.executable)} cannot be run: {error.strerror or error}",
            code="no_nix",
        ) from None
    except CommandTimeoutError:
        raise InventoryError(
            f"{place}: the evaluation took longer than {settings.timeout:g} seconds and was ended",
            code="timeout",
            command=brief(command),
            advice="raise timeout, or keep the nodes' data apart from what is expensive to evaluate",
        ) from None


def failure(place: NixFile | FlakeOutput, completed: Completed) -> InventoryError:
    """Return the error that a failed evaluation is: what Nix says last, where in the data, and where in which file."""
    where, message, position = _reading(completed.stderr)
    parts = [str(place), *([f"at {shown(where)}"] if where else []), message]
    if position:
        parts[-1] += f" ({_known_path(place, position)})"
    unreached = _UNREACHED.search(message)
    if was_busy(completed):
        advice = BUSY_ADVICE
    elif unreached:
        advice = "see that this machine reaches it; what is locked and was fetched once needs no network"
    else:
        advice = "correct the inventory's data; -vvv shows Nix's whole trace"
    return InventoryError(
        ": ".join(parts),
        code="network" if unreached else "evaluation",
        command=brief(completed.argv),
        advice=advice,
        trace=completed.stderr,
    )


def brief(command: Sequence[str]) -> list[str]:
    """Return ``command`` as it is shown: without the function that is applied, which is a page long."""
    if "--apply" not in command:
        return list(command)
    function = list(command).index("--apply") + 1
    return [*command[:function], "…", *command[function + 1 :]]


def evaluated_files(stderr: str) -> tuple[str, ...]:
    """Return the files outside of the store that Nix said it evaluated."""
    found = (_EVALUATED.match(line) for line in stderr.splitlines())
    return tuple(sorted({match[1] for match in found if match and not match[1].startswith("/nix/store/")}))


def _reading(stderr: str) -> tuple[str, str, str]:
    lines = stderr.splitlines()
    errors = [number for number, line in enumerate(lines) if _ERROR.match(line)]
    if not errors:
        return "", stderr.strip() or "Nix failed and said nothing", ""
    last = errors[-1]
    contexts = [match[1] for match in map(_CONTEXT.match, lines[:last]) if match]
    message: list[str] = []
    for line in lines[last:]:
        if _POSITION.match(line) or line.lstrip().startswith("at «"):
            break
        message.append(line)
    # What is thrown has no position of its own; that of the innermost frame tells where the throw is.
    positions = [match for match in map(_POSITION.match, lines) if match]
    position = f"{positions[-1]['file']}:{positions[-1]['line']}:{positions[-1]['column']}" if positions else ""
    return (contexts[-1] if contexts else ""), _joined(message), position


def _joined(message: list[str]) -> str:
    return " ".join(line.strip() for line in message if line.strip()).removeprefix("error: ")


def _known_path(place: NixFile | FlakeOutput, position: str) -> str:
    # Nix evaluates a copy of a flake; its user knows the original. Other flakes, too, have a flake.nix.
    if isinstance(place, FlakeOutput) and is_local(place):
        original = _STORE_SOURCE.sub(lambda _match: place.flake, position, count=1)
        copy_path, original_path = (pathlib.Path(each.rsplit(":", 2)[0]) for each in (position, original))
        with contextlib.suppress(OSError):
            if copy_path.read_bytes() == original_path.read_bytes():
                return original
    return position
