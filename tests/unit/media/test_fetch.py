"""Links, and who follows them within which bounds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from videochat.errors import InvalidError, SourceError, TooLargeError
from videochat.media.fetch import Errand, Fetched, OnProgress, Sources, checked_url, name_of
from videochat.plugins import Plugin
from videochat.sections import DownloadSettings


class Scripted:
    """A source that does what the end of its link says."""

    def takes(self, url: str) -> bool:
        return "scripted.example" in url

    async def fetch(self, errand: Errand, on_progress: OnProgress) -> Fetched:
        file = errand.folder / "fetched"
        match errand.url.rpartition("/")[2]:
            case "endless":
                await asyncio.Event().wait()
            case "announced-too-large":
                on_progress(0, errand.max_bytes + 1)
            case "grows-too-large":
                on_progress(errand.max_bytes + 1, None)
            case "nothing":
                return Fetched(errand.folder / "nothing", "nothing")
            case "elsewhere":
                return Fetched(Path("/etc/hostname"), "elsewhere")
            case "linked":
                file.symlink_to("/etc/hostname")
                return Fetched(file, "linked")
            case "proxy":
                return Fetched(_written(file, errand.proxy), "proxy")
        on_progress(3, 3)
        return Fetched(_written(file, "abc"), "a\tname\x1b[31m")


class Other(Scripted):
    def takes(self, url: str) -> bool:
        return not super().takes(url)


class Point:
    """An entry point that needs no installation."""

    group, name = "videochat.sources", "scripted"

    def __init__(self, source: type, package: str = "stranger") -> None:
        self._source = source
        self.dist = type("Dist", (), {"name": package, "version": "1"})()

    def load(self) -> type:
        return self._source


def sources(*classes: type, **settings: float) -> Sources:
    plugins = [Plugin(Point(one)) for one in classes or (Scripted,)]  # type: ignore[arg-type]
    return Sources(plugins, lambda: DownloadSettings(**settings))  # type: ignore[arg-type]


def _written(file: Path, text: str) -> Path:
    file.write_text(text)
    return file


async def fetched(of: Sources, what: str, folder: Path) -> Fetched:
    return await of.fetch(f"https://scripted.example/{what}", folder, lambda *_: None)


@pytest.mark.parametrize(
    "url", ["https://example.org/a.mp4", " http://example.org ", "https://[2606:4700::1]:8443/x?y=z#t=1"]
)
def test_links_that_can_be_followed(url: str) -> None:
    """Both schemes, any port and address; the space around a pasted one does not count."""
    assert checked_url(url) == url.strip()


@pytest.mark.parametrize(
    "url",
    [
        "", "example.org/a.mp4", "file:///etc/passwd", "ftp://example.org/a", "javascript:alert(1)", "https://", "https:///a",
        "https://example.org/a b", "https://example.org/\na", "https://example.org:port/", "https://[::1/", f"https://a/{'a' * 2048}",
        "https://user:secret@example.org/", "https://user@example.org/", "data:audio/wav;base64,AAAA", "concat:a|b",
    ],
)  # fmt: skip
def test_what_is_no_link_is_refused(url: str) -> None:
    """Nothing but plain web addresses is ever given to a source; the error does not repeat what may be secret."""
    with pytest.raises(InvalidError) as refused:
        checked_url(url)
    assert "secret" not in refused.value.message


def test_a_recording_has_a_name_before_it_is_known() -> None:
    """The host and the end of the path, made safe to show."""
    assert name_of("https://talks.example/2026/the%20leaves.mp4?x=1") == "talks.example: the leaves.mp4"
    assert name_of("https://talks.example/") == "talks.example"
    assert name_of("https://talks.example/%1b%5b31m") == "talks.example: [31m"


async def test_the_first_that_takes_a_link_fetches_it(tmp_path: Path) -> None:
    """A source that is not made for a link is passed over, and names are made safe."""
    found = await fetched(sources(Other, Scripted), "talk", tmp_path)
    assert (found.path.read_text(), found.name) == ("abc", "aname[31m")


async def test_plugins_are_asked_before_the_built_in(tmp_path: Path) -> None:
    """The built-in takes every link, so what is made for few must come first."""

    class Never(Scripted):
        def takes(self, url: str) -> bool:
            raise AssertionError(url)

    ours, theirs = Plugin(Point(Never, "videochat")), Plugin(Point(Scripted))  # type: ignore[arg-type]
    assert (await fetched(Sources([ours, theirs], DownloadSettings), "talk", tmp_path)).path.is_file()


async def test_a_link_that_nobody_takes(tmp_path: Path) -> None:
    """It is an error that says so."""
    with pytest.raises(SourceError) as refused:
        await fetched(sources(Other), "talk", tmp_path)
    assert refused.value.reason == "source_unsupported"


async def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    """The bound is named, with its setting."""
    with pytest.raises(SourceError, match="DOWNLOAD__MAX_DOWNLOAD_TIME") as late:
        await fetched(sources(max_download_time=0.05), "endless", tmp_path)
    assert late.value.reason == "source_too_slow"


@pytest.mark.parametrize("what", ["announced-too-large", "grows-too-large"])
async def test_what_is_too_large_is_ended(tmp_path: Path, what: str) -> None:
    """As soon as that is known, whether it was announced or not."""
    with pytest.raises(TooLargeError, match="DOWNLOAD__MAX_FILE_SIZE"):
        await fetched(sources(max_file_size=100), what, tmp_path)


@pytest.mark.parametrize("what", ["nothing", "elsewhere", "linked"])
async def test_a_source_is_not_believed(tmp_path: Path, what: str) -> None:
    """What it claims to have fetched must be a file in its folder: else a plugin's mistake would show other files."""
    with pytest.raises(SourceError):
        await fetched(sources(), what, tmp_path)


async def test_each_errand_has_a_way_out_of_its_own(tmp_path: Path) -> None:
    """The proxy's password is another one each time."""
    first = (await fetched(sources(), "proxy", tmp_path)).path.read_text()
    assert first.startswith("socks5h://videochat:")
    assert (await fetched(sources(), "proxy", tmp_path)).path.read_text() != first
