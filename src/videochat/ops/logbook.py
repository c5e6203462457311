"""Reads the log files of this machine's processes, newest line first: backwards, in blocks, and never without end."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from videochat.errors import InvalidError
from videochat.ops.logfile import STAMP, log_files
from videochat.sections import MIB

LEVELS = ("debug", "info", "warning", "error", "critical")
BLOCK = 64 * 1024
LONGEST_LINE = 256 * 1024
MOST_READ = 16 * MIB  # half a second to a second of work for one thread
MOST_ANSWERED = 4 * MIB
# Threads may write in another order than they took the time, and a file's own time is a little behind.
DISORDER = timedelta(seconds=1)
EVER = datetime.min.replace(tzinfo=UTC)

Line = dict[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where a line stands among all: by time, then by file, then by its place in the file."""

    at: datetime
    file: str
    offset: int

    def __str__(self) -> str:
        return f"{self.at.isoformat().replace('+00:00', 'Z')}~{self.offset}~{self.file}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read what `str` wrote. Raises InvalidError."""
        at, _, rest = text.partition("~")
        offset, _, file = rest.partition("~")
        try:
            return cls(_moment(at), file, int(offset))
        except ValueError:
            raise InvalidError("`before` is what an earlier answer named.") from None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are asked for; what is None does not matter. `level` means this or worse."""

    level: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    request: str | None = None
    job: str | None = None
    text: str | None = None

    def takes(self, line: Line) -> bool:
        return (
            (self.level is None or _severity(line.get("level")) >= _severity(self.level))
            and (self.request is None or line.get("request_id") == self.request)
            and (self.job is None or line.get("job") == self.job)
            and (self.text is None or self.text.lower() in json.dumps(line, ensure_ascii=False).lower())
        )


@dataclass(frozen=True, slots=True)
class Found:
    """Lines, newest first, and where to go on. `complete` is False when so much was read that the search was given up."""

    lines: tuple[Line, ...]
    before: Position | None
    complete: bool


class _SpentError(Exception):
    """No more may be read."""


class _Budget:
    def __init__(self, left: int) -> None:
        self._left = left

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        """Read a piece of a file. Raises _SpentError."""
        if self._left <= 0:
            raise _SpentError
        self._left -= size
        return os.pread(descriptor, size, offset)


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    oldest: datetime
    newest: datetime


def read(folder: Path, wanted: Wanted, limit: int, before: Position | None = None, most: int = MOST_READ) -> Found:
    """Return the newest lines that are wanted and stand before a position; at most `most` bytes are looked at."""
    ends = [*([wanted.until] if wanted.until else []), *([before.at] if before else [])]
    end = min(ends, default=None)
    lines: list[Line] = []
    size, last = 0, None
    with closing(_merged(_files(folder, wanted.since, end), end, most)) as found:
        try:
            for position, line, length in found:
                if (before and position >= before) or (wanted.until and position.at > wanted.until):
                    continue
                if wanted.since and position.at < wanted.since:
                    break
                last = position
                if wanted.takes(line):
                    lines.append(line)
                    size += length
                    if len(lines) == limit or size > MOST_ANSWERED:
                        return Found(tuple(lines), position, complete=True)
        except _SpentError:
            return Found(tuple(lines), last, complete=False)
    return Found(tuple(lines), None, complete=True)


def _files(folder: Path, since: datetime | None, end: datetime | None) -> list[_File]:
    """Return the files that may hold lines of this time, that with the newest line last."""
    found = [
        _File(path, _started(path), datetime.fromtimestamp(stat.st_mtime, UTC) + DISORDER)
        for path, stat in log_files(folder)
    ]
    return sorted(
        (
            file
            for file in found
            if (since is None or file.newest >= since) and (end is None or file.oldest <= end + DISORDER)
        ),
        key=lambda file: file.newest,
    )


Numbered = tuple[Position, Line, int]


def _merged(waiting: list[_File], end: datetime | None, most: int) -> Generator[Numbered]:
    """Yield the lines of all files, newest first. A file is opened when its turn may have come, and few are at a time."""
    budget = _Budget(most)
    heads: list[tuple[Numbered, Iterator[Numbered]]] = []

    def advance(lines: Iterator[Numbered]) -> None:
        if (line := next(lines, None)) is not None:
            heads.append((line, lines))

    with ExitStack() as stack:
        while waiting or heads:
            newest = max(heads, key=lambda head: head[0][0], default=None)
            if waiting and (newest is None or waiting[-1].newest >= newest[0][0].at):
                advance(stack.enter_context(closing(_backwards(waiting.pop().path, end, budget))))
            elif newest is not None:
                yield newest[0]
                heads.remove(newest)
                advance(newest[1])


def _backwards(path: Path, end: datetime | None, budget: _Budget) -> Generator[Numbered]:
    """Yield the lines of a file from its end; whole ones only, and none that is not ours."""
    process = _process(path)
    at = None
    with suppress(FileNotFoundError), path.open("rb", buffering=0) as file:  # it may have been removed meanwhile
        for offset, raw in _raw_backwards(file.fileno(), _end(file.fileno(), end, budget), budget):
            parsed = _parsed(raw)
            if parsed is not None:
                own, line = parsed
                at = own if at is None else min(own, at)  # the order in the file is the order of what happened
                yield Position(at, path.name, offset), {**line, "process": process}, len(raw)


def _raw_backwards(descriptor: int, end: int, budget: _Budget) -> Iterator[tuple[int, bytes]]:
    start, rest = end, b""
    while start > 0:
        size = min(BLOCK, start)
        start -= size
        *whole, end_of_first = _split(budget.read(descriptor, size, start) + rest, start)
        yield from whole
        rest = end_of_first[1] if len(end_of_first[1]) <= LONGEST_LINE else b""
    yield 0, rest


def _split(block: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield where each line of the block begins, and the line, from the last to what may be the end of one."""
    end = start + len(block)
    for line in reversed(block.split(b"\n")):
        yield end - len(line), line
        end -= len(line) + 1


def _end(descriptor: int, moment: datetime | None, budget: _Budget) -> int:
    """Return a place behind which there are only lines after the moment, by halving: earlier lines need not be passed."""
    size = os.fstat(descriptor).st_size
    if moment is None:
        return size
    low, high = 0, size
    while high - low > BLOCK:
        middle = (low + high) // 2
        at = _first_moment(budget.read(descriptor, BLOCK, middle))
        if at is None or at <= moment + DISORDER:
            low = middle
        else:
            high = middle
    tail = budget.read(descriptor, BLOCK, high).partition(b"\n") if high < size else None
    return size if tail is None or not tail[1] else high + len(tail[0]) + 1


def _first_moment(block: bytes) -> datetime | None:
    for raw in block.split(b"\n")[1:]:
        if (parsed := _parsed(raw)) is not None:
            return parsed[0]
    return None


def _parsed(raw: bytes) -> tuple[datetime, Line] | None:
    """Return the time and the line, None when it is torn or no line of ours."""
    try:
        line = json.loads(raw)
        return _moment(line["timestamp"]), line
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _moment(text: str) -> datetime:
    """Raises ValueError also for a time without a zone, which compares with no other."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)


def _severity(level: object) -> int:
    return LEVELS.index(level) if level in LEVELS else LEVELS.index("info")


def _process(path: Path) -> str:
    """Return the process as `/api/ops/resources` names it."""
    role, _, rest = path.stem.partition("-")
    host, _, pid = rest.rpartition("-")[0].rpartition("-")
    return f"{role}@{host}:{pid}"


def _started(path: Path) -> datetime:
    try:
        return datetime.strptime(path.stem.rpartition("-")[2], STAMP).replace(tzinfo=UTC)
    except ValueError:
        return EVER
