"""Byte ranges (RFC 9110, section 14): one range, which is what players ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass

ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes from start up to, not including, end."""

    start: int
    end: int


class UnsatisfiableError(ValueError):
    """The range lies outside of the content."""


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """Return what the header asks for; None for the whole content, also when the header is not understood.

    Raises UnsatisfiableError.
    """
    match = ONE_RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first == "":
        start, end = max(0, size - int(last)), size
    else:
        start = int(first)
        end = min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= size or start >= end:
        raise UnsatisfiableError
    return ByteRange(start, end)
