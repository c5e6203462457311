"""Log lines in files: each process appends to files of its own, and all of them together stay within bounds.

A file is never renamed, so that whoever reads it finds again where it was: when it is full, the next one begins.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from videochat.sections import MIB
from videochat.settings import Settings

SUFFIX = ".jsonl"
FILE_BYTES = 8 * MIB
RETRY_SECONDS = 30.0
STAMP = "%Y%m%dT%H%M%S%fZ"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much log files may hold: bytes of all together, and days of each."""

    folder: Path
    most_bytes: int
    keep_days: float

    @classmethod
    def of(cls, settings: Settings) -> Bounds:
        return cls(settings.data_dir / "logs", settings.log.max_bytes, settings.log.keep_days)

    @property
    def file_bytes(self) -> int:
        """How large one file grows: small beside the whole, so that little is lost when the oldest goes."""
        return min(FILE_BYTES, self.most_bytes // 8)


class LogFile:
    """A stream of lines into files of this process; what cannot be written is counted, said once, and tried again later.

    Nobody waits for the disk: what a crash of the machine takes along is on stderr too.
    """

    def __init__(self, bounds: Bounds, process: str) -> None:
        self._bounds = bounds
        self._process = process
        self._descriptor = -1
        self._size = 0
        self._lost = 0
        self._retry_at = 0.0

    def write(self, line: str) -> None:
        """Append a whole line. Called by a handler of logging, which lets one thread in at a time."""
        if self._lost and time.monotonic() < self._retry_at:
            self._lost += 1
            return
        try:
            self._append(line.encode(errors="replace"))
        except OSError as error:
            self._lose(error)
            return
        if self._lost:
            lost, self._lost = self._lost, 0
            log.warning("Log files can be written again; they lack %d lines.", lost)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def _append(self, line: bytes) -> None:
        if self._descriptor < 0 or self._size + len(line) > self._bounds.file_bytes or self._is_gone():
            self._begin()
        if os.write(self._descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += len(line)

    def _begin(self) -> None:
        """Begin a file, with room for it."""
        self.close()
        self._bounds.folder.mkdir(parents=True, exist_ok=True)
        prune(self._bounds)
        path = self._bounds.folder / f"{self._process}-{datetime.now(UTC).strftime(STAMP)}{SUFFIX}"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
        self._size = 0

    def _is_gone(self) -> bool:
        """Say whether somebody removed the file: an idle process's may be the oldest of all."""
        return os.fstat(self._descriptor).st_nlink == 0

    def _lose(self, error: OSError) -> None:
        self.close()  # the line may be torn, and the next one must not be glued to it
        first = self._lost == 0
        self._lost += 1
        self._retry_at = time.monotonic() + RETRY_SECONDS
        if first:  # comes back here and is passed over; other handlers say it
            log.warning("Log files cannot be written (%s); lines are on stderr only.", error.strerror)


def log_files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the log files there are."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(SUFFIX):
                with suppress(OSError):  # another process removes files too
                    yield Path(entry.path), entry.stat(follow_symlinks=False)


def prune(bounds: Bounds) -> int:
    """Remove what is too old and the oldest of what is too much, and return how many files went."""
    newest_first = sorted(log_files(bounds.folder), key=lambda file: file[1].st_mtime, reverse=True)
    oldest = time.time() - bounds.keep_days * 86400
    room = bounds.most_bytes - bounds.file_bytes  # for the file that is about to grow
    removed = 0
    for path, stat in newest_first:
        room -= stat.st_size
        if room < 0 or stat.st_mtime < oldest:
            with suppress(OSError):
                path.unlink()
                removed += 1
    return removed
