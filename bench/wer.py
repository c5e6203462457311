"""Word error rate of `videochat transcribe`, on the bundled lecture or on recordings whose words are known.

    python bench/wer.py [--engine E] [--model M] [RECORDING WORDS_FILE]...

Case and punctuation do not count. Prints one JSON line with the rate last.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from pathlib import Path
from typing import Any

from harness.recordings import LECTURE, LECTURE_WORDS
from harness.report import InvalidMeasureError, progress, publish, require
from harness.service import VIDEOCHAT, environment
from harness.words import Errors, count_errors, words_of
from videochat.errors import VideoChatError
from videochat.media.container import probe
from videochat.media.media import Limits

TARGET = 0.10
STARTING_SECONDS, SLOWEST = 900.0, 20.0  # a model may have to be fetched; then so many times the recording's length


@dataclass(frozen=True, slots=True)
class Spoken:
    """A recording, the words that are said in it, and its length in seconds."""

    path: Path
    words: list[str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What the product made of a recording, and in how many seconds."""

    engine: str
    model: str
    errors: Errors
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="pocketsphinx", help="STT__ENGINE (default: pocketsphinx)")
    parser.add_argument("--model", help="STT__MODEL")
    parser.add_argument("files", nargs="*", type=Path, metavar="RECORDING WORDS_FILE", help="default: the bundled lecture")  # fmt: skip
    given = parser.parse_args()
    if len(given.files) % 2:
        parser.error("each RECORDING needs its WORDS_FILE")
    publish(partial(measure, given.files or [LECTURE, LECTURE_WORDS], given.engine, given.model))


def measure(files: Sequence[Path], engine: str, model: str | None) -> dict[str, object]:
    """Transcribe each recording and add up the errors: long recordings weigh more, as is usual."""
    spoken = [read_spoken(*pair) for pair in zip(files[::2], files[1::2], strict=True)]
    settings = {"STT__ENGINE": engine} | ({"STT__MODEL": _findable(model)} if model else {})
    heard = [transcribe(recording, settings) for recording in spoken]
    errors = reduce(add, (one.errors for one in heard))
    return {
        "recording": ", ".join(recording.path.name for recording in spoken),
        "engine": heard[0].engine,
        "model": heard[0].model,
        "words": errors.words,
        "substitutions": errors.substitutions,
        "deletions": errors.deletions,
        "insertions": errors.insertions,
        "seconds_of_audio": round(sum(recording.seconds for recording in spoken), 1),
        "seconds": round(sum(one.seconds for one in heard), 1),
        "target": TARGET,
        "met": errors.rate <= TARGET,
        "wer": round(errors.rate, 4),
    }


def read_spoken(recording: Path, words_file: Path) -> Spoken:
    """Read the known words and how long the recording is. Raises InvalidMeasureError."""
    try:
        words = words_of(words_file.read_text(encoding="utf-8"))
        seconds = probe(recording, Limits()).duration
    except (OSError, UnicodeError, VideoChatError) as error:
        raise InvalidMeasureError(f"{recording.name}, {words_file.name}: {error}") from error
    require(bool(words), f"{words_file.name} holds no words")
    return Spoken(recording.absolute(), words, seconds or 0.0)


def transcribe(spoken: Spoken, settings: dict[str, str]) -> Heard:
    """Transcribe with the real command in an empty data folder, so that nothing is known from before."""
    progress(f"transcribing {spoken.path.name} ({spoken.seconds:.0f} s)")
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        transcript = _run_transcribe(spoken, Path(folder), settings)
    seconds = time.perf_counter() - started
    wanted = settings["STT__ENGINE"]
    require(wanted in {"auto", transcript["engine"]}, f"{transcript['engine']} listened instead of {wanted}")
    heard = " ".join(segment["text"] for segment in transcript["segments"])
    return Heard(transcript["engine"], transcript["model"], count_errors(spoken.words, words_of(heard)), seconds)


def _findable(model: str) -> str:
    """Return the model's name, or the full path of its folder: the command runs elsewhere."""
    return str(Path(model).absolute()) if Path(model).is_dir() else model


def _run_transcribe(spoken: Spoken, folder: Path, settings: dict[str, str]) -> dict[str, Any]:
    command = [*VIDEOCHAT, "transcribe", str(spoken.path), "-f", "json"]
    limit = STARTING_SECONDS + SLOWEST * spoken.seconds
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment(folder, settings), capture_output=True, text=True, timeout=limit, check=True
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        raise InvalidMeasureError(error.stderr.strip().splitlines()[-1]) from error
    except subprocess.TimeoutExpired as error:
        raise InvalidMeasureError(f"{spoken.path.name} took more than {limit:.0f} s") from error
    transcript: dict[str, Any] = json.loads(done.stdout)
    return transcript


if __name__ == "__main__":
    main()
