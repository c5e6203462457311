"""PocketSphinx with the English model in its wheel: works everywhere at once, hears badly, knows no punctuation."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from pocketsphinx import Decoder, set_loglevel

from videochat.errors import UnsupportedError
from videochat.transcripts.audio import Samples, read
from videochat.transcripts.segment import Segment, Word
from videochat.transcripts.transcriber import EngineSpec, Options, Recognition
from videochat.transcripts.utterances import utterances

LANGUAGE = "en"
FRAMES_PER_SECOND = 100  # of the acoustic model
SEGMENT_PAUSE = 0.3  # seconds between words that end a segment: without punctuation the best sign of a sentence's end
FILLERS = ("<", "[", "+")  # <s>, <sil>, [NOISE], ++UH++


class PocketSphinx:
    """The engine behind STT__ENGINE=pocketsphinx, the basic offline recogniser."""

    name: ClassVar[str] = "pocketsphinx"
    basic: ClassVar[bool] = True
    languages: ClassVar[frozenset[str] | None] = frozenset({LANGUAGE})
    only_model: ClassVar[str | None] = "en-us"

    def version(self, model: str) -> str:  # noqa: ARG002  # there is one model, and it comes with the library
        return version("pocketsphinx")

    def available(self, model: str) -> bool:  # noqa: ARG002
        return True

    def fetch(self, model: str) -> None:
        """Do nothing: the model is there."""

    def load(self, spec: EngineSpec) -> PocketSphinxTranscriber:  # noqa: ARG002
        set_loglevel("FATAL")  # it reports short utterances as errors
        return PocketSphinxTranscriber()


class PocketSphinxTranscriber:
    """A loaded decoder. Beam width, hot words and voice filter are Whisper's; here they mean nothing."""

    def __init__(self) -> None:
        self._decoder = Decoder()

    def transcribe(self, audio: Path, options: Options) -> Recognition:
        if options.language not in {None, LANGUAGE}:
            raise UnsupportedError(
                f"The basic offline recogniser knows only English, not {options.language}. Set STT__MODEL=small while the "
                "network can be reached, or STT__MODEL to a folder that holds a faster-whisper model."
            )
        return Recognition(LANGUAGE, self._segments(audio))

    def _segments(self, audio: Path) -> Generator[Segment]:
        # What it heard before (its estimate of the noise) must not colour what it hears now: a window's text is a pure
        # function of the window, whichever process did it after whatever else.
        self._decoder.reinit_feat()
        for start, utterance in utterances(read(audio)):
            yield from _segments(list(self._words(utterance, start)))

    def _words(self, utterance: Samples, start: float) -> Iterator[Word]:
        """Decode one utterance as a whole: its own mean level then serves as the reference, which lowers the errors."""
        self._decoder.start_utt()
        self._decoder.process_raw(utterance.tobytes(), full_utt=True)
        self._decoder.end_utt()
        for piece in self._decoder.seg() or ():
            if not piece.word.startswith(FILLERS):
                yield _word(piece, start)


def _word(piece: Any, start: float) -> Word:
    """Convert a word; `rises(2)` is another way to say `rises`.

    There is no confidence: the lattice shares a word's posterior among all its possible boundaries, so right words get 0.01.
    """
    first, last = piece.start_frame / FRAMES_PER_SECOND, piece.end_frame / FRAMES_PER_SECOND
    return Word(round(start + first, 2), round(start + last, 2), piece.word.partition("(")[0])


def _segments(words: list[Word]) -> Iterator[Segment]:
    held: list[Word] = []
    for word in words:
        if held and word.start - held[-1].end >= SEGMENT_PAUSE:
            yield _segment(held)
            held = []
        held.append(word)
    if held:
        yield _segment(held)


def _segment(words: list[Word]) -> Segment:
    return Segment(words[0].start, words[-1].end, " ".join(word.text for word in words), tuple(words))
