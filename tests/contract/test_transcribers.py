"""What every speech engine must do: the fake, and the real ones through their real libraries."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from importlib import resources
from itertools import pairwise
from pathlib import Path

import pytest

from fake_engine import FakeEngine
from harness.scripted_whisper import build
from media_files import silence, write_wav
from recordings import lecture_wav
from videochat.errors import TranscriptionError
from videochat.transcripts.engines.faster_whisper import FasterWhisper
from videochat.transcripts.engines.pocketsphinx import PocketSphinx
from videochat.transcripts.transcriber import Engine, EngineSpec, Options, Transcriber

SECONDS = 12


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lecture_wav(tmp_path_factory.mktemp("audio") / "lecture.wav", SECONDS)


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build(tmp_path_factory.mktemp("model") / "scripted", "the moon pulls the water of the sea"))


@pytest.fixture(params=["fake", "pocketsphinx", "faster-whisper"], scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def engine(name: str) -> Engine:
    engines: dict[str, Engine] = {
        "fake": FakeEngine(),
        "pocketsphinx": PocketSphinx(),
        "faster-whisper": FasterWhisper(),
    }
    return engines[name]


@pytest.fixture(scope="module")
def model(name: str, scripted: str) -> str:
    return {"fake": "steady", "pocketsphinx": "en-us", "faster-whisper": scripted}[name]


@pytest.fixture(scope="module")
def transcriber(engine: Engine, name: str, model: str) -> Transcriber:
    return engine.load(EngineSpec(name, model, device="cpu", threads=1))


def test_a_model_that_can_be_loaded_is_available_and_has_a_version(engine: Engine, model: str) -> None:
    """What was loaded is called available, and its version is the same each time."""
    assert engine.available(model)
    assert engine.version(model) == engine.version(model) != ""


def test_the_engine_is_called_what_the_settings_call_it(engine: Engine, name: str) -> None:
    """Entry point, STT__ENGINE and the engine's own name are one."""
    assert engine.name == name


def test_times_lie_inside_the_audio_and_in_order(transcriber: Transcriber, audio: Path) -> None:
    """Segments count from the start of the file, end after they begin, within the audio, one after the other."""
    segments = list(transcriber.transcribe(audio, Options(language="en")).segments)
    assert segments
    assert all(0 <= segment.start < segment.end <= SECONDS for segment in segments)
    assert all(before.start <= after.start for before, after in pairwise(segments))


def test_words_lie_inside_their_segment(transcriber: Transcriber, audio: Path) -> None:
    """Words come in order, inside their segment, and are the words of its text; confidence is a probability."""
    for segment in transcriber.transcribe(audio, Options(language="en")).segments:
        assert all(segment.start <= word.start <= word.end <= segment.end for word in segment.words)
        assert all(before.start <= after.start for before, after in pairwise(segment.words))
        assert segment.confidence is None or 0 <= segment.confidence <= 1
        assert all(word.text in segment.text for word in segment.words)


def test_the_language_is_reported_when_nobody_names_it(transcriber: Transcriber, audio: Path) -> None:
    """Every engine says what it took the recording for."""
    assert transcriber.transcribe(audio, Options()).language == "en"


def test_it_can_be_left_in_the_middle_and_used_again(transcriber: Transcriber, audio: Path) -> None:
    """Closing the segments after the first one harms nothing: the next window is heard whole."""
    whole = [segment.start for segment in transcriber.transcribe(audio, Options()).segments]
    segments = transcriber.transcribe(audio, Options()).segments
    next(segments)
    segments.close()
    assert [segment.start for segment in transcriber.transcribe(audio, Options()).segments] == whole


def test_real_engines_hear_nothing_in_silence(transcriber: Transcriber, name: str, tmp_path: Path) -> None:
    """A quiet room has no words, and no engine fails on it, whether or not it knows the language."""
    if name == "fake":
        return
    quiet = write_wav(tmp_path / "quiet.wav", silence(3))
    for language in ("en", None):
        assert list(transcriber.transcribe(quiet, Options(language=language)).segments) == []


def test_real_engines_refuse_what_is_no_audio(transcriber: Transcriber, name: str, tmp_path: Path) -> None:
    """A broken window is a TranscriptionError, not a crash, and does not name the file."""
    if name == "fake":
        return
    broken = tmp_path / "broken.flac"
    broken.write_bytes(b"this is no audio")
    with pytest.raises(TranscriptionError) as caught:
        list(transcriber.transcribe(broken, Options(language="en")).segments)
    assert "broken.flac" not in caught.value.message


def test_the_basic_recogniser_gets_most_words_of_a_clear_voice(audio: Path) -> None:
    """PocketSphinx really listens: nine in ten words of the lecture's beginning are heard, in their order."""
    transcriber = PocketSphinx().load(EngineSpec("pocketsphinx", "en-us"))
    heard = " ".join(segment.text for segment in transcriber.transcribe(audio, Options()).segments).split()
    said = re.findall(
        r"[a-z]+", (resources.files("videochat.sample") / "lecture.txt").read_text(encoding="utf-8").lower()
    )[: len(heard)]
    matched = sum(block.size for block in SequenceMatcher(a=said, b=heard, autojunk=False).get_matching_blocks())
    assert len(heard) > 2 * SECONDS
    assert matched >= 0.9 * len(said)


@pytest.mark.parametrize("tail", [0.005, 0.015, 0.025])
def test_whisper_survives_a_last_hundredth_of_a_second(scripted: str, tmp_path: Path, tail: float) -> None:
    """Audio that ends a moment after a 30 s frame neither fails nor invents a sentence in that moment."""
    audio = lecture_wav(tmp_path / "tail.wav", 31)
    samples = audio.read_bytes()[: 44 + int((30 + tail) * 16_000) * 2]
    audio.write_bytes(samples)
    transcriber = FasterWhisper().load(EngineSpec("faster-whisper", scripted, device="cpu", threads=1))
    segments = list(transcriber.transcribe(audio, Options(language="en", vad_filter=False)).segments)
    assert [segment.start for segment in segments][:1] == [0.0]
    assert all(segment.end - segment.start > 0.02 for segment in segments)
