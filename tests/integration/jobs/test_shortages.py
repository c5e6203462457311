"""Real workers on a machine that has too little room: work waits, says for what, and goes on when there is room again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from integration.jobs.test_recordings import ended, only, reached, settings_for, submit, words, workers
from recordings import lecture_wav
from videochat.app import App, open_app
from videochat.jobs import engine
from videochat.ops.actor import LOCAL
from videochat.ops.resources import Space


@dataclass
class Room:
    """For how many windows there is room on a disk."""

    windows: int


@dataclass(frozen=True, slots=True)
class Disk(Space):
    """A disk on which only windows take up space."""

    room: Room

    @property
    def free(self) -> int:
        return self.room.windows - len(windows_on(self.folder))


def windows_on(folder: Path) -> dict[Path, int]:
    """Return the files of the windows that are stored, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in (folder / "blobs").rglob("*.flac")}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "NOT_YET_PAUSE", 0.1)


@pytest.fixture
async def app(database_url: str, tmp_path: Path) -> AsyncIterator[App]:
    async with open_app(settings_for(database_url, tmp_path)) as opened:
        yield opened


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    return lecture_wav(tmp_path / "speech.wav", 25)


def on_disk(app: App, room: Room) -> App:
    """Return the app with its data on a disk that has this room."""
    return replace(app, space=Disk(app.settings.data_dir, 0, room))


async def test_cutting_stops_before_the_reserve_and_goes_on_behind_what_is_stored(app: App, speech: Path) -> None:
    """The disk gets no window more than it has room for; with room again the same attempt completes, those windows untouched."""
    media, _ = await app.media.add_file(LOCAL, speech)
    room = Room(2)
    async with workers(on_disk(app, room)):
        job = await submit(app, media)
        await reached(app, job, lambda now: now.step == "no_space")
        stored = windows_on(app.settings.data_dir)
        assert len(stored) == 2
        room.windows = 1000
        done = await ended(app, job)
    assert (done.status, done.attempts) == ("completed", 1)
    assert done.windows is not None
    assert done.windows > 2
    assert windows_on(app.settings.data_dir).items() >= stored.items()
    assert await words(app, job)


async def test_a_window_waits_for_space_and_goes_on(app: App, speech: Path) -> None:
    """A recording that is cut is not listened to while the disk is low: the job says so, and completes with space again."""
    media, _ = await app.media.add_file(LOCAL, speech)
    room = Room(1000)
    async with workers(on_disk(only(app, "decode"), room)):
        job = await reached(app, await submit(app, media), lambda now: now.windows is not None)
    room.windows = 0
    async with workers(on_disk(app, room)):
        waiting = await reached(app, job, lambda now: now.step == "no_space")
        assert (waiting.status, waiting.progress) == ("running", 0.0)
        room.windows = 1000
        assert (await ended(app, job)).status == "completed"


async def test_work_waits_for_memory_and_goes_on(app: App, database_url: str, tmp_path: Path, speech: Path) -> None:
    """Where less memory is free than the reserve the job says so; with a smaller reserve the same attempt completes."""
    media, _ = await app.media.add_file(LOCAL, speech)
    async with (
        open_app(settings_for(database_url, tmp_path, memory_reserve_bytes=10**15)) as small,
        workers(small),
    ):
        job = await submit(app, media)
        waiting = await reached(app, job, lambda now: now.step == "no_memory")
        assert (waiting.status, waiting.progress) == ("running", 0.0)
    assert not windows_on(app.settings.data_dir)
    async with workers(app):
        done = await ended(app, job)
    assert (done.status, done.attempts) == ("completed", 1)
