"""A speech engine that takes a fixed time for every window, uses no processor meanwhile, and keeps a log of what it heard.

Its model's name is that time in seconds (STT__MODEL=0.5). Its text is a pure function of the window's samples, so that equal
audio gives equal text whichever process listened, and the log in the file PACED_LOG tells windows that were heard twice.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from zlib import crc32

from harness.plugin import install_plugin
from videochat.errors import ConfigurationError
from videochat.transcripts.audio import Samples, read
from videochat.transcripts.segment import Segment
from videochat.transcripts.transcriber import EngineSpec, Options, Recognition

RATE = 16_000
SEGMENT_SECONDS = 10
LOG = "PACED_LOG"


class Paced:
    """The engine behind STT__ENGINE=paced."""

    name: ClassVar[str] = "paced"
    basic: ClassVar[bool] = False
    languages: ClassVar[frozenset[str] | None] = None
    only_model: ClassVar[str | None] = None

    def version(self, model: str) -> str:  # noqa: ARG002  # the model's name says all
        return "1"

    def available(self, model: str) -> bool:  # noqa: ARG002
        return True

    def fetch(self, model: str) -> None:
        """Do nothing: there is no model."""

    def load(self, spec: EngineSpec) -> PacedTranscriber:
        try:
            return PacedTranscriber(float(spec.model))
        except ValueError:
            raise ConfigurationError("The model of the paced engine is a number of seconds.") from None


class PacedTranscriber:
    """Says the checksum of every ten seconds, evenly over the `seconds` that a window takes."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def transcribe(self, audio: Path, options: Options) -> Recognition:
        return Recognition(options.language or "en", self._segments(audio))

    def _segments(self, audio: Path) -> Generator[Segment]:
        began = time.monotonic()
        samples = read(audio)
        crc = crc32(samples)
        _note("begin", crc, began)
        segments = list(segments_of(samples))
        for k, segment in enumerate(segments, 1):
            time.sleep(max(0.0, began + self._seconds * k / len(segments) - time.monotonic()))
            yield segment
        _note("end", crc, time.monotonic())


def segments_of(samples: Samples) -> Iterator[Segment]:
    """Yield what the engine says about these 16 kHz samples; the words are their checksums."""
    step = SEGMENT_SECONDS * RATE
    for start in range(0, samples.size, step):
        piece = samples[start : start + step]
        yield Segment(start / RATE, (start + piece.size) / RATE, f"{crc32(piece):08x}")


def _note(moment: str, crc: int, when: float) -> None:
    """Add a line in one write, which no other process can tear apart."""
    if path := os.environ.get(LOG):
        with Path(path).open("ab", buffering=0) as file:
            file.write(f"{moment} {os.getpid()} {crc:08x} {when:.6f}\n".encode())


def install(folder: Path) -> dict[str, str]:
    """Install the engine, and the provider beside it, and return the variables with which processes find and log it."""
    targets = {"videochat.engines": "harness.paced:Paced", "videochat.providers": "harness.paced_answers:PacedAnswers"}
    path = install_plugin(folder, Paced.name, targets)
    return {"PYTHONPATH": path, LOG: str(folder / "paced.log"), "STT__ENGINE": Paced.name}


def windows_of_ten_seconds(engine_seconds: float, *, at_a_time: int) -> dict[str, str]:
    """Return settings under which each piece of `write_pieces` is a window for which the engine takes so long."""
    return {
        "STT__MODEL": str(engine_seconds),
        "JOBS__CONCURRENCY": str(at_a_time),
        "JOBS__FIRST_WINDOW_SECONDS": str(SEGMENT_SECONDS),
        "JOBS__WINDOW_SECONDS": str(SEGMENT_SECONDS),
    }


@dataclass(frozen=True, slots=True)
class Listening:
    """One time that a process listened to a window; `ended` is None while it does, and for ever when it was killed.

    `crc` names the window; the times are those of `time.monotonic()`, which all processes of a machine share.
    """

    pid: int
    crc: str
    began: float
    ended: float | None


@dataclass(frozen=True, slots=True)
class PacedLog:
    """What the engines have heard from a position of their log on."""

    path: Path
    position: int = 0

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> PacedLog:
        return cls(Path(variables[LOG]))

    def from_now(self) -> PacedLog:
        """Return the log without what it holds by now."""
        return PacedLog(self.path, self.path.stat().st_size if self.path.exists() else 0)

    def listenings(self) -> list[Listening]:
        """Return what was heard, in the order in which it began."""
        open_ones: dict[tuple[int, str], list[Listening]] = defaultdict(list)
        found: list[Listening] = []
        for moment, pid, crc, when in self._lines():
            if moment == "begin":
                open_ones[pid, crc].append(Listening(pid, crc, when, None))
            else:
                begun = open_ones[pid, crc].pop()
                found.append(Listening(pid, crc, begun.began, when))
        killed = [listening for listenings in open_ones.values() for listening in listenings]
        return sorted([*found, *killed], key=lambda listening: listening.began)

    @property
    def ended(self) -> int:
        """How many windows have been heard to their end; costs less than to read all."""
        if not self.path.exists():
            return 0
        with self.path.open("rb") as file:
            file.seek(self.position)
            return file.read().count(b"end ")

    def wait_for(self, windows: int, quiet_seconds: float) -> bool:
        """Wait until so many windows have been heard to their end, or until none more is for so long, and say which."""
        seen, since = self.ended, time.monotonic()
        while seen < windows and time.monotonic() < since + quiet_seconds:
            time.sleep(0.01)
            if (now := self.ended) > seen:
                seen, since = now, time.monotonic()
        return seen >= windows

    def wait(self, until: Callable[[Sequence[Listening]], bool], seconds: float) -> bool:
        """Wait until what was heard is so, and say whether it became so in time."""
        deadline = time.monotonic() + seconds
        while not (held := until(self.listenings())) and time.monotonic() < deadline:
            time.sleep(0.01)
        return held

    def _lines(self) -> Iterator[tuple[str, int, str, float]]:
        if not self.path.exists():
            return
        with self.path.open(encoding="ascii") as file:
            file.seek(self.position)
            for line in file:
                moment, pid, crc, when = line.split()
                yield moment, int(pid), crc, float(when)


def busy(listenings: Sequence[Listening]) -> list[Listening]:
    """Return those that have not ended, in the order in which they began."""
    return [listening for listening in listenings if listening.ended is None]


def repetitions(listenings: Sequence[Listening]) -> list[tuple[Listening, Listening]]:
    """Return each listening that repeats an earlier one, as (the one before, the repeated one)."""
    last: dict[str, Listening] = {}
    repeated = []
    for listening in listenings:
        if listening.crc in last:
            repeated.append((last[listening.crc], listening))
        last[listening.crc] = listening
    return repeated
