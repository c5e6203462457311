"""What people do with a library, as a sequence that a seed decides: the popular is asked for often, the rest rarely.

A visit looks at the list, searches in half of the cases, and opens one to three recordings: the recording, its transcript, its
waveform and its subtitles, as the page does. One in ten is exported, one in fifty is renamed. Recordings and queries are chosen
by Zipf's law (the n-th most popular is wanted 1/n times as often as the first), which is how libraries are used.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

SEARCHES, EXPORTS, RENAMES = 0.5, 0.1, 0.02

Kind = Literal["list", "search", "medium", "transcript", "waveform", "subtitles", "export", "rename"]
# What is kept under which name; one medium costs less than looking whether it has changed.
CACHES = {
    "list": "media", "search": "search", "transcript": "transcript", "waveform": "waveform", "subtitles": "export",
    "export": "export",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One request: about the recording or the query of this rank."""

    kind: Kind
    rank: int = 0

    def path(self, media: Sequence[str], queries: Sequence[str]) -> str:
        """Return what is asked for; a rename is a PATCH."""
        one = f"/api/media/{media[self.rank % len(media)]}"
        return {
            "list": "/api/media",
            "search": f"/api/search?q={queries[self.rank % len(queries)]}",
            "medium": one,
            "transcript": f"{one}/transcript",
            "waveform": f"{one}/waveform",
            "subtitles": f"{one}/subtitles.vtt",
            "export": f"{one}/transcript?format=txt",
            "rename": one,
        }[self.kind]


def steps(seed: int, media: int, queries: int, count: int) -> list[Step]:
    """Return the first so many requests of people who come one after the other."""
    return list(itertools.islice(_visits(random.Random(seed), media, queries), count))


def _visits(chance: random.Random, media: int, queries: int) -> Iterator[Step]:
    while True:
        yield Step("list")
        if chance.random() < SEARCHES:
            yield Step("search", _popular(chance, queries))
        for _ in range(chance.randint(1, 3)):
            yield from _opened(chance, _popular(chance, media))


def _opened(chance: random.Random, rank: int) -> Iterator[Step]:
    yield Step("medium", rank)
    yield Step("transcript", rank)
    yield Step("waveform", rank)
    yield Step("subtitles", rank)
    if chance.random() < EXPORTS:
        yield Step("export", rank)
    if chance.random() < RENAMES:
        yield Step("rename", rank)


def _popular(chance: random.Random, count: int) -> int:
    (rank,) = chance.choices(range(count), [1 / n for n in range(1, count + 1)])
    return rank
