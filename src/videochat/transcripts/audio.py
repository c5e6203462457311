"""A window's audio as engines want it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from videochat.errors import MediaError, TranscriptionError
from videochat.media.container import decode

Samples = NDArray[np.int16]


def read(audio: Path) -> Samples:
    """Return the file's 16 kHz mono samples. Raises TranscriptionError."""
    try:
        return np.concatenate(list(decode(audio)))
    except MediaError as error:
        raise TranscriptionError(f"The window's audio cannot be read: {error.message}") from error
