# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a message advises to set can be set by who uses the roles, and a command in it can be copied."""

from __future__ import annotations

import ast
import functools
import re
import typing as t

import yaml

from .collection import ROOT

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Whose options those are that the messages of a package are about, where they are not of any module.
MODULES = {
    "bootstrap": ["nix_install"],
    "build": ["nix_build"],
    "cache": ["nix_cache_push", "nix_substitute"],
    "channel": ["nix_channel"],
    "copy": ["nix_copy_closure"],
    "evaluation": ["nix_eval"],
    "files": ["nix_keys"],
    "gc": ["nix_gc"],
    "health": ["nix_health"],
    "inventory": [],
    "job_servers": ["nix_semaphore"],
    "reboot": ["nix_reboot"],
    "update": ["nix_flake"],
}
# Of ssh, too.
OTHERS = ("known_hosts",)
FILES = [
    file
    for place in ("action", "plugin_utils")
    for file in sorted((ROOT / "plugins" / place).rglob("*"))
    if file.suffix in (".py", ".sh")
]


def loaded(pattern: str) -> Iterator[t.Any]:
    return (yaml.safe_load(file.read_text(encoding="utf-8")) for file in ROOT.glob(pattern))


@functools.cache
def variables() -> dict[str, dict[str, set[str]]]:
    """Return, for each module and option of it that a role or playbook sets, by which variables a user does."""
    entries = (entry for each in loaded("roles/*/meta/argument_specs.yml") for entry in each["argument_specs"].values())
    public = {name for entry in entries for name in entry["options"]} | {"nix_profile", "nix_impure"}
    internal = {name: value for each in loaded("roles/*/vars/*.yml") for name, value in each.items()}
    of_playbooks = {name: value for each in loaded("playbooks/vars/*.yml") for name, value in each.items()}
    # What these are made of and do not set themselves is the user's.
    public |= set(re.findall(r"\b(?:awx|semaphore)_\w+", str(of_playbooks))) - of_playbooks.keys()
    internal |= of_playbooks
    found: dict[str, dict[str, set[str]]] = {}

    def behind(value: t.Any, seen: frozenset[str] = frozenset()) -> set[str]:
        names = set(re.findall(r"\b_?[a-z]+_\w+", str(value))) - seen
        more = (behind(internal[name], seen | names) for name in names if name in internal)
        return (names & public).union(*more)

    def walk(part: t.Any) -> None:
        for key, value in part.items() if isinstance(part, dict) else ((None, each) for each in part):
            if str(key).startswith("nix.fleet.nix_") and isinstance(value, dict):
                options = found.setdefault(str(key).removeprefix("nix.fleet."), {})
                for option, given in value.items():
                    options[option] = options.get(option, set()) | behind(given)
            elif isinstance(value, (dict, list)):
                walk(value)

    for each in (*loaded("roles/*/tasks/*.yml"), *loaded("playbooks/*.yml")):
        walk(each)
    return found


def texts(file: Path) -> Iterator[str]:
    """Yield what ``file`` has to say; what is filled in is a pair of braces."""
    source = file.read_text(encoding="utf-8")
    if file.suffix == ".sh":
        source = re.sub(r"\$\(\([^)]*\)\)", "{}", source)
        lines = (line for line in source.splitlines() if not line.lstrip().startswith("#"))
        yield from (one or other for line in lines for one, other in re.findall(r"'([^']*)'|\"([^\"]*)\"", line))
        return
    tree = ast.parse(source)
    parts = {
        part
        for node in ast.walk(tree)
        if isinstance(node, (ast.JoinedStr, ast.Expr))
        for part in ast.iter_child_nodes(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            yield node.value


MESSAGES = [(file, text) for file in FILES for text in texts(file) if " " in text]


def test_a_message_that_names_an_option_names_the_variable_that_sets_it_in_a_role() -> None:
    wrong = []
    for file, text in MESSAGES:
        package = file.parent.name
        modules = [file.stem] if package == "action" else MODULES.get(package, [*variables()])
        for option, names in (
            (each, names) for module in modules for each, names in variables().get(module, {}).items()
        ):
            # A word of English is a name where it stands as one does.
            named = (
                rf"(?<=[ (`]){option}\b"
                if "_" in option
                else rf"[(`]{option}[,:)`=]|\b(?:seconds in|raise|option) {option}\b"
            )
            if names and not names & set(re.findall(r"\w+", text)) and option not in OTHERS and re.search(named, text):
                wrong.append((str(file.relative_to(ROOT)), text, option, names))
    assert not wrong


def test_a_message_names_nothing_that_only_a_role_itself_sets() -> None:
    internal = {name for each in loaded("roles/*/vars/*.yml") for name in each}
    assert not [text for _file, text in MESSAGES if internal & set(re.findall(r"\w+", text))]


def test_a_command_that_a_message_gives_is_marked_as_one_to_be_copied() -> None:
    command = re.compile(r"(?<!\$)[:(] ?(?:ansible|git|nix|nix-store|ps|kill|systemctl)(?: [\w{}$.#-]+)* -{1,2}[a-z]")
    assert not [text for _file, text in MESSAGES if command.search(re.sub("`[^`]*`", "", text))]
