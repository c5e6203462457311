"""Event streams: stored events as server-sent events with ids, resumable on any web process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Header, Query
from fastapi.sse import ServerSentEvent

from videochat.errors import InvalidError
from videochat.ops.metrics import Metrics
from videochat.store.events import Event, Source
from videochat.store.feed import EventFeed


def last_event_id(
    header: Annotated[str | None, Header(alias="Last-Event-ID", description="Go on after this event.")] = None,
    query: Annotated[str | None, Query(alias="last_event_id", description="The same, for a first request.")] = None,
) -> int | None:
    """Return the id after which to go on; EventSource sends the header, a first request may send the parameter."""
    given = header or query
    if given is None:
        return None
    if not given.isascii() or not given.isdigit() or len(given) > 18:
        raise InvalidError("Last-Event-ID is a number that this service gave.")
    return int(given)


After = Annotated[int | None, Depends(last_event_id)]


async def server_sent(
    feed: EventFeed, metrics: Metrics, source: Source, *, after: int
) -> AsyncIterator[ServerSentEvent]:
    """Yield stored events for ever, or up to `end` when one stream is followed."""
    with metrics.streams.track_inprogress():
        async for event in feed.follow(after, source):
            if event is None:
                yield ServerSentEvent(comment="still here")
                continue
            if event.type == "end" and not await _is_last(feed, source, event):
                continue
            yield ServerSentEvent(
                id=str(event.id), event=event.type, raw_data=json.dumps(event.data, ensure_ascii=False)
            )
            if event.type == "end":
                return


async def _is_last(feed: EventFeed, source: Source, event: Event) -> bool:
    """Say whether the stream ends here: one job's end does not end everything, nor does the end before a retry."""
    return isinstance(source, str) and not await feed.page(event.id, source)
