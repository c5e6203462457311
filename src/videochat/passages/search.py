"""Finding passages: the index gives candidates, BM25 ranks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from sqlalchemy.ext.asyncio import AsyncSession

from videochat.passages import bm25, repository
from videochat.passages.index import Mode
from videochat.passages.places import says
from videochat.passages.repository import Candidate, Scope
from videochat.transcripts.segment import NumberedSegment

# Candidates are looked up by the rarest terms, as many as stand in this many passages together: common terms say little
# and cost much. In some chosen media more is read, because what is rare in the library may be nowhere in them.
LIBRARY_ROWS = 4_000
CHOSEN_ROWS = 20_000
COUNT_CAP = 10_000
MAX_LOOKED_UP = 16
MAX_COMMON = 4


@dataclass(frozen=True, slots=True)
class Ranked:
    """A passage that fits, with its score, its segments and the weights of the query's terms."""

    candidate: Candidate
    score: float
    segments: tuple[NumberedSegment, ...]


async def rank(
    session: AsyncSession, scope: Scope, wanted: Sequence[str], mode: Mode, limit: int, *, phrase: Sequence[str] = ()
) -> tuple[list[Ranked], dict[str, float]]:
    """Return up to `limit` passages with all or any of the terms, and the weight of each term.

    Those in which the phrase stands word for word come first, then the best.
    """
    passages = await repository.count(session)
    if not wanted or not passages:
        return [], {}
    await repository.use_the_index(session)
    frequencies = await repository.frequencies(session, wanted, COUNT_CAP)
    weights = {term: bm25.idf(frequency, passages) for term, frequency in frequencies.items()}
    candidates = await _candidates(session, scope, mode, weights, frequencies)
    current = await repository.searched_transcripts(session, {c.media_id for c in candidates})
    best = _best([c for c in candidates if c.transcript_id in current], weights, phrase, limit)
    segments = await repository.segments_of(session, [candidate for candidate, _ in best])
    return [Ranked(c, score, tuple(segments[c.id])) for c, score in best if segments[c.id]], weights


async def _candidates(
    session: AsyncSession,
    scope: Scope,
    mode: Mode,
    weights: Mapping[str, float],
    frequencies: Mapping[str, int],
) -> list[Candidate]:
    if mode == "all":
        return await repository.with_all(session, scope, list(weights)) if all(frequencies.values()) else []
    known = sorted((term for term, n in frequencies.items() if n), key=lambda term: (frequencies[term], term))
    rarest = _rarest(known, frequencies, LIBRARY_ROWS if scope.media is None else CHOSEN_ROWS)
    found = await repository.with_any(session, scope, {term: weights[term] for term in rarest}) if rarest else []
    for term in known[len(rarest) : len(rarest) + MAX_COMMON]:
        found = found or await repository.with_all(session, scope, [term])
    return found


def _rarest(known: Sequence[str], frequencies: Mapping[str, int], rows: int) -> list[str]:
    together = accumulate(frequencies[term] for term in known)
    return [term for term, sum_so_far in zip(known, together, strict=True) if sum_so_far <= rows][:MAX_LOOKED_UP]


def _best(
    candidates: Sequence[Candidate], weights: Mapping[str, float], phrase: Sequence[str], limit: int
) -> list[tuple[Candidate, float]]:
    if not candidates:
        return []
    split = [candidate.terms.split() for candidate in candidates]
    mean_length = sum(map(len, split)) / len(split)
    scores = [bm25.score(terms, weights, mean_length) for terms in split]
    inexact = [not says(terms, phrase) for terms in split]
    order = sorted(
        zip(inexact, candidates, scores, strict=True), key=lambda one: (one[0], -one[2], one[1].media_id, one[1].n)
    )
    return [(candidate, score) for _, candidate, score in order[:limit]]
