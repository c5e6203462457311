"""Everything that yt-dlp can fetch: single files, and recordings on the pages of more than a thousand sites."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import structlog

from videochat.errors import SourceError, SourceUnavailableError, StorageError, StorageFullError, VideoChatError
from videochat.media.fetch import Errand, Fetched, OnProgress, too_large
from videochat.ops.child import Child, ChildEndedError
from videochat.ops.logging import request_id

log = structlog.get_logger(__name__)

CHILD = "videochat.media.sources.yt_dlp_child"
# What lies in somebody's home is not to decide what this service runs.
ENVIRONMENT = {"YTDLP_NO_PLUGINS": "1"}
STORAGE_ERRORS: dict[str, type[VideoChatError]] = {"storage": StorageError, "storage_full": StorageFullError}


class YtDlp:
    """Runs it in a process of its own: what it reads comes from strangers, and ending the process ends all its work."""

    def takes(self, url: str) -> bool:  # noqa: ARG002  # it tries any
        return True

    async def fetch(self, errand: Errand, on_progress: OnProgress) -> Fetched:
        child = await Child.start(CHILD, environment=ENVIRONMENT)
        try:
            task = {**asdict(errand), "folder": str(errand.folder)}
            await child.send({"fetch": task, "request_id": request_id()})
            return await self._followed(child, errand, on_progress)
        except ChildEndedError as error:
            log.warning("source.died", status=error.returncode)
            raise SourceUnavailableError(
                "The process that fetched the recording ended unexpectedly; the log says more."
            ) from None
        finally:
            await child.kill()

    async def _followed(self, child: Child, errand: Errand, on_progress: OnProgress) -> Fetched:
        async for reply in child.replies():
            if "progress" in reply:
                on_progress(reply["progress"]["done"], reply["progress"]["total"])
            elif "fetched" in reply:
                return Fetched(Path(reply["fetched"]["path"]), reply["fetched"]["name"])
            elif "error" in reply:
                raise _error(errand.max_bytes, **reply["error"])
        raise SourceError


def _error(max_bytes: int, code: str, message: str) -> VideoChatError:
    if code == "too_large":
        return too_large(max_bytes)
    if code in STORAGE_ERRORS:
        return STORAGE_ERRORS[code](message)
    kind = SourceUnavailableError if code == SourceUnavailableError.code else SourceError
    return kind(message, code=code)
