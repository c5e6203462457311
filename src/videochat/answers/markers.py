"""Finding the markers `[p3: "verbatim words"]` in text that arrives in pieces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_MARKER = 1500  # characters; what is longer is no marker, and no more than this is ever held back

_COMPLETE = re.compile(
    r"""\[[ ]?(?:
        (?P<key>p[0-9]{1,6})[ ]*\]
      | (?P<quoted>p[0-9]{1,6})[ ]*:[ ]*["“”„«「『'‘](?P<quote>[^\n]*?)["“”»」』'’][ ]*\]
      | (?P<plain>p[0-9]{1,6})[ ]*:[ ]*(?P<words>[^"“”„«「『'‘\s\]][^\]\n]*)\]
      | (?P<number>[0-9]{1,4}(?:[ ]*[,，–-][ ]*[0-9]{1,4})*)[ ]*\]
    )""",
    re.VERBOSE,
)
_BEGUN = re.compile(r"\[ ?(?:p(?:[0-9]{1,6} *(?::[^\n]*)?)?|[0-9]{1,4}[0-9 ,，–-]*)?\Z")


@dataclass(frozen=True, slots=True)
class Marker:
    """A place where the provider says what supports the sentence before: source `key`, perhaps with a quote."""

    key: str
    quote: str | None


class MarkerParser:
    """Takes text in pieces and gives text and markers; what only looks like a marker comes out as text.

    `[3]` written by the provider itself comes out as `(3)`: numbers in square brackets are given by VideoChat alone.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> Iterator[str | Marker]:
        self._held += piece
        yield from self._drain(final=False)

    def finish(self) -> Iterator[str | Marker]:
        yield from self._drain(final=True)

    def _drain(self, *, final: bool) -> Iterator[str | Marker]:
        while self._held:
            start = self._held.find("[")
            if start:
                yield self._take(start if start > 0 else len(self._held))
            elif (found := _COMPLETE.match(self._held)) and found.end() <= MAX_MARKER:
                self._held = self._held[found.end() :]
                yield _marker(found)
            elif not final and len(self._held) <= MAX_MARKER and _BEGUN.match(self._held):
                return
            else:
                yield self._take(1)

    def _take(self, count: int) -> str:
        text, self._held = self._held[:count], self._held[count:]
        return text


def _marker(found: re.Match[str]) -> str | Marker:
    if number := found["number"]:
        return f"({number})"
    quote = found["quote"] if found["quoted"] else found["words"]
    return Marker(found["key"] or found["quoted"] or found["plain"], (quote or "").strip() or None)
