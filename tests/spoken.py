"""Strategies for hypothesis: segments as hostile engines and ordinary people would fill them."""

from __future__ import annotations

from hypothesis import strategies as st

from videochat.transcripts.segment import Segment, Word

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).map(
    lambda text: "".join(text.split()) or "word"
)
SECONDS = st.floats(0, 36_000, allow_nan=False)
LENGTH = st.floats(0, 30, allow_nan=False)


@st.composite
def segments(draw: st.DrawFn) -> Segment:
    """Draw a segment with or without word times; with them, its words are those of its text."""
    start = draw(SECONDS)
    texts = draw(st.lists(TEXT, min_size=1, max_size=40))
    words, time = [], start
    for text in texts:
        end = time + draw(LENGTH) / 10
        words.append(Word(time, end, text))
        time = end + draw(LENGTH) / 30
    timed = draw(st.booleans())
    return Segment(start, words[-1].end, draw(st.sampled_from([" ", ""])).join(texts), tuple(words) if timed else ())
