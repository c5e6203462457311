"""The use cases of media on real databases and a real folder."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from sqlalchemy import func, select

from media_files import (
    ffconcat,
    speech_like,
    talk,
    without_index,
    without_sound,
    write_audio,
    write_film,
    write_wav,
)
from unlimited import unlimited
from videochat.errors import InvalidError, MediaError, NotFoundError, StorageFullError, TooLargeError
from videochat.media.media import Limits, Media, Window
from videochat.media.service import MediaService
from videochat.ops.actor import LOCAL, Actor
from videochat.ops.resources import Space
from videochat.store.blobs.local import LocalBlobs
from videochat.store.feed import EventFeed
from videochat.store.session import Database
from videochat.store.tables import ArtefactRow, MediaRow, WindowRow

OTHER = Actor("other")


@pytest.fixture
def service(database: Database, tmp_path: Path) -> MediaService:
    return MediaService(
        database,
        LocalBlobs(tmp_path / "blobs"),
        Limits(),
        tmp_path / "uploads",
        Space(tmp_path, 0),
        unlimited(database),
    )


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "talk.wav", talk(3, 0.5, 3, 0.5, 4))


def kept(tmp_path: Path) -> list[str]:
    """Return the blobs, uploads and work files that lie around."""
    paths = files_in(tmp_path / "blobs") + files_in(tmp_path / "uploads")
    return sorted(str(path.relative_to(tmp_path)) for path in paths)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def windows_of(service: MediaService, media: Media, first: float = 2, later: float = 4) -> list[Window]:
    plan = service.plan(media, first, later)
    return [window async for window in service.cut(media, plan, first_seconds=first, window_seconds=later)]


async def cut(service: MediaService, media: Media) -> str:
    await windows_of(service, media)
    return service.plan(media, 2, 4)


async def test_an_upload_becomes_a_medium(service: MediaService, database: Database, tmp_path: Path) -> None:
    """What was received is probed, kept under its hash, listed and announced."""
    content = write_film(tmp_path / "film", 2, speech_like(2)).read_bytes()
    async with await service.receiver(LOCAL, len(content)) as receiver:
        await receiver.write(content)
        media, new = await service.add(LOCAL, "../summer.mp4", await receiver.finish())
    assert new
    assert (media.name, media.kind, media.mime, media.status) == ("summer.mp4", "video", "video/mp4", "stored")
    assert (media.size, media.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert media.duration == pytest.approx(2, abs=0.2)
    assert await service.get(LOCAL, media.id) == media
    assert kept(tmp_path) == [f"blobs/{service.content(media)}"]
    events = await EventFeed(database).page(0, f"media:{media.id}")
    assert [(e.stream, e.type, e.data) for e in events] == [
        (f"media:{media.id}", "media", {"id": media.id, "action": "created"})
    ]


async def test_the_same_content_is_the_same_medium(service: MediaService, recording: Path, tmp_path: Path) -> None:
    """A second upload gives the medium of the first, by its hash even without a body, and stores nothing more."""
    media, _ = await service.add_file(LOCAL, recording)
    again, new = await service.add_file(LOCAL, recording, "other name.wav")
    assert (again, new) == (media, False)
    assert await service.known(LOCAL, media.sha256) == media
    assert len(kept(tmp_path)) == 1


async def test_the_same_content_at_the_same_time(service: MediaService, recording: Path) -> None:
    """Of several uploads at once exactly one is new, and all give the same medium."""
    found = await asyncio.gather(*(service.add_file(LOCAL, recording) for _ in range(4)))
    assert len({media.id for media, _ in found}) == 1
    assert sum(new for _, new in found) == 1


async def test_owners_do_not_see_each_other(service: MediaService, recording: Path, tmp_path: Path) -> None:
    """The same content of two owners is two media and one blob; neither learns of the other by hash, id or list."""
    mine, _ = await service.add_file(LOCAL, recording)
    assert await service.known(OTHER, mine.sha256) is None
    theirs, new = await service.add_file(OTHER, recording)
    assert new
    assert theirs.id != mine.id
    for act in (service.get, service.delete):
        with pytest.raises(NotFoundError):
            await act(OTHER, mine.id)
    with pytest.raises(NotFoundError):
        await service.rename(OTHER, mine.id, "x")
    assert [media.id for media in (await service.list(OTHER)).items] == [theirs.id]
    assert len(kept(tmp_path)) == 1


@pytest.mark.parametrize("make", [ffconcat, without_index])
async def test_what_is_no_media_leaves_nothing(
    service: MediaService, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    """The upload is refused with a reason; no row, blob or temporary file stays."""
    make(tmp_path / "film.mp4")
    with pytest.raises(MediaError):
        await service.add_file(LOCAL, tmp_path / "film.mp4")
    assert (await service.list(LOCAL)).items == []
    assert kept(tmp_path) == []


async def test_a_film_without_sound_is_refused(service: MediaService, tmp_path: Path) -> None:
    """There would be nothing to transcribe."""
    without_sound(tmp_path / "film.mp4")
    with pytest.raises(MediaError) as caught:
        await service.add_file(LOCAL, tmp_path / "film.mp4")
    assert caught.value.reason == "media_no_audio"
    assert kept(tmp_path) == []


async def test_files_that_cannot_be_taken(service: MediaService, database: Database, tmp_path: Path) -> None:
    """A missing file, a folder and one that is too large are told apart; a pipe is never waited for."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "pipe"):
        with pytest.raises(NotFoundError):
            await service.add_file(LOCAL, path)
    small = MediaService(
        database,
        LocalBlobs(tmp_path / "blobs"),
        Limits(max_bytes=10),
        tmp_path / "uploads",
        Space(tmp_path, 0),
        unlimited(database),
    )
    (tmp_path / "large").write_bytes(b"x" * 11)
    with pytest.raises(TooLargeError):
        await small.add_file(LOCAL, tmp_path / "large")


async def test_a_list_in_pages(service: MediaService, tmp_path: Path) -> None:
    """Newest first, each exactly once, however the pages are cut; a wrong cursor is refused."""
    ids = []
    for n in range(5):
        media, _ = await service.add_file(LOCAL, write_wav(tmp_path / f"{n}.wav", speech_like(0.5, seed=n)))
        ids.append(media.id)
    seen: list[str] = []
    cursor = None
    for _ in range(3):
        page = await service.list(LOCAL, cursor, 2)
        seen += [media.id for media in page.items]
        cursor = page.next
    assert seen == ids[::-1]
    assert cursor is None
    with pytest.raises(InvalidError):
        await service.list(LOCAL, "nonsense")


async def test_renaming(service: MediaService, recording: Path) -> None:
    """A new name is cleaned and kept; an empty one is refused."""
    media, _ = await service.add_file(LOCAL, recording)
    assert (await service.rename(LOCAL, media.id, " Q/A: lesson\u202e one ")).name == "Q/A: lesson one"
    assert (await service.get(LOCAL, media.id)).name == "Q/A: lesson one"
    with pytest.raises(InvalidError):
        await service.rename(LOCAL, media.id, "  ")


async def test_cutting(service: MediaService, recording: Path, tmp_path: Path) -> None:
    """Each window is a row and a blob; the report counts them; work files are gone."""
    media, _ = await service.add_file(LOCAL, recording)
    plan = service.plan(media, 2, 4)
    assert await service.audio(plan) is None
    assert await service.window(plan, 0) is None
    windows = await windows_of(service, media)
    report = await service.audio(plan)
    assert windows == [await service.window(plan, n) for n in range(report.count)]
    assert windows[0].start == 0
    assert windows[-1].end == report.duration == 11.0
    assert await service.window(plan, report.count) is None
    assert kept(tmp_path) == sorted(f"blobs/{key}" for key in [service.content(media), *(w.blob for w in windows)])


async def test_cutting_again_costs_no_decoding(service: MediaService, recording: Path, tmp_path: Path) -> None:
    """The second time nothing is decoded: it works even without the content."""
    media, _ = await service.add_file(LOCAL, recording)
    plan = await cut(service, media)
    windows = await windows_of(service, media)
    (tmp_path / "blobs" / service.content(media)).unlink()
    assert await windows_of(service, media) == windows
    assert await service.window(plan, 0) == windows[0]


async def test_cutting_goes_on_where_it_was_left(service: MediaService, recording: Path, tmp_path: Path) -> None:
    """Who was interrupted writes no window twice, gives those of before first, and ends with the windows of one pass."""
    media, _ = await service.add_file(LOCAL, recording)
    plan = service.plan(media, 2, 4)
    async with aclosing(service.cut(media, plan, first_seconds=2, window_seconds=4)) as cutting:
        left = [await anext(cutting), await anext(cutting)]
    assert await service.audio(plan) is None
    files = {tmp_path / "blobs" / window.blob: window for window in left}
    written = {path: path.stat().st_ino for path in files}
    whole = await windows_of(service, media)
    assert whole[:2] == left
    assert {path: path.stat().st_ino for path in files} == written
    for window in whole[2:]:
        assert (tmp_path / "blobs" / window.blob).is_file()
    report = await service.audio(plan)
    assert report is not None
    assert [window.n for window in whole] == list(range(report.count))
    assert [window.end for window in whole] == [*(window.start for window in whole[1:]), report.duration]


async def test_cutting_at_the_same_time(service: MediaService, recording: Path) -> None:
    """Two workers that cut the same recording end with the same windows."""
    media, _ = await service.add_file(LOCAL, recording)
    plans = await asyncio.gather(cut(service, media), cut(service, media))
    report = await service.audio(plans[0])
    assert all([await service.window(plans[1], n) for n in range(report.count)])


async def test_other_lengths_are_another_plan(service: MediaService, recording: Path) -> None:
    """Windows of other lengths are other windows; the same lengths give the same plan everywhere."""
    media, _ = await service.add_file(LOCAL, recording)
    assert service.plan(media, 30, 300) == service.plan(media, 30, 300) != service.plan(media, 30, 60)


async def test_a_length_that_was_not_declared_is_known_after_decoding(service: MediaService, tmp_path: Path) -> None:
    """Some containers do not say how long they are; decoding does."""
    path = tmp_path / "live.mp3"
    whole = write_audio(tmp_path / "whole", speech_like(6), "matroska", "flac").read_bytes()
    element = whole.index(b"\x44\x89")  # Duration, in the header
    path.write_bytes(whole[:element] + b"\xec\x89" + whole[element + 2 :])  # Void: to be skipped
    media, _ = await service.add_file(LOCAL, path)
    await cut(service, media)
    assert (await service.get(LOCAL, media.id)).duration == pytest.approx(6, abs=0.2)


async def test_deleting_removes_everything(
    service: MediaService, database: Database, recording: Path, tmp_path: Path
) -> None:
    """Row, content, windows and the plan's report go; the same recording can come again and is cut anew."""
    media, _ = await service.add_file(LOCAL, recording)
    plan = await cut(service, media)
    await service.delete(LOCAL, media.id)
    assert kept(tmp_path) == []
    async with database.read() as session:
        for table in (MediaRow, WindowRow, ArtefactRow):
            assert await session.scalar(select(func.count()).select_from(table)) == 0
    assert (await EventFeed(database).page(0, f"media:{media.id}"))[-1].data["action"] == "deleted"
    media, _ = await service.add_file(LOCAL, recording)
    assert await cut(service, media) == plan
    assert await service.window(plan, 0) is not None


async def test_deleting_keeps_what_another_owner_has(service: MediaService, recording: Path) -> None:
    """Content and windows stay as long as anybody has them."""
    mine, _ = await service.add_file(LOCAL, recording)
    theirs, _ = await service.add_file(OTHER, recording)
    plan = await cut(service, mine)
    await service.delete(LOCAL, mine.id)
    assert await service.window(plan, 0) is not None
    assert await service.get(OTHER, theirs.id) == theirs
    assert await windows_of(service, theirs, 3, 5)


async def test_a_full_disk_leaves_nothing(database: Database, tmp_path: Path, small_disk: Path) -> None:
    """An upload that does not fit is a clear error; a smaller one is taken afterwards."""
    service = MediaService(
        database,
        LocalBlobs(small_disk / "blobs"),
        Limits(),
        small_disk / "uploads",
        Space(small_disk, 0),
        unlimited(database),
    )
    with pytest.raises(StorageFullError):
        await service.add_file(LOCAL, write_wav(tmp_path / "large.wav", speech_like(60)))
    assert files_in(small_disk) == []
    _, new = await service.add_file(LOCAL, write_wav(tmp_path / "small.wav", speech_like(1)))
    assert new


async def test_a_full_blob_store_leaves_nothing(database: Database, tmp_path: Path, small_disk: Path) -> None:
    """The same when only the disk of the blobs is full: the copy is removed."""
    service = MediaService(
        database, LocalBlobs(small_disk), Limits(), tmp_path / "uploads", Space(tmp_path, 0), unlimited(database)
    )
    with pytest.raises(StorageFullError):
        await service.add_file(LOCAL, write_wav(tmp_path / "large.wav", speech_like(60)))
    assert files_in(small_disk) == []
    assert (await service.list(LOCAL)).items == []
    _, new = await service.add_file(LOCAL, write_wav(tmp_path / "small.wav", speech_like(1)))
    assert new


async def test_leftovers_are_swept(service: MediaService, tmp_path: Path) -> None:
    """What a killed process left in uploads goes after a day; what is fresh stays."""
    old, fresh = tmp_path / "uploads" / "upl_old", tmp_path / "uploads" / "upl_fresh"
    for folder in (old, fresh):
        folder.mkdir(parents=True)
        (folder / "content").write_bytes(b"x")
    os.utime(old, (0, 0))
    assert await service.sweep() == 1
    assert (old.exists(), fresh.exists()) == (False, True)
