"""What can be done with media. No session is open while files are read, decoded or stored."""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from videochat.errors import ConflictError, InvalidError, MediaError, NotFoundError
from videochat.media import files, repository
from videochat.media.decoding import CutWindow, decode_windows, probe_file, report_of
from videochat.media.media import AudioReport, Cutting, Limits, Media, Probe, Window, clean_name
from videochat.media.upload import Received, Receiver
from videochat.ops.actor import Actor
from videochat.store import artefacts, events
from videochat.store.blob import Blobs
from videochat.store.fingerprint import fingerprint, new_id
from videochat.store.page import Page, decode_cursor, encode_cursor
from videochat.store.session import Database

CUTTER_VERSION = 1  # count up when the same recording would be cut differently
LEFTOVER_SECONDS = 24 * 3600.0


class MediaService:
    """The use cases of this stage; `uploads_folder` is on the same disk as the blobs where possible."""

    def __init__(self, database: Database, blobs: Blobs, limits: Limits, uploads_folder: Path) -> None:
        self._database = database
        self._blobs = blobs
        self._limits = limits
        self._uploads = uploads_folder

    def receiver(self, actor: Actor, size: int | None = None) -> Receiver:  # noqa: ARG002  # quotas will need the actor
        """Return what takes the chunks of one upload. Raises TooLargeError when the declared size (bytes) is too large."""
        return Receiver(self._uploads, max_bytes=self._limits.max_bytes, size=size)

    async def add(self, actor: Actor, name: str, received: Received) -> tuple[Media, bool]:
        """Keep what was received and return the medium and whether it is new; the upload is used up either way.

        Content that the owner has already gives the medium of then. Raises MediaError for what is no recording with sound.
        """
        try:
            known = await self.known(actor, received.sha256)
            if known is not None:
                return known, False
            media = _new_media(actor, name, received, await probe_file(received.path, self._limits))
            await self._blobs.put(self.content(media), received.path)
            return await self._insert(media)
        finally:
            await received.discard()

    async def add_file(self, actor: Actor, path: Path, name: str | None = None) -> tuple[Media, bool]:
        """Keep a copy of a local file, as `add` does. Raises NotFoundError when it cannot be read."""
        size = await files.size(path)
        async with self.receiver(actor, size) as receiver:
            async for block in files.blocks(path):
                await receiver.write(block)
            received = await receiver.finish()
        return await self.add(actor, name or path.name, received)

    async def known(self, actor: Actor, sha256: str) -> Media | None:
        """Return the actor's medium with this content; the content of other owners stays their secret."""
        async with self._database.read() as session:
            return await repository.by_content(session, actor.id, sha256)

    async def get(self, actor: Actor, media_id: str) -> Media:
        async with self._database.read() as session:
            return _found(await repository.get(session, actor.id, media_id))

    async def list(self, actor: Actor, cursor: str | None = None, limit: int = 50) -> Page[Media]:
        """Return up to `limit` media, newest first, after the cursor of the page before. Raises InvalidError."""
        before = decode_cursor(cursor)
        async with self._database.read() as session:
            found = await repository.newest(session, actor.id, before, limit + 1)
        return Page.of(found, limit, lambda media: encode_cursor(media.created_at, media.id))

    async def rename(self, actor: Actor, media_id: str, name: str) -> Media:
        if not name.strip():
            raise InvalidError("The name is empty.")
        async with self._database.write() as session:
            media = replace(_found(await repository.get(session, actor.id, media_id)), name=clean_name(name))
            await repository.change(session, media_id, name=media.name)
            await _announce(session, media, "renamed")
        return media

    async def delete(self, actor: Actor, media_id: str) -> None:
        """Remove the medium; its content and windows go with the last owner."""
        async with self._database.write() as session:
            media = _found(await repository.get(session, actor.id, media_id))
            await repository.remove(session, media_id)
            last = not await repository.is_used(session, media.sha256)
            keys = await repository.remove_windows(session, _windows_prefix(media)) if last else []
            await _announce(session, media, "deleted")
        for key in [*keys, self.content(media)] if last else []:
            await self._blobs.delete(key)

    def content(self, media: Media) -> str:
        """Return the key of the blob with the file itself."""
        return f"media/{media.sha256[:2]}/{media.sha256}"

    def plan(self, media: Media, first_seconds: float, window_seconds: float) -> str:
        """Return the fingerprint of the windows that this content and these lengths give."""
        cutting = Cutting(first_seconds, window_seconds)
        return fingerprint("windows", sha256=media.sha256, cutting=asdict(cutting), version=CUTTER_VERSION)

    async def cut(self, media: Media, plan: str, *, first_seconds: float, window_seconds: float) -> AudioReport:
        """Decode the content once and store its windows as they come; costs nothing when that was done before.

        Can be stopped and repeated at any time. Raises MediaError, StorageError, NotFoundError.
        """
        report = await self.audio(plan) or await self._decoded(media, plan, Cutting(first_seconds, window_seconds))
        if media.duration is None:
            await self._note_duration(media, report.duration)
        return report

    async def window(self, plan: str, n: int) -> Window | None:
        """Return the n-th window, None while it has not been cut."""
        async with self._database.read() as session:
            return await repository.window(session, plan, n)

    async def audio(self, plan: str) -> AudioReport | None:
        """Return what came of the whole decoding, None while it is not complete."""
        async with self._database.read() as session:
            value = await artefacts.get(session, plan)
        return None if value is None else report_of(value)

    async def sweep(self, older_than: float = LEFTOVER_SECONDS) -> int:
        """Remove uploads and work folders that a killed process left behind, and return how many."""
        return await files.sweep(self._uploads, time.time() - older_than)

    async def _insert(self, media: Media) -> tuple[Media, bool]:
        async with self._database.write() as session:
            if not await repository.insert(session, media):
                return _found(await repository.by_content(session, media.owner, media.sha256)), False
            await _announce(session, media, "created")
        if not await self._blobs.exists(self.content(media)):
            await self._forget(media)
            raise ConflictError("The same content was deleted at this moment; send it again.")
        return media, True

    async def _forget(self, media: Media) -> None:
        async with self._database.write() as session:
            await repository.remove(session, media.id)
            await _announce(session, media, "deleted")

    async def _decoded(self, media: Media, plan: str, cutting: Cutting) -> AudioReport:
        async with (
            self._blobs.local(self.content(media)) as path,
            files.work_folder(self._uploads) as folder,
            aclosing(decode_windows(path, folder, cutting, self._limits)) as pieces,
        ):
            async for piece in pieces:
                if isinstance(piece, AudioReport):
                    return await self._keep_report(plan, piece)
                await self._keep_window(media, plan, piece)
        raise MediaError("The decoder ended without a report.", code="media_crashed")

    async def _note_duration(self, media: Media, duration: float) -> None:
        """Some containers do not say how long they are."""
        async with self._database.write() as session:
            await repository.change(session, media.id, duration=duration)
            await _announce(session, media, "decoded")

    async def _keep_window(self, media: Media, plan: str, cut: CutWindow) -> None:
        key = f"{_windows_prefix(media)}{plan}/{cut.n}.flac"
        await self._blobs.put(key, cut.path)
        async with self._database.write() as session:
            await repository.put_window(session, Window(plan, cut.n, cut.start, cut.end, key, cut.speech))

    async def _keep_report(self, plan: str, report: AudioReport) -> AudioReport:
        async with self._database.write() as session:
            await artefacts.put(session, plan, "audio", asdict(report))
        return report


def _new_media(actor: Actor, name: str, received: Received, found: Probe) -> Media:
    if not found.audio_streams:
        raise MediaError("The file has no sound, so there is nothing to transcribe.", code="media_no_audio")
    return Media(
        id=new_id("med"),
        owner=actor.id,
        name=clean_name(name),
        kind=found.kind,
        mime=found.mime,
        size=received.size,
        sha256=received.sha256,
        duration=found.duration,
        status="stored",
        created_at=datetime.now(UTC),
    )


def _found(media: Media | None) -> Media:
    if media is None:
        raise NotFoundError("There is no such medium.")
    return media


async def _announce(session: AsyncSession, media: Media, action: str) -> None:
    data = {"id": media.id, "action": action}
    await events.append(session, f"media:{media.id}", "media", data, owner=media.owner)


def _windows_prefix(media: Media) -> str:
    return f"windows/{media.sha256[:2]}/{media.sha256}/"
