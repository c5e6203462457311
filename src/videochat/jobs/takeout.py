"""All that somebody owns, as one zip file that is written while it is read: memory stays flat however much it is.

account.json                        the account, what it keeps, and what it used this month
recordings/ID/about.json            name, time, content's hash
recordings/ID/NAME                  the recording itself, unless it is still being fetched
recordings/ID/transcript.json       its words, once there are any
conversations/ID.json               questions and answers with their citations
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from videochat.access.quotas import Quotas
from videochat.access.service import AccessService
from videochat.answers.service import AnswerService
from videochat.errors import NotFoundError
from videochat.media.media import Media, file_name
from videochat.media.service import MediaService
from videochat.ops.actor import Actor
from videochat.store.blob import Blobs
from videochat.store.page import Page
from videochat.transcripts.formats import Header, Json, render_stream
from videochat.transcripts.service import TranscriptService


@dataclass(frozen=True, slots=True)
class Takeout:
    """Writes such files."""

    access: AccessService
    quotas: Quotas
    media: MediaService
    transcripts: TranscriptService
    answers: AnswerService
    blobs: Blobs

    async def of(self, actor: Actor) -> AsyncIterator[bytes]:
        """Yield the zip file of what the actor owns."""
        drain = _Drain()
        with zipfile.ZipFile(drain, "w", allowZip64=True) as archive:
            archive.writestr("account.json", _json(await self._account(actor)))
            async for media in _all(lambda cursor: self.media.list(actor, cursor)):
                async for _ in self._recording(archive, actor, media):
                    yield drain.taken()
            async for conversation in _all(lambda cursor: self.answers.conversations(actor, cursor)):
                _, answers = await self.answers.conversation(actor, conversation.id)
                whole = {**conversation.as_json(), "answers": [answer.as_json() for answer in answers]}
                archive.writestr(f"conversations/{conversation.id}.json", _json(whole))
                yield drain.taken()
        yield drain.taken()

    async def _account(self, actor: Actor) -> dict[str, Any]:
        usage = asdict(await self.quotas.usage(actor))
        with suppress(NotFoundError):  # without accounts there is only what they own
            return {**asdict(await self.access.user(actor.id)), "usage": usage}
        return {"id": actor.id, "usage": usage}

    async def _recording(self, archive: zipfile.ZipFile, actor: Actor, media: Media) -> AsyncIterator[None]:
        """Write one recording, and yield after each piece, so that it can leave."""
        folder = f"recordings/{media.id}"
        archive.writestr(f"{folder}/about.json", _json(_about(media)))
        transcript = await self.transcripts.newest(actor, media.id)
        if transcript is not None:
            written = Json(Header.of(transcript, media.name))
            words = render_stream(written, self.transcripts.all_segments(transcript.id))
            async for _ in _written(archive, f"{folder}/transcript.json", words):
                yield
        if not media.is_here:
            return
        # What is recorded is compressed already.
        content = self.blobs.read(self.media.content(media))
        with suppress(NotFoundError):  # deleted a moment ago
            async for _ in _written(archive, f"{folder}/{file_name(media.name)}", content):
                yield


def _about(media: Media) -> dict[str, Any]:
    return {**asdict(media), "sha256": media.sha256 if media.is_here else None}


async def _written(archive: zipfile.ZipFile, name: str, pieces: AsyncIterator[bytes | str]) -> AsyncIterator[None]:
    with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as file:
        async for piece in pieces:
            file.write(piece.encode() if isinstance(piece, str) else piece)
            yield


async def _all(page: Callable[[str | None], Any]) -> AsyncIterator[Any]:
    """Yield everything that is listed in pages."""
    cursor: str | None = None
    while True:
        found: Page[Any] = await page(cursor)
        for item in found.items:
            yield item
        if (cursor := found.next) is None:
            return


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=_plain)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


class _Drain(io.RawIOBase):
    """Takes what is written and gives it away; nobody can go back in it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
