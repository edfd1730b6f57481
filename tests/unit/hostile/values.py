# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that means something to a shell, to ssh, to Ansible, to a terminal or to a file system, and any other text."""

from __future__ import annotations

import typing as t

from hypothesis import strategies

CANARY = "canary"
TOUCH = f"touch {CANARY}"

# Each betrays whoever runs it, takes it for a template or an option, or prints it, by a file named CANARY.
TREACHEROUS = (
    f"$({TOUCH})",
    f"`{TOUCH}`",
    f"; {TOUCH};",
    f"' ; {TOUCH} ; '",
    f'" ; {TOUCH} ; "',
    f"\n{TOUCH}\n",
    f"\r\n{TOUCH}\r\n",
    f"| {TOUCH}",
    f"& {TOUCH} &",
    f"x && {TOUCH}",
    f"\\\n{TOUCH}",
    f"\\'; {TOUCH}; \\'",
    f"${{x:-$({TOUCH})}}",
    f"-oProxyCommand={TOUCH}",
    f"--option builders '{TOUCH}'",
    "-rf",
    f"{{{{ lookup('pipe', '{TOUCH}') }}}}",
    f"{{% set x = lookup('pipe', '{TOUCH}') %}}",
    f"#jinja2:variable_start_string:'[%'\n[% lookup('pipe','{TOUCH}') %]",
    f"end of program\n{TOUCH}\n",
    f"nix.fleet end of file\n{TOUCH}\n",
    f"end of paths\n{TOUCH}\n",
    "../../../../etc/passwd",
    "/etc/passwd",
    "..",
    ".",
    "",
    " ",
    "~",
    "*",
    "nul\0inside",
    "\x1b]0;title\x07\x1b[2J\x1b[31m",
    "\u202eesrever\u202c",
    "\u2066isolated",
    "größe 名前 🙂",
    "\ud800",
    "a" * 10_000,
    "%s%n%d",
    "%h %r",
    "=",
    "a=b=c",
    "#comment",
)

texts: strategies.SearchStrategy[str] = strategies.one_of(
    strategies.sampled_from(TREACHEROUS),
    strategies.text(max_size=60),
    strategies.tuples(strategies.text(max_size=5), strategies.sampled_from(TREACHEROUS)).map("".join),
)

# Anything that JSON can say.
data: strategies.SearchStrategy[t.Any] = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats(allow_nan=False)
    | texts.filter(lambda text: text != "\ud800"),
    lambda inner: strategies.lists(inner, max_size=4) | strategies.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
