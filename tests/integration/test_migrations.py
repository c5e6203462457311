"""Versions side by side: while a cluster is being updated, processes of the version before work on the newer schema."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from integration.jobs.test_recordings import ended, reached, settings_for, submit, words, workers
from recordings import lecture_wav
from videochat.app import open_app
from videochat.ops.actor import LOCAL
from videochat.store.migrate import migrate


def expand(url: str) -> None:
    """Do what a later version may do to a schema: a column more in every table, a table more, a revision of its own."""
    sync = make_url(url).set(drivername="sqlite" if url.startswith("sqlite") else "postgresql+psycopg")
    engine = create_engine(sync, poolclass=NullPool)
    for table in inspect(engine).get_table_names():
        if table.startswith(("search", "passages_", "alembic")):  # the index's own tables have their own form
            continue
        with engine.begin() as connection:  # one by one: holding several locks could end in a deadlock with who works
            connection.execute(text(f'ALTER TABLE "{table}" ADD COLUMN of_later TEXT'))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE of_later (id INTEGER PRIMARY KEY)"))
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))


async def test_a_process_survives_the_migration_of_the_next_version(database_url: str, tmp_path: Path) -> None:
    """A job that is being done when the schema grows ends well, and a process of this version can start anew."""
    speech = lecture_wav(tmp_path / "speech.wav", 30)
    async with open_app(settings_for(database_url, tmp_path, concurrency=1)) as app, workers(app):
        media, _ = await app.media.add_file(LOCAL, speech)
        job = await submit(app, media)
        await reached(app, job, lambda now: now.progress > 0)
        # In a thread: it waits for locks of transactions that only go on while this event loop does.
        await asyncio.to_thread(expand, database_url)
        assert (await ended(app, job)).status == "completed"
        text_before = await words(app, job)
    await migrate(database_url)
    async with open_app(settings_for(database_url, tmp_path)) as app, workers(app):
        assert await words(app, job) == text_before
        again = await ended(app, await submit(app, media, beam_size=2))
        assert again.status == "completed"
        assert await app.passages.search(LOCAL, "leaves")
