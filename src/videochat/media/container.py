"""Containers and codecs: the only file that names PyAV, FFmpeg in a wheel.

Everything here works on hostile files: formats that can name other files or hosts (concat, hls, dash, …) are never opened,
nothing but local files can be reached, and channels, rates, decoded time and time spent are bounded. Errors say neither
paths nor what FFmpeg printed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import av.error
import av.logging
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from numpy.typing import NDArray

from videochat.errors import MediaError
from videochat.media.media import Kind, Limits, Probe

RATE = 16_000  # what speech engines expect
Samples = NDArray[np.int16]

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,"
    "mp3,flac,wav,w64,ogg,aac,amr,aiff,caf,au,ac3,eac3"
)  # fmt: skip
WEB_CODECS = frozenset({"vp8", "vp9", "av1", "opus", "vorbis"})  # what WebM may hold; else it is Matroska
MIME_TYPES = {
    "mov": "mp4", "matroska": "x-matroska", "webm": "webm", "avi": "x-msvideo", "mpegts": "mp2t", "mpeg": "mpeg",
    "flv": "x-flv", "asf": "x-ms-asf", "mp3": "mpeg", "flac": "flac", "wav": "wav", "w64": "wav", "ogg": "ogg", "aac": "aac",
    "amr": "amr", "aiff": "aiff", "caf": "x-caf", "au": "basic", "ac3": "ac3", "eac3": "eac3",
}  # fmt: skip

# Their headers say how long they are; for the others FFmpeg guesses from the bit rate or from what is there.
LENGTH_KNOWN = frozenset({"mov", "matroska", "avi", "flv", "asf", "flac", "wav", "w64", "aiff", "caf", "au"})
RIFF_UNKNOWN = 0x7FFFF000  # who writes WAV to a pipe claims this much or more, because it cannot go back and say
INEXACT_SECONDS, INEXACT_SHARE = 1.0, 0.001  # headers are rounded, and clocks drift

GAP_SECONDS = 0.1  # missing audio of more than this is filled with silence, so that times stay those of the recording
GAP_LIMIT = 60.0  # a jump of more than this, in a file that does not say how long it is, is a broken clock and no gap
FLAC_FRAME = (
    "4608"  # samples, the most that every player takes: FFmpeg's own choice costs reader and writer half as much again
)
BLOCK = RATE  # samples in a block: small enough for flat memory, large enough for numpy to pay

av.logging.set_level(None)


@dataclass(frozen=True, slots=True)
class DecodeReport:
    """How the decoding went, as `AudioReport` says it."""

    duration: float
    declared: float | None
    missing: float
    invalid_packets: int


def probe(path: Path, limits: Limits) -> Probe:
    """Read what the file says about itself, without decoding it.

    Errors: MediaError `media_unreadable` when it is no media, `media_too_long` when it says to be longer than allowed.
    """
    with _opened(path, limits) as container:
        videos = [stream for stream in container.streams.video if not _is_picture(stream)]
        audios = container.streams.audio
        if not videos and not audios:
            raise MediaError("The file holds neither sound nor moving pictures.")
        best = _best(container)
        if best is not None:
            _check_sound(best.codec_context.sample_rate, best.codec_context.channels, limits)
        return Probe(
            container=_format_name(container),
            kind="video" if videos else "audio",
            mime=_mime(container, "video" if videos else "audio"),
            duration=_declared(container, limits),
            audio_streams=len(audios),
            video_streams=len(videos),
            sample_rate=best.codec_context.sample_rate if best else None,
            channels=best.codec_context.channels if best else None,
        )


class Decoding:
    """One pass over the sound of a file: iterate over int16 blocks (16 kHz mono, one second each), then ask for the report.

    Errors while iterating: MediaError `media_unreadable`, `media_no_audio`, `media_truncated` (nothing could be decoded),
    `media_too_long`, `media_too_slow`.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        self._samples = 0
        self._declared: float | None = None
        self._end = _End()
        self._invalid = 0

    @property
    def report(self) -> DecodeReport:
        return DecodeReport(self._samples / RATE, self._declared, self._end.missing, self._invalid)

    def __iter__(self) -> Iterator[Samples]:
        with _opened(self._path, self._limits) as container:
            self._declared = _declared(container, self._limits)
            yield from _blocks(self._counted(self._sound(container)))
        if self._samples == 0:
            raise MediaError("No sound could be decoded; the file is cut off or damaged.", code="media_truncated")

    def _counted(self, pieces: Iterator[Samples]) -> Iterator[Samples]:
        deadline = time.monotonic() + self._limits.max_work_seconds
        for piece in pieces:
            self._samples += piece.size
            if self._samples > self._limits.max_seconds * RATE:
                raise _too_long(self._limits)
            if time.monotonic() > deadline:
                raise MediaError("Decoding takes too long; raise MEDIA__MAX_DECODE_SECONDS.", code="media_too_slow")
            yield piece

    def _sound(self, container: InputContainer) -> Iterator[Samples]:
        stream = _best(container)
        if stream is None:
            raise MediaError("The file has no sound, so there is nothing to transcribe.", code="media_no_audio")
        _check_sound(stream.codec_context.sample_rate, stream.codec_context.channels, self._limits)
        clock = _Clock((container.start_time or 0) / av.time_base, self._declared)
        resampler = _Resampler()
        for frame in self._frames(container, stream):
            _check_sound(frame.sample_rate, frame.layout.nb_channels, self._limits)
            yield from _silence(clock.gap_before(frame))
            yield from resampler.resample(frame)
        yield from resampler.rest()

    def _frames(self, container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
        for packet in self._packets(container, stream):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                self._invalid += 1
                continue
            yield from frames

    def _packets(self, container: InputContainer, stream: AudioStream) -> Iterator[Packet[AudioStream]]:
        """Yield the sound's packets to the end of the file, however damaged it is; a file that is cut off just ends."""
        self._end = _End.of(container, stream, cut_bytes=_riff_bytes_missing(self._path))
        while True:
            try:
                for packet in container.demux(self._end.streams):
                    self._end.see(packet)
                    if packet.stream_index == stream.index:
                        yield cast("Packet[AudioStream]", packet)
            except av.error.FFmpegError:
                self._invalid += 1
                if self._invalid > 1000:
                    return
            else:
                return


def decode(path: Path, limits: Limits | None = None) -> Decoding:
    """Decode the best audio stream of the file to 16 kHz mono; iterate over the result, then read its `report`."""
    return Decoding(path, limits or Limits())


def write_flac(path: Path, samples: Samples) -> None:
    """Write 16 kHz mono samples as FLAC, which every speech engine reads and which loses nothing."""
    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=RATE, layout="mono", options={"frame_size": FLAC_FRAME})
        for start in range(0, samples.size, BLOCK):
            frame = AudioFrame.from_ndarray(samples[np.newaxis, start : start + BLOCK], format="s16", layout="mono")
            frame.sample_rate = RATE
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


class _Resampler:
    """To 16 kHz mono int16, also when a stream changes its format in the middle."""

    def __init__(self) -> None:
        self._resampler: AudioResampler | None = None
        self._shape: tuple[int, str, str] | None = None

    def resample(self, frame: AudioFrame) -> Iterator[Samples]:
        shape = (frame.sample_rate, frame.format.name, frame.layout.name)
        if shape != self._shape:
            yield from self.rest()
        if self._resampler is None:
            self._resampler, self._shape = AudioResampler(format="s16", layout="mono", rate=RATE), shape
        frame.pts = None  # the clock keeps the time; the resampler would try to mend jumps by itself
        for resampled in self._resampler.resample(frame):
            yield _flat(resampled)

    def rest(self) -> Iterator[Samples]:
        """Give what the filter still holds."""
        if self._resampler is not None:
            for resampled in self._resampler.resample(None):
                yield _flat(resampled)
        self._resampler = None


class _Clock:
    """Compares the samples so far with the time stamps, so that missing sound does not shift what follows."""

    def __init__(self, origin: float, declared: float | None) -> None:
        self._origin = origin
        self._declared = declared
        self._position = 0.0

    def gap_before(self, frame: AudioFrame) -> float:
        """Return the seconds of sound that are missing before the frame, 0 when its time stamp cannot be believed."""
        missing = 0.0 if frame.time is None else frame.time - self._origin - self._position
        gap = missing if missing > GAP_SECONDS and self._plausible(missing) else 0.0
        self._position += gap + frame.samples / frame.sample_rate
        return gap

    def _plausible(self, missing: float) -> bool:
        if self._declared is None:
            return missing <= GAP_LIMIT
        return self._position + missing <= self._declared + 1.0


@dataclass(slots=True)
class _End:
    """Whether a file goes on to where its header says it ends: sound may end before the pictures do.

    Where the header tells how long the sound is, only that counts; else any of the `streams` may reach the end.
    """

    promised: float = 0.0
    reached: float = 0.0
    streams: tuple[Stream, ...] = ()

    @classmethod
    def of(cls, container: InputContainer, sound: AudioStream, *, cut_bytes: int = 0) -> _End:
        if container.format.name.split(",")[0] not in LENGTH_KNOWN:
            return cls(streams=(sound,))
        if sound.duration and sound.time_base:
            promised = float(((sound.start_time or 0) + sound.duration) * sound.time_base)
            cut = cut_bytes * 8 / sound.codec_context.bit_rate if sound.codec_context.bit_rate else 0.0
            return cls(promised + cut, streams=(sound,))
        pictures = [video for video in container.streams.video if not _is_picture(video)]
        promised = ((container.start_time or 0) + (container.duration or 0)) / av.time_base
        return cls(promised, streams=(sound, *pictures))

    def see(self, packet: Packet[Stream]) -> None:
        if packet.pts is not None and packet.time_base is not None:
            self.reached = max(self.reached, float((packet.pts + (packet.duration or 0)) * packet.time_base))

    @property
    def missing(self) -> float:
        """Seconds at the end that are promised and not there."""
        missing = self.promised - self.reached
        return missing if missing > INEXACT_SECONDS + INEXACT_SHARE * self.promised else 0.0


def _riff_bytes_missing(path: Path) -> int:
    """Return how many bytes the header of a WAV file promises beyond its end; FFmpeg takes the file's size instead."""
    with path.open("rb") as file:
        head = file.read(12)
        there = file.seek(0, 2)
    size = int.from_bytes(head[4:8], "little")
    if head[:4] != b"RIFF" or head[8:] != b"WAVE" or size >= RIFF_UNKNOWN:
        return 0
    return max(0, 8 + size - there)


def _silence(seconds: float) -> Iterator[Samples]:
    missing = round(seconds * RATE)
    while missing > 0:
        yield np.zeros(min(missing, BLOCK), dtype=np.int16)
        missing -= BLOCK


def _blocks(pieces: Iterator[Samples]) -> Iterator[Samples]:
    """Join small pieces to blocks of one second."""
    held: list[Samples] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += piece.size
        if count >= BLOCK:
            yield np.concatenate(held)
            held, count = [], 0
    if count:
        yield np.concatenate(held)


def _flat(frame: AudioFrame) -> Samples:
    return cast("Samples", frame.to_ndarray()).reshape(-1)


@contextmanager
def _opened(path: Path, limits: Limits) -> Iterator[InputContainer]:
    options = {
        "format_whitelist": FORMATS,
        "protocol_whitelist": "file",
        "probesize": str(limits.probe_bytes),
        "analyzeduration": "10000000",  # microseconds of media
    }
    try:
        with av.open(f"file:{path.absolute()}", container_options=options, metadata_errors="replace") as container:
            yield container
    except av.error.FFmpegError:
        raise MediaError(
            "The file cannot be read as audio or video: it is damaged, incomplete or of another kind."
        ) from None


def _best(container: InputContainer) -> AudioStream | None:
    """Return the audio stream that players choose: the default one, else the first that can be decoded."""
    usable = [stream for stream in container.streams.audio if stream.codec_context is not None]
    default = [stream for stream in usable if stream.disposition & Disposition.default]
    return next(iter(default + usable), None)


def _check_sound(sample_rate: int, channels: int, limits: Limits) -> None:
    if not limits.min_sample_rate <= sample_rate <= limits.max_sample_rate:
        raise MediaError(f"The sound has a sample rate of {sample_rate} Hz, which no recording has.")
    if not 1 <= channels <= limits.max_channels:
        raise MediaError(f"The sound has {channels} channels; at most {limits.max_channels} are supported.")


def _declared(container: InputContainer, limits: Limits) -> float | None:
    if container.duration is None or container.duration <= 0:
        return None
    seconds: float = container.duration / av.time_base
    if seconds > limits.max_seconds:
        raise _too_long(limits)
    return seconds


def _too_long(limits: Limits) -> MediaError:
    hours = limits.max_seconds / 3600
    return MediaError(
        f"The recording is longer than {hours:g} hours; split it or raise MEDIA__MAX_DURATION_HOURS.",
        code="media_too_long",
    )


def _is_picture(stream: Stream) -> bool:
    """Say whether a video stream is the cover of an album."""
    return bool(stream.disposition & Disposition.attached_pic)


def _format_name(container: InputContainer) -> str:
    names = container.format.name.split(",")
    if "webm" in names:
        codecs = {stream.codec_context.name for stream in (*container.streams.video, *container.streams.audio)}
        return "webm" if codecs <= WEB_CODECS else "matroska"
    return str(names[0])


def _mime(container: InputContainer, kind: Kind) -> str:
    return f"{kind}/{MIME_TYPES.get(_format_name(container), 'octet-stream')}"
