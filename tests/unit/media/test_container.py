"""Probing and decoding, above all of files that mean harm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from media_files import (
    HOSTILE,
    RATE,
    cut_off,
    endless_silence,
    silence,
    speech_like,
    wav_header,
    with_late_sound,
    without_sound,
    write_audio,
    write_film,
    write_wav,
)
from videochat.errors import MediaError
from videochat.media.container import Samples, decode, probe, write_flac
from videochat.media.media import Limits

LIMITS = Limits()


def decoded(path: Path, limits: Limits = LIMITS) -> Samples:
    return np.concatenate(list(decode(path, limits)))


def test_a_film_with_sound(tmp_path: Path) -> None:
    """A film says what it is before it is decoded."""
    found = probe(write_film(tmp_path / "film", 3, speech_like(3)), LIMITS)
    assert (found.container, found.kind, found.mime) == ("mov", "video", "video/mp4")
    assert (found.audio_streams, found.video_streams, found.sample_rate, found.channels) == (1, 1, RATE, 1)
    assert found.duration == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize(
    ("container", "codec", "rate", "mime"),
    [
        ("wav", "pcm_s16le", 44_100, "audio/wav"),
        ("flac", "flac", 48_000, "audio/flac"),
        ("mp3", "libmp3lame", 22_050, "audio/mpeg"),
        ("ogg", "libopus", 48_000, "audio/ogg"),
        ("webm", "libopus", 48_000, "audio/webm"),
        ("matroska", "flac", 16_000, "audio/x-matroska"),
        ("adts", "aac", 32_000, "audio/aac"),
        ("ipod", "aac", 44_100, "audio/mp4"),
        ("aiff", "pcm_s16be", 16_000, "audio/aiff"),
    ],
)
def test_every_usual_container_decodes(tmp_path: Path, container: str, codec: str, rate: int, mime: str) -> None:
    """Whatever the container, codec and rate, the same two seconds come out at 16 kHz, as loud as they went in."""
    samples = speech_like(2)
    path = write_audio(tmp_path / "content", samples, container, codec, rate)
    found = probe(path, LIMITS)
    assert (found.mime, found.kind) == (mime, "audio")
    sound = decoded(path)
    assert sound.size / RATE == pytest.approx(2, abs=0.15)
    assert np.std(sound) == pytest.approx(np.std(samples), rel=0.1)


def test_blocks_are_small_and_the_report_is_right(tmp_path: Path) -> None:
    """Memory stays flat because blocks are about a second; the report adds them up."""
    decoding = decode(write_wav(tmp_path / "content", speech_like(7.5)), LIMITS)
    sizes = [block.size for block in decoding]
    assert max(sizes) <= 2 * RATE
    assert decoding.report.duration == sum(sizes) / RATE == pytest.approx(7.5, abs=0.01)
    assert decoding.report.declared == pytest.approx(7.5)
    assert decoding.report.invalid_packets == 0


def test_flac_windows_lose_nothing(tmp_path: Path) -> None:
    """What is written for the engines is sample for sample what was decoded, also when it is not a whole block."""
    samples = speech_like(2.345)
    write_flac(tmp_path / "0.flac", samples)
    assert np.array_equal(decoded(tmp_path / "0.flac"), samples)


@pytest.mark.parametrize(("name", "make"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_what_is_no_media_is_refused(tmp_path: Path, name: str, make: Callable[[Path], None]) -> None:
    """Neither probing nor decoding opens it or what it points to, and the message names no path and no library."""
    path = tmp_path / "film.mp4"
    make(path)
    for attempt in (lambda: probe(path, LIMITS), lambda: decoded(path)):
        with pytest.raises(MediaError) as caught:
            attempt()
        assert caught.value.reason in {"media_unreadable", "media_truncated"}
        assert str(tmp_path) not in caught.value.message
        assert "ffmpeg" not in caught.value.message.lower()


def test_a_film_without_sound_is_told_apart(tmp_path: Path) -> None:
    """It is media, and still there is nothing to transcribe."""
    path = tmp_path / "content"
    without_sound(path)
    assert probe(path, LIMITS).audio_streams == 0
    with pytest.raises(MediaError) as caught:
        decoded(path)
    assert caught.value.reason == "media_no_audio"


def test_a_film_that_is_cut_off_gives_what_is_there(tmp_path: Path) -> None:
    """An MP4 that ends in the middle is decoded up to there, and the report says how much is missing."""
    decoding = decode(cut_off(write_film(tmp_path / "film", 10, speech_like(10), front=True), 0.6), LIMITS)
    seconds = sum(block.size for block in decoding) / RATE
    assert 3 < seconds < 8
    assert decoding.report.declared == pytest.approx(10, abs=0.3)
    assert decoding.report.missing == pytest.approx(10 - seconds, abs=0.5)


@pytest.mark.parametrize(
    ("container", "codec"), [("wav", "pcm_s16le"), ("flac", "flac"), ("matroska", "flac"), ("ipod", "aac"), ("aiff", "pcm_s16be")]
)  # fmt: skip
def test_sound_that_is_cut_off_is_noticed(tmp_path: Path, container: str, codec: str) -> None:
    """Whatever says how long it is and ends earlier is missing the rest; whole, it is missing nothing."""
    options = {"movflags": "faststart"} if container == "ipod" else {}
    path = write_audio(tmp_path / "sound", speech_like(10), container, codec, options=options)
    whole = decode(path, LIMITS)
    assert sum(block.size for block in whole) / RATE == pytest.approx(10, abs=0.2)
    assert whole.report.missing == 0
    cut = decode(cut_off(path, 0.5), LIMITS)
    seconds = sum(block.size for block in cut) / RATE
    assert cut.report.missing == pytest.approx(10 - seconds, abs=0.5)


def test_a_wave_file_written_to_a_pipe_is_whole(tmp_path: Path) -> None:
    """Its header could not know the length and claims the most there is."""
    path = write_wav(tmp_path / "sound", speech_like(3))
    content = path.read_bytes()
    for claim in (0, 0x7FFFF024, 0xFFFFFFFF):
        path.write_bytes(
            content[:4] + claim.to_bytes(4, "little") + content[8:40] + claim.to_bytes(4, "little") + content[44:]
        )
        decoding = decode(path, LIMITS)
        assert sum(block.size for block in decoding) / RATE == pytest.approx(3, abs=0.1)
        assert decoding.report.missing == 0


@pytest.mark.parametrize(("container", "codec"), [("mp3", "libmp3lame"), ("adts", "aac"), ("ogg", "libopus")])
def test_a_guessed_length_is_no_promise(tmp_path: Path, container: str, codec: str) -> None:
    """Where FFmpeg guesses the length, a loud beginning makes it guess wrong: nothing is called missing."""
    sound = np.concatenate((speech_like(2), silence(28, noise=0)))
    path = write_audio(tmp_path / "sound", sound, container, codec)
    decoding = decode(path, LIMITS)
    assert sum(block.size for block in decoding) / RATE == pytest.approx(30, abs=0.3)
    assert decoding.report.missing == 0


@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_sound_may_end_before_the_pictures(tmp_path: Path, container: str) -> None:
    """A film that goes on in silence is whole."""
    path = write_film(tmp_path / "film", 10, speech_like(4), container=container)
    decoding = decode(path, LIMITS)
    assert sum(block.size for block in decoding) / RATE == pytest.approx(4, abs=0.3)
    assert decoding.report.missing == 0


def test_damaged_packets_are_left_out_and_times_stay_right(tmp_path: Path) -> None:
    """Bytes that were overwritten in the middle cost a moment of sound; what follows keeps its time."""
    samples = np.concatenate((speech_like(4), silence(4), speech_like(4)))
    path = write_audio(tmp_path / "content", samples, "matroska", "flac")
    damaged = bytearray(path.read_bytes())
    middle = len(damaged) // 4
    damaged[middle : middle + 6000] = b"\xff" * 6000
    path.write_bytes(damaged)
    sound = decoded(path)
    assert sound.size / RATE == pytest.approx(12, abs=0.3)
    assert np.std(sound[int(4.5 * RATE) : int(7.5 * RATE)]) < 20
    assert np.std(sound[int(8.5 * RATE) : int(11.5 * RATE)]) > 500


def test_missing_sound_at_the_start_keeps_the_times_of_the_film(tmp_path: Path) -> None:
    """Sound that begins two seconds after the picture is heard at two seconds."""
    film = write_film(tmp_path / "content", 5, speech_like(3))
    sound = decoded(with_late_sound(film, tmp_path / "late", 2.0))
    loud = np.flatnonzero(np.abs(sound.astype(np.int32)) > 1000)
    assert loud[0] / RATE == pytest.approx(2.0, abs=0.15)


def test_a_few_megabytes_cannot_become_hours(tmp_path: Path) -> None:
    """Eight hours of silence in a small file are refused at the limit, before they are decoded."""
    path = endless_silence(tmp_path / "content", 8)
    assert path.stat().st_size < 10_000_000
    with pytest.raises(MediaError) as caught:
        decoded(path, replace(LIMITS, max_seconds=120))
    assert caught.value.reason == "media_too_long"


def test_a_declared_length_is_not_believed_but_bounded(tmp_path: Path) -> None:
    """A file that says to be too long is refused when it is probed."""
    path = write_wav(tmp_path / "content", silence(5))
    with pytest.raises(MediaError) as caught:
        probe(path, replace(LIMITS, max_seconds=4))
    assert caught.value.reason == "media_too_long"


def test_decoding_takes_no_longer_than_allowed(tmp_path: Path) -> None:
    """The time is looked at between packets."""
    path = write_wav(tmp_path / "content", silence(5))
    with pytest.raises(MediaError) as caught:
        decoded(path, replace(LIMITS, max_work_seconds=0))
    assert caught.value.reason == "media_too_slow"


def test_a_header_without_sound_decodes_to_nothing(tmp_path: Path) -> None:
    """A sound stream without a sample is an error and no empty transcript."""
    path = tmp_path / "content"
    path.write_bytes(wav_header(data=b""))
    with pytest.raises(MediaError):
        decoded(path)


def test_many_channels_are_mixed(tmp_path: Path) -> None:
    """Eight channels, as mixing desks write them, become one; more than the limit are refused."""
    path = tmp_path / "content"
    path.write_bytes(wav_header(channels=8))
    assert decoded(path).size > 0
    with pytest.raises(MediaError, match="channels"):
        decoded(path, replace(LIMITS, max_channels=2))


def test_names_of_files_are_never_patterns_or_addresses(tmp_path: Path) -> None:
    """A name that looks like a protocol or a counter is a name."""
    for name in ("concat:a|b", "%03d", "http:example", "-i"):
        assert decoded(write_wav(tmp_path / name, speech_like(1))).size == RATE
