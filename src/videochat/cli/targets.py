"""Which recording is meant: by the path of its file, the id of the medium, its name in the library, or its link."""

from __future__ import annotations

import hashlib
import shlex
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from videochat.app import App
from videochat.cli.listing import duration_of, pages
from videochat.errors import ConflictError, NotFoundError
from videochat.media import files
from videochat.media.media import Media
from videochat.ops.actor import LOCAL

MOST_CANDIDATES = 10


def is_file(target: str) -> bool:
    """Say whether this names a file; a name that is too long for one is simply none."""
    try:
        return Path(target).is_file()
    except OSError:
        return False


def is_link(target: str) -> bool:
    """Say whether this is meant as a link; whether it can be followed is another question."""
    return "://" in target


async def recording(app: App, target: str) -> Media:
    """Return the medium that is meant. Raises NotFoundError, ConflictError when a name fits several, and InvalidError."""
    if is_file(target):
        return await _of_file(app, target)
    try:
        return await app.media.get(LOCAL, target)
    except NotFoundError:
        return await _named(app, target)


async def _of_file(app: App, target: str) -> Media:
    digest = hashlib.sha256()
    async for block in files.blocks(Path(target)):
        digest.update(block)
    media = await app.media.known(LOCAL, digest.hexdigest())
    if media is None:
        raise _missing(target)
    return media


async def _of_link(app: App, url: str) -> Media:
    """Return the medium that came from this link. Nothing is fetched: that is asked for with another command."""
    media_id = await app.jobs.of_link(LOCAL, url)
    if media_id is None:
        raise _missing(url)
    return await app.media.get(LOCAL, media_id)


def _missing(target: str) -> NotFoundError:
    return NotFoundError(f"{target} is not in the library; `videochat transcribe {shlex.quote(target)}` puts it there.")


async def _named(app: App, target: str) -> Media:
    """Return the one medium of this name: as it is written, else in any case, else without its extension; what has no such name may be a link."""
    wanted = _plain(target)
    ranked: dict[int, list[Media]] = {}
    async for page in pages(app):
        for media, _ in page:
            if media.name == target:
                ranked.setdefault(0, []).append(media)
            elif _plain(media.name) == wanted:
                ranked.setdefault(1, []).append(media)
            elif _plain(media.name.rsplit(".", 1)[0]) == wanted:
                ranked.setdefault(2, []).append(media)
    if not ranked and is_link(target):
        return await _of_link(app, target)
    if not ranked:
        raise NotFoundError(f"There is no file or recording {target}; `videochat list` shows what is in the library.")
    fitting = ranked[min(ranked)]
    if len(fitting) > 1:
        raise ConflictError(_ambiguous(target, fitting), code="ambiguous")
    return fitting[0]


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _ambiguous(target: str, fitting: Sequence[Media]) -> str:
    listed = [
        f"{media.id} ({media.name}, {duration_of(media)}, added {media.created_at.astimezone():%Y-%m-%d %H:%M})"
        for media in fitting[:MOST_CANDIDATES]
    ]
    if len(fitting) > MOST_CANDIDATES:
        listed.append(f"{len(fitting) - MOST_CANDIDATES} more (`videochat list` shows them)")
    return f"{len(fitting)} recordings are called {target}; give the id of one: {', '.join(listed)}."
