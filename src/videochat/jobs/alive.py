"""A file by which others see that a worker's event loop goes round: it has no port that could be asked."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path

from videochat.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class AliveFile:
    """Touched every so many seconds, also while the database is away or hangs: a worker that is started again would not mend it."""

    path: Path
    seconds: float

    def require(self) -> None:
        """Touch it for the first time. Raises ConfigurationError."""
        try:
            self.path.touch()
        except OSError as error:
            raise ConfigurationError(f"JOBS__ALIVE_FILE {self.path} cannot be touched ({error.strerror}).") from None

    async def keep_touching(self) -> None:
        while True:
            await asyncio.sleep(self.seconds)
            with contextlib.suppress(OSError):  # whoever looks sees how old it is
                self.path.touch()
