"""What every source keeps to: a scripted one, and yt-dlp in its own process on a real web site."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from processes import children, command
from recordings import lecture_wav
from videochat.errors import SourceError, SourceUnavailableError, TooLargeError, VideoChatError
from videochat.media.egress import Exit, way_out
from videochat.media.fetch import Errand, Fetched, OnProgress, Source
from videochat.media.sources.yt_dlp import YtDlp
from waiting import until
from website import Page, Website, html, website

MOST = 10 * 1024**2


class ScriptedSource:
    """Reads the site's pages from memory."""

    def __init__(self, there: Website) -> None:
        self._there = there

    def takes(self, url: str) -> bool:
        return True

    async def fetch(self, errand: Errand, on_progress: OnProgress) -> Fetched:
        path = "/" + errand.url.partition("://")[2].partition("/")[2]
        page = self._there.pages.get(path, Page(status=404))
        if page.hold:
            on_progress(len(page.body) // 2, len(page.body))
            await asyncio.Event().wait()
        if page.status != 200:
            raise SourceUnavailableError if page.status >= 500 else SourceError
        if not page.kind.startswith("audio"):
            raise SourceError
        if len(page.body) > errand.max_bytes:
            raise TooLargeError
        file = errand.folder / "fetched.wav"
        file.write_bytes(page.body)
        return Fetched(file, path[1:])


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return lecture_wav(tmp_path_factory.mktemp("recording") / "talk.wav", seconds=20).read_bytes()


@pytest.fixture
def there(recording: bytes) -> Iterator[Website]:
    talk = Page(recording, "audio/x-wav")
    with website(
        talk__wav=talk,
        slow__wav=Page(recording, "audio/x-wav", hold=True),
        busy__wav=Page(status=503),
        forbidden__wav=Page(status=403),
        page=html('<video src="/talk.wav"></video>', "The color of leaves"),
        moved=Page(status=302, location="/talk.wav"),
        several=html('<video src="/talk.wav"></video><video src="/slow.wav"></video>'),
        empty=html("<p>Nothing to hear.</p>"),
    ) as opened:
        yield opened


@pytest.fixture(params=["scripted", "yt-dlp"])
def source(request: pytest.FixtureRequest, there: Website) -> Source:
    return ScriptedSource(there) if request.param == "scripted" else YtDlp()


@pytest.fixture
async def way() -> AsyncIterator[Exit]:
    async with way_out(allow_private=True) as opened:
        yield opened


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def errand(there: Website, way: Exit, path: str, folder: Path, most: int = MOST) -> Errand:
    return Errand(there.url(path), folder, way.proxy, most, retries=0, socket_seconds=5)


async def test_a_recording_comes_whole(
    source: Source, there: Website, way: Exit, tmp_path: Path, recording: bytes
) -> None:
    """The bytes are those of the site, in the folder, with a name."""
    found = await source.fetch(errand(there, way, "/talk.wav", tmp_path), lambda *_: None)
    assert found.path.read_bytes() == recording
    assert found.path.parent == tmp_path
    assert found.name == "talk.wav"


@pytest.mark.parametrize("path", ["/missing.wav", "/forbidden.wav", "/empty"])
async def test_what_is_no_recording_is_an_error(
    source: Source, there: Website, way: Exit, tmp_path: Path, path: str
) -> None:
    """Nothing there, a closed door, a page without sound: none of them will be better the next time."""
    with pytest.raises(SourceError) as failed:
        await source.fetch(errand(there, way, path, tmp_path), lambda *_: None)
    assert not failed.value.retryable


async def test_a_site_that_is_busy_can_be_asked_again(
    source: Source, there: Website, way: Exit, tmp_path: Path
) -> None:
    """Whoever asked learns that it may pass."""
    with pytest.raises(SourceUnavailableError):
        await source.fetch(errand(there, way, "/busy.wav", tmp_path), lambda *_: None)


async def test_what_is_too_large_is_not_kept(source: Source, there: Website, way: Exit, tmp_path: Path) -> None:
    """The bound holds, and no half of a recording is taken for one."""
    with pytest.raises(TooLargeError):
        await source.fetch(errand(there, way, "/talk.wav", tmp_path, 100_000), lambda *_: None)
    assert size_of(tmp_path) <= 100_000


async def test_who_stops_waiting_ends_it(source: Source, there: Website, way: Exit, tmp_path: Path) -> None:
    """Progress is told while a recording comes; a cancel ends the process and the connection within a second."""
    told: list[tuple[int, int | None]] = []
    fetching = asyncio.create_task(
        source.fetch(errand(there, way, "/slow.wav", tmp_path), lambda *progress: told.append(progress))
    )
    await until(lambda: bool(told))
    assert 0 < told[-1][0] < (told[-1][1] or 0)
    fetching.cancel()
    async with asyncio.timeout(1):
        with pytest.raises(asyncio.CancelledError):
            await fetching
    assert not [pid for pid in children() if b"yt_dlp_child" in command(pid)]


async def of_yt_dlp(there: Website, way: Exit, path: str, folder: Path, most: int = MOST) -> Fetched:
    return await YtDlp().fetch(errand(there, way, path, folder, most), lambda *_: None)


async def test_a_page_gives_its_recording_and_its_title(
    there: Website, way: Exit, tmp_path: Path, recording: bytes
) -> None:
    """A recording that a page shows is found, and called as the page is."""
    found = await of_yt_dlp(there, way, "/page", tmp_path)
    assert found.path.read_bytes() == recording
    assert found.name == "The color of leaves.wav"


async def test_a_link_that_moved_is_followed(there: Website, way: Exit, tmp_path: Path, recording: bytes) -> None:
    """Redirects of a site to itself are nothing special."""
    assert (await of_yt_dlp(there, way, "/moved", tmp_path)).path.read_bytes() == recording


async def test_several_recordings_are_not_guessed_from(there: Website, way: Exit, tmp_path: Path) -> None:
    """Which of them is meant is asked instead of taking the first."""
    with pytest.raises(SourceError) as failed:
        await of_yt_dlp(there, way, "/several", tmp_path)
    assert failed.value.reason == "source_several"


async def test_a_length_that_is_a_lie_is_bounded(way: Exit, tmp_path: Path, recording: bytes) -> None:
    """A site that says less than it sends, or nothing, cannot fill the disk."""
    with website(lie__wav=Page(recording, "audio/x-wav", says=0)) as there, pytest.raises(VideoChatError) as failed:
        await of_yt_dlp(there, way, "/lie.wav", tmp_path, 100_000)
    assert isinstance(failed.value, TooLargeError | SourceError)
    assert size_of(tmp_path) <= 100_000


@pytest.mark.parametrize("half", [{"hold": True}, {"says": 10**6}])
async def test_half_a_recording_is_none(way: Exit, tmp_path: Path, recording: bytes, half: dict[str, int]) -> None:
    """A site that stands still, or ends before its recording does, can be asked again; what came is not kept as whole."""
    with (
        website(half__wav=Page(recording, "audio/x-wav", **half)) as there,
        pytest.raises(SourceUnavailableError) as failed,
    ):  # type: ignore[arg-type]
        await YtDlp().fetch(
            Errand(there.url("/half.wav"), tmp_path, way.proxy, MOST, retries=0, socket_seconds=1), lambda *_: None
        )
    assert "http" not in failed.value.message


async def test_errors_hold_neither_links_nor_paths(there: Website, way: Exit, tmp_path: Path) -> None:
    """A link may hold a secret, and a path is nobody's business."""
    with pytest.raises(SourceError) as failed:
        await of_yt_dlp(there, way, "/missing.wav?token=s3cret", tmp_path)
    assert "s3cret" not in failed.value.message
    assert str(tmp_path) not in failed.value.message
