"""Restores a backup into an empty database, of either kind, and any blob store.

The whole file is read and compared with its seal before anything is written. Then the blobs come, then all rows in one
transaction: what is interrupted leaves an empty database, and the same command goes on with the blobs that are still missing.
Rows of an older schema fit, because migrations only add.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from base64 import b64decode
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import LargeBinary, Table, delete, func, insert, literal, select, text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.errors import ConflictError, StorageError, UnsupportedError, from_os_error
from videochat.store import events
from videochat.store.archive import (
    FORMAT,
    SEAL,
    START,
    Checker,
    DamagedBackupError,
    Member,
    Seal,
    Start,
    members,
    seal_of,
    start_of,
)
from videochat.store.backup import TABLES, Told
from videochat.store.blob import Blobs, check_key, content_key, content_of, windows_prefix
from videochat.store.migrate import known_revisions
from videochat.store.session import Database
from videochat.store.tables import ArtefactRow, MediaRow, Moment, WindowRow
from videochat.store.work import Workplace

KNOWN_TABLES = {table.name: table for table in TABLES}
ROWS = re.compile(r"tables/([a-z_]+)/\d+\.jsonl\.gz")
UNSTORABLE = re.compile(rb"\\u(0000|d[89a-f])", re.IGNORECASE)  # NUL, and halves of characters: perhaps alone
ROWS_AT_A_TIME = 50
COUNTED = ("audit", "events", "passages")  # tables whose ids PostgreSQL counts up apart from them


class NewerBackupError(UnsupportedError):
    """The backup was made by a later version."""

    code = "backup_newer"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored; `created_at` is when the backup was begun."""

    start: Start
    seal: Seal
    media: int


async def restore(database: Database, blobs: Blobs, workplace: Workplace, source: Path, told: Told) -> Restored:
    """Restore the backup, whole or not at all.

    Raises NotFoundError, DamagedBackupError, NewerBackupError, ConflictError for a database that is not empty, StorageError.
    """
    start = await start_of(source)
    _check_version(start)
    async with database.read() as session:
        await _check_empty(session)
    await blobs.ping()
    seal = await _checked(source, told)
    skipped = _LeftOut.of(seal)
    await _restore_blobs(blobs, workplace, source, seal, skipped, told)
    async with database.write() as session:
        if database.dialect == "postgresql":  # whoever appends an event waits, and counts on from ours
            await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": events.EVENT_LOCK})
        await _check_empty(session)
        await _restore_rows(session, source, seal, told)
        await skipped.forget(session)
        await _count_on(session)
        await events.ring(session)
        media = await session.scalar(select(func.count()).select_from(MediaRow)) or 0
    return Restored(start, seal, media)


def _check_version(start: Start) -> None:
    if start.format > FORMAT or start.schema not in known_revisions():
        raise NewerBackupError(
            f"The backup was made by VideoChat {start.version}, which knows more than this one: "
            f"install videochat=={start.version} or later and restore with that."
        )


async def _check_empty(session: AsyncSession) -> None:
    for table in TABLES:
        if await session.scalar(select(literal(1)).select_from(table).limit(1)) is not None:
            raise ConflictError(
                "The database is not empty: restore into a new DATA_DIR, or a new database in DATABASE__URL."
            )


async def _checked(source: Path, told: Told) -> Seal:
    """Read the whole file and return its seal. Raises DamagedBackupError."""
    seal, checker, size, read = None, Checker(), (await asyncio.to_thread(source.stat)).st_size or 1, 0
    async with aclosing(members(source)) as found:
        async for member in found:
            if seal is not None:
                raise DamagedBackupError("The backup is damaged: there is something behind its seal.")
            if member.name == SEAL:
                seal = seal_of(await member.content())
                continue
            _check_name(member.name)
            checker.begin(member)
            async for block in member.blocks():
                await asyncio.to_thread(checker.update, block)
                read += len(block)
                told("checking the backup", min(read / size, 1.0))
    if seal is None:
        raise DamagedBackupError("The backup is torn: its end is missing.")
    if not checker.matches(seal):
        raise DamagedBackupError("The backup is damaged: it is not what was written.")
    told("checking the backup", 1.0)
    return seal


def _check_name(name: str) -> None:
    """Refuse what a backup does not hold, and what could lead out of the blob store."""
    if name == START or ((rows := ROWS.fullmatch(name)) and rows[1] in KNOWN_TABLES):
        return
    try:
        _key(name)
    except StorageError:
        raise DamagedBackupError(f"The backup holds what no backup of VideoChat holds: {name!r}.") from None


def _key(name: str) -> str:
    return check_key(name.removeprefix("blobs/") if name.startswith("blobs/") else "")


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """What was deleted during the backup: contents, and the plans of windows that can be cut again."""

    contents: frozenset[str]
    plans: frozenset[str]

    @classmethod
    def of(cls, seal: Seal) -> _LeftOut:
        contents = {content_of(key) for key in seal.left_out if key == content_key(content_of(key))}
        plans = {key.split("/")[3] for key in seal.left_out if key.startswith(windows_prefix(content_of(key)))}
        return cls(frozenset(contents), frozenset(plans))

    def holds(self, key: str) -> bool:
        return content_of(key) in self.contents or not self.plans.isdisjoint(key.split("/"))

    async def forget(self, session: AsyncSession) -> None:
        """Remove the rows that speak of it, as if it had been deleted before the backup."""
        await session.execute(delete(MediaRow).where(MediaRow.sha256.in_(self.contents)))
        await session.execute(delete(ArtefactRow).where(ArtefactRow.subject.in_(self.contents)))
        await session.execute(delete(ArtefactRow).where(ArtefactRow.key.in_(self.plans)))
        await session.execute(delete(WindowRow).where(WindowRow.plan.in_(self.plans)))
        for sha256 in self.contents:
            await session.execute(
                delete(WindowRow).where(WindowRow.blob.startswith(windows_prefix(sha256), autoescape=True))
            )


async def _restore_blobs(
    blobs: Blobs, workplace: Workplace, source: Path, seal: Seal, left_out: _LeftOut, told: Told
) -> None:  # fmt: skip
    copied = 0
    async with aclosing(members(source)) as found:
        async for member in found:
            if not member.name.startswith("blobs/"):
                continue
            key = _key(member.name)
            if not left_out.holds(key) and not await blobs.exists(key):  # an earlier try may have brought it
                async with workplace.folder(member.size, "restoring a recording") as folder:
                    await _write(folder / "blob", member)
                    await blobs.put(key, folder / "blob")
            copied += member.size
            told("restoring recordings", min(copied / (seal.blob_bytes or 1), 1.0))
    told("restoring recordings", 1.0)


async def _write(path: Path, member: Member) -> None:
    with _disk_errors(), await asyncio.to_thread(path.open, "xb") as file:
        async for block in member.blocks():
            await asyncio.to_thread(file.write, block)


async def _restore_rows(session: AsyncSession, source: Path, seal: Seal, told: Told) -> None:
    done, total = 0, sum(seal.rows.values()) or 1
    async with aclosing(members(source)) as found:
        async for member in found:
            if member.name.startswith("blobs/"):
                break  # tables come first
            if (named := ROWS.fullmatch(member.name)) is None:
                continue
            table = KNOWN_TABLES[named[1]]
            async for rows in _rows(member, table, clean=session.get_bind().dialect.name == "postgresql"):
                await _insert(session, table, rows)
                done += len(rows)
                told("writing the database", min(done / total, 1.0))
    told("writing the database", 1.0)


async def _insert(session: AsyncSession, table: Table, rows: list[dict[str, Any]]) -> None:
    try:
        await session.execute(insert(table), rows)
    except (DataError, IntegrityError) as error:
        raise StorageError(
            f"A row of the table {table.name} does not fit into this database: {error.orig}".splitlines()[0]
        ) from error


async def _rows(member: Member, table: Table, *, clean: bool) -> AsyncIterator[list[dict[str, Any]]]:
    moments = [column.name for column in table.columns if isinstance(column.type, Moment)]
    content = await member.content()
    try:
        lines = (await asyncio.to_thread(gzip.decompress, content)).splitlines()
        for start in range(0, len(lines), ROWS_AT_A_TIME):
            some = lines[start : start + ROWS_AT_A_TIME]
            rows = [_row(line, table, moments) for line in some]
            yield [_clean(row) for row in rows] if clean and any(map(UNSTORABLE.search, some)) else rows
    except (OSError, EOFError, ValueError, TypeError, AttributeError) as error:
        raise DamagedBackupError(f"The backup is damaged: {member.name} holds no rows.") from error


def _row(line: bytes, table: Table, moments: Collection[str]) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(line)
    if not set(row) <= set(table.columns.keys()):
        raise DamagedBackupError(f"The backup is damaged: the table {table.name} has other columns.")
    vectors = {column.name for column in table.columns if isinstance(column.type, LargeBinary)} & row.keys()
    row |= {name: b64decode(row[name], validate=True) for name in vectors}
    return row | {name: datetime.fromisoformat(row[name]) for name in moments if row.get(name) is not None}


def _clean(value: Any) -> Any:
    """Replace what PostgreSQL cannot store in texts, and SQLite can."""
    match value:
        case str():
            return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
        case dict():
            return {_clean(name): _clean(inner) for name, inner in value.items()}
        case list():
            return [_clean(inner) for inner in value]
    return value


async def _count_on(session: AsyncSession) -> None:
    """Let new ids begin above the restored ones; SQLite looks at the table itself."""
    if session.get_bind().dialect.name == "postgresql":
        for table in COUNTED:
            await session.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"))  # noqa: S608


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise from_os_error(error, "restoring a recording") from error
