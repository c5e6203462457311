"""Texts as words with their places, for comparing a quote with its source: case, punctuation and spacing do not count."""

from __future__ import annotations

from dataclasses import dataclass

from videochat.answers.numbers import numbers
from videochat.passages.analyse import analyse

# What people say while they think; leaving it out of a quote changes nothing.
_FILLERS = frozenset({"um", "uh", "uhm", "er", "erm", "ah", "hmm", "mm", "mhm", "嗯", "呃", "啊"})


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a text and their places: words[i] stands at text[spans[i][0]:spans[i][1]]."""

    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]

    def without_fillers(self) -> Words:
        """Return the words without hesitation and without a word stammered twice, but with every repeated number."""
        kept: list[int] = []
        for i, word in enumerate(self.words):
            stammered = bool(kept) and self.words[kept[-1]] == word and len(word) > 1 and not numbers([word])
            if word not in _FILLERS and not stammered:
                kept.append(i)
        return Words(tuple(self.words[i] for i in kept), tuple(self.spans[i] for i in kept))


def words_of(text: str) -> Words:
    """Return the words of the text; in scripts without spaces each character is one."""
    found = analyse(text, pairs=False)
    return Words(tuple(term.text for term in found), tuple((term.start, term.end) for term in found))
