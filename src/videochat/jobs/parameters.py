"""What a transcription job is to do, frozen when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from videochat.errors import InvalidError
from videochat.jobs.job import Job
from videochat.media.media import Media
from videochat.sections import SttSettings
from videochat.settings import Settings
from videochat.store.fingerprint import fingerprint

# What a person may choose for one job; the rest comes from the settings.
CHOICES = ("engine", "model", "language", "beam_size", "vad_filter", "hotwords")


@dataclass(frozen=True, slots=True)
class Parameters:
    """The speech settings of one job, its window lengths (first, later; seconds) and whether a model may be fetched.

    `link` is where its recording is fetched from first, None for what was uploaded.
    """

    stt: SttSettings
    windows: tuple[float, float]
    fetch: bool
    link: str | None = None

    @classmethod
    def of(cls, job: Job) -> Parameters:
        stored = job.parameters
        first, later = stored["windows"]
        return cls(SttSettings(**stored["stt"]), (first, later), stored["fetch"], stored.get("link"))

    def with_engine(self, engine: str, model: str) -> Parameters:
        return replace(self, stt=self.stt.model_copy(update={"engine": engine, "model": model}))


def freeze(settings: Settings, *, fetch: bool = True, **choices: Any) -> dict[str, Any]:
    """Return the parameters of a new job as JSON values. Raises InvalidError for a choice that does not fit."""
    wanted = {name: value for name, value in choices.items() if value is not None}
    assert wanted.keys() <= set(CHOICES)
    try:
        stt = SttSettings.model_validate({**settings.stt.model_dump(), **wanted})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidError(f"{first['loc'][0]}: {first['msg']}.") from None
    windows = [settings.jobs.first_window_seconds, settings.jobs.window_seconds]
    return {"stt": stt.model_dump(), "windows": windows, "fetch": fetch}


def of_speech(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return what of a job's parameters its transcript depends on: where the recording came from is not among it."""
    return {name: value for name, value in parameters.items() if name != "link"}


def work_of(media: Media, kind: str, parameters: dict[str, Any]) -> str:
    """Return the fingerprint of what a job will do: equal work on equal content has equal results, whoever asks."""
    return fingerprint("work", sha256=media.sha256, job=kind, parameters=parameters)
