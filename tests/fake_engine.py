"""A speech engine for tests: its model's name says what it does, and a child process finds it as it finds any plugin."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import ClassVar

from harness.plugin import install_engine
from videochat.errors import EngineUnavailableError, TranscriptionError, UnsupportedError
from videochat.transcripts.segment import Segment, Word
from videochat.transcripts.transcriber import EngineSpec, Options, Recognition

SEGMENTS = 5
PACE = 0.1  # seconds of work for each segment


class FakeEngine:
    """Hears five segments of half a second, `PACE` apart, unless its model is told to misbehave."""

    name: ClassVar[str] = "fake"
    basic: ClassVar[bool] = False
    languages: ClassVar[frozenset[str] | None] = None
    only_model: ClassVar[str | None] = None

    def version(self, model: str) -> str:
        return "1"

    def available(self, model: str) -> bool:
        return True

    def fetch(self, model: str) -> None:
        match model:
            case "unknown":
                raise EngineUnavailableError("There is no such model.")
            case "stalled":
                time.sleep(60)
            case "crash":
                os._exit(3)

    def load(self, spec: EngineSpec) -> FakeTranscriber:
        if spec.model == "unloadable":
            raise EngineUnavailableError("The model cannot be loaded.")
        return FakeTranscriber(spec.model)


class FakeTranscriber:
    def __init__(self, model: str) -> None:
        self._model = model

    def transcribe(self, audio: Path, options: Options) -> Recognition:
        if options.language == "xx":
            raise UnsupportedError("This language is not known.", code="language_unknown")
        return Recognition(options.language or "en", self._segments())

    def _segments(self) -> Generator[Segment]:
        for n in range(SEGMENTS):
            if n == 2:
                self._misbehave()
            time.sleep(PACE)
            start, end = n * 0.5, n * 0.5 + 0.4
            yield Segment(start, end, f"part {n} {os.getpid()}", (Word(start, end, "part", 0.9),), confidence=0.9)

    def _misbehave(self) -> None:
        match self._model:
            case "crash":
                os._exit(3)
            case "bug":
                raise ZeroDivisionError
            case "loud":
                logging.getLogger("fake").warning("too loud")
            case "fail":
                raise TranscriptionError("The audio is too strange.")
            case "slow":
                time.sleep(60)


def install(folder: Path) -> str:
    """Install the engine `fake` into the folder, as pip would, and return the PYTHONPATH that finds it."""
    return install_engine(folder, FakeEngine.name, "fake_engine:FakeEngine", Path(__file__).parent)
