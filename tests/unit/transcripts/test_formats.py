"""Files: what is written can be read back, and hostile words stay words."""

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spoken import segments
from videochat.transcripts.cues import cues
from videochat.transcripts.exporters import load_exporters
from videochat.transcripts.formats import Header, Renderer, render, render_stream, timestamp
from videochat.transcripts.segment import NumberedSegment, Segment, Transcript, Word

GOOD = Header("Tides", "faster-whisper", "small", "en", basic=False)
BASIC = Header("Tides", "pocketsphinx", "en-us", "en", basic=True)
HOSTILE = Segment(0.0, 1.5, "a --> b <i>&amp;</i> # *x* [y](http://z)", speaker="<b>")

CLOCK = r"(\d\d+):(\d\d):(\d\d)[,.](\d\d\d)"


def renderer(name: str, header: Header = GOOD) -> Renderer:
    return load_exporters().named(name).renderer(header)


def written(name: str, *given: Segment, header: Header = GOOD) -> str:
    return "".join(render(renderer(name, header), given))


def milliseconds(*parts: str) -> int:
    hours, minutes, seconds, rest = map(int, parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + rest


def parsed_cue(block: str) -> tuple[int, int, list[str]]:
    """Read one cue as a strict player would: a line of times, then lines of text."""
    times, *lines = block.split("\n")
    match = re.fullmatch(f"{CLOCK} --> {CLOCK}", times)
    assert match is not None
    assert lines
    assert all(lines)
    return milliseconds(*match.groups()[:4]), milliseconds(*match.groups()[4:]), lines


def parsed_srt(text: str) -> list[tuple[int, int, list[str]]]:
    blocks = text.split("\n\n")
    assert blocks.pop() == ""
    numbers, found = zip(*(block.split("\n", 1) for block in blocks), strict=True) if blocks else ((), ())
    assert numbers == tuple(str(n) for n in range(1, len(numbers) + 1))
    return [parsed_cue(block) for block in found]


@given(st.lists(segments(), max_size=4))
def test_srt_can_be_read_back(given: list[Segment]) -> None:
    """Every cue of every segment is in the file, numbered from 1, with its times and lines; arrows cannot forge a cue."""
    expected = [
        (cue.start, cue.end, [line.replace("-->", "→") for line in cue.lines]) for s in given for cue in cues(s)
    ]
    assert parsed_srt(written("srt", *given)) == expected


@given(st.lists(segments(), max_size=4))
def test_vtt_can_be_read_back(given: list[Segment]) -> None:
    """The file begins as WebVTT must, and unescaping its cues gives the words."""
    signature, note, *blocks, end = written("vtt", *given).split("\n\n")
    assert (signature, note[:5], end) == ("WEBVTT", "NOTE ", "")
    found = [parsed_cue(block) for block in blocks]
    expected = [(cue.start, cue.end, list(cue.lines)) for s in given for cue in cues(s)]
    assert [(start, stop, [html.unescape(line) for line in lines]) for start, stop, lines in found] == expected


def test_times_use_each_format_s_point() -> None:
    """SRT writes a comma, WebVTT a dot, and hours go beyond 99."""
    segment = Segment(3661.5, 3662.25, "hello")
    assert "01:01:01,500 --> 01:01:02,250" in written("srt", segment)
    assert "01:01:01.500 --> 01:01:02.250" in written("vtt", segment)
    assert "100:00:00,000" in written("srt", Segment(360_000.0, 360_001.0, "late"))


def test_hostile_words_stay_words() -> None:
    """No tag, arrow or link of the text becomes one in the file."""
    assert "a → b <i>" in written("srt", HOSTILE)
    assert "a --&gt; b &lt;i&gt;&amp;amp;&lt;/i&gt;" in written("vtt", HOSTILE)
    assert r"a --\> b \<i\>\&amp;\</i\> \# \*x\* \[y\](http://z)" in written("md", HOSTILE)
    assert r"**\<b\>:**" in written("md", HOSTILE)


def test_text_is_paragraphs() -> None:
    """Plain text has the words and nothing else, a paragraph for each train of thought, named speakers in front."""
    text = written("txt", Segment(0, 1, "One."), Segment(1, 2, "Two."), Segment(9, 10, "Three.", speaker="Ann"))
    assert text == "One. Two.\n\nAnn: Three.\n\n"


def test_markdown_has_a_title_times_and_an_honest_note() -> None:
    """Each paragraph says when it begins; a basic recogniser's text is called that."""
    text = written("md", Segment(3725, 3726, "One."), header=BASIC)
    assert text.startswith("# Tides\n\n*Transcribed by the basic offline recogniser (pocketsphinx)")
    assert "**[1:02:05]** One.\n" in text
    assert "basic" not in written("md", header=GOOD)


@given(st.lists(segments(), max_size=3))
def test_json_holds_everything(given: list[Segment]) -> None:
    """The JSON file is one object with the header and every segment, words included."""
    numbered = [NumberedSegment.of(segment, n) for n, segment in enumerate(given)]
    document = json.loads(written("json", *numbered, header=BASIC))
    assert (document["engine"], document["basic"]) == ("pocketsphinx", True)
    assert [NumberedSegment.from_json(value) for value in document["segments"]] == numbered


@pytest.mark.parametrize("name", ["srt", "vtt", "txt", "md", "json"])
async def test_files_are_written_as_a_stream(name: str) -> None:
    """The asynchronous stream gives the same file, piece by piece, before all segments are known."""
    given = [Segment(n * 5.0, n * 5.0 + 1, f"part {n}", (Word(n * 5.0, n * 5.0 + 1, "part"),)) for n in range(4)]
    asked = []

    async def source() -> AsyncIterator[Segment]:
        for segment in given:
            asked.append(segment)
            yield segment

    pieces, seen = [], []
    async for piece in render_stream(renderer(name), source()):
        pieces.append(piece)
        seen.append(len(asked))
    assert "".join(pieces) == written(name, *given)
    assert seen == [0, 1, 2, 3, 4, 4]


def test_the_header_comes_from_the_transcript() -> None:
    """Engine, model, honesty and the id of the medium are the transcript's own."""
    transcript = Transcript(
        "t", "m", "pocketsphinx", "en-us", "en", True, "complete", 1.0, 1, 1, datetime.now(UTC)
    )  # a field
    assert Header.of(transcript, "Tides") == replace(BASIC, media_id="m")


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0:00:00"), (59.99, "0:00:59"), (3725.2, "1:02:05"), (-1, "0:00:00")]
)
def test_timestamps_are_full_seconds(seconds: float, expected: str) -> None:
    """People read h:mm:ss; the second is the one that the player stands in."""
    assert timestamp(seconds) == expected
