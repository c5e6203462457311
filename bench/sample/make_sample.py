"""Make the sample recording: slides, a spoken lecture, its exact words and their times.

    python bench/sample/make_sample.py [FOLDER]

Needs the program `flite` with its voice slt (Debian: apt install flite) and, beside the project's own PyAV and numpy, Pillow
(pip install pillow). The words were chosen so that a small offline recogniser gets them right.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from slides import SLIDES

RATE = 16_000
PAUSE = 0.45  # seconds between sentences
FRAMES_PER_SECOND = 5
TITLE = "The Colors of the Leaves"
QUESTION = "How does the tree make the red color?"
ANSWER = "The tree makes the red color from the sugar that remains in the leaves."

# What is said while each slide is shown.
LECTURE = (
    (
        "Welcome to this short lesson about the colors of the leaves.",
        "Every year the trees change from green to yellow and red.",
    ),
    (
        "The green color comes from one special chemical.",
        "The green chemical catches the light of the sun.",
        "With this energy the tree makes sugar from water and air.",
        "The tree lives on this sugar.",
    ),
    (
        "After the summer the days become shorter.",
        "Now the tree is getting ready for the winter.",
        "The tree takes back everything that it can still use.",
        "The green chemical is broken down first.",
    ),
    (
        "Now we can see the yellow color.",
        "It was always there, but the green was stronger.",
    ),
    (
        "The red color is different.",
        ANSWER,
        "Sunny days and cold nights produce the brightest colors.",
    ),
    (
        "The leaf dries out and falls to the ground.",
        "On the ground the leaves turn into new soil.",
        "Without leaves the tree can survive the winter.",
        "In the spring the story begins again.",
        "Thank you for listening.",
    ),
)

Samples = NDArray[np.int16]


def speak(sentence: str) -> Samples:
    """Return the sentence as spoken by flite, without the silence around it."""
    command = ["flite", "-voice", "slt", "--setf", "duration_stretch=1.1", "-t", sentence, "-o", "/dev/stdout"]
    spoken = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(spoken)) as file:
        assert file.getframerate() == RATE
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 150)
    return samples[loud[0] : loud[-1] + RATE // 50]


def lecture() -> tuple[Samples, list[dict[str, Any]], list[float]]:
    """Return the sound, the sentences with their times, and when each slide is to be shown."""
    pieces = [_pause()]
    sentences: list[dict[str, Any]] = []
    shown: list[float] = []
    position = pieces[0].size
    for said in LECTURE:
        shown.append(max(0.0, position / RATE - PAUSE / 2) if shown else 0.0)
        for sentence in said:
            spoken = speak(sentence)
            end = position + spoken.size
            sentences.append({"start": round(position / RATE, 2), "end": round(end / RATE, 2), "text": sentence})
            pieces += [spoken, _pause()]
            position = end + pieces[-1].size
    return _with_room_tone(np.concatenate(pieces)), sentences, shown


def _pause() -> Samples:
    return np.zeros(int(PAUSE * RATE), dtype=np.int16)


def _with_room_tone(samples: Samples) -> Samples:
    """Add the faint noise that every real recording has; digital silence upsets recognisers."""
    noise = np.random.default_rng(0).normal(0, 3, samples.size)
    return np.clip(samples + noise, -32768, 32767).astype(np.int16)


def write_mp4(path: Path, samples: Samples, shown: list[float]) -> None:
    """Write H.264 and AAC, which every browser plays."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        video.width, video.height, video.pix_fmt = 1280, 720, "yuv420p"
        video.options = {"crf": "26", "preset": "slow", "tune": "stillimage", "g": "25"}
        audio = container.add_stream("aac", rate=48_000, layout="mono")
        audio.bit_rate = 96_000
        for packet in _encoded(video, _frames(shown, samples.size / RATE)):
            container.mux(packet)
        for packet in _encoded(audio, _sound(samples)):
            container.mux(packet)


def _encoded(stream: Any, frames: Iterator[Any]) -> Iterator[Any]:
    for frame in frames:
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _frames(shown: list[float], duration: float) -> Iterator[av.VideoFrame]:
    pictures = [slide().finished() for slide in SLIDES]
    for n in range(int(duration * FRAMES_PER_SECOND) + 1):
        current = max(index for index, start in enumerate(shown) if start <= n / FRAMES_PER_SECOND + 0.1)
        frame = av.VideoFrame.from_ndarray(np.asarray(pictures[current]), format="rgb24")
        frame.pts = n
        yield frame


def _sound(samples: Samples) -> Iterator[av.AudioFrame]:
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=48_000, frame_size=1024)
    frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
    frame.sample_rate = RATE
    frame.pts = 0
    yield from resampler.resample(frame)
    yield from resampler.resample(None)


def main() -> None:
    default = Path(__file__).parents[2] / "src" / "videochat" / "sample"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    samples, sentences, shown = lecture()
    write_mp4(folder / "lecture.mp4", samples, shown)
    (folder / "lecture.txt").write_text("".join(f"{sentence['text']}\n" for sentence in sentences))
    about = {
        "title": TITLE,
        "question": QUESTION,
        "answer_words": ANSWER.lower().rstrip(".").split(),
        "sentences": sentences,
    }
    (folder / "lecture.json").write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
