"""Alerts on a blackboard, which is a file: ALERTS__NOTIFY_URLS='["shout:///srv/board.txt"]'."""

import asyncio
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from videochat.errors import ConfigurationError, NotificationError
from videochat.ops.notifier import Notice


class Board:
    """Writes a line for each notice."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    def from_url(cls, url: str) -> Self:
        parts = urlsplit(url)
        if parts.scheme != "shout" or parts.netloc or not parts.path:
            raise ConfigurationError("shout:///path/of/a/file is expected.")  # never the address: it may hold a secret
        return cls(Path(parts.path))

    async def send(self, notice: Notice) -> None:
        try:
            await asyncio.to_thread(self._write, f"{notice.title.upper()}!\n")  # nothing may hold up the event loop
        except OSError as error:
            raise NotificationError(f"The board cannot be written: {error.strerror}.") from None  # is tried again

    def _write(self, line: str) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(line)
