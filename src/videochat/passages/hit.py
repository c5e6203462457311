"""A hit: a place in a recording that fits a query."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hit:
    """A place that fits a query: the segments between `start` and `end` seconds.

    `text` is HTML with everything escaped but <mark> around the query's words; `segments` are their numbers,
    `passage` is the id of the passage around them.
    """

    media_id: str
    name: str
    start: float
    end: float
    text: str
    score: float
    segments: tuple[int, ...]
    passage: int


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search found. `state` names the vectors that took part, None where it went by words alone."""

    items: list[Hit]
    state: str | None
