"""Makes media for tests: speech-like sound with known silences, films, and files that mean harm."""

from __future__ import annotations

import struct
import wave
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE = 16_000
Samples = NDArray[np.int16]


def speech_like(seconds: float, *, seed: int = 0, level: float = 0.2) -> Samples:
    """Return a harmonic sound that swells four times a second, as syllables do."""
    t = np.arange(round(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 12))
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * t + seed)
    noise = np.random.default_rng(seed).normal(0, 0.02, t.size)
    return np.asarray((voice * syllables * 0.4 + noise) * level * 32767, dtype=np.int16)


def silence(seconds: float, *, noise: float = 3.0) -> Samples:
    """Return the faint hiss of a quiet room; `noise` is its standard deviation in steps of 16 bits."""
    return np.asarray(np.random.default_rng(1).normal(0, noise, round(seconds * RATE)), dtype=np.int16)


def talk(*lengths: float) -> Samples:
    """Return speech and silence in turn, beginning with speech, of these lengths in seconds."""
    pieces = [silence(length) if n % 2 else speech_like(length, seed=n) for n, length in enumerate(lengths)]
    return np.concatenate(pieces)


def write_wav(path: Path, samples: Samples) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return path


def write_audio(
    path: Path, samples: Samples, container: str, codec: str, rate: int = RATE, options: dict[str, str] | None = None
) -> Path:
    """Encode to any container and codec that PyAV knows."""
    with av.open(str(path), "w", format=container, options=options or {}) as output:
        _mux_sound(output, output.add_stream(codec, rate=rate, layout="mono"), samples, rate)
    return path


def write_film(
    path: Path, seconds: float, samples: Samples | None = None, *, front: bool = False, container: str = "mp4"
) -> Path:
    """Write a film of a moving bar, with sound if there is any; `front` puts the index before the data."""
    with av.open(str(path), "w", format=container, options={"movflags": "faststart"} if front else {}) as output:
        video = output.add_stream("mpeg4", rate=5)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = None if samples is None else output.add_stream("aac", rate=RATE, layout="mono")
        for n in range(round(seconds * 5)):
            picture = np.full((48, 64, 3), 40, dtype=np.uint8)
            picture[:, n % 64] = 220
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = n
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        if samples is not None:
            _mux_sound(output, sound, samples, RATE)
    return path


def cut_off(path: Path, share: float) -> Path:
    """Leave only the first part of a file, as an upload or a copy that broke off does."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def with_late_sound(source: Path, target: Path, seconds: float) -> Path:
    """Copy the packets of a film, the sound with later time stamps."""
    with av.open(str(source)) as film, av.open(str(target), "w", format="matroska") as output:
        streams = {stream.index: output.add_stream_from_template(stream) for stream in film.streams}
        for packet in film.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                shift = round(seconds / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
            packet.stream = streams[packet.stream.index]
            output.mux(packet)
    return target


def _mux_sound(output: av.container.OutputContainer, stream: object, samples: Samples, rate: int) -> None:
    resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate, frame_size=stream.frame_size or 1024)
    for start in range(0, samples.size, RATE):
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis, start : start + RATE], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, start
        for resampled in resampler.resample(frame):
            output.mux(stream.encode(resampled))
    for resampled in resampler.resample(None):
        output.mux(stream.encode(resampled))
    output.mux(stream.encode(None))


def wav_header(*, channels: int = 1, rate: int = RATE, data: bytes = b"\0" * 64_000) -> bytes:
    """Return a WAV file that claims to have so many channels and samples a second."""
    block = 2 * channels & 0xFFFF
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * block & 0xFFFFFFFF, block, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def endless_silence(path: Path, hours: float) -> Path:
    """Write hours of silence in a few megabytes: the same compressed frames over and over."""
    seed = write_audio(path.with_suffix(".seed"), np.zeros(RATE * 10, dtype=np.int16), "adts", "aac", 8000)
    path.write_bytes(seed.read_bytes() * round(hours * 360))
    return path


def without_sound(path: Path) -> None:
    write_film(path, 2)


def ffconcat(path: Path) -> None:
    """A script that makes a careless decoder read another file of this machine."""
    secret = write_wav(path.with_suffix(".secret.wav"), speech_like(1))
    path.write_text(f"ffconcat version 1.0\nfile '{secret.name}'\n")


def playlist(path: Path) -> None:
    """A playlist that makes a careless decoder open another file or address."""
    secret = write_wav(path.with_suffix(".secret.wav"), speech_like(1))
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n")


def without_index(path: Path) -> None:
    """An MP4 whose upload was cut off before the index at its end."""
    whole = write_film(path, 4, speech_like(4)).read_bytes()
    path.write_bytes(whole[: whole.rindex(b"moov") - 4])


def _bytes(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


HOSTILE: Sequence[tuple[str, Callable[[Path], None]]] = (
    ("text", _bytes(b"This is a letter, not a film.\n" * 50)),
    ("html", _bytes(b"<html><body><img src=x onerror=alert(1)></body></html>\n" * 20)),
    ("zeros", _bytes(b"\0" * 100_000)),
    ("noise", _bytes(np.random.default_rng(3).bytes(100_000))),
    ("ffconcat", ffconcat),
    ("playlist", playlist),
    ("65535 channels", _bytes(wav_header(channels=65_535))),
    ("1 Hz", _bytes(wav_header(rate=1))),
    ("no index", without_index),
)
