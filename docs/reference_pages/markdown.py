"""The little Markdown that reference pages are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

CODE = re.compile(r"(`[^`]*`)")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are Markdown already."""
    return "\n".join(_row(cells) for cells in (head, ["---"] * len(head), *rows))


def code(value: object) -> str:
    return f"`{value}`"


def prose(text: str) -> str:
    """Return a description as Markdown: what looks like HTML stands for itself, unless it is code."""
    parts = CODE.split(text)
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts)


def anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def _row(cells: Sequence[str]) -> str:
    # A bar would end the cell, in code too.
    return f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"
