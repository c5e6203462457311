"""Which speech engine listens: the one that was asked for, or the best one that works here and now."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import structlog

from videochat.errors import (
    ConfigurationError,
    EngineUnavailableError,
    NotFoundError,
    UnsupportedError,
    VideoChatError,
)
from videochat.sections import SttSettings
from videochat.transcripts.catalogue import Catalogue, engine_named, installed
from videochat.transcripts.fetches import RETRY_SECONDS, FailedFetches
from videochat.transcripts.host import fetch_in_child
from videochat.transcripts.transcriber import Engine, EngineSpec, Options

log = structlog.get_logger(__name__)

BASIC_LABEL = "basic offline recogniser"
AUTO = "auto"
PREFERRED = "faster-whisper"
FALLBACK = "pocketsphinx"
PLAIN = re.compile(r"[A-Za-z0-9][\w.-]{0,79}", re.ASCII)

Fetch = Callable[[str, str, float], Awaitable[None]]
HintCode = Literal["basic", "model_missing", "unusable"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """An engine that can be used now, with everything that its text depends on.

    `language` is what the engine will be told (None: recognise it), `hint` how to get a better engine, if there is one.
    """

    spec: EngineSpec
    version: str
    basic: bool
    language: str | None
    hint: str | None = None

    @property
    def engine(self) -> str:
        return self.spec.engine

    @property
    def model(self) -> str:
        return self.spec.model

    def options(self, stt: SttSettings) -> Options:
        """Return the options for a window under these settings."""
        return Options(self.language, stt.beam_size, stt.vad_filter, stt.hotwords)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Chosen:
        return cls(**{**value, "spec": EngineSpec(**value["spec"])})


@dataclass(frozen=True, slots=True)
class EngineDescription:
    """What a person should know about the engine in use.

    `hint` is for people who read English; for others `hint_code` says the same: this is the basic engine, the first
    transcription fetches the model, or nothing can listen. `better` are settings that get a better engine than the basic.
    """

    name: str
    model: str
    language: str | None
    basic: bool
    hint: str | None
    hint_code: HintCode | None = None
    better: dict[str, str] | None = None


class EngineChooser:
    """Chooses among the installed engines and remembers for some minutes which models could not be fetched.

    `failed` is what other processes remember. Only auto, which has a way out, trusts them: who asks for an engine may have
    connected the network meanwhile.
    """

    def __init__(
        self,
        catalogue: Catalogue | None = None,
        fetch: Fetch = fetch_in_child,
        clock: Callable[[], float] = time.monotonic,
        failed: FailedFetches | None = None,
    ) -> None:
        self._catalogue = installed() if catalogue is None else catalogue
        self._fetch = fetch
        self._clock = clock
        self._failed = failed
        self._fetching = asyncio.Lock()
        self._failures: dict[tuple[str, str], tuple[float, EngineUnavailableError]] = {}

    async def resolve(self, stt: SttSettings, language: str | None = None, *, fetch: bool, threads: int = 0) -> Chosen:
        """Return the engine for a recording in this language (None: STT__LANGUAGE, else unknown).

        With `fetch` a missing model is fetched within STT__FETCH_SECONDS. Raises ConfigurationError,
        EngineUnavailableError and UnsupportedError, each saying what to do.
        """
        language = base_language(language or stt.language)
        if stt.engine != AUTO:
            await self._ensure_model(stt.engine, stt, fetch=fetch)
            return self._chosen(stt.engine, stt, language, threads)
        name = await self._best(stt, fetch=fetch)
        return self._chosen(name, stt, language, threads)

    def describe(self, stt: SttSettings) -> EngineDescription:
        """Return what would listen now; neither network nor model is touched, and nothing is raised."""
        language = base_language(stt.language)
        try:
            name = self._best_on_disk(stt) if stt.engine == AUTO else stt.engine
            engine = engine_named(name, self._catalogue)
            model = _model(engine, stt)
            hint, code = self._hint(name, engine, stt), self._hint_code(engine, stt)
            better = _better(stt) if engine.basic else None
            return EngineDescription(name, model, language, engine.basic, hint, code, better)
        except VideoChatError as error:
            return EngineDescription(
                stt.engine, stt.model, language, basic=False, hint=error.message, hint_code="unusable"
            )

    def names(self, stt: SttSettings) -> list[str]:
        """Return the names of what can listen now: engines, and models on this disk that the settings name."""
        found: list[str] = []
        for name, engine in self._usable():
            if engine.available(_model(engine, stt)):
                found += [name] if engine.only_model else [name, stt.model]
        return [name for name in dict.fromkeys(found) if PLAIN.fullmatch(name)]

    def choices(self, name: str) -> dict[str, str]:
        """Return the settings with which the engine, or the model on this disk, of this name listens.

        Raises NotFoundError. A folder is no name: who asks over the network chooses none of this machine.
        """
        for engine_name, engine in self._usable() if PLAIN.fullmatch(name) else ():
            if name == engine_name:
                return {"engine": name}
            if engine.only_model is None and engine.available(name):
                return {"engine": engine_name, "model": name}
        raise NotFoundError(
            f"There is no speech model {name!r} here; `default` is the one that the service is set to.",
            code="model_not_found",
        )

    def _usable(self) -> Iterator[tuple[str, Engine]]:
        for name in self._catalogue:
            try:
                yield name, engine_named(name, self._catalogue)
            except ConfigurationError as error:  # a broken plugin; who asks for it by its setting is told
                log.warning("engine.unusable", engine=name, reason=error.message)

    def _chosen(self, name: str, stt: SttSettings, language: str | None, threads: int) -> Chosen:
        engine = engine_named(name, self._catalogue)
        _check_language(engine, stt, language)
        model = _model(engine, stt)
        only_language = next(iter(engine.languages)) if engine.languages and len(engine.languages) == 1 else None
        spec = EngineSpec(name, model, stt.device, stt.compute_type, threads)
        return Chosen(
            spec, engine.version(model), engine.basic, language or only_language, self._hint(name, engine, stt)
        )

    async def _best(self, stt: SttSettings, *, fetch: bool) -> str:
        try:
            await self._ensure_model(PREFERRED, stt, fetch=fetch)
        except EngineUnavailableError as error:
            log.info("engine.fallback", engine=FALLBACK, reason=error.message)
            return FALLBACK
        return PREFERRED

    def _best_on_disk(self, stt: SttSettings) -> str:
        return PREFERRED if engine_named(PREFERRED, self._catalogue).available(stt.model) else FALLBACK

    async def _ensure_model(self, name: str, stt: SttSettings, *, fetch: bool) -> None:
        """Return when the engine's model is on this disk. Raises EngineUnavailableError when it is not to be had."""
        engine = engine_named(name, self._catalogue)
        model = _model(engine, stt)
        async with self._fetching:
            if engine.available(model):
                return
            if not fetch or stt.fetch_seconds == 0:
                raise EngineUnavailableError(f"The model {model} of {name} is not on this machine. {_advice(stt)}")
            if self._failed and stt.engine == AUTO and (reason := self._failed.recent(name, model)):
                raise EngineUnavailableError(reason)
            await self._fetch_or_remember(name, model, stt.fetch_seconds)

    async def _fetch_or_remember(self, name: str, model: str, seconds: float) -> None:
        failed_at, error = self._failures.get((name, model), (None, None))
        if failed_at is not None and error is not None and self._clock() < failed_at + RETRY_SECONDS:
            raise EngineUnavailableError(error.message)
        try:
            await self._fetch(name, model, seconds)
        except EngineUnavailableError as failure:
            self._failures[name, model] = (self._clock(), failure)
            if self._failed:
                self._failed.note(name, model, failure.message)
            raise

    def _hint(self, name: str, engine: Engine, stt: SttSettings) -> str | None:
        if engine.basic:
            return f"This is a {BASIC_LABEL}. {_advice(stt)}"
        if not engine.available(_model(engine, stt)):
            return f"The model {stt.model} of {name} is not on this machine; the first transcription fetches it."
        return None

    def _hint_code(self, engine: Engine, stt: SttSettings) -> HintCode | None:
        if engine.basic:
            return "basic"
        return None if engine.available(_model(engine, stt)) else "model_missing"


def threads_for(stt: SttSettings, concurrency: int, cores: int) -> int:
    """Return the threads of one engine process when `concurrency` of them share the cores."""
    return stt.threads or max(1, cores // concurrency)


def base_language(language: str | None) -> str | None:
    """Return `en` for `en-US` or `EN_gb`: engines know languages, not regions."""
    return language.strip().lower().replace("_", "-").split("-")[0] or None if language else None


def _model(engine: Engine, stt: SttSettings) -> str:
    return engine.only_model or stt.model


def _check_language(engine: Engine, stt: SttSettings, language: str | None) -> None:
    if language is None or engine.languages is None or language in engine.languages:
        return
    known = ", ".join(sorted(engine.languages))
    label = BASIC_LABEL if engine.basic else f"engine {engine.name}"
    raise UnsupportedError(f"The {label} knows only the language {known}, not {language}. {_advice(stt)}")


def _better(stt: SttSettings) -> dict[str, str]:
    return {"STT__ENGINE": PREFERRED, "STT__MODEL": stt.model if "/" not in stt.model else "small"}


def _advice(stt: SttSettings) -> str:
    settings = " and ".join(f"{name}={value}" for name, value in _better(stt).items())
    return (
        f"For better text and other languages set {settings} while the network can be "
        "reached (the model is fetched once), or set STT__MODEL to a folder that holds a faster-whisper model."
    )
