"""Connections to SQLite, whatever happens to those who use them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import text

from videochat.store.session import open_database
from videochat.store.sqlite import _connect


async def test_a_connection_closes_however_often_it_is_told_to(tmp_path: Path) -> None:
    """Closed after it was stopped, twice, or by several at a time of whom one is cancelled: everybody comes to an end."""
    async with asyncio.timeout(10):
        stopped = await _connect(str(tmp_path / "a.db"))
        stopped.stop()
        await stopped.close()
        await stopped.close()
        together = await _connect(str(tmp_path / "a.db"))
        closing = [asyncio.ensure_future(together.close()) for _ in range(3)]
        await asyncio.sleep(0)
        closing[0].cancel()
        together.stop()
        await asyncio.gather(*closing[1:])


async def test_cancelled_queries_leave_nothing_that_hangs(tmp_path: Path) -> None:
    """Hundreds of cancels at any point of a query, some twice: the database can be written and closed afterwards."""
    database = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    async with database.write() as session:
        await session.execute(text("CREATE TABLE things (n INTEGER)"))

    async def use() -> None:
        async with database.write() as session:
            await session.execute(text("INSERT INTO things VALUES (1)"))
            await session.execute(text("SELECT * FROM things"))

    async with asyncio.timeout(60):
        for steps in range(300):
            task = asyncio.create_task(use())
            for _ in range(steps % 60):
                await asyncio.sleep(0)
            task.cancel()
            if steps % 2:
                await asyncio.sleep(0)
                task.cancel()
            await asyncio.wait({task})
        await use()
        await database.close()
