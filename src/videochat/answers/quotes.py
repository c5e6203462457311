"""Checking quotes: what is shown as a quote is always the transcript's own words.

Verified: the quote's words stand in the source one after the other (case, punctuation, spacing and hesitation aside).
Approximate: they do not, but a fuzzy alignment of at least 70 of 100 finds the place, and numbers and negations agree.
Anything else is no quote. Fuzzy similarity alone never verifies: a changed digit still scores 97.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rapidfuzz import fuzz

from videochat.answers.numbers import negations, numbers, numbers_kept
from videochat.answers.words import Words, words_of
from videochat.passages.passage import Layout
from videochat.transcripts.segment import NumberedSegment

Check = Literal["verified", "approximate"]

APPROXIMATE = 70.0
# A quote of fewer characters stands in almost any text and proves nothing; three Chinese characters say enough.
MIN_CHARACTERS = 8
MIN_UNSPACED = 3

_ELLIPSIS = re.compile(r"\.{3,}|…+|\[\.\.\.\]")


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of a transcript: `text` is layout.text[start:end] of the source that was checked."""

    text: str
    start: int
    end: int
    segments: tuple[NumberedSegment, ...]
    check: Check


def check_quote(claimed: str, source: Layout) -> Quote | None:
    """Find the claimed quote in the source and return the source's own words, None if it is not there."""
    claimed_words = words_of(max(_ELLIPSIS.split(claimed), key=len))
    source_words = words_of(source.text)
    if not claimed_words.words or not source_words.words:
        return None
    exact = _exact(claimed_words, source_words) or _exact(
        claimed_words.without_fillers(), source_words.without_fillers()
    )
    if exact:
        return _quote(source, *exact, "verified")
    place = _fuzzy(claimed_words, source_words)
    return _quote(source, *place, "approximate") if place else None


def says_enough(claimed: str) -> bool:
    """Say whether a quote is long enough to prove anything."""
    joined = "".join(words_of(claimed).words)
    return len(joined) >= (MIN_CHARACTERS if joined.isascii() else MIN_UNSPACED)


def best_match(sentence: str, source: Layout) -> Quote:
    """Return the segment of the source that is most like the sentence; nobody claimed its words, so it is approximate."""
    wanted = " ".join(words_of(sentence).words)
    scores = [fuzz.token_set_ratio(wanted, " ".join(words_of(s.text).words)) for s in source.segments]
    best = max(range(len(scores)), key=lambda i: (scores[i], -i))
    return _quote(source, *source.spans[best], "approximate")


def _quote(source: Layout, start: int, end: int, check: Check) -> Quote:
    return Quote(source.text[start:end], start, end, source.touched(start, end), check)


def _exact(claimed: Words, source: Words) -> tuple[int, int] | None:
    count = len(claimed.words)
    if not count:
        return None
    for first in range(len(source.words) - count + 1):
        if source.words[first : first + count] == claimed.words:
            return source.spans[first][0], source.spans[first + count - 1][1]
    return None


def _fuzzy(claimed: Words, source: Words) -> tuple[int, int] | None:
    """Return the place in the source's text that is like the claimed words, unless numbers or negations differ."""
    wanted, text = " ".join(claimed.words), " ".join(source.words)
    if len(wanted) > len(text):  # the alignment would swap the two and find the source in the quote
        return None
    found = fuzz.partial_ratio_alignment(wanted, text, score_cutoff=APPROXIMATE)
    if found is None or found.score < APPROXIMATE:
        return None
    first, last = _covered(source.words, found.dest_start, found.dest_end)
    aligned = source.words[first:last]
    if not aligned or not numbers_kept(claimed.words, aligned) or negations(claimed.words) != negations(aligned):
        return None
    first, last = _trimmed(source.words, first, last, frozenset(claimed.words))
    return source.spans[first][0], source.spans[last - 1][1]


def _trimmed(words: Sequence[str], first: int, last: int, claimed: frozenset[str]) -> tuple[int, int]:
    """Leave out words at both ends that nobody claimed; the alignment is as long as the claim, whatever fits."""

    def stays(word: str) -> bool:
        return word in claimed or bool(numbers([word])) or bool(negations([word]))

    kept = [i for i in range(first, last) if stays(words[i])]
    return (kept[0], kept[-1] + 1) if kept else (first, last)


def _covered(words: Sequence[str], start: int, end: int) -> tuple[int, int]:
    """Return the range of words of which more than half lies in the joined text's part from start to end."""
    covered: list[int] = []
    position = 0
    for i, word in enumerate(words):
        if 2 * (min(end, position + len(word)) - max(start, position)) > len(word):
            covered.append(i)
        position += len(word) + 1
    return (covered[0], covered[-1] + 1) if covered else (0, 0)
