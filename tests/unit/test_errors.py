"""Errors that were stored as code and message."""

from __future__ import annotations

import pytest

from videochat import errors
from videochat.errors import VideoChatError, stored


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("unsupported", errors.UnsupportedError),
        ("engine_crashed", errors.EngineCrashedError),
        ("media_cut_off", errors.MediaError),
        ("language_unknown", errors.TranscriptionError),
        ("poisoned", errors.PoisonedError),
    ],
)
def test_what_was_stored_is_the_error_again(code: str, kind: type[VideoChatError]) -> None:
    """By its code; a finer one keeps its name under the class that whoever reads it names, or that of media."""
    error = stored({"code": code, "message": "It broke."}, errors.TranscriptionError)
    assert (type(error), error.reason, error.message) == (kind, code, "It broke.")
