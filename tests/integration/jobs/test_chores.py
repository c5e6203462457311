"""Work that is due from time to time, on real databases."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from recordings import lecture_wav
from videochat.access.service import Client
from videochat.app import App, open_app
from videochat.jobs import queues, repository
from videochat.jobs.chores import LASTING_EVENTS, Chore, Chores, housekeeping
from videochat.jobs.job import Job
from videochat.media.media import Media
from videochat.ops.actor import LOCAL
from videochat.ops.keeping import keep
from videochat.ops.logfile import Bounds
from videochat.ops.tasks import cancelled
from videochat.sections import RetentionSettings
from videochat.settings import Settings
from videochat.store import events
from videochat.store.session import Database
from waiting import until
from work import add_job, job_now, take

HOUR = timedelta(hours=1)
TWO_DAYS = 2 * 86400.0


class Counted:
    """A chore that counts how often it was done."""

    def __init__(self) -> None:
        self.times = 0

    async def __call__(self) -> int:
        self.times += 1
        return 0


@pytest.fixture
async def app(database_url: str, tmp_path: Path) -> AsyncIterator[App]:
    async with open_app(Settings(data_dir=tmp_path / "data", database={"url": database_url})) as opened:
        yield opened


async def do(app: App, name: str, **retention: float) -> int:
    """Do one chore now and return its count."""
    chores = housekeeping(
        app.database,
        app.media,
        app.jobs,
        app.audit,
        app.expiry(),
        RetentionSettings(**retention),
        Bounds.of(app.settings),
    )
    return await next(chore for chore in chores if chore.name == name).do()


async def age(database: Database, table: str, column: str, days: float) -> None:
    async with database.write() as session:
        moment = datetime.now(UTC) - timedelta(days=days)
        value = moment if database.dialect == "postgresql" else moment.replace(tzinfo=None).isoformat(" ")
        await session.execute(text(f"UPDATE {table} SET {column} = :moment"), {"moment": value})


async def add(app: App, path: Path) -> Media:
    media, _ = await app.media.add_file(LOCAL, lecture_wav(path, 2))
    return media


async def test_a_chore_is_done_by_one_of_all_workers_and_again_when_it_is_due(database: Database) -> None:
    """Three workers that look at the same time do it once; what is about a machine's own disk each of them does."""
    shared, local = Counted(), Counted()
    chores = [
        Chores(database, [Chore("shared", HOUR, shared), Chore("local", HOUR, local, everywhere=True)])
        for _ in range(3)
    ]
    for _ in range(2):
        for worker in chores:
            for chore in worker._chores:
                await worker._do_if_due(chore)
    assert (shared.times, local.times) == (1, 3)
    await age(database, "chores", "due_at", 1)
    await chores[0]._do_if_due(chores[0]._chores[0])
    assert shared.times == 2


def outdated(path: Path, seconds: float) -> Path:
    """Let a file or folder look as if nobody had touched it for so long."""
    moment = time.time() - seconds
    os.utime(path, (moment, moment))
    return path


async def rows(app: App, table: str) -> int:
    async with app.database.read() as session:
        return (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()


async def test_what_killed_uploads_left_goes(app: App) -> None:
    """An upload that nobody has touched for two days is removed from this machine's disk, a young one is not."""
    uploads = app.settings.data_dir / "uploads"
    for name in ("old", "young"):
        (uploads / name).mkdir(parents=True)
    outdated(uploads / "old", TWO_DAYS)
    assert await do(app, "uploads") == 1
    assert [folder.name for folder in uploads.iterdir()] == ["young"]


async def test_content_that_nobody_has_any_more_goes(app: App, tmp_path: Path) -> None:
    """A minute after the last medium with it was deleted whatever was stored late is removed as well."""
    media = await add(app, tmp_path / "gone.wav")
    await app.media.delete(LOCAL, media.id)
    await app.blobs.put(app.media.content(media), lecture_wav(tmp_path / "late.wav", 2))
    assert await do(app, "leftovers") == 0
    await age(app.database, "leftovers", "at", 1)
    assert await do(app, "leftovers") == 1
    assert not await app.blobs.exists(app.media.content(media))


async def test_sessions_and_links_that_have_run_out_go(app: App, tmp_path: Path) -> None:
    """With what was written in the book of what people did too long ago; what is good yet stays."""
    user = await app.access.add_user("Ada", "admin")
    media = await add(app, tmp_path / "lent.wav")
    browser = Client("127.0.0.1", "a browser")
    for _ in ("old", "good"):
        await age(app.database, "sessions", "expires_at", 1)
        await age(app.database, "links", "expires_at", 1)
        await age(app.database, "audit", "at", 10)
        token = await app.access.open_session(user, browser)
        _, link = await app.sharing.add_link(LOCAL, media.id, days=1)
        await app.audit.note("cli", "test", "nothing", "ok")
    assert await do(app, "access", audit_days=9) == 3
    assert [session.id for session in await app.access.sessions(user.id)] == [token.hash]
    assert [one.id for one in await app.sharing.links(LOCAL, media.id)] == [link.id]
    assert [await rows(app, table) for table in ("sessions", "links", "audit")] == [1, 1, 1]
    assert await do(app, "access", audit_days=9) == 0


async def test_old_log_files_go(app: App) -> None:
    """Those of processes that write no more are removed from this machine's disk when their time is over."""
    logs = Bounds.of(app.settings).folder
    logs.mkdir(parents=True)
    for name in ("old.jsonl", "young.jsonl"):
        (logs / name).touch()
    outdated(logs / "old.jsonl", (app.settings.log.keep_days + 1) * 86400)
    assert await do(app, "logs") == 1
    assert [file.name for file in logs.iterdir()] == ["young.jsonl"]


async def test_a_worker_does_its_chores(app: App, tmp_path: Path) -> None:
    """Nobody has to ask: soon after a worker has started, what is due is done, for all and for its machine."""
    user = await app.access.add_user("Ada", "admin")
    await app.access.open_session(user, Client("127.0.0.1", "a browser"))
    await age(app.database, "sessions", "expires_at", 1)
    (forgotten := app.settings.data_dir / "uploads" / "forgotten").mkdir(parents=True)
    outdated(forgotten, TWO_DAYS)
    worker = app.worker()
    await worker.start()

    async def done() -> bool:
        return not forgotten.exists() and not await rows(app, "sessions")

    await until(done)
    await worker.stop()


async def test_a_failing_chore_does_not_hold_up_the_others(database: Database) -> None:
    """What a disk that cannot be read spoils is tried again when it is due, and all else is done."""
    later, failures = Counted(), [OSError(5, "Input/output error")]

    async def fail_once() -> int:
        if failures:
            raise failures.pop()
        return await again()

    again = Counted()
    soon = timedelta(0)
    chores = Chores(database, [Chore("failing", soon, fail_once), Chore("later", HOUR, later)])
    doing = keep("chores", chores.keep_doing)
    await until(lambda: again.times == 1 and later.times == 1)
    await cancelled(doing)


async def test_recordings_go_when_their_time_is_over(app: App, tmp_path: Path) -> None:
    """Only with a time set, only what is older, and with everything that belongs to it."""
    media = await add(app, tmp_path / "old.wav")
    await age(app.database, "media", "created_at", 10)
    assert await do(app, "retention") == 0
    assert await do(app, "retention", media_days=11) == 0
    assert await do(app, "retention", media_days=9) == 1
    assert (await app.media.list(LOCAL)).items == []
    assert not await app.blobs.exists(app.media.content(media))


async def test_what_a_killed_process_left_of_deleted_content_is_found(app: App, tmp_path: Path) -> None:
    """A file that stayed although its medium is gone is removed a minute later; content that came back is left alone."""
    media = await add(app, tmp_path / "gone.wav")
    await app.media.delete(LOCAL, media.id)
    await app.blobs.put(
        app.media.content(media), lecture_wav(tmp_path / "again.wav", 2)
    )  # as if it had not been erased
    assert await app.media.erase_leftovers() == 0
    assert await app.media.erase_leftovers(older_than=0) == 1
    assert not await app.blobs.exists(app.media.content(media))
    again = await add(app, tmp_path / "back.wav")
    await app.media.delete(LOCAL, again.id)
    back = await add(app, tmp_path / "back.wav")
    assert await app.media.erase_leftovers(older_than=0) == 1
    assert await app.blobs.exists(app.media.content(back))


async def test_old_events_go_and_the_ends_stay(app: App) -> None:
    """Whoever follows an old stream from its beginning still learns how it ended."""
    async with app.database.write() as session:
        for kind in ("job", "segments", "end"):
            await events.append(session, "job:old", kind, {}, owner="local")
    assert await do(app, "events") == 0
    await age(app.database, "events", "at", 8)
    assert await do(app, "events") == 1
    assert [event.type for event in await app.feed.page(0, "job:old")] == ["job", "end"]
    assert "end" in LASTING_EVENTS


async def test_a_job_that_waits_for_nothing_is_queued_again(app: App) -> None:
    """However a live job came to have no task, after some minutes it goes on, and one that has a task is left alone."""

    async def without_task(name: str) -> Job:
        job = await add_job(app.database, name)
        async with app.database.write() as session:
            await queues.remove(session, job.id)
        return job

    stuck, waiting = await without_task("stuck"), await add_job(app.database, "waiting")
    assert await do(app, "idle-jobs") == 0
    await age(app.database, "jobs", "changed_at", 1)
    assert await do(app, "idle-jobs") == 1
    taken = [await take(app.database, "decode"), await take(app.database, "decode")]
    assert {task.job_id for task in taken if task} == {stuck.id, waiting.id}
    assert (await job_now(app.database, stuck)).attempts == 2
    async with app.database.read() as session:
        assert await repository.without_tasks(session, datetime.now(UTC), 10) == []
