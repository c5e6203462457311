"""What can be done with media. No session is open while files are read, decoded or stored."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from videochat.access.quotas import Quotas
from videochat.errors import ConflictError, DeniedError, InvalidError, MediaError, NotFoundError
from videochat.media import files, repository
from videochat.media.announce import announce
from videochat.media.decoding import CutWindow, Decoders, decode_windows, probe_file, report_of
from videochat.media.media import AudioReport, Cutting, Limits, Media, Probe, Window, clean_name, clean_title
from videochat.media.upload import Received, Receiver
from videochat.ops.actor import Actor
from videochat.ops.resources import Space
from videochat.store import artefacts, work
from videochat.store.blob import Blobs, content_key, windows_prefix
from videochat.store.fingerprint import fingerprint, new_id
from videochat.store.page import Page, decode_cursor, encode_cursor
from videochat.store.session import Database

ARTEFACT: artefacts.Kind = "audio"  # what came of a whole decoding
CUTTER_VERSION = 1  # count up when the same recording would be cut differently
LEFTOVER_SECONDS = 24 * 3600.0
LEFTOVER_GRACE_SECONDS = 60.0  # by then whoever was decoding deleted content has stopped


class MediaService:
    """The use cases of this stage; `uploads_folder` is on the same disk as the blobs where possible."""

    def __init__(
        self, database: Database, blobs: Blobs, limits: Limits, uploads_folder: Path, space: Space, quotas: Quotas
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._limits = limits
        self._uploads = uploads_folder
        self._space = space
        self._quotas = quotas
        self._decoders = Decoders()

    def keep_decoder_ready(self) -> None:
        """Have a decoder wait for the next file, until `close`: for processes that run long."""
        self._decoders.keep_ready()

    async def close(self) -> None:
        await self._decoders.close()

    def limit(self, limits: Limits) -> None:
        """Let these limits count from now on."""
        self._limits = limits

    async def receiver(self, actor: Actor, size: int | None = None) -> Receiver:
        """Return what takes the chunks of one upload of this declared size (bytes).

        Raises TooLargeError, StorageQuotaError, StorageFullError.
        """
        await self._require_room(actor, size or 1)
        return Receiver(self._uploads, max_bytes=self._limits.max_bytes, space=self._space, size=size)

    async def add(self, actor: Actor, name: str, received: Received) -> tuple[Media, bool]:
        """Keep what was received and return the medium and whether it is new; the upload is used up either way.

        Content that the owner has already gives the medium of then. Raises MediaError for what is no recording with sound.
        """
        try:
            known = await self.known(actor, received.sha256)
            if known is not None:
                return known, False
            return await self._insert(await self._kept(actor, clean_name(name), received))
        finally:
            await received.discard()

    async def add_file(self, actor: Actor, path: Path, name: str | None = None) -> tuple[Media, bool]:
        """Keep a copy of a local file, as `add` does. Raises NotFoundError when it cannot be read."""
        return await self.add(actor, name or path.name, await self._copied(actor, path))

    async def found(self, actor: Actor, path: Path, name: str) -> Media:
        """Keep a copy of a file that was fetched and return the medium that it is, which is not stored yet.

        `name` is a title, which may hold a slash. Raises what `add` raises.
        """
        received = await self._copied(actor, path)
        try:
            media = await self._kept(actor, clean_title(name), received)
        finally:
            await received.discard()
        async with self._database.write() as session:  # if nobody stores it, it is erased in a while
            await repository.forget_content(session, media.sha256, datetime.now(UTC))
        return media

    async def _copied(self, actor: Actor, path: Path) -> Received:
        size = await files.size(path)
        async with await self.receiver(actor, size) as receiver:
            async for block in files.blocks(path):
                await receiver.write(block)
            return await receiver.finish()

    async def _kept(self, actor: Actor, name: str, received: Received) -> Media:
        await self._require_room(actor, received.size)
        media = _new_media(actor, name, received, await probe_file(received.path, self._limits, self._decoders))
        await self._blobs.put(self.content(media), received.path)
        return media

    async def _require_room(self, actor: Actor, size: int) -> None:
        async with self._database.read() as session:
            await self._quotas.require(session, actor, "storage_bytes", size)

    async def known(self, actor: Actor, sha256: str) -> Media | None:
        """Return the actor's medium with this content; the content of other owners stays their secret."""
        async with self._database.read() as session:
            return await repository.by_content(session, actor.id, sha256)

    async def get(self, actor: Actor, media_id: str) -> Media:
        async with self._database.read() as session:
            return _found(await repository.get(session, actor, media_id))

    async def own(self, actor: Actor, media_id: str) -> Media:
        """Return a medium that is the actor's own, and not only lent. Raises NotFoundError, DeniedError."""
        media = await self.get(actor, media_id)
        if media.owner != actor.id:
            raise DeniedError("Only its owner can do this; you can read it.", code="not_owner")
        return media

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
            media = replace(_found(await repository.own(session, actor, media_id)), name=clean_title(name))
            await repository.change(session, media_id, name=media.name)
            await announce(session, media, "renamed")
        return media

    async def ready(self, session: AsyncSession, media_id: str) -> None:
        """Note that the medium has a whole transcript, in the caller's transaction; what fails later does not change that."""
        await repository.change(session, media_id, status="ready")

    async def delete(self, actor: Actor, media_id: str) -> None:
        """Remove the medium; its content and everything derived from it go with the last owner."""
        async with self._database.write() as session:
            media = _found(await repository.own(session, actor, media_id))
            await repository.remove(session, media_id)
            if media.is_here:
                await repository.forget_content(session, media.sha256, datetime.now(UTC))
            await announce(session, media, "deleted")
        if media.is_here:
            await self._erase(media.sha256)

    async def expired(self, before: datetime, limit: int = 100) -> Sequence[Media]:
        """Return media of any owner that were added before then, for those who keep them for a time only."""
        async with self._database.read() as session:
            return await repository.older_than(session, before, limit)

    async def erase_leftovers(self, older_than: float = LEFTOVER_GRACE_SECONDS) -> int:
        """Look once more for what was derived from deleted content, and return of how many it was.

        A process may have been killed between forgetting and erasing, and a decoder that was just being stopped may have
        stored one more window.
        """
        before = datetime.now(UTC) - timedelta(seconds=older_than)
        async with self._database.read() as session:
            forgotten = await repository.leftovers(session, before, 500)
        for sha256 in forgotten:
            await self._erase(sha256)
            async with self._database.write() as session:
                await repository.remove_leftover(session, sha256)
        return len(forgotten)

    async def _erase(self, sha256: str) -> None:
        """Remove the content and everything derived from it, unless somebody has it (again)."""
        async with self._database.write() as session:
            if await repository.is_used(session, sha256):
                return
            keys = await repository.remove_windows(session, windows_prefix(sha256))
            await artefacts.remove_about(session, sha256)
        for key in [*keys, content_key(sha256)]:
            await self._blobs.delete(key)

    def content(self, media: Media) -> str:
        """Return the key of the blob with the file itself. Raises NotFoundError while it is being fetched."""
        if not media.is_here:
            raise NotFoundError("The recording is still being fetched.", code="not_fetched")
        return content_key(media.sha256)

    def plan(self, media: Media, first_seconds: float, window_seconds: float) -> str:
        """Return the fingerprint of the windows that this content and these lengths give."""
        cutting = Cutting(first_seconds, window_seconds)
        return fingerprint("windows", sha256=media.sha256, cutting=asdict(cutting), version=CUTTER_VERSION)

    async def cut(
        self, media: Media, plan: str, *, first_seconds: float, window_seconds: float
    ) -> AsyncGenerator[Window, None]:
        """Decode the content once, store its windows and yield each as it comes; what was cut before is only read.

        Can be left and repeated at any time: it goes on behind the windows that are stored. Raises MediaError, StorageError,
        NotFoundError.
        """
        whole = await self.audio(plan)
        stored = 0
        while (window := await self.window(plan, stored)) is not None:
            yield window
            stored += 1
        if whole is None:
            async with aclosing(self._decoded(media, plan, Cutting(first_seconds, window_seconds), stored)) as windows:
                async for window in windows:
                    yield window
        if media.duration is None and (report := await self.audio(plan)) is not None:
            await self._note_duration(media, report.duration)

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
        return await work.sweep(self._uploads, time.time() - older_than)

    async def _insert(self, media: Media) -> tuple[Media, bool]:
        async with self._database.write() as session:
            if not await repository.insert(session, media):
                return _found(await repository.by_content(session, media.owner, media.sha256)), False
            await announce(session, media, "created")
        if not await self._blobs.exists(self.content(media)):
            await self._forget(media)
            raise ConflictError("The same content was deleted at this moment; send it again.")
        return media, True

    async def _forget(self, media: Media) -> None:
        async with self._database.write() as session:
            await repository.remove(session, media.id)
            await announce(session, media, "deleted")

    async def _decoded(self, media: Media, plan: str, cutting: Cutting, first: int) -> AsyncGenerator[Window, None]:
        async with (
            self._blobs.local(self.content(media)) as path,
            work.work_folder(self._uploads, "decoding") as folder,
            aclosing(decode_windows(path, folder, cutting, self._limits, self._decoders, first=first)) as pieces,
        ):
            async for piece in pieces:
                if isinstance(piece, AudioReport):
                    await self._keep_report(media, plan, piece)
                    return
                yield await self._keep_window(media, plan, piece)
        raise MediaError("The decoder ended without a report.", code="media_crashed")

    async def _note_duration(self, media: Media, duration: float) -> None:
        """Some containers do not say how long they are."""
        async with self._database.write() as session:
            await repository.change(session, media.id, duration=duration)
            await announce(session, media, "decoded")

    async def _keep_window(self, media: Media, plan: str, cut: CutWindow) -> Window:
        key = f"{windows_prefix(media.sha256)}{plan}/{cut.n}.flac"
        await self._blobs.put(key, cut.path)
        window = Window(plan, cut.n, cut.start, cut.end, key, cut.speech)
        async with self._database.write() as session:
            await repository.put_window(session, window)
        return window

    async def _keep_report(self, media: Media, plan: str, report: AudioReport) -> None:
        async with self._database.write() as session:
            await artefacts.put(session, plan, ARTEFACT, asdict(report), subject=media.sha256)


def _new_media(actor: Actor, name: str, received: Received, found: Probe) -> Media:
    if not found.audio_streams:
        raise MediaError("The file has no sound, so there is nothing to transcribe.", code="media_no_audio")
    return Media(
        id=new_id("med"),
        owner=actor.id,
        name=name,
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
        raise NotFoundError("There is no such recording.")
    return media
