"""Writes a backup while the service runs: the rows of one moment, then the blobs that they speak of.

A blob is stored before its row and removed after it, so only what is deleted during the backup can be missing. What is only
about processes that live stays behind: it would be wrong anywhere else.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, ColumnElement, Table, Text, cast, null, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from videochat import __version__
from videochat.errors import ConflictError, InvalidError, NotFoundError, StorageError
from videochat.store.access_tables import AttemptRow, SessionRow
from videochat.store.archive import FORMAT, START, ArchiveWriter, Seal, Start, as_json, new_file
from videochat.store.blob import Blobs, content_key, content_of
from videochat.store.migrate import newest_revision
from videochat.store.session import Database
from videochat.store.tables import (
    AlertEventRow,
    AlertRow,
    Base,
    ChoreRow,
    MediaRow,
    PointRow,
    ReportRow,
    WindowRow,
    WorkerRow,
)

OF_PROCESSES = frozenset(
    row.__tablename__
    for row in (WorkerRow, ReportRow, PointRow, ChoreRow, AlertRow, AlertEventRow, SessionRow, AttemptRow)
)
TABLES: tuple[Table, ...] = tuple(
    table for table in Base.metadata.sorted_tables if table.name not in OF_PROCESSES
)  # fmt: skip  # in an order in which each refers only to those before it
LEASES = {"tasks": "worker"}  # columns that say which process has something: nobody has it after a restore
PART_BYTES = 1024 * 1024  # of rows, as JSON
ROWS_AT_A_TIME = 50  # one can be a megabyte

Told = Callable[[str, float], None]  # what is done, and which share of it


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup holds. `lost` are the keys of recordings that are in the database, yet not in the blob store."""

    rows: dict[str, int]
    blobs: int
    blob_bytes: int
    lost: list[str]


async def back_up(database: Database, blobs: Blobs, target: Path, told: Told) -> BackedUp:
    """Write everything that is remembered into a new file, whole or not at all.

    Raises InvalidError for a target that is there already, StorageError, StorageFullError.
    """
    _check_target(target)
    async with new_file(target) as file:
        archive = ArchiveWriter(file, str(target))
        async with database.snapshot() as session:
            await archive.add(START, as_json(await _start(session)))
            rows = {}
            for n, table in enumerate(TABLES):
                told("reading the database", n / len(TABLES))
                rows[table.name] = await _write_rows(session, table, archive)
            keys = await _keys(session)
        told("reading the database", 1.0)
        copier = _Copier(blobs, archive, told)
        missing = await copier.copy(keys)
        lost = await copier.copy(await _still_used(database, missing))
        left_out = [key for key in missing if key not in copier.done and key not in lost]
        count, size = len(copier.done), sum(copier.done.values())
        await archive.finish(Seal("", rows, count, size, left_out))
    return BackedUp(rows, count, size, lost)


def _check_target(target: Path) -> None:
    if target.exists():
        raise InvalidError(f"{target} exists already: give another name, or remove it first.")
    if not target.parent.is_dir():
        raise StorageError(f"{target} cannot be written: there is no folder {target.parent}.")


async def _start(session: AsyncSession) -> Start:
    schema = await session.scalar(text("SELECT version_num FROM alembic_version"))
    if schema != newest_revision():  # it would lack what only the later version knows of
        raise ConflictError("A later version of VideoChat has changed the database: back it up with that version.")
    return Start(FORMAT, str(schema), __version__, datetime.now(UTC).isoformat(timespec="seconds"))


async def _write_rows(session: AsyncSession, table: Table, archive: ArchiveWriter) -> int:
    count = part = size = 0
    lines: list[str] = []

    async def flush() -> None:
        content = gzip.compress("".join(lines).encode(), compresslevel=6, mtime=0)
        await archive.add(f"tables/{table.name}/{part:07}.jsonl.gz", content)

    query = select(*_selected(table)).order_by(*table.primary_key)
    async for row in await session.stream(query, execution_options={"yield_per": ROWS_AT_A_TIME}):
        line = _line(table, row)
        lines.append(line)
        count, size = count + 1, size + len(line)
        if size >= PART_BYTES:
            await flush()
            lines, part, size = [], part + 1, 0
    if lines:
        await flush()
    return count


def _selected(table: Table) -> list[ColumnElement[Any]]:
    """Return what to read of each column: JSON as the text that it is, because parsing it would cost most of the time."""
    leased = LEASES.get(table.name)
    return [
        null() if column.name == leased else cast(column, Text) if isinstance(column.type, JSON) else column
        for column in table.columns
    ]


def _line(table: Table, row: Sequence[Any]) -> str:
    values = (
        value if isinstance(column.type, JSON) and value is not None else json.dumps(value, default=_as_text)
        for column, value in zip(table.columns, row, strict=True)
    )
    fields = ",".join(f'"{name}":{value}' for name, value in zip(table.columns.keys(), values, strict=True))
    return f"{{{fields}}}\n"


async def _keys(session: AsyncSession) -> list[str]:
    contents = await session.scalars(
        select(MediaRow.sha256).where(MediaRow.status != "expected").distinct().order_by(MediaRow.sha256)
    )
    windows = await session.scalars(select(WindowRow.blob).distinct().order_by(WindowRow.blob))
    return [*(content_key(sha256) for sha256 in contents), *windows]


async def _still_used(database: Database, missing: Collection[str]) -> list[str]:
    """Return those of the keys that are recordings which nobody has deleted; windows can be cut again."""
    contents = {content_of(key): key for key in missing if key == content_key(content_of(key))}
    async with database.read() as session:
        used = await session.scalars(select(MediaRow.sha256).where(MediaRow.sha256.in_(contents)).distinct())
        return [contents[sha256] for sha256 in used]


class _Copier:
    """Copies blobs into the archive; `done` are the sizes of those that are in it."""

    def __init__(self, blobs: Blobs, archive: ArchiveWriter, told: Told) -> None:
        self._blobs = blobs
        self._archive = archive
        self._told = told
        self.done: dict[str, int] = {}

    async def copy(self, keys: Sequence[str]) -> list[str]:
        """Copy the blobs and return the keys of those that are not there."""
        missing = []
        for n, key in enumerate(keys):
            try:
                size = await self._blobs.size(key)
                await self._archive.stream(f"blobs/{key}", size, self._blocks(key, size, n, len(keys)))
                self.done[key] = size
            except NotFoundError:
                missing.append(key)
        self._told("copying recordings", 1.0)
        return missing

    async def _blocks(self, key: str, size: int, n: int, count: int) -> AsyncIterator[bytes]:
        copied = 0
        async for block in self._blobs.read(key):
            yield block
            copied += len(block)
            self._told("copying recordings", (n + copied / size) / count)


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} cannot be backed up")
