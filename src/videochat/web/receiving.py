"""Taking a file in from the body of a request: as it is, or as the part `file` of a form."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from fastapi import Request

from videochat.app import App
from videochat.errors import InvalidError
from videochat.media.upload import Received
from videochat.ops.actor import Actor
from videochat.web.multipart import FilePart, read_file_part


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that came whole, what its sender calls it, and the other fields of its form."""

    received: Received
    name: str | None = None
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)


async def take_in(request: Request, app: App, actor: Actor, *, optional: bool = False) -> Sent | None:
    """Take the file in; an empty one is None where it is optional. Whoever calls adds it to the media or discards it.

    Raises InvalidError, TooLargeError, StorageQuotaError, StorageFullError, and MediaError `media_empty`.
    """
    content_type = request.headers.get("content-type", "")
    body: AsyncIterator[bytes] = request.stream()
    part: FilePart | None = None
    size = _content_length(request)
    with app.metrics.uploads.track_inprogress():
        async with await app.media.receiver(actor, size) as receiver:
            if content_type.startswith("multipart/"):
                part = await read_file_part(content_type, body)
                body = part.content
            async for chunk in body:
                await receiver.write(chunk)
                app.metrics.upload_bytes.inc(len(chunk))
            if optional and receiver.size == 0:
                return None
            received = await receiver.finish()
    return Sent(received) if part is None else Sent(received, part.name, part.fields)


def _content_length(request: Request) -> int | None:
    header = request.headers.get("content-length")
    if header is None:
        return None
    if not header.isascii() or not header.isdigit():
        raise InvalidError("Content-Length is not a number.")
    return int(header)
