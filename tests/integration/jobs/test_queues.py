"""The queues on real databases: whose turn it is, and who holds what."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from videochat.jobs import control, queues
from videochat.jobs.queues import Lease
from videochat.jobs.task import Task
from videochat.store.session import Database
from work import add_job, add_windows, job_now, take, tasks_left


async def order(database: Database) -> list[str]:
    """Take every waiting window, one after the other, and return the tasks' job and number."""
    taken = []
    while task := await take(database):
        taken.append(f"{task.job_id.removeprefix('job_')}{task.n}")
    return taken


async def test_a_task_goes_to_one_worker_only(database: Database) -> None:
    """Twenty workers that ask at the same time get twenty different tasks, and then there is nothing left."""
    job = await add_job(database, "a")
    await add_windows(database, job, *range(20))
    taken = await asyncio.gather(*(take(database, worker=f"w{n}") for n in range(20)))
    assert sorted(task.n for task in taken if task) == list(range(20))
    assert await take(database) is None


async def test_offering_again_changes_nothing(database: Database) -> None:
    """A task that is known, waiting or taken, stays as it is."""
    job = await add_job(database, "a")
    await add_windows(database, job, 0)
    await take(database)
    await add_windows(database, job, 0)
    assert await take(database) is None


async def test_first_windows_come_first(database: Database) -> None:
    """Of an owner's recordings each shows its first text before any of them goes on."""
    for name in "ab":
        await add_windows(database, await add_job(database, name), 0, 1, 2)
    assert await order(database) == ["a0", "b0", "a1", "a2", "b1", "b2"]


async def test_an_owners_priorities_go_before_everything(database: Database) -> None:
    """Urgent before high before normal before low, whatever came first and however often the owner was served."""
    await add_windows(database, await add_job(database, "earlier"), *range(3 * queues.HEAD_START))
    await order(database)
    for priority in ("low", "normal", "high", "urgent"):
        job = await add_job(database, priority, priority=priority)  # type: ignore[arg-type]
        await add_windows(database, job, 0, 1)
    assert await order(database) == ["urgent0", "urgent1", "high0", "high1", "normal0", "normal1", "low0", "low1"]


async def test_a_priority_can_change_while_tasks_wait(database: Database) -> None:
    """What waits goes by the new priority at once."""
    first, second = await add_job(database, "a"), await add_job(database, "b")
    for job in (first, second):
        await add_windows(database, job, 1, 2)
    async with database.write() as session:
        await queues.prioritise(session, second.id, "high")
    assert await order(database) == ["b1", "b2", "a1", "a2"]


async def test_owners_share_fairly_however_much_one_of_them_asks_for(database: Database) -> None:
    """Who comes with one recording while another owner has a hundred windows waiting gets every second turn."""
    await add_windows(database, await add_job(database, "many", owner="ann"), *range(100))
    for _ in range(10):
        await take(database)
    await add_windows(database, await add_job(database, "few", owner="bob"), 0, 1, 2)
    turns = [task.job_id for task in [await take(database) for _ in range(6)] if task]
    assert turns.count("job_few") == 3
    assert turns.count("job_many") == 3


async def test_a_pause_earns_no_credit(database: Database) -> None:
    """An owner who comes back after others were served a lot does not get all turns until that is made up for."""
    await add_windows(database, await add_job(database, "early", owner="ann"), 0)
    await take(database)
    await add_windows(database, await add_job(database, "busy", owner="bob"), *range(60))
    for _ in range(50):
        await take(database)
    await add_windows(database, await add_job(database, "again", owner="ann"), *range(10))
    turns = [task.job_id for task in [await take(database) for _ in range(10)] if task]
    assert 4 <= turns.count("job_busy") <= 6


async def test_who_had_the_machine_alone_owes_nothing(database: Database) -> None:
    """What somebody was served while nobody else wanted anything costs no turn later, whoever comes first then."""
    await add_windows(database, await add_job(database, "alone", owner="ann"), *range(40))
    await order(database)
    await add_windows(database, await add_job(database, "new", owner="bob"), *range(10))
    await add_windows(database, await add_job(database, "again", owner="ann"), *range(10))
    turns = [task.job_id for task in [await take(database) for _ in range(10)] if task]
    assert 4 <= turns.count("job_again") <= 6


async def test_nobody_keeps_others_away_with_urgent_work(database: Database) -> None:
    """What is urgent gets its head start, and then others have every second turn with what is merely normal."""
    urgent, normal = 100, 5
    await add_windows(database, await add_job(database, "pushy", owner="ann", priority="urgent"), *range(urgent))
    await add_windows(database, await add_job(database, "calm", owner="bob"), *range(normal))
    turns = [task.job_id for task in [await take(database) for _ in range(urgent + normal)] if task]
    ahead = turns.index("job_calm")
    assert 2 * queues.HEAD_START - 1 <= ahead <= 2 * queues.HEAD_START + 1
    assert turns[ahead : ahead + 2 * normal].count("job_calm") == normal


async def test_decoding_is_shared_too(database: Database) -> None:
    """Who brings twenty recordings at once does not keep another's first one from being decoded."""
    for n in range(20):
        await add_job(database, f"many{n:02}", owner="ann")
    await add_job(database, "one", owner="bob")
    turns = [task.job_id for task in [await take(database, "decode") for _ in range(3)] if task]
    assert "job_one" in turns


async def test_what_waits_for_a_moment_is_passed_over(database: Database) -> None:
    """A task that was put back is not offered before its time, and a failure is counted where a wait is not."""
    job = await add_job(database, "a")
    await add_windows(database, job, 0, 1)
    first = await take(database)
    assert first is not None
    async with database.write() as session:
        later = queues.later(datetime.now(UTC), 60)
        assert await queues.put_back(session, "w", first, later, failed=False)
    assert await order(database) == ["a1"]
    async with database.write() as session:
        await queues.release_all(session, "w")
    again = await take(database)
    assert again is not None
    assert (again.n, again.tries) == (1, 1)


async def test_clocks_of_machines_may_differ(database: Database) -> None:
    """A task offered by a machine whose clock is an hour ahead is taken at once by one whose clock is right."""
    job = await add_job(database, "a")
    async with database.write() as session:
        ahead = queues.later(datetime.now(UTC), 3600)
        await queues.offer(session, job, Task.of(job.run, "window", 0), ahead)
    assert await take(database) is not None


async def test_an_earlier_holder_changes_nothing(database: Database) -> None:
    """A worker that was frozen while its task was given to another can neither finish it nor put it back."""
    job = await add_job(database, "a")
    await add_windows(database, job, 0)
    stale = await take(database, worker="frozen")
    async with database.write() as session:
        assert await queues.release_of_dead(session, {"frozen"}) == [stale.id] if stale else False
    fresh = await take(database, worker="other")
    assert stale is not None
    assert fresh is not None
    async with database.write() as session:
        assert not await queues.done(session, "frozen", stale)
        assert not await queues.put_back(session, "frozen", stale, datetime.now(UTC), failed=True)
        # Not even under the name of the new holder: the try is another one.
        assert not await queues.done(session, "other", stale)
    async with database.read() as session:
        assert await queues.leases(session, "other") == {Lease(fresh.id, 2)}
    async with database.write() as session:
        assert await queues.done(session, "other", fresh)


async def test_ending_a_job_takes_its_tasks_away(database: Database) -> None:
    """After a cancel nothing of the job waits or is held, and its last state is all that its events say."""
    job = await add_job(database, "a")
    await add_windows(database, job, 0, 1, 2)
    await take(database)
    async with database.write() as session:
        await control.end(session, job, "cancelled")
    assert await tasks_left(database) == 0
    assert (await job_now(database, job)).status == "cancelled"


async def test_a_restart_is_another_run(database: Database) -> None:
    """The tasks of a new attempt have names of their own, so leftovers of the old one cannot be taken for them."""
    job = await add_job(database, "a")
    async with database.write() as session:
        await control.pause(session, job)
    async with database.write() as session:
        again = await control.restart(session, await job_now(database, job))
    task = await take(database, "decode")
    assert task is not None
    assert (task.id, again.attempts) == (Task.of(again.run, "decode").id, 2)
