# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few shapes that a chart consists of, as SVG."""

from __future__ import annotations

import typing as t
from xml.sax.saxutils import escape, quoteattr

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

INK, PALE, PAPER, RULE = "#1f2933", "#66727f", "#ffffff", "#e4e8ec"
FONT = "'Inter','Helvetica Neue',Arial,'DejaVu Sans',sans-serif"


def element(name: str, content: str = "", **attributes: t.Any) -> str:
    """Return an element; ``_`` in the name of an attribute stands for a hyphen."""
    words = "".join(f" {key.replace('_', '-')}={quoteattr(_number(value))}" for key, value in attributes.items())
    return f"<{name}{words}>{content}</{name}>" if content else f"<{name}{words}/>"


def text(x: float, y: float, words: str, *, size: float = 11, colour: str = INK, **attributes: t.Any) -> str:
    """Return a line of text."""
    return element("text", escape(words), x=x, y=y, font_size=size, fill=colour, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1, **attributes: t.Any) -> str:
    """Return a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=colour, stroke_width=width, **attributes)


def path(points: Sequence[tuple[float, float]], colour: str, **attributes: t.Any) -> str:
    """Return a line through several points."""
    steps = " ".join(f"{'L' if number else 'M'}{x:.1f} {y:.1f}" for number, (x, y) in enumerate(points))
    return element("path", d=steps, fill="none", stroke=colour, stroke_linejoin="round", **attributes)


def picture(width: float, height: float, title: str, shapes: Iterable[str]) -> str:
    """Return the whole file."""
    ground = element("rect", width=width, height=height, fill=PAPER)
    content = "\n".join([element("title", escape(title)), ground, *shapes])
    box = f"0 0 {width:g} {height:g}"
    return (
        element(
            "svg",
            f"\n{content}\n",
            xmlns="http://www.w3.org/2000/svg",
            viewBox=box,
            width=width,
            height=height,
            role="img",
            font_family=FONT,
        )
        + "\n"
    )


def _number(value: t.Any) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
