"""The analyser: text to terms, the same for what is indexed and what is asked for.

NFKC, case folded, words of letters and digits; in scripts without spaces each pair of neighbouring characters is a term
and a character that stands alone is one too. Terms hold no ASCII character but `a–z` and `0–9` and no space, so every
index takes them as they are (see store/search_ddl.py).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from videochat.passages.scripts import is_unspaced

MAX_TERM = 64  # characters; PostgreSQL takes lexemes of up to 2046 bytes, and no word is that long

# Kinds of characters: w(ord), u(nspaced script), m(ark in it), a(postrophe), j(oins, but says nothing), blank.
_RUN = re.compile(r"[wj]+(?:a[wj]+)*|u[um]*")
_SILENT = frozenset("aj")
_GROUPED_NUMBER = re.compile(r"(?<![0-9,.])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9]|,[0-9])")
_APOSTROPHES = frozenset("'’ʼ＇`´‘")
# What may follow an apostrophe in English and says nothing that a reader would look for.
_DROPPED_TAILS = frozenset({"s", "m", "d", "re", "ve", "ll"})


@dataclass(frozen=True, slots=True)
class Term:
    """A term and the characters of the original text, text[start:end], that it stands for."""

    text: str
    start: int
    end: int


def terms(text: str) -> list[str]:
    """Return the terms of the text in order, repeated as often as they occur."""
    return [term.text for term in analyse(text)]


def analyse(text: str, *, pairs: bool = True) -> list[Term]:
    """Return the terms of the text in order, each with its place in the text.

    Without `pairs` each character of a script without spaces is a term of its own: no index does that, comparing does.
    """
    folded, starts, ends = _fold(text)
    kinds = _kinds(folded)
    unspaced = _pairs if pairs else _singles
    found: list[Term] = []
    for run in _RUN.finditer(kinds):
        split = unspaced if kinds[run.start()] == "u" else _words
        for first, last in split(folded, kinds, *run.span()):
            term = folded[first:last]
            if not _SILENT.isdisjoint(kinds[first:last]):
                term = "".join(c for c, kind in zip(term, kinds[first:last], strict=True) if kind not in _SILENT)
            found.append(Term(term[:MAX_TERM], starts[first], ends[last - 1]))
    return found


def _words(folded: str, kinds: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Part at apostrophes (l'homme), but keep the whole of don't and only the noun of the teacher's."""
    if "a" not in kinds[start:end]:
        yield start, end
        return
    parts = [(start + part.start(), start + part.end()) for part in re.finditer("[wj]+", kinds[start:end])]
    while len(parts) > 1 and folded[slice(*parts[-1])] in _DROPPED_TAILS:
        parts.pop()
    if len(parts) > 1 and folded[slice(*parts[-1])] == "t":
        _, last = parts.pop()
        parts[-1] = (parts[-1][0], last)
    yield from parts


def _pairs(_folded: str, kinds: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Part into overlapping pairs of characters, each with its marks; a lone character stays alone."""
    bounds = [*(i for i in range(start, end) if kinds[i] == "u"), end]
    if len(bounds) == 2:
        yield start, end
    yield from zip(bounds, bounds[2:], strict=False)


def _singles(_folded: str, kinds: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    yield from pairwise([*(i for i in range(start, end) if kinds[i] == "u"), end])


def _fold(text: str) -> tuple[str, Sequence[int], Sequence[int]]:
    """Return the normalised text and, for each of its characters, from where to where in the text it comes."""
    if text.isascii():
        return text.lower(), range(len(text)), range(1, len(text) + 1)
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    clusters = [i for i, character in enumerate(text) if i == 0 or not _composes(character)]
    for start, end in pairwise([*clusters, len(text)]):
        folded = _fold_cluster(text[start:end])
        characters.append(folded)
        starts += [start] * len(folded)
        ends += [end] * len(folded)
    return "".join(characters), starts, ends


@lru_cache(maxsize=16_384)
def _composes(character: str) -> bool:
    """Say whether the character belongs to the one before it: a mark, an invisible one, a Hangul vowel or final."""
    return (
        unicodedata.category(character) in {"Mn", "Mc", "Me", "Cf"}
        or "\u1160" <= character <= "\u11ff"
        or character in "\uff9e\uff9f"  # half-width voicing marks
    )


@lru_cache(maxsize=16_384)
def _fold_cluster(cluster: str) -> str:
    visible = "".join(character for character in cluster if not _is_invisible(character))
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", visible).casefold())
    return "".join(_ascii_digit(character) for character in folded)


def _is_invisible(character: str) -> bool:
    selects_variant = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return selects_variant or unicodedata.category(character) in {"Cf", "Me"}


def _ascii_digit(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)


def _kinds(folded: str) -> str:
    kinds = [_kind(character) for character in folded]
    for place, kind in enumerate(kinds):
        if kind == "m":  # a mark is of the kind of what it stands on
            kinds[place] = {"w": "w", "u": "m", "m": "m"}.get(kinds[place - 1] if place else " ", " ")
    for number in _GROUPED_NUMBER.finditer(folded):
        for place in range(*number.span()):
            kinds[place] = "w" if folded[place] != "," else "j"
    return "".join(kinds)


@lru_cache(maxsize=16_384)
def _kind(character: str) -> str:
    if character in _APOSTROPHES:
        return "a"
    match unicodedata.category(character)[0]:
        case "M":
            return "m"
        case "L" | "N":
            return "u" if is_unspaced(character) else "w"
        case _:
            return " "
