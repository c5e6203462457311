"""Who works on what, as the database knows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from videochat.jobs import repository
from videochat.jobs.liveness import this_host
from videochat.jobs.roster import alive_workers, members
from videochat.sections import JobSettings
from videochat.store.session import Database
from work import add_job, add_windows, take


async def test_workers_are_known_with_what_they_hold(database: Database) -> None:
    """One that works, one that has nothing to do, and one that has been silent for long and still holds a window."""
    now = datetime.now(UTC)
    job = await add_job(database, "a")
    await add_windows(database, job, 0, 1, 2)
    async with database.write() as session:
        for worker, at in (("busy", now), ("idle", now), ("silent", now - timedelta(minutes=5))):
            await repository.beat(session, worker, host="elsewhere/1", pid=7, now=at)
    for worker in ("busy", "busy", "silent"):
        assert await take(database, worker=worker)
    found = {member.id: member.as_json() for member in await members(database, JobSettings())}
    assert {name: member["alive"] for name, member in found.items()} == {"busy": True, "idle": True, "silent": False}
    assert [lease["n"] for lease in found["busy"]["leases"]] == [0, 1]
    assert found["idle"]["leases"] == []
    lease = {"job_id": job.id, "media_id": job.media_id, "kind": "window", "n": 2, "tries": 1}
    assert found["silent"]["leases"] == [lease]
    assert (found["busy"]["host"], found["busy"]["pid"]) == ("elsewhere", 7)


async def test_a_worker_whose_process_is_gone_is_not_alive(database: Database) -> None:
    """On this machine nobody has to wait for missed beats: no process has that number."""
    async with database.write() as session:
        await repository.beat(session, "gone", host=this_host(), pid=2**22 + 1, now=datetime.now(UTC))
    assert await alive_workers(database, JobSettings()) == set()
