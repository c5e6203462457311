"""From a link to a transcript: a real web site, real databases, real workers, yt-dlp in its own process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from integration.jobs.test_recordings import SHORT, ended, heard, reached, submit, words, workers
from processes import children, command
from recordings import lecture_wav
from videochat.app import App, open_app
from videochat.errors import ConflictError, InvalidError, NotFoundError, StorageFullError
from videochat.jobs.job import Job
from videochat.jobs.parameters import freeze
from videochat.media.fetch import Sources
from videochat.ops.actor import LOCAL
from videochat.settings import Settings
from waiting import until
from website import Page, Website, html, website


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lecture_wav(tmp_path_factory.mktemp("recording") / "talk.wav", seconds=10)


@pytest.fixture
def there(recording: Path) -> Iterator[Website]:
    content = recording.read_bytes()
    with website(
        talk__wav=Page(content, "audio/x-wav"),
        page=html('<video src="/talk.wav"></video>', "Leaves: color/light, part 1/2"),
        slow__wav=Page(content, "audio/x-wav", hold=True),
        text__wav=Page(b"no sound at all", "audio/x-wav"),
    ) as opened:
        yield opened


def settings_for(database_url: str, folder: Path, **download: object) -> Settings:
    return Settings(
        data_dir=folder / "data", database={"url": database_url}, stt={"engine": "pocketsphinx"}, jobs=SHORT,
        download={"allow_private": True, "retries": 0, **download},
    )  # fmt: skip


@pytest.fixture
async def app(database_url: str, tmp_path: Path) -> AsyncIterator[App]:
    async with open_app(settings_for(database_url, tmp_path)) as opened:
        yield opened


async def follow(app: App, url: str) -> Job:
    return await app.jobs.submit_link(LOCAL, url, freeze(app.settings))


async def names(app: App) -> list[str]:
    return [media.name for media in (await app.media.list(LOCAL)).items]


def fetchers() -> list[int]:
    return [pid for pid in children() if b"yt_dlp_child" in command(pid)]


async def test_a_link_becomes_a_transcript(app: App, there: Website, recording: Path) -> None:
    """The medium is in the library at once; in the end it has the content, the page's name and the words of the file."""
    job = await follow(app, there.url("/page"))
    expected = await app.media.get(LOCAL, job.media_id)
    assert (expected.is_here, expected.name) == (False, "127.0.0.1: page")
    async with workers(app):
        done = await ended(app, job)
        assert (done.status, done.media_id) == ("completed", job.media_id)
        media = await app.media.get(LOCAL, job.media_id)
        assert (media.status, media.kind, media.size) == ("ready", "audio", len(there.pages["/talk.wav"].body))
        assert media.name == "Leaves: color/light, part 1/2.wav"
        assert media.created_at == expected.created_at
        other = Settings(**{**app.settings.model_dump(), "data_dir": app.settings.data_dir / "other", "database": {}})
        async with open_app(other) as uploaded, workers(uploaded):
            same = await submit(uploaded, (await uploaded.media.add_file(LOCAL, recording))[0])
            await ended(uploaded, same)
            assert await words(app, done) == await words(uploaded, same) != []


async def test_progress_is_told_while_it_comes(app: App, there: Website) -> None:
    """The step has a name, and the share of the file that is there is what people see."""
    async with workers(app):
        job = await follow(app, there.url("/slow.wav"))
        half = await reached(app, job, lambda now: now.progress > 0.2)
        assert (half.step, half.status) == ("fetch", "running")
        assert half.progress < 0.9
        there.go_on.set()
        assert (await ended(app, job)).status == "completed"


async def test_the_same_link_is_followed_once_at_a_time(app: App, there: Website) -> None:
    """Asking again while it is on its way gives the job that is there."""
    first = await follow(app, there.url("/talk.wav"))
    assert (await follow(app, there.url("/talk.wav"))).id == first.id
    assert len(await names(app)) == 1


async def test_content_that_is_known_is_not_kept_twice(app: App, there: Website, recording: Path) -> None:
    """The job goes on with the recording of then, the one that was expected is gone, and nobody listens again."""
    async with workers(app):
        media, _ = await app.media.add_file(LOCAL, recording, "mine.wav")
        before, windows = await ended(app, await submit(app, media)), heard(app)
        job = await follow(app, there.url("/talk.wav"))
        done = await ended(app, job)
        assert (done.status, done.media_id) == ("completed", media.id)
        assert done.media_id != job.media_id
        with pytest.raises(NotFoundError):
            await app.media.get(LOCAL, job.media_id)
        assert await names(app) == ["mine.wav"]
        assert await words(app, done) == await words(app, before)
        assert heard(app) == windows


async def test_a_name_that_somebody_gave_is_kept(app: App, there: Website) -> None:
    """Who renames what is on its way keeps that name."""
    job = await follow(app, there.url("/page"))
    await app.media.rename(LOCAL, job.media_id, "My lecture")
    async with workers(app):
        await ended(app, job)
    assert await names(app) == ["My lecture"]


@pytest.mark.parametrize(("path", "code"), [("/missing.wav", "source_refused"), ("/text.wav", "media_unreadable")])
async def test_what_fails_says_why_and_can_be_tried_again(
    app: App, there: Website, path: str, code: str, recording: Path
) -> None:
    """Nothing is stored as fetched that was not; when the site is in order the same job succeeds."""
    async with workers(app):
        job = await follow(app, there.url(path))
        failed = await ended(app, job)
        assert (failed.status, failed.error and failed.error["code"]) == ("failed", code)
        assert not (await app.media.get(LOCAL, job.media_id)).is_here
        there.pages[path] = there.pages["/talk.wav"]
        await app.jobs.retry(LOCAL, job.id)
        assert (await ended(app, job)).status == "completed"


async def test_a_cancel_ends_the_fetching(app: App, there: Website) -> None:
    """The process and the connection are gone within a second, and deleting leaves nothing."""
    async with workers(app):
        job = await follow(app, there.url("/slow.wav"))
        await reached(app, job, lambda now: now.progress > 0)
        assert fetchers()
        await app.jobs.cancel(LOCAL, job.id)
        await until(lambda: not fetchers(), 1)
        there.go_on.set()
        await app.media.delete(LOCAL, job.media_id)
    assert await names(app) == []
    assert not [file for file in (app.settings.data_dir / "uploads").rglob("*") if file.is_file()]


async def test_a_worker_that_leaves_hands_it_on(app: App, there: Website) -> None:
    """Who stops while it fetches gives the task back; another begins again, and the end is the same."""
    async with workers(app):
        job = await follow(app, there.url("/slow.wav"))
        await reached(app, job, lambda now: now.progress > 0)
    assert not fetchers()
    there.go_on.set()
    async with workers(app):
        assert (await ended(app, job)).status == "completed"


async def test_what_is_not_here_cannot_be_used_as_if_it_were(app: App, there: Website) -> None:
    """Its file cannot be read and nothing else can be made of it yet; that is said."""
    media = await app.media.get(LOCAL, (await follow(app, there.url("/talk.wav"))).media_id)
    with pytest.raises(NotFoundError, match="still being fetched"):
        app.media.content(media)
    with pytest.raises(ConflictError, match="not been fetched"):
        await submit(app, media, beam_size=2)


async def test_what_the_disk_has_no_room_for_is_not_fetched_again_and_again(
    app: App, there: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up while it comes ends the job with that reason: nothing of it stays, so waiting would help nobody."""
    tries = []

    async def full(_sources: Sources, url: str, *_: object) -> None:
        tries.append(url)
        raise StorageFullError

    monkeypatch.setattr(Sources, "fetch", full)
    async with workers(app):
        failed = await ended(app, await follow(app, there.url("/talk.wav")))
    assert (failed.status, failed.error and failed.error["code"]) == ("failed", "storage_full")
    assert len(tries) == 1


async def test_no_link_is_queued_that_cannot_be_followed(app: App) -> None:
    """A wrong link is an error at once, and nothing is left in the library."""
    with pytest.raises(InvalidError):
        await follow(app, "file:///etc/passwd")
    assert await names(app) == []


@pytest.mark.parametrize("path", ["/talk.wav", "/page"])
async def test_links_do_not_lead_into_private_networks(
    database_url: str, tmp_path: Path, there: Website, path: str
) -> None:
    """Unless it is allowed, nothing of this machine is ever asked for; the job says which setting that is."""
    async with open_app(settings_for(database_url, tmp_path, allow_private=False)) as app, workers(app):
        failed = await ended(app, await follow(app, there.url(path, "localhost")))
        assert failed.error is not None
        assert failed.error["code"] == "source_private"
        assert "DOWNLOAD__ALLOW_PRIVATE" in failed.error["message"]
    assert there.asked == []
