"""Whole recordings through real workers: real databases, real decoding, the real basic recogniser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from sqlalchemy import text

from media_files import cut_off
from recordings import lecture_wav
from videochat.app import App, open_app
from videochat.errors import EngineUnavailableError
from videochat.jobs.job import Job
from videochat.jobs.parameters import freeze
from videochat.jobs.worker import Worker
from videochat.media.media import Media
from videochat.ops.actor import LOCAL, Actor
from videochat.ops.allowance import Allowance
from videochat.ops.live import LiveSettings
from videochat.settings import Settings
from videochat.transcripts.choose import Chosen, EngineChooser
from videochat.transcripts.engines.pocketsphinx import PocketSphinx
from waiting import until

SHORT = {"first_window_seconds": 5, "window_seconds": 10, "poll_seconds": 0.05}
OTHER = Actor("other")


def settings_for(database_url: str, folder: Path, **jobs: Any) -> Settings:
    return Settings(
        data_dir=folder / "data", database={"url": database_url}, stt={"engine": "pocketsphinx"}, jobs={**SHORT, **jobs}
    )


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lecture_wav(tmp_path_factory.mktemp("speech") / "speech.wav", 60)


@pytest.fixture
async def app(database_url: str, tmp_path: Path) -> AsyncIterator[App]:
    async with open_app(settings_for(database_url, tmp_path)) as opened:
        yield opened


@asynccontextmanager
async def workers(*apps: App) -> AsyncIterator[Sequence[Worker]]:
    """Let a worker of each of these apps work."""
    async with AsyncExitStack() as stack:
        started = []
        for app in apps:
            worker = app.worker()
            await worker.start()
            stack.push_async_callback(worker.stop)
            started.append(worker)
        yield started


def only(app: App, queue: str) -> App:
    """Return the app with a worker that takes tasks from this queue alone."""
    jobs = app.settings.jobs.model_copy(update={"queues": [queue]})
    return replace(app, live=LiveSettings(app.settings.model_copy(update={"jobs": jobs})))


async def submit(app: App, media: Media, actor: Actor = LOCAL, **choices: Any) -> Job:
    return await app.jobs.submit(actor, media, freeze(app.settings, **choices))


async def ended(app: App, job: Job, seconds: float = 90) -> Job:
    return await reached(app, job, lambda now: now.finished_at is not None, seconds)


async def reached(app: App, job: Job, condition: Any, seconds: float = 60) -> Job:
    async with asyncio.timeout(seconds):
        while not condition(now := await app.jobs.get(Actor(job.owner), job.id)):
            await asyncio.sleep(0.05)
    return now


async def words(app: App, job: Job) -> list[tuple[float, float, str]]:
    return [(s.start, s.end, s.text) async for s in app.transcripts.all_segments(job.id)]


def heard(app: App) -> float:
    """Return how many windows engines of this process have listened to."""
    return app.metrics.registry.get_sample_value("videochat_windows_total", {"engine": "pocketsphinx"}) or 0.0


async def test_several_workers_give_the_text_of_one(database_url: str, tmp_path: Path, speech: Path) -> None:
    """Three workers, three windows at a time: words, times and order are exactly those of one worker, one at a time."""
    async with AsyncExitStack() as stack:
        alone = await stack.enter_async_context(open_app(settings_for(f"sqlite:///{tmp_path / 'alone.db'}", tmp_path / "alone", concurrency=1)))  # fmt: skip
        together = [
            await stack.enter_async_context(open_app(settings_for(database_url, tmp_path, concurrency=1)))
            for _ in range(3)
        ]
        async with workers(alone):
            media, _ = await alone.media.add_file(LOCAL, speech)
            one = await ended(alone, await submit(alone, media))
        async with workers(*together):
            media, _ = await together[0].media.add_file(LOCAL, speech)
            many = await ended(together[0], await submit(together[0], media))
        assert (one.status, many.status) == ("completed", "completed")
        assert await words(together[0], many) == await words(alone, one)
        assert sum(heard(app) > 0 for app in together) >= 2


async def test_engines_share_the_cores_that_a_worker_may_use(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two engines of a worker that has seven cores of its machine listen with three threads each."""
    asked: list[int] = []
    resolve = EngineChooser.resolve

    async def recorded(chooser: EngineChooser, *args: Any, threads: int = 0, **choices: Any) -> Chosen:
        asked.append(threads)
        return await resolve(chooser, *args, threads=threads, **choices)

    monkeypatch.setattr(EngineChooser, "resolve", recorded)
    monkeypatch.setattr(Allowance, "cores", 7)
    async with open_app(settings_for(database_url, tmp_path, concurrency=2)) as app, workers(app):
        media, _ = await app.media.add_file(LOCAL, lecture_wav(tmp_path / "short.wav", 6))
        await submit(app, media)
        await until(lambda: bool(asked), 60)
    assert set(asked) == {3}


async def test_progress_is_what_was_listened_to(app: App, speech: Path) -> None:
    """Progress only grows, has a rate and a time that is left, and ends at one."""
    media, _ = await app.media.add_file(LOCAL, speech)
    async with workers(app):
        job = await submit(app, media)
        seen = [await reached(app, job, lambda now: now.rate is not None)]
        while seen[-1].finished_at is None:
            seen.append(await app.jobs.get(LOCAL, job.id))
            await asyncio.sleep(0.1)
    assert [now.progress for now in seen] == sorted(now.progress for now in seen)
    assert seen[0].rate is not None
    assert seen[0].rate > 0
    assert seen[0].remaining_seconds is not None
    assert seen[0].audio_seconds == pytest.approx(60, abs=0.1)
    assert seen[-1].as_json()["progress"] == 1.0
    assert seen[-1].remaining_seconds is None


async def test_who_comes_later_waits_for_a_window_and_says_so(database_url: str, tmp_path: Path, speech: Path) -> None:
    """With one engine a later recording says that it waits, promises no time, and shows its first words before the other ends."""
    async with open_app(settings_for(database_url, tmp_path, concurrency=1)) as app, workers(app):
        long, _ = await app.media.add_file(LOCAL, speech)
        first = await submit(app, long)
        await reached(app, first, lambda now: now.step == "transcribe")
        short, _ = await app.media.add_file(LOCAL, lecture_wav(tmp_path / "short.wav", 12))
        second = await submit(app, short)
        waiting = await reached(app, second, lambda now: now.step == "waiting")
        assert (waiting.rate, waiting.remaining_seconds, waiting.rated_at) == (None, None, None)
        await reached(app, second, lambda now: now.step == "transcribe")
        assert (await app.jobs.get(LOCAL, first.id)).status == "running"
        assert (await ended(app, second)).status == "completed"
        assert (await ended(app, first)).status == "completed"


async def test_the_same_work_of_another_owner_waits_and_costs_nothing(app: App, speech: Path) -> None:
    """While the first job runs the second says that it waits; then it has the same text without an engine."""
    mine, _ = await app.media.add_file(LOCAL, speech)
    theirs, _ = await app.media.add_file(OTHER, speech)
    async with workers(app):
        first = await submit(app, mine)
        await reached(app, first, lambda now: now.progress > 0)
        second = await submit(app, theirs, OTHER)
        assert (await reached(app, second, lambda now: now.step == "twin")).status == "running"
        await ended(app, first)
        listened = heard(app)
        done = await ended(app, second)
    assert done.status == "completed"
    assert await words(app, second) == await words(app, first)
    assert heard(app) == listened > 0


@pytest.mark.parametrize("action", ["cancel", "pause"])
async def test_who_waited_for_the_same_work_goes_on_where_the_first_job_stopped(
    app: App, speech: Path, action: Literal["cancel", "pause"]
) -> None:
    """When the first job is stopped the second takes over, and listens only to windows that the first has not finished."""
    mine, _ = await app.media.add_file(LOCAL, speech)
    theirs, _ = await app.media.add_file(OTHER, speech)
    async with workers(app):
        first = await submit(app, mine)
        await reached(app, first, lambda now: now.progress > 0)
        second = await submit(app, theirs, OTHER)
        await reached(app, second, lambda now: now.step == "twin")
        async with asyncio.timeout(60):
            while not (finished := await words(app, first)):
                await asyncio.sleep(0.05)
        await app.jobs.steer(LOCAL, [first.id], action)
        before = heard(app)
        done = await ended(app, second)
    assert (done.status, done.attempts) == ("completed", 1)
    assert finished
    assert (await words(app, second))[: len(finished)] == finished
    assert done.windows is not None
    assert 0 < before < done.windows
    assert heard(app) <= done.windows


async def test_other_parameters_decode_nothing_again(app: App, speech: Path) -> None:
    """A job in another language's name finds the windows that are cut: their files are those of before."""
    media, _ = await app.media.add_file(LOCAL, speech)
    async with workers(app):
        await ended(app, await submit(app, media))
        cut = {path: path.stat().st_mtime_ns for path in app.settings.data_dir.rglob("*.flac")}
        job = await ended(app, await submit(app, media, language="en", beam_size=3))
    assert job.status == "completed"
    assert cut
    assert {path: path.stat().st_mtime_ns for path in app.settings.data_dir.rglob("*.flac")} == cut


async def test_a_pause_keeps_what_is_finished_and_survives_a_restart(
    app: App, database_url: str, tmp_path: Path, speech: Path
) -> None:
    """A paused job stands still, also for a worker that starts later; resumed, it does only what is missing."""
    media, _ = await app.media.add_file(LOCAL, speech)
    async with workers(app):
        job = await submit(app, media)
        await reached(app, job, lambda now: now.progress > 0.3)
        await app.jobs.pause(LOCAL, job.id)
        before = await words(app, job)
    async with open_app(settings_for(database_url, tmp_path)) as later, workers(later):
        await asyncio.sleep(0.5)
        assert (await later.jobs.get(LOCAL, job.id)).status == "paused"
        assert await words(later, job) == before
        await later.jobs.resume(LOCAL, job.id)
        done = await ended(later, job)
        after = await words(later, job)
        transcript = await later.transcripts.get(job.id)
    assert (done.status, done.attempts) == ("completed", 2)
    assert before
    assert after[: len(before)] == before
    assert transcript is not None
    assert transcript.windows == done.windows


async def test_deleting_the_last_medium_leaves_nothing_derived(app: App, speech: Path) -> None:
    """With the last owner go the content, its windows and every text that was made from it; before that, nothing."""
    mine, _ = await app.media.add_file(LOCAL, speech)
    theirs, _ = await app.media.add_file(OTHER, speech)
    async with workers(app):
        await ended(app, await submit(app, mine))
    await app.media.delete(LOCAL, mine.id)

    async def derived() -> int:
        async with app.database.read() as session:
            return await session.scalar(text("SELECT count(*) FROM artefacts")) or 0

    assert await derived() > 2
    await app.media.delete(OTHER, theirs.id)
    assert await derived() == 0
    assert [path for path in (app.settings.data_dir / "blobs").rglob("*") if path.is_file()] == []


async def test_a_recording_that_is_cut_off_is_no_success(app: App, tmp_path: Path) -> None:
    """What is there can be read, searched and asked; job, transcript and answers say that it is not all of it."""
    path = cut_off(lecture_wav(tmp_path / "speech.wav", 20), 0.6)
    media, _ = await app.media.add_file(LOCAL, path)
    async with workers(app):
        job = await ended(app, await submit(app, media))
        listened = heard(app)
        again = await ended(app, await submit(app, media))
    assert (job.status, job.error and job.error["code"]) == ("failed", "media_cut_off")
    assert job.error["message"].startswith("The file is cut off: 8 of its 20 seconds are missing")
    transcript = await app.transcripts.newest(LOCAL, media.id)
    assert transcript is not None
    assert transcript.status == "failed"
    assert transcript.transcribed == pytest.approx(12, abs=0.5)
    assert await app.passages.search(LOCAL, "lesson")
    answer = await app.answers.ask(LOCAL, "What is the lesson about?", [media.id])
    assert answer.coverage["complete"] is False
    assert (again.status, heard(app)) == ("failed", listened)


class Missing(PocketSphinx):
    """The basic recogniser on a machine that has no model of it and cannot fetch one."""

    def available(self, model: str) -> bool:
        return False


async def fetch_nothing(_engine: str, _model: str, _seconds: float) -> None:
    raise EngineUnavailableError("The hub does not answer.")


async def test_a_worker_without_the_model_fails_nobodys_job(app: App, tmp_path: Path) -> None:
    """It hands a window that it has taken to the worker that has the model, and the job completes at its first attempt."""
    media, _ = await app.media.add_file(LOCAL, lecture_wav(tmp_path / "speech.wav", 12))
    lacking = replace(app, chooser=EngineChooser({"pocketsphinx": Missing}, fetch_nothing))
    async with workers(only(app, "decode"), only(lacking, "transcribe")):
        job = await submit(app, media)
        await until(lambda: was_passed_on(app))
        assert (await app.jobs.get(LOCAL, job.id)).status == "running"
        async with workers(app):
            done = await ended(app, job)
    assert (done.status, done.attempts, done.error) == ("completed", 1, None)


async def was_passed_on(app: App) -> bool:
    async with app.database.read() as session:
        query = text("SELECT count(*) FROM tasks WHERE kind = 'window' AND failures = 1 AND worker IS NULL")
        return (await session.scalar(query) or 0) > 0


async def test_a_job_that_everybody_left_waits_for_its_turn(app: App, speech: Path) -> None:
    """When the last worker stops, nobody is told that the job is running; it goes on where it was when one comes."""
    media, _ = await app.media.add_file(LOCAL, speech)
    async with workers(app):
        job = await reached(app, await submit(app, media), lambda now: now.progress > 0)
    left = await app.jobs.get(LOCAL, job.id)
    assert (left.status, left.step, left.remaining_seconds) == ("queued", "queued", None)
    assert left.progress >= job.progress
    async with workers(app):
        assert (await ended(app, job)).status == "completed"


async def test_a_later_attempt_that_fails_leaves_a_finished_recording_ready(app: App, tmp_path: Path) -> None:
    """The words are still there: the medium stays ready while its newest job says what went wrong."""
    media, _ = await app.media.add_file(LOCAL, lecture_wav(tmp_path / "speech.wav", 8))
    async with workers(app):
        await ended(app, await submit(app, media))
        failed = await ended(app, await submit(app, media, language="de"))
    assert failed.status == "failed"
    [(found, job)] = (await app.jobs.library(LOCAL)).items
    assert (found.status, job and job.status) == ("ready", "failed")
