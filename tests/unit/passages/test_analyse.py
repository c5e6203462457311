"""The analyser: what is a term, and that no index could take it for something else."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videochat.passages.analyse import MAX_TERM, analyse, terms

# Letters, marks, digits, apostrophes and signs of many scripts, more often than chance would give them.
TEXTS = st.text(
    st.one_of(st.sampled_from("aZ9 '’,._-$\u0301\u200d\ufe0f水学한ガﾞไทยकि½１٣ßﬁ👩"), st.characters()), max_size=60
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", ["hello", "world"]),
        ("Don't can’t", ["dont", "cant"]),
        ("the teacher's we're I'd", ["the", "teacher", "we", "i"]),
        ("l'homme O'Brien", ["l", "homme", "o", "brien"]),
        ("1,000,000 and 1,00 and 3.14", ["1000000", "and", "1", "00", "and", "3", "14"]),
        ("snake_case a-b", ["snake", "case", "a", "b"]),
        ("机器学习", ["机器", "器学", "学习"]),
        ("水", ["水"]),
        ("用GPT4写", ["用", "gpt4", "写"]),
        ("２０２６ ٣", ["2026", "3"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        ("ｶﾞ한국", ["ガ한", "한국"]),
        ("कि 👩‍👩‍👧 ไทย", ["कि", "ไท", "ทย"]),
        ("soft\u00adhyphen", ["softhyphen"]),
        ("\u0301alone", ["alone"]),
        ("", []),
    ],
)
def test_terms_of(text: str, expected: list[str]) -> None:
    """Words, numbers, contractions and pairs of characters come out as a reader would look for them."""
    assert terms(text) == expected


def test_composed_and_decomposed_text_are_the_same() -> None:
    """The two ways to write é, a voiced Kana and a Hangul syllable are one term each."""
    for text in ("café", "ガギ", "한국어"):
        assert terms(unicodedata.normalize("NFD", text)) == terms(unicodedata.normalize("NFC", text))


@given(TEXTS)
def test_terms_survive_every_index(text: str) -> None:
    """A term holds only a–z, 0–9 and letters, digits or marks beyond ASCII: nothing that parts or quotes."""
    for term in terms(text):
        assert 0 < len(term) <= MAX_TERM
        assert not term.isspace()
        for character in term:
            if character.isascii():
                assert character in "abcdefghijklmnopqrstuvwxyz0123456789"
            else:
                assert unicodedata.category(character)[0] in "LNM"


@given(TEXTS)
def test_spans_lie_in_the_text_in_order(text: str) -> None:
    """Each term says where it stands, and the places go forward."""
    found = analyse(text)
    assert all(0 <= term.start < term.end <= len(text) for term in found)
    assert [term.start for term in found] == sorted(term.start for term in found)


@given(TEXTS)
def test_case_does_not_count(text: str) -> None:
    """A text and its folded form have the same terms."""
    assert terms(text.casefold()) == terms(unicodedata.normalize("NFC", text).casefold())


@given(TEXTS)
def test_single_characters_cover_what_pairs_cover(text: str) -> None:
    """With and without pairs the same places of the text are in a term."""

    def covered(pairs: bool) -> set[int]:
        return {i for term in analyse(text, pairs=pairs) for i in range(term.start, term.end)}

    assert covered(pairs=True) == covered(pairs=False)
