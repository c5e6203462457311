"""What could not be fetched a moment ago, remembered on disk: a command that runs for seconds must not find it out each time."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

# After a failed fetch the next jobs start at once with what there is.
RETRY_SECONDS = 300.0


class FailedFetches:
    """Failures of the last minutes on this machine; a file that cannot be read or written is as good as none."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock

    def recent(self, engine: str, model: str) -> str | None:
        """Return why the model could not be fetched, None when it may be tried again."""
        failure = self._read().get(_key(engine, model))
        return None if failure is None else failure[1]

    def note(self, engine: str, model: str, reason: str) -> None:
        failures = {**self._read(), _key(engine, model): (self._clock(), reason)}
        with contextlib.suppress(OSError):
            self._file.write_text(json.dumps(failures), encoding="utf-8")

    def _read(self) -> dict[str, tuple[float, str]]:
        try:
            stored = json.loads(self._file.read_text(encoding="utf-8"))
            failures = {str(key): (float(at), str(reason)) for key, (at, reason) in stored.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}
        now = self._clock()
        return {key: failure for key, failure in failures.items() if 0 <= now - failure[0] < RETRY_SECONDS}


def _key(engine: str, model: str) -> str:
    return f"{socket.gethostname()} {engine} {model}"  # machines that share the folder may have other networks
