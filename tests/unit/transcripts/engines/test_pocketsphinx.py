"""What PocketSphinx' adapter makes of the decoder's words."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from videochat.errors import UnsupportedError
from videochat.transcripts.engines.pocketsphinx import PocketSphinx, PocketSphinxTranscriber, _segments, _word
from videochat.transcripts.segment import Word
from videochat.transcripts.transcriber import Options


def test_times_count_from_the_window_and_variants_lose_their_number() -> None:
    """Frames are hundredths of a second from the start of the utterance; `rises(2)` is read as `rises`."""
    piece = SimpleNamespace(word="rises(2)", start_frame=50, end_frame=92)
    assert _word(piece, start=10.0) == Word(10.5, 10.92, "rises")


def test_a_pause_between_words_ends_a_segment() -> None:
    """Without punctuation a pause of 0.3 s is taken for the end of a sentence."""
    words = [Word(0.0, 0.5, "we"), Word(0.6, 1.0, "know"), Word(1.3, 1.8, "this")]
    assert [(segment.text, segment.start, segment.end) for segment in _segments(words)] == [
        ("we know", 0.0, 1.0),
        ("this", 1.3, 1.8),
    ]


def test_only_english_is_promised() -> None:
    """Another language is refused before any work, with the way to a better engine."""
    transcriber = PocketSphinxTranscriber.__new__(PocketSphinxTranscriber)  # no model is needed to say no
    with pytest.raises(UnsupportedError, match=r"only English, not zh.*STT__MODEL"):
        transcriber.transcribe(Path("window.flac"), Options(language="zh"))


def test_it_is_always_there_and_calls_itself_basic() -> None:
    """The engine needs no download, and whoever asks learns not to expect much."""
    engine = PocketSphinx()
    engine.fetch("en-us")
    assert engine.available("en-us")
    assert engine.basic
