"""What tests of backups share: a library with something of everything, and a look at all of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from fake_provider import FakeProvider
from library import add_recording
from unlimited import unlimited
from videochat.access import quotas
from videochat.access.audit import Audit
from videochat.access.identity import Identities
from videochat.access.service import AccessService
from videochat.answers.service import AnswerService
from videochat.media import repository as media_repository
from videochat.media.media import Limits, Window
from videochat.media.service import MediaService
from videochat.media.sharing import Sharing
from videochat.ops.actor import LOCAL
from videochat.ops.resources import Space
from videochat.ops.telemetry import Telemetry
from videochat.passages import vector_repository
from videochat.passages.service import PassageService
from videochat.sections import AiSettings, AuthSettings
from videochat.store import artefacts, overrides
from videochat.store.backup import TABLES, BackedUp, back_up
from videochat.store.blob import Blobs, content_key, windows_prefix
from videochat.store.blobs.local import LocalBlobs
from videochat.store.feed import EventFeed
from videochat.store.migrate import migrate
from videochat.store.restore import Restored, restore
from videochat.store.session import Database, open_database
from videochat.store.work import Workplace
from work import add_job, add_windows, take

LECTURE = ("Plants are green.", "Chlorophyll absorbs red and blue light.", "它吸收红光。")
Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Library:
    """A database and its blobs."""

    database: Database
    blobs: Blobs
    workplace: Workplace

    @property
    def media(self) -> MediaService:
        place = self.workplace
        return MediaService(self.database, self.blobs, Limits(), place.parent, place.space, unlimited(self.database))

    async def back_up(self, target: Path) -> BackedUp:
        return await back_up(self.database, self.blobs, target, ignored)

    async def restore(self, source: Path) -> Restored:
        return await restore(self.database, self.blobs, self.workplace, source, ignored)

    async def rows(self) -> Rows:
        """Return all that is in all tables that belong into a backup."""
        async with self.database.read() as session:
            return {
                table.name: [dict(row) for row in (await session.execute(
                    select(table).order_by(*table.primary_key))).mappings()] for table in TABLES
            }  # fmt: skip

    async def blob(self, key: str) -> bytes:
        return b"".join([block async for block in self.blobs.read(key)])


def ignored(_doing: str, _share: float) -> None:
    """Nobody looks at the progress."""


def workplace_at(folder: Path) -> Workplace:
    return Workplace(folder / "uploads", Space(folder, 0))


@asynccontextmanager
async def library_at(url: str, folder: Path, blobs: Blobs | None = None) -> AsyncIterator[Library]:
    """Give a migrated, empty library whose files lie in the folder."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    await migrate(url)
    database = open_database(url)
    yield Library(database, blobs or LocalBlobs(folder / "blobs"), workplace_at(folder))
    await database.close()


async def put_blob(library: Library, key: str, content: bytes) -> str:
    async with library.workplace.folder(len(content), "testing") as folder:
        (folder / "blob").write_bytes(content)
        await library.blobs.put(key, folder / "blob")
    return key


async def add_talk(library: Library, media_id: str, content: bytes = b"recorded") -> str:
    """Store a recording with its file, a window, an artefact and a transcript, and return its content's hash."""
    sha256 = f"{media_id}local".ljust(64, "0")
    await put_blob(library, content_key(sha256), content)
    key = await put_blob(library, f"{windows_prefix(sha256)}plan-{media_id}/0.flac", b"window of " + content)
    await add_recording(library.database, media_id, *LECTURE)
    async with library.database.write() as session:
        await media_repository.put_window(session, Window(f"plan-{media_id}", 0, 0.0, 30.5, key, 21.25))
        await artefacts.put(session, f"plan-{media_id}", "audio", {"peaks": [0.1, 1e-7], "ä": None}, subject=sha256)
    return sha256


async def fill(library: Library) -> None:
    """Put something of everything into the library: a talk, an answer, a setting, and a job that a worker is at."""
    await add_talk(library, "m1")
    passages, feed = PassageService(library.database), EventFeed(library.database)
    provider: Any = FakeProvider(['It is light. [p1: "Plants are green"]'])
    answers = AnswerService(
        library.database, passages, provider, feed, AiSettings(), Telemetry(), unlimited(library.database)
    )
    answer = await answers.ask(LOCAL, "Which plants are green?", ["m1"])
    await answers.run(answer.id)
    async with library.database.write() as session:
        await overrides.put(session, "log.level", '"DEBUG"', "local")
    await add_people(library)
    await add_vectors(library)
    job = await add_job(library.database, "busy")
    await put_blob(library, content_key("med_busylocal".ljust(64, "0")), b"busy")
    await add_windows(library.database, job, 0, 1)
    assert await take(library.database, "decode")
    assert await take(library.database, "window")


async def add_vectors(library: Library) -> None:
    """Give each passage a vector, of bytes that no text holds."""
    async with library.database.write() as session:
        bare = await vector_repository.bare(session, "m", 10)
        await vector_repository.store(session, "m", bare, {one.digest: bytes(range(256)) for one in bare})


async def add_people(library: Library) -> None:
    """Make two accounts, of which one has a key, reads what the other shares, and has used something."""
    feed = EventFeed(library.database)
    identities = Identities(library.database, feed, 1)
    access, sharing = (
        AccessService(library.database, identities, AuthSettings()),
        Sharing(library.database, identities.forget),
    )
    await access.add_user("Ada", "admin")
    ben = await access.add_user("Ben", "member")
    await access.add_key(ben.id, "tool")
    await sharing.grant(LOCAL, "m1", "Ben")
    await sharing.add_link(LOCAL, "m1", 1)
    await Audit(library.database).note(ben.id, "POST /api/media", "/api/media", "201")
    async with library.database.write() as session:
        await quotas.count(session, ben.id, audio_seconds=1.5, tokens=3)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(file: Path) -> bytes:
    return file.read_bytes()


def overwrite(file: Path, content: bytes) -> None:
    file.write_bytes(content)
