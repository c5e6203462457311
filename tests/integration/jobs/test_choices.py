"""What was chosen when a job was made, and what workers were set to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integration.jobs.test_recordings import ended, settings_for, submit, workers
from recordings import lecture_wav
from videochat.app import App, open_app
from videochat.ops.actor import LOCAL
from waiting import until


@pytest.fixture
async def app(database_url: str, tmp_path: Path) -> AsyncIterator[App]:
    async with open_app(settings_for(database_url, tmp_path)) as opened:
        yield opened


async def test_a_job_keeps_the_parameters_that_it_was_made_with(app: App, database_url: str, tmp_path: Path) -> None:
    """A worker whose settings are others by now cuts and listens as was asked for."""
    later = settings_for(database_url, tmp_path, first_window_seconds=60, window_seconds=60)
    later = later.model_copy(update={"stt": later.stt.model_copy(update={"language": "de"})})
    media, _ = await app.media.add_file(LOCAL, lecture_wav(tmp_path / "speech.wav", 25))
    job = await submit(app, media)
    async with open_app(later) as changed, workers(changed):
        done = await ended(changed, job)
        assert (done.status, done.parameters) == ("completed", job.parameters)
        assert done.windows is not None
        assert done.windows >= 3
        shown = await changed.transcripts.newest(LOCAL, media.id)
        assert shown is not None
        assert shown.language == "en"


async def test_a_worker_takes_so_many_of_each_queue_as_is_set(database_url: str, tmp_path: Path) -> None:
    """Each queue has the room that its setting says, and one that is not named has none."""
    settings = settings_for(database_url, tmp_path, concurrency=2, decode_concurrency=3, queues=["fetch", "decode"])
    download = settings.download.model_copy(update={"max_concurrent_downloads": 4})
    settings = settings.model_copy(update={"download": download})
    async with open_app(settings) as app:
        assert app.worker()._engine._room == {"fetch": 4, "decode": 3}
    async with open_app(settings_for(database_url, tmp_path, concurrency=2)) as app:
        assert app.worker()._engine._room == {"fetch": 2, "decode": 1, "transcribe": 2}


async def test_a_worker_leaves_queues_alone_that_are_not_its_own(database_url: str, tmp_path: Path) -> None:
    """One that only decodes brings windows about and listens to none; one that only listens does the rest."""
    async with open_app(settings_for(database_url, tmp_path, queues=["decode"])) as decoding:
        media, _ = await decoding.media.add_file(LOCAL, lecture_wav(tmp_path / "speech.wav", 25))
        async with workers(decoding):
            job = await submit(decoding, media)

            async def cut() -> bool:
                return (await decoding.jobs.get(LOCAL, job.id)).windows is not None

            await until(cut)
            assert [s async for s in decoding.transcripts.all_segments(job.id)] == []
    async with open_app(settings_for(database_url, tmp_path, queues=["transcribe"])) as listening, workers(listening):
        assert (await ended(listening, job)).status == "completed"
