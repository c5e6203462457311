"""The child's half of fetching: `python -m videochat.media.sources.yt_dlp_child`, started by `yt_dlp`.

One task: `{"fetch": {…an errand…}, "request_id": …}` → `{"progress": {done, total}}` about twice a second, then `{"fetched": {path, name}}` or
`{"error": {code, message}}`.
"""

from __future__ import annotations

import errno
import re
import resource
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import yt_dlp
from yt_dlp.networking.exceptions import HTTPError, TransportError, UnsupportedRequest
from yt_dlp.utils import DownloadError, UnsupportedError, YoutubeDLError

from videochat.errors import SourceError, SourceUnavailableError, VideoChatError, from_os_error
from videochat.ops.serving import LINKS, Message, serve

PROGRESS_SECONDS = 0.5
MOST_OF_A_REASON = 200
# Others would be fetched by other programs, which know nothing of the proxy.
OURS = "[protocol~='^(https?|http_dash_segments|m3u8(_native)?)$']"
# One file with sound, small enough to be kept: joining sound and picture would take a program that is not there.
FORMAT = f"b{OURS}[height<=720]/b{OURS}/ba{OURS}"
NOWHERE = "/nonexistent"
ONLY_ONE, ANY_PAGE = " (1)", {"Generic", "HTML5MediaEmbed"}
NO_DATA = "Did not get any data blocks"
GONE_STATUSES = {404, 410}
BUSY_STATUSES = {408, 425, 429, 500, 502, 503, 504}
LIVE = {"is_live", "is_upcoming", "post_live"}
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
ADVICE = re.compile(r"; please report this issue.*|\(caused by.*|Confirm you are on the latest.*", re.DOTALL)
SPEAKER = re.compile(r"^(ERROR:\s*)?(\[[^\]]*\]\s*)?")


def handle(task: Message) -> Iterator[Message]:
    """Answer the only task of this process."""
    errand = task["fetch"]
    # The kernel holds it to that whatever yt-dlp believes; it tells us as an error of writing.
    resource.setrlimit(resource.RLIMIT_FSIZE, (errand["max_bytes"], errand["max_bytes"]))
    progress = _Progress()
    with ThreadPoolExecutor(1) as beside:
        fetching = beside.submit(_fetched, errand, progress)
        while not wait([fetching], PROGRESS_SECONDS).done:
            yield from progress.news()
    yield _outcome(fetching)


def _outcome(fetching: Future[Message]) -> Message:
    """Return the last reply; what is wrong with the link or the disk is one, what is wrong with us is a crash."""
    try:
        return {"fetched": fetching.result()}
    except VideoChatError as error:
        return _said(error)
    except (YoutubeDLError, TransportError, OSError) as error:
        return _said(_translated(error))


def _fetched(errand: Message, progress: _Progress) -> Message:
    with yt_dlp.YoutubeDL(_options(errand, progress)) as downloader:
        found = _single(downloader.extract_info(errand["url"], download=False))
        done = downloader.process_ie_result(found, download=True)
    wanted = [Path(one["filepath"]) for one in done.get("requested_downloads") or () if "filepath" in one]
    files = [file for file in wanted if file.is_file()]
    if not files:  # what is too large is skipped without a word
        raise SourceError("The recording is too large.", code="too_large")
    return {"path": str(files[0]), "name": f"{_title(found)}{files[0].suffix if len(files[0].suffix) <= 5 else ''}"}


def _title(found: dict[str, Any]) -> str:
    """Return what the recording is called; of the recordings on any page the first is numbered although it is the only one."""
    title = str(found.get("title") or found.get("id") or "recording")
    return title.removesuffix(ONLY_ONE) if found.get("extractor_key") in ANY_PAGE else title


def _options(errand: Message, progress: _Progress) -> dict[str, Any]:
    return {
        "proxy": errand["proxy"],
        "format": FORMAT,
        "paths": {"home": errand["folder"]},
        "outtmpl": {"default": "fetched.%(ext)s"},
        "max_filesize": errand["max_bytes"],
        "retries": errand["retries"],
        "fragment_retries": errand["retries"],
        "extractor_retries": errand["retries"],
        "socket_timeout": errand["socket_seconds"],
        "skip_unavailable_fragments": False,  # a recording with holes is none
        "noplaylist": True,
        "playlist_items": "1:2",
        "extract_flat": "in_playlist",
        "match_filter": _not_live,
        "progress_hooks": [progress],
        "external_downloader": {"default": "native"},
        "ffmpeg_location": NOWHERE,
        "fixup": "never",
        "cachedir": False,
        "updatetime": False,
        "quiet": True,
        "noprogress": True,
        "logger": _Silence(),
    }


def _single(found: dict[str, Any] | None) -> dict[str, Any]:
    """Return the one recording behind a link. Raises SourceError when there are several, or none."""
    if found is None:
        raise SourceError("There is no recording behind this link.", code="source_unsupported")
    if found.get("_type", "video") not in {"playlist", "multi_video"}:
        return found
    entries = [entry for entry in found.get("entries") or () if entry]
    if len(entries) != 1:
        raise SourceError(
            "There are several recordings behind this link: give the link of one."
            if entries
            else "There is no recording behind this link.",
            code="source_several" if entries else "source_unsupported",
        )
    return dict(entries[0])


def _not_live(found: dict[str, Any], *, incomplete: bool) -> None:  # noqa: ARG001  # as it is called
    if found.get("is_live") or found.get("live_status") in LIVE:
        raise SourceError("This is still live or has not begun: come back when it has ended.", code="source_live")


class _Progress:
    """How far a download is, as yt-dlp says by calling it."""

    def __init__(self) -> None:
        self._latest: Message = {}
        self._told: Message = {}

    def __call__(self, state: dict[str, Any]) -> None:
        total = state.get("total_bytes") or state.get("total_bytes_estimate")
        self._latest = {"done": int(state.get("downloaded_bytes") or 0), "total": total and int(total)}

    def news(self) -> Iterator[Message]:
        """Yield it if it is another than the last time."""
        if (latest := self._latest) != self._told:
            self._told = latest
            yield {"progress": latest}


class _Silence:
    """What yt-dlp says on its way: errors come as exceptions, and the rest may hold the link."""

    def debug(self, message: str) -> None: ...

    def warning(self, message: str) -> None: ...

    def error(self, message: str) -> None: ...


def _translated(error: Exception) -> VideoChatError:
    """Return what went wrong for a person; what yt-dlp raises carries its cause."""
    cause = error.exc_info[1] if isinstance(error, DownloadError) and error.exc_info else error
    match cause:
        case None:
            return _of_download(error)
        case UnsupportedError() | UnsupportedRequest():
            return SourceError("There is no recording behind this link.", code="source_unsupported")
        case TransportError() | HTTPError():
            return _of_network(cause)
        case OSError(errno=errno.EFBIG):
            return SourceError("The recording is too large.", code="too_large")
        case OSError(errno=int()):
            return from_os_error(cause, "fetching a recording")
    return SourceError(f"The site did not give the recording: {_reason(error)}")


def _of_download(error: Exception) -> SourceError:
    """Return what is meant when a download that has begun fails: that has no cause."""
    if NO_DATA in str(error):
        return SourceError("The file behind the link is empty.", code="media_empty")
    return SourceUnavailableError("The site stopped in the middle of the recording.")


def _of_network(error: TransportError | HTTPError) -> SourceError:
    if not isinstance(error, HTTPError):
        return SourceUnavailableError("The site cannot be reached, or does not answer.")
    if error.status in BUSY_STATUSES:
        return SourceUnavailableError(f"The site answers that it cannot now (HTTP status {error.status}).")
    if error.redirect_loop:
        return SourceError("The link leads in a circle.", code="source_refused")
    what = "has nothing there" if error.status in GONE_STATUSES else "refuses"
    return SourceError(f"The site {what} (HTTP status {error.status}).", code="source_refused")


def _reason(error: Exception) -> str:
    """Return what went wrong as one short sentence: without links, which may hold secrets, and advice for others."""
    text = ADVICE.sub("", COLOURS.sub("", str(error)))
    plain = " ".join(LINKS.sub("…", SPEAKER.sub("", text)).split())
    return plain[:MOST_OF_A_REASON] or "no reason given"


def _said(error: VideoChatError) -> Message:
    return {"error": {"code": error.reason, "message": error.message}}


if __name__ == "__main__":
    serve(handle)
