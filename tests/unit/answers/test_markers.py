"""Finding markers in text that arrives in pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from videochat.answers.markers import MAX_MARKER, Marker, MarkerParser

FRAGMENTS = st.sampled_from(
    ["[p1]", '[p2: "some words"]', "[p3：", "[", "]", "[p", "[p1", ': "', '"]', "p1", "text ", "[7]", "[1, 2]", "\n", "。", "[x]", "[p4: bare words]"]
)  # fmt: skip


def parse(*pieces: str) -> list[str | Marker]:
    """Return text, joined, and markers."""
    parser = MarkerParser()
    joined: list[str | Marker] = []
    for part in [*(part for piece in pieces for part in parser.feed(piece)), *parser.finish()]:
        if joined and isinstance(part, str) and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


@given(st.lists(FRAGMENTS, max_size=12), st.data())
def test_where_the_stream_is_cut_does_not_matter(fragments: list[str], data: st.DataObject) -> None:
    """Any cuts give the same parts as the whole text at once."""
    text = "".join(fragments)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert parse(*pieces) == parse(text)
    assert parse(*text) == parse(text)


def test_a_marker_with_and_without_a_quote() -> None:
    """Both forms are found, also with other quotation marks, brackets within, and without quotation marks."""
    assert parse("A. [p1] B.") == ["A. ", Marker("p1", None), " B."]
    assert parse('A. [p12: "he said [so] there"]') == ["A. ", Marker("p12", "he said [so] there")]
    assert parse("[p1:“逐字引用”]") == [Marker("p1", "逐字引用")]
    assert parse("[ p1 : bare words ]") == [Marker("p1", "bare words")]
    assert parse('[p1: ""][p2]') == [Marker("p1", None), Marker("p2", None)]


def test_what_only_looks_like_a_marker_is_text() -> None:
    """Text passes unchanged where no marker is complete."""
    for text in ("[", "[p", "[page 3]", '[p1: "never ends', "[p1: two\nlines]", "array[i]", "[p1234567]"):
        assert parse(text) == [text]


def test_numbers_in_brackets_are_never_citations_of_ours() -> None:
    """A provider that writes [1] by itself cannot pretend that something was checked."""
    assert parse("So it is [1] and [2, 3].") == ["So it is (1) and (2, 3)."]


def test_no_more_than_a_marker_is_ever_held_back() -> None:
    """A bracket that never closes does not stop the stream."""
    parser = MarkerParser()
    given_out = "".join(part for _ in range(MAX_MARKER) for part in parser.feed("[p1: ab") if isinstance(part, str))
    assert len(given_out) >= 7 * MAX_MARKER - 2 * MAX_MARKER


def test_too_long_a_quote_is_text() -> None:
    """The bound holds however the text is cut."""
    text = f'[p1: "{"x" * MAX_MARKER}"]'
    assert parse(text) == parse(*text) == [text]
