"""Backups of real databases and stores: what comes back, and what is in one that was made while others were at work."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from backups import Library, add_talk, fill, library_at, names_in, put_blob, workplace_at
from conftest import new_postgres
from integration.jobs.test_recordings import ended, reached, settings_for, submit, words, workers
from integration.test_s3 import growth
from library import add_recording
from recordings import lecture_wav
from s3 import Bucket
from videochat.app import open_app
from videochat.errors import StorageFullError
from videochat.ops.actor import LOCAL
from videochat.passages.service import PassageService
from videochat.store import artefacts, events
from videochat.store.backup import back_up
from videochat.store.blob import content_key
from videochat.store.blobs.local import LocalBlobs
from videochat.store.blobs.s3 import S3Blobs
from videochat.store.restore import restore
from waiting import until

MIB = 1024**2
KINDS = ("sqlite", "postgresql")


def url_of(kind: str, folder: Path, stack: ExitStack) -> str:
    return f"sqlite:///{folder / 'videochat.db'}" if kind == "sqlite" else stack.enter_context(new_postgres())


@pytest.fixture(params=itertools.product(KINDS, KINDS), ids="-to-".join)
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Library, Library]]:
    """Give two empty libraries, of each two kinds of databases."""
    with ExitStack() as stack:
        urls = [url_of(kind, tmp_path / name, stack) for kind, name in zip(request.param, "ab", strict=True)]
        async with library_at(urls[0], tmp_path / "a") as one, library_at(urls[1], tmp_path / "b") as other:
            yield one, other


@pytest.fixture(params=KINDS)
async def library(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Library]:
    """Give an empty library, once for each kind of database."""
    with ExitStack() as stack:
        async with library_at(url_of(request.param, tmp_path / "one", stack), tmp_path / "one") as one:
            yield one


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[Library]:
    """Give an empty library to restore into."""
    async with library_at(f"sqlite:///{tmp_path / 'target' / 'videochat.db'}", tmp_path / "target") as one:
        yield one


async def test_everything_comes_back_whatever_the_databases(pair: tuple[Library, Library], tmp_path: Path) -> None:
    """Rows and blobs are equal, but for the names of workers; search finds them, and new ids begin above the old ones."""
    one, other = pair
    await fill(one)
    done = await one.back_up(tmp_path / "backup")
    restored = await other.restore(tmp_path / "backup")
    rows = await one.rows()
    assert any(task["worker"] for task in rows["tasks"])
    for task in rows["tasks"]:
        task["worker"] = None
    assert await other.rows() == rows
    assert {name for name, found in rows.items() if not found} <= {"leftovers", "hearings"}
    assert (restored.media, done.lost, done.rows) == (2, [], {name: len(found) for name, found in rows.items()})
    keys = [content_key(row["sha256"]) for row in rows["media"]] + [row["blob"] for row in rows["windows"]]
    assert len(keys) == done.blobs == 3
    assert [await other.blob(key) for key in keys] == [await one.blob(key) for key in keys]
    passages = PassageService(other.database)
    assert await passages.search(LOCAL, "chlorophyll light")
    assert await passages.search(LOCAL, "红光")
    newest = rows["events"][-1]["id"]
    await add_recording(other.database, "later", "Something about volcanoes.")
    async with other.database.write() as session:
        await events.append(session, "media:later", "media", {}, owner="local")
    assert (await other.rows())["events"][-1]["id"] > newest
    assert await passages.search(LOCAL, "volcanoes")


async def test_text_that_only_sqlite_can_store_moves_too(tmp_path: Path, postgres_url: str) -> None:
    """A zero byte and half a character become marks, in texts and in JSON; a whole character stays."""
    async with library_at(f"sqlite:///{tmp_path / 'a.db'}", tmp_path / "a") as one:
        await add_recording(one.database, "m1", "zero \0 byte", "tree 🌲")
        async with one.database.write() as session:
            await artefacts.put(session, "k", "odd", {"half": "\ud83c", "whole": "🌲", "list": ["\0"]})
        await one.back_up(tmp_path / "backup")
    async with library_at(postgres_url, tmp_path / "b") as other:
        await other.restore(tmp_path / "backup")
        rows = await other.rows()
    assert [row["text"] for row in rows["segments"]] == ["zero \ufffd byte", "tree 🌲"]
    assert rows["artefacts"][0]["value"] == {"half": "?", "whole": "🌲", "list": ["\ufffd"]}


async def test_progress_goes_from_nothing_to_the_end(library: Library, target: Library, tmp_path: Path) -> None:
    """Whoever watches sees each of the things that are done grow and come to its end, one after the other."""
    seen: list[tuple[str, float]] = []
    await fill(library)
    await back_up(library.database, library.blobs, tmp_path / "backup", lambda *step: seen.append(step))
    await restore(
        target.database, target.blobs, target.workplace, tmp_path / "backup", lambda *step: seen.append(step)
    )  # fmt: skip
    phases = [[share for _, share in steps] for _, steps in itertools.groupby(seen, lambda step: step[0])]
    assert len(phases) == len({doing for doing, _ in seen}) == 5
    for shares in phases:
        assert (shares, shares[-1]) == (sorted(shares), 1.0)
        assert shares[0] >= 0


async def test_blobs_go_from_a_folder_into_a_bucket_and_back(library: Library, bucket: Bucket, tmp_path: Path) -> None:
    """A laptop's backup is restored on a store like a cluster's, and the cluster's on a laptop, byte for byte."""
    await fill(library)
    await library.back_up(tmp_path / "laptop")
    there = S3Blobs.from_url(bucket.url, workplace_at(tmp_path))
    async with library_at(f"sqlite:///{tmp_path / 'c.db'}", tmp_path / "c", there) as cluster:
        await cluster.restore(tmp_path / "laptop")
        await cluster.back_up(tmp_path / "cluster")
    assert len(bucket.objects()) == 3
    async with library_at(f"sqlite:///{tmp_path / 'd.db'}", tmp_path / "d") as laptop:
        await laptop.restore(tmp_path / "cluster")
        for row in (await library.rows())["media"]:
            key = content_key(row["sha256"])
            if row["id"] == "m1" or "busy" in row["id"]:
                assert await laptop.blob(key) == await library.blob(key)


async def test_a_backup_is_of_one_moment_while_others_write_and_delete(
    library: Library, target: Library, tmp_path: Path
) -> None:
    """In each there are whole recordings only: every transcript with all its segments and passages, every file."""
    stop, written = asyncio.Event(), {"x": 0, "y": 0}
    await add_talk(library, "stays")

    async def busy(name: str) -> None:
        for n in itertools.count():
            await add_talk(library, f"{name}{n}")
            if n > 1:
                await library.media.delete(LOCAL, f"{name}{n - 2}")
            written[name] = n
            if stop.is_set():
                return

    writers = [asyncio.create_task(busy(name)) for name in written]
    for n in range(5):
        await until(lambda n=n: min(written.values()) > 2 * n)  # type: ignore[misc]
        assert (await library.back_up(tmp_path / f"backup{n}")).lost == []
    stop.set()
    await asyncio.gather(*writers)
    found = 0
    for n in range(5):
        folder = tmp_path / f"restored{n}"
        async with library_at(f"sqlite:///{folder / 'videochat.db'}", folder) as restored:
            await restored.restore(tmp_path / f"backup{n}")
            found += await whole_recordings(restored)
    assert found > 5  # what stays is in each; of the others those that nobody deleted before their files were read


async def whole_recordings(library: Library) -> int:
    """Return how many recordings there are, all of them whole."""
    rows = await library.rows()
    for media in rows["media"]:
        assert await library.blob(content_key(media["sha256"])) == b"recorded"
    for window in rows["windows"]:
        assert (await library.blob(window["blob"])).startswith(b"window")
    for transcript in rows["transcripts"]:
        segments = [row for row in rows["segments"] if row["transcript_id"] == transcript["id"]]
        assert len(segments) == transcript["segments"] == 3
        assert any(row["transcript_id"] == transcript["id"] for row in rows["passages"])
    return len(rows["media"])


class Interrupted(LocalBlobs):
    """Does something before it says how large a blob is."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.before: dict[str, object] = {}

    async def size(self, key: str) -> int:
        if key in self.before:
            await self.before.pop(key)  # type: ignore[misc]
        return await super().size(key)


async def test_what_is_deleted_meanwhile_is_left_out_as_a_whole(
    library: Library, target: Library, tmp_path: Path
) -> None:
    """Its rows were read before: a restore has neither rows nor blobs of it, and all of the others."""
    blobs = Interrupted(tmp_path / "one" / "blobs")
    source = Library(library.database, blobs, library.workplace)
    gone, _ = await add_talk(source, "gone"), await add_talk(source, "stays")
    blobs.before[content_key(gone)] = source.media.delete(LOCAL, "gone")
    assert (await source.back_up(tmp_path / "backup")).lost == []
    assert (await target.restore(tmp_path / "backup")).media == 1
    rows = await target.rows()
    assert [row["id"] for row in rows["media"]] == ["stays"]
    assert {row["plan"] for row in rows["windows"]} == {row["key"] for row in rows["artefacts"]} == {"plan-stays"}
    assert {row["media_id"] for row in rows["passages"]} == {"stays"}
    assert not list((tmp_path / "target" / "blobs").rglob(f"*{gone}*"))


async def test_windows_that_are_missing_are_cut_again(library: Library, target: Library, tmp_path: Path) -> None:
    """The recording is there, and nothing says any more that its windows were."""
    await add_talk(library, "m1")
    (window,) = (await library.rows())["windows"]
    await library.blobs.delete(window["blob"])
    await library.back_up(tmp_path / "backup")
    await target.restore(tmp_path / "backup")
    rows = await target.rows()
    assert (len(rows["media"]), rows["windows"], rows["artefacts"]) == (1, [], [])


async def test_a_recording_that_the_store_has_lost_is_reported(
    library: Library, target: Library, tmp_path: Path
) -> None:
    """Nobody deleted it, so what was made of it is kept, and whoever asked for the backup learns of it."""
    sha256 = await add_talk(library, "m1")
    await library.blobs.delete(content_key(sha256))
    assert (await library.back_up(tmp_path / "backup")).lost == [content_key(sha256)]
    await target.restore(tmp_path / "backup")
    assert await PassageService(target.database).search(LOCAL, "chlorophyll")


async def test_a_job_that_was_running_goes_on(database_url: str, tmp_path: Path) -> None:
    """Backed up in the middle and restored on the other kind of database, it ends with the words of the undisturbed one."""
    speech, kept = lecture_wav(tmp_path / "speech.wav", 40), tmp_path / "backup"
    async with open_app(settings_for(database_url, tmp_path, concurrency=1)) as app, workers(app):
        media, _ = await app.media.add_file(LOCAL, speech)
        job = await submit(app, media)
        await reached(app, job, lambda now: now.progress > 0.1)
        await back_up(app.database, app.blobs, kept, lambda *_: None)
        assert (await app.jobs.get(LOCAL, job.id)).status == "running"
        await ended(app, job)
        undisturbed = await words(app, job)
    with ExitStack() as stack:
        url = url_of("postgresql" if database_url.startswith("sqlite") else "sqlite", tmp_path, stack)
        async with open_app(settings_for(url, tmp_path / "other", concurrency=1)) as app:
            place = workplace_at(app.settings.data_dir)
            await Library(app.database, app.blobs, place).restore(kept)
            assert (await app.jobs.get(LOCAL, job.id)).finished_at is None
            async with workers(app):
                assert (await ended(app, job)).status == "completed"
            assert await words(app, job) == undisturbed


async def test_memory_stays_flat(library: Library, target: Library, tmp_path: Path) -> None:
    """A recording of 200 MiB goes into a backup and comes back in a small part of that memory."""
    sha256 = await add_talk(library, "m1")
    key = content_key(sha256)
    await library.blobs.delete(key)
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(200 * MIB)
    await library.blobs.put(key, large)
    with growth() as grown:
        await library.back_up(tmp_path / "backup")
        await target.restore(tmp_path / "backup")
    assert await target.blobs.size(key) == 200 * MIB
    assert grown[0] < 32 * MIB


async def test_a_full_disk_leaves_no_file(target: Library, small_disk: Path) -> None:
    """The backup says that there is no space, and gives back what it has taken."""
    await put_blob(target, content_key(await add_talk(target, "m1")), bytes(MIB))
    with pytest.raises(StorageFullError, match="no space left"):
        await target.back_up(small_disk / "backup")
    assert names_in(small_disk) == []


class Endless(LocalBlobs):
    """Never comes to the end of a blob."""

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)


async def test_who_is_interrupted_leaves_no_file(target: Library, tmp_path: Path) -> None:
    """Until it is whole nothing has the name of the backup, and afterwards nothing is left."""
    await add_talk(target, "m1")
    (folder := tmp_path / "backups").mkdir()
    source = Library(target.database, Endless(tmp_path / "target" / "blobs"), target.workplace)
    writing = asyncio.create_task(source.back_up(folder / "backup"))
    while not names_in(folder):
        await asyncio.sleep(0.01)
    assert not (folder / "backup").exists()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert names_in(folder) == []
