"""Fetching the recording behind a link: the port that sources implement, and what bounds each of them.

The name of an entry point of `videochat.sources` is the source's name. Its class is made without arguments.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from videochat.errors import InvalidError, SourceError, TooLargeError
from videochat.media.egress import way_out
from videochat.media.media import clean_title
from videochat.media.upload import readable
from videochat.plugins import Plugin, installed
from videochat.sections import DownloadSettings

GROUP = "videochat.sources"
MAX_URL = 2048

OnProgress = Callable[[int, int | None], None]
"""Called with the bytes that are there, and with how many there will be where that is known."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What to fetch, and how.

    Everything that a source puts into `folder` is its own. It reaches the network through `proxy` (socks5h) and no other
    way: that is what keeps links out of private networks. A request is sent again `retries` times and may be silent for
    `socket_seconds`.
    """

    url: str
    folder: Path
    proxy: str
    max_bytes: int
    retries: int
    socket_seconds: float


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file in the errand's folder, and what its recording is called."""

    path: Path
    name: str


class Source(Protocol):
    """Knows how to fetch what some links lead to.

    Errors: SourceError, SourceUnavailableError for what may pass. When it is cancelled nothing of it goes on.
    """

    def takes(self, url: str) -> bool:
        """Say whether this source is made for the link. It is asked in the event loop: it must not look anything up."""
        ...

    async def fetch(self, errand: Errand, on_progress: OnProgress) -> Fetched:
        """Fetch one recording."""
        ...


class Sources:
    """All that are installed; plugins are asked first, because they are made for few links and ours takes all."""

    def __init__(self, plugins: Sequence[Plugin], settings: Callable[[], DownloadSettings]) -> None:
        self._plugins = sorted(plugins, key=lambda plugin: plugin.built_in)
        self._settings = settings

    async def fetch(self, url: str, folder: Path, on_progress: OnProgress) -> Fetched:
        """Fetch the recording behind the link into the folder. Raises SourceError, TooLargeError, PluginError."""
        bounds = self._settings()
        async with way_out(allow_private=bounds.allow_private) as way:
            errand = Errand(
                url, folder, way.proxy, bounds.max_file_size, bounds.retries, bounds.socket_timeout
            )  # fmt: skip
            try:
                async with asyncio.timeout(bounds.max_download_time):
                    fetched = await self._fetched(errand, on_progress)
            except TimeoutError:
                raise SourceError(
                    f"Fetching takes longer than {bounds.max_download_time:g} s (DOWNLOAD__MAX_DOWNLOAD_TIME).",
                    code="source_too_slow",
                ) from None
            except SourceError as error:
                if way.refused:
                    raise _refused(way.refused) from error
                raise
        return _whole(fetched, folder)

    async def _fetched(self, errand: Errand, on_progress: OnProgress) -> Fetched:
        def watched(done: int, total: int | None) -> None:
            if max(done, total or 0) > errand.max_bytes:
                raise too_large(errand.max_bytes)
            on_progress(done, total)

        for plugin in self._plugins:
            load = plugin.load()
            with plugin.blamed():
                source: Source = load()
                if source.takes(errand.url):
                    return await source.fetch(errand, watched)
        raise SourceError("No source that is installed takes this link.", code="source_unsupported")


def load_sources(settings: Callable[[], DownloadSettings]) -> Sources:
    """Return the sources that are installed; none of them is imported yet."""
    return Sources(list(installed(GROUP).values()), settings)


def checked_url(url: str) -> str:
    """Return a link that can be followed. Raises InvalidError."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or len(url) > MAX_URL or not url.isprintable() or " " in url:
        raise InvalidError(f"This is no link: it begins with https:// or http:// and has at most {MAX_URL} characters.")
    if parts.username is not None or parts.password is not None:
        raise InvalidError("Links with a name and a password in them are not stored: leave them out.")
    return url


def name_of(url: str) -> str:
    """Return what to call the recording behind a link before it is known: its host, and the end of its path."""
    parts = urlsplit(url)
    last = unquote(parts.path).rstrip("/").rpartition("/")[2]
    return clean_title(f"{parts.hostname}: {last}" if last else str(parts.hostname))


def too_large(most: int) -> TooLargeError:
    """Return what is raised for a recording of more bytes than these."""
    return TooLargeError(f"The recording is larger than {readable(most)}, the limit in DOWNLOAD__MAX_FILE_SIZE.")


def _whole(fetched: Fetched, folder: Path) -> Fetched:
    """Return what was fetched if it is a file in the folder: what a source says is not believed blindly."""
    if not fetched.path.is_file() or fetched.path.is_symlink() or fetched.path.parent != folder:
        raise SourceError("The source says that it has fetched the recording, and there is none.")
    return Fetched(fetched.path, clean_title(fetched.name))


def _refused(hosts: set[str]) -> SourceError:
    named = ", ".join(sorted(hosts)[:3])
    return SourceError(
        f"The link leads into a private network ({named}), where links may not lead; whoever runs this service can allow "
        "it with DOWNLOAD__ALLOW_PRIVATE.",
        code="source_private",
    )
