"""What faster-whisper's adapter decides before any model is loaded."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub
import pytest

from videochat.errors import EngineUnavailableError
from videochat.transcripts.engines import faster_whisper
from videochat.transcripts.engines.faster_whisper import FasterWhisper
from videochat.transcripts.transcriber import EngineSpec

FILES = ("config.json", "model.bin", "tokenizer.json")


def model_in(folder: Path, *files: str) -> Path:
    folder.mkdir(parents=True)
    for name in files:
        (folder / name).write_bytes(b"{}")
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a hub's cache that holds `tiny` and an interrupted download of `base`."""
    monkeypatch.setattr(faster_whisper, "HF_HUB_CACHE", str(tmp_path))
    for size, files in (("tiny", FILES), ("base", FILES[:1])):
        repository = tmp_path / f"models--Systran--faster-whisper-{size}"
        model_in(repository / "snapshots" / "c0ffee", *files)
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text("c0ffee")
    return tmp_path


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("tiny", True),
        ("Systran/faster-whisper-tiny", True),
        ("base", False),
        ("small", False),
        ("huge", False),
        ("../..", False),
    ],
)
def test_models_in_the_hub_s_cache_are_found(cache: Path, model: str, expected: bool) -> None:
    """A complete model counts, under its short or its full name; half a download and unknown names do not."""
    assert FasterWhisper().available(model) is expected


def test_a_folder_is_a_model_when_it_is_complete(tmp_path: Path) -> None:
    """All files that loading needs must be there: a missing tokenizer would be asked for on the network."""
    assert FasterWhisper().available(str(model_in(tmp_path / "whole", *FILES)))
    assert not FasterWhisper().available(str(model_in(tmp_path / "half", *FILES[:2])))


def test_the_version_follows_the_model(cache: Path, tmp_path: Path) -> None:
    """Another commit or another file is another version, so that old texts are not taken for new ones."""
    engine, folder = FasterWhisper(), model_in(tmp_path / "own", *FILES)
    assert engine.version("tiny").endswith("+c0ffee")
    before = engine.version(str(folder))
    (folder / "model.bin").write_bytes(b"better")
    assert engine.version(str(folder)) != before


def test_a_model_that_is_there_is_not_fetched(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network is touched for a model on the disk."""
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: pytest.fail("the network was asked"))
    FasterWhisper().fetch("tiny")


def test_a_hub_that_does_not_answer_is_an_error_with_advice(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the hub's client raises becomes one error that says what to do and shows no address."""

    def unreachable(*_: object, **__: object) -> None:
        raise OSError("https://secret-proxy:8080 refused")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(EngineUnavailableError, match="STT__MODEL to a folder") as caught:
        FasterWhisper().fetch("small")
    assert "secret-proxy" not in caught.value.message


def test_an_unknown_model_is_answered_with_what_there_is(cache: Path) -> None:
    """A typing error costs no network."""
    with pytest.raises(EngineUnavailableError, match="no model smal; choose tiny"):
        FasterWhisper().fetch("smal")


@pytest.mark.parametrize("model", ["small", "broken"])
def test_what_cannot_be_loaded_says_so(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    """A model that is missing, or whose files are broken, is an EngineUnavailableError."""
    model_in(tmp_path / "broken", *FILES)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EngineUnavailableError):
        FasterWhisper().load(EngineSpec("faster-whisper", model, device="cpu"))


@pytest.mark.parametrize(
    ("device", "gpus", "cublas", "expected"),
    [
        ("auto", 1, True, ("cuda", "float16")),
        ("auto", 1, False, ("cpu", "int8")),
        ("auto", 0, True, ("cpu", "int8")),
        ("cpu", 1, True, ("cpu", "int8")),
        ("cuda", 1, True, ("cuda", "float16")),
        ("cuda", 0, True, ("cuda", "float16")),
    ],
)
def test_a_gpu_is_used_when_all_that_it_needs_is_here(
    device: str, gpus: int, cublas: bool, expected: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver alone is not enough: without cuBLAS the first window would fail. What was asked for is tried in any case."""
    _machine(monkeypatch, gpus, cublas=cublas)
    assert faster_whisper._resolved(EngineSpec("faster-whisper", "tiny", device)) == expected


def test_a_gpu_that_was_asked_for_and_lacks_cublas_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install instead of failing at the first window."""
    _machine(monkeypatch, 1, cublas=False)
    with pytest.raises(EngineUnavailableError, match=r"videochat\[cuda\]"):
        faster_whisper._resolved(EngineSpec("faster-whisper", "tiny", "cuda"))


def _machine(monkeypatch: pytest.MonkeyPatch, gpus: int, *, cublas: bool) -> None:
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: gpus)
    monkeypatch.setattr(faster_whisper, "cublas_loads", lambda: cublas)
