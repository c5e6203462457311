"""The port of speech recognition: what an engine must be able to do, whoever wrote it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from videochat.transcripts.segment import Segment


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What identifies a loaded engine: two tasks with equal specs can share one.

    `model` is a name that the engine knows or a folder; `threads` 0 leaves the number to the engine.
    """

    engine: str
    model: str
    device: str = "auto"
    compute_type: str = "default"
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Options:
    """How one window is transcribed. `language` None asks the engine to recognise it."""

    language: str | None = None
    beam_size: int = 5
    vad_filter: bool = True
    hotwords: str | None = None


@dataclass(frozen=True, slots=True)
class Recognition:
    """What an engine hears in one window: the language, known at once, and the segments as they come.

    Closing `segments` in the middle is always allowed.
    """

    language: str | None
    segments: Generator[Segment]


class Transcriber(Protocol):
    """A loaded engine. It does one window at a time."""

    def transcribe(self, audio: Path, options: Options) -> Recognition:
        """Listen to a file of 16 kHz mono audio.

        Segments come in order, with times in seconds from the start of that file. Raises TranscriptionError and
        UnsupportedError, here or while the segments are read.
        """
        ...


class Engine(Protocol):
    """The class behind an entry point of the group `videochat.engines`, built without arguments.

    `basic` engines are named as such wherever their text shows. `languages` None means that the model decides.
    `only_model` is the model of an engine that has just one; None lets STT__MODEL choose.
    Importing the module and everything but `fetch` and `load` must be quick and light: the web process does it.
    """

    name: ClassVar[str]
    basic: ClassVar[bool]
    languages: ClassVar[frozenset[str] | None]
    only_model: ClassVar[str | None]

    def version(self, model: str) -> str:
        """Return what, beside the model's name, the text depends on: the library's and the model's version."""
        ...

    def available(self, model: str) -> bool:
        """Say whether the model is on this disk, fast and without any network."""
        ...

    def fetch(self, model: str) -> None:
        """Get the model, from the network if need be; may take minutes. Raises EngineUnavailableError."""
        ...

    def load(self, spec: EngineSpec) -> Transcriber:
        """Load the model into this process. Raises EngineUnavailableError and ConfigurationError."""
        ...
