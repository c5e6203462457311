"""Word error rate: how many words of what was said are wrong, missing or made up in what was heard."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

# Chinese and Japanese put no spaces between words: there each character counts as one.
_HAN = "\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_HAN}]|[^\W_{_HAN}]+(?:'[^\W_{_HAN}]+)*")


@dataclass(frozen=True, slots=True)
class Errors:
    """The edits of a cheapest alignment of what was heard with what was said; `words` were said."""

    words: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def rate(self) -> float:
        """The word error rate; more than 1 when more is made up than was said."""
        return (self.substitutions + self.deletions + self.insertions) / self.words

    def __add__(self, other: Errors) -> Errors:
        return Errors(
            self.words + other.words,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )


def words_of(text: str) -> list[str]:
    """Return the words of the text without case and punctuation; numbers stay as they are written."""
    plain = unicodedata.normalize("NFKC", text).replace("’", "'").casefold()
    return _WORD.findall(plain)


def count_errors(said: Sequence[str], heard: Sequence[str]) -> Errors:
    """Align the words (Levenshtein, every edit costs 1) and count the edits."""
    edits = Counter(edit.tag for edit in Levenshtein.editops(said, heard))
    return Errors(len(said), edits["replace"], edits["delete"], edits["insert"])
