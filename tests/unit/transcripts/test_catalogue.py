"""Engines behind entry points."""

from __future__ import annotations

import pytest

from fake_engine import FakeEngine
from videochat.errors import ConfigurationError
from videochat.transcripts.catalogue import engine_named, installed


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
