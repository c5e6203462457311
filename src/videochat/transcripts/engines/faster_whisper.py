"""Whisper through faster-whisper and CTranslate2: good text in about a hundred languages, with punctuation.

The only file that names faster_whisper, ctranslate2 or huggingface_hub. The first two are imported when a model is
loaded: the web process, which only asks what there is, must not carry them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import huggingface_hub
import numpy as np
import structlog
from huggingface_hub.constants import HF_HUB_CACHE

from videochat.errors import EngineUnavailableError, TranscriptionError, UnsupportedError
from videochat.media.audio import FULL_SCALE
from videochat.ops.gpu import cublas_loads
from videochat.store.fingerprint import fingerprint
from videochat.transcripts.audio import read
from videochat.transcripts.segment import Segment, Word
from videochat.transcripts.transcriber import EngineSpec, Options, Recognition

log = structlog.get_logger(__name__)

# Where the models live on the hub, as faster-whisper's own table has it.
REPOSITORIES = {
    **{
        name: f"Systran/faster-whisper-{name}"
        for name in (
            "tiny", "tiny.en", "base", "base.en", "small", "small.en", "medium", "medium.en", "large-v1", "large-v2", "large-v3",
        )
    },
    **{
        f"distil-{name}": f"Systran/faster-distil-whisper-{name}"
        for name in ("small.en", "medium.en", "large-v2", "large-v3")
    },
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
    "large": "Systran/faster-whisper-large-v3",
    "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
}  # fmt: skip
FILES = ["config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*"]
# Without its own tokenizer.json faster-whisper would ask the network for one.
NEEDED = ("config.json", "model.bin", "tokenizer.json")
# Two frames of 10 ms are one step of the encoder; in less nothing can be said, and faster-whisper 1.2 fails on it.
STEP_FRAMES = 2
STEP_SECONDS = 0.02
# A firewall that swallows packets must not cost more than this.
REACH_SECONDS = 5.0


class FasterWhisper:
    """The engine behind STT__ENGINE=faster-whisper; a model is a size, a repository of the hub, or a folder."""

    name: ClassVar[str] = "faster-whisper"
    basic: ClassVar[bool] = False
    languages: ClassVar[frozenset[str] | None] = None
    only_model: ClassVar[str | None] = None

    def version(self, model: str) -> str:
        """Return the versions of library and model; a folder's is made of its files' names, sizes and times."""
        folder = _folder(model)
        if folder is None:
            return version("faster-whisper")
        if folder.parent.name == "snapshots":  # the hub's cache names the folder after the commit
            return f"{version('faster-whisper')}+{folder.name}"
        files = sorted((file.name, (stat := file.stat()).st_size, stat.st_mtime_ns) for file in folder.iterdir())
        return f"{version('faster-whisper')}+{fingerprint('model-folder', files=files)[:16]}"

    def available(self, model: str) -> bool:
        return _folder(model) is not None

    def fetch(self, model: str) -> None:
        """Download the model into the hub's cache on this disk."""
        if _folder(model) is not None:
            return
        repository = _repository(model)
        import_module("huggingface_hub.utils").disable_progress_bars()
        try:
            _reach(repository)
            huggingface_hub.snapshot_download(repository, allow_patterns=FILES)
        except (OSError, ValueError) as error:  # the hub's errors are among these
            log.warning("engine.fetch_failed", model=model, error=str(error))
            raise EngineUnavailableError(
                f"The model {model} cannot be fetched: the Hugging Face hub does not answer or does not know it. Connect to "
                "the network once, or set STT__MODEL to a folder that holds a faster-whisper model."
            ) from error

    def load(self, spec: EngineSpec) -> WhisperTranscriber:
        folder = _folder(spec.model)
        if folder is None:
            raise EngineUnavailableError(f"The model {spec.model} is not on this machine.")
        device, compute_type = _resolved(spec)
        try:
            model = import_module("faster_whisper").WhisperModel(
                str(folder), device=device, compute_type=compute_type, cpu_threads=spec.threads, local_files_only=True
            )
        except (RuntimeError, ValueError, OSError) as error:
            log.warning("engine.load_failed", model=spec.model, error=str(error))
            raise EngineUnavailableError(
                f"The model {spec.model} cannot be loaded on {device} as {compute_type}; check STT__MODEL, STT__DEVICE and "
                "STT__COMPUTE_TYPE."
            ) from error
        return WhisperTranscriber(model)


class WhisperTranscriber:
    """A loaded Whisper."""

    def __init__(self, model: Any) -> None:
        self._model = model
        model.find_alignment = partial(_align, model.find_alignment)

    def transcribe(self, audio: Path, options: Options) -> Recognition:
        self._check_language(options.language)
        samples = read(audio).astype(np.float32) / FULL_SCALE
        try:
            segments, info = self._model.transcribe(
                samples,
                language=options.language,
                beam_size=options.beam_size,
                vad_filter=options.vad_filter,
                hotwords=options.hotwords,
                word_timestamps=True,
                # One hallucination must not drag the next ones along.
                condition_on_previous_text=False,
            )
        except (RuntimeError, ValueError) as error:
            raise _failed(error) from error
        # The language of silence is a guess.
        language = info.language if info.duration_after_vad > 0 else options.language
        return Recognition(language, _converted(segments, info.duration))

    def _check_language(self, language: str | None) -> None:
        known = self._model.supported_languages
        if language is not None and language not in known:
            only = "only English" if known == ["en"] else "no such language"
            raise UnsupportedError(
                f"This model knows {only}: {language} is not supported. Choose another STT__MODEL or language."
            )


def _converted(segments: Iterable[Any], duration: float) -> Generator[Segment]:
    try:
        for segment in segments:
            converted = _segment(segment, duration)
            if converted.text and converted.end - converted.start > STEP_SECONDS:
                yield converted
    except RuntimeError as error:  # CTranslate2 raises nothing else, whatever happened
        raise _failed(error) from error


def _align(
    align: Callable[..., list[list[Any]]], tokenizer: Any, tokens: list[Any], encoded: Any, frames: int, **options: Any
) -> list[list[Any]]:
    """Find the words' times, none in what is left of a window after its last step (faster-whisper's issue 1342)."""
    return [[] for _ in tokens] if frames < STEP_FRAMES else align(tokenizer, tokens, encoded, frames, **options)


def _segment(segment: Any, duration: float) -> Segment:
    """Convert faster-whisper's segment; Whisper thinks in 30 s frames, so times past the end of the audio are cut."""

    def cut(seconds: float) -> float:
        return round(min(float(seconds), duration), 3)

    words = tuple(
        Word(cut(word.start), cut(word.end), word.word.strip(), round(float(word.probability), 4))
        for word in segment.words or ()
    )
    start = min(cut(segment.start), *(word.start for word in words)) if words else cut(segment.start)
    end = max(cut(segment.end), *(word.end for word in words)) if words else cut(segment.end)
    confidence = round(math.exp(min(0.0, segment.avg_logprob)), 4)
    return Segment(start, end, segment.text.strip(), words, confidence=confidence)


def _failed(error: Exception) -> TranscriptionError:
    log.warning("engine.failed", error=str(error))
    return TranscriptionError()


def _resolved(spec: EngineSpec) -> tuple[str, str]:
    """Return device and number format: what is fast without costing accuracy, unless the settings say otherwise."""
    device = spec.device
    if device != "cpu" and import_module("ctranslate2").get_cuda_device_count() > 0:
        if cublas_loads():
            device = "cuda"
        elif device == "auto":
            log.warning("engine.gpu_unused", reason="cuBLAS 12 is missing: install videochat[cuda]")
        else:
            raise EngineUnavailableError(
                "The GPU needs cuBLAS 12, which is missing: install videochat[cuda], or set STT__DEVICE to cpu."
            )
    device = "cpu" if device == "auto" else device
    if spec.compute_type != "default":
        return device, spec.compute_type
    return device, "float16" if device == "cuda" else "int8"


def _repository(model: str) -> str:
    if Path(model).expanduser().is_absolute() or Path(model).is_dir():
        raise EngineUnavailableError(
            f"The folder {model} holds no faster-whisper model ({', '.join(NEEDED)}): set STT__MODEL to one that does."
        )
    repository = model if "/" in model else REPOSITORIES.get(model)
    if repository is None:
        raise EngineUnavailableError(f"There is no model {model}; choose {', '.join(REPOSITORIES)}, or a folder.")
    return repository


def _folder(model: str) -> Path | None:
    """Return where the model lies on this disk: in the folder that was named, or in the hub's cache."""
    candidates = [Path(model).expanduser()]
    repository = model if "/" in model else REPOSITORIES.get(model)
    if repository is not None:
        cache = Path(HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
        revision = cache / "refs" / "main"
        if revision.is_file():
            candidates.append(cache / "snapshots" / revision.read_text(encoding="utf-8").strip())
    return next((folder for folder in candidates if all((folder / name).is_file() for name in NEEDED)), None)


def _reach(repository: str) -> None:
    """Return soon whether or not the hub answers. Raises OSError (also a time-out) and ValueError."""
    # Name resolution knows no time limit, so a thread waits for it; the process ends soon after a failure.
    probe = ThreadPoolExecutor(1).submit(
        huggingface_hub.snapshot_download, repository, allow_patterns=["config.json"], etag_timeout=REACH_SECONDS
    )
    probe.result(timeout=REACH_SECONDS)
