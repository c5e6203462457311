"""What every format keeps to: ours, the example's, and those that somebody installed beside us."""

from __future__ import annotations

import pytest

from videochat.transcripts.exporters import MEDIA_TYPE, Exporter, load_exporters
from videochat.transcripts.formats import Header, render
from videochat.transcripts.segment import Segment, Word
from videochat_shout.tsv import Tsv

HEADER = Header("Tides\tand\nmoons", "faster-whisper", "small", None, basic=False, ends_at=3.5)
SEGMENTS = [
    Segment(0.0, 1.5, "The moon pulls the water.", (Word(0.0, 1.5, "The moon pulls the water."),), confidence=0.5),
    Segment(1.5, 3.0, '潮汐\t很\n高 <b>&amp; "x" --> \\', speaker="Ann"),
    Segment(360_000.0, 360_000.0, "late"),
]
EXPORTERS: dict[str, Exporter] = {name: load_exporters().named(name).renderer for name in load_exporters().names} | {
    "example": Tsv
}


@pytest.fixture(params=EXPORTERS)
def exporter(request: pytest.FixtureRequest) -> Exporter:
    return EXPORTERS[request.param]


def test_it_says_what_its_files_are(exporter: Exporter) -> None:
    """The media type can be sent as it is; the charset is ours to say."""
    assert MEDIA_TYPE.fullmatch(exporter.media_type)


def test_all_words_are_in_the_file(exporter: Exporter) -> None:
    """Text in any script, which can be sent as UTF-8, in the order in which it was said."""
    file = "".join(render(exporter(HEADER), SEGMENTS))
    places = [file.index(words) for words in ("The moon pulls the water.", "潮汐", "late")]
    assert places == sorted(places)
    assert file.encode().decode() == file


def test_files_do_not_share_anything(exporter: Exporter) -> None:
    """Two that are written at once, a segment each in turn, are what each is alone."""
    alone = "".join(render(exporter(HEADER), SEGMENTS))
    one, other = render(exporter(HEADER), SEGMENTS), render(exporter(HEADER), SEGMENTS)
    pairs = list(zip(one, other, strict=True))
    assert ["".join(pieces) for pieces in zip(*pairs, strict=True)] == [alone, alone]


def test_nobody_holds_the_whole_file(exporter: Exporter) -> None:
    """Each segment leaves with the next few, however many there are: no piece is a tenth of the file."""
    many = [Segment(n * 9.0, n * 9.0 + 1, f"part {n}") for n in range(100)]
    pieces = list(render(exporter(HEADER), many))
    assert max(map(len, pieces)) < sum(map(len, pieces)) / 10


def test_a_transcript_may_have_no_words_yet(exporter: Exporter) -> None:
    """An empty one is a file too."""
    assert isinstance("".join(render(exporter(HEADER), [])), str)
