"""What the user gave, as values that travel between stages."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from videochat.errors import MediaError

if TYPE_CHECKING:  # the decoder's process has no settings, and reading their module takes as long as all the rest
    from videochat.settings import Settings

Kind = Literal["video", "audio", "unknown"]
Status = Literal["expected", "stored", "processing", "ready", "failed"]

NAME_LENGTH = 200
UNNAMED = "unnamed"


@dataclass(frozen=True, slots=True)
class Media:
    """A recording of one owner. `size` is in bytes, `duration` in seconds (None: not known before it is decoded).

    While it is `expected` its content is still being fetched: kind, size and hash say nothing yet.
    """

    id: str
    owner: str
    name: str
    kind: Kind
    mime: str
    size: int
    sha256: str
    duration: float | None
    status: Status
    created_at: datetime

    @property
    def is_here(self) -> bool:
        """Whether its content has been received."""
        return self.status != "expected"


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of decoded audio, from `start` to `end` seconds of the recording; `speech` seconds of it sound like speech."""

    plan: str
    n: int
    start: float
    end: float
    blob: str
    speech: float


@dataclass(frozen=True, slots=True)
class Probe:
    """What a container says about itself before anything is decoded; `duration` is declared, in seconds."""

    container: str
    kind: Kind
    mime: str
    duration: float | None
    audio_streams: int
    video_streams: int
    sample_rate: int | None
    channels: int | None


@dataclass(frozen=True, slots=True)
class Cutting:
    """How long windows are meant to be, in seconds: the first one (text appears after it), the later ones, and the most."""

    first_seconds: float
    later_seconds: float
    max_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class AudioReport:
    """What came of decoding a recording once.

    `duration` (decoded) and `declared` are seconds, `missing` is how many of them the file promises at its end and does not
    hold, `invalid_packets` were damaged and left out, `count` is the number of windows, `peaks` are at most 2000 loudest
    samples (0–1) of equally long stretches.
    """

    duration: float
    declared: float | None
    invalid_packets: int
    count: int
    peaks: tuple[float, ...]
    missing: float = 0.0


class CutOffError(MediaError):
    """The file ends before the recording does."""

    code = "media_cut_off"

    def __init__(self, audio: AudioReport) -> None:
        whole = audio.duration + audio.missing
        super().__init__(
            f"The file is cut off: {audio.missing:.0f} of its {whole:.0f} seconds are missing at the end. "
            "What is there has been transcribed; for the rest add the whole file."
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """What a recording may cost: bytes kept, seconds decoded, seconds of work; and the audio that is believed at all."""

    max_bytes: int = 20 * 1024**3
    max_seconds: float = 24 * 3600.0
    max_work_seconds: float = 3600.0
    probe_seconds: float = 30.0
    max_channels: int = 32
    min_sample_rate: int = 4_000
    max_sample_rate: int = 768_000
    probe_bytes: int = 16 * 1024**2

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Take the limits that can be configured from the settings."""
        return cls(
            max_bytes=settings.server.max_upload_bytes,
            max_seconds=settings.media.max_duration_hours * 3600,
            max_work_seconds=settings.media.max_decode_seconds,
        )


def clean_name(name: str) -> str:
    """Return what a file is called, without the folders before it, as `clean_title` leaves it."""
    return clean_title(name.replace("\\", "/").rstrip("/").rpartition("/")[2])


def clean_title(name: str) -> str:
    """Return a name that is safe to show: 1–200 visible characters. It may hold a slash; `file_name` has none."""
    visible = "".join(character for character in name if unicodedata.category(character)[0] != "C")
    cut = _shortened(unicodedata.normalize("NFC", visible).strip())
    return UNNAMED if cut.strip(".") == "" else cut


def file_name(title: str) -> str:
    """Return the title as a name that a file may have: one path component."""
    return title.replace("/", "_").replace("\\", "_")


def _shortened(name: str) -> str:
    if len(name) <= NAME_LENGTH:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 10:
        return name[:NAME_LENGTH].rstrip()
    return f"{stem[: NAME_LENGTH - len(extension) - 1].rstrip()}.{extension}"
