"""Engines behind entry points."""

from __future__ import annotations

import pytest

from fake_engine import FakeEngine
from videochat.errors import ConfigurationError
from videochat.transcripts.catalogue import engine_named, installed


def broken() -> FakeEngine:
    raise ImportError("libcuda.so")


def test_the_built_in_engines_come_in_through_entry_points() -> None:
    """Both engines of the package are found by the names that the settings use, and carry them."""
    catalogue = installed()
    assert {name: engine_named(name, catalogue).name for name in ("faster-whisper", "pocketsphinx")} == {
        "faster-whisper": "faster-whisper",
        "pocketsphinx": "pocketsphinx",
    }


def test_an_unknown_engine_is_answered_with_what_there_is() -> None:
    """The error names the setting and the choices."""
    with pytest.raises(ConfigurationError, match=r"STT__ENGINE.*'whisperx'.*auto, fake, other"):
        engine_named("whisperx", {"other": FakeEngine, "fake": FakeEngine})


def test_a_plugin_that_cannot_be_imported_is_named() -> None:
    """A broken plugin is a configuration error, and its inner message stays in the log."""
    with pytest.raises(ConfigurationError, match="'broken' is installed but cannot be loaded") as caught:
        engine_named("broken", {"broken": broken})
    assert "libcuda" not in caught.value.message
