"""Messages about alerts that are to be sent, are being sent, or were: rows among what happened to the alerts.

Such a row's `event` is state and message (`sending_firing`, `told_resolved`), `by` the destination's name, and `at` the moment
when it was taken up to be sent, or when that ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast, get_args

from sqlalchemy import CursorResult, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.ops.alerts import Change
from videochat.ops.notices import State, Told
from videochat.store.tables import AlertEventRow

# What takes longer was left behind by a process that died: longer than all tries and pauses together.
LEASE = timedelta(minutes=5)
EVENTS = {f"{state}_{what}": (state, what) for state in get_args(State) for what in get_args(Change)}
BY = func.coalesce(AlertEventRow.by, "")  # is always there
SENDING = [event for event, (state, _) in EVENTS.items() if state == "sending"]


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to one destination that this process has taken up at this moment."""

    id: int
    rule: str
    destination: str
    what: Change
    value: float | None
    at: datetime


async def told(session: AsyncSession) -> dict[tuple[str, str], Told]:
    """Return what each destination was told last of each rule."""
    newest = select(func.max(AlertEventRow.id)).where(AlertEventRow.event.in_(EVENTS))
    newest = newest.group_by(AlertEventRow.rule, AlertEventRow.by)
    row = AlertEventRow
    found = await session.execute(select(row.rule, BY, row.event, row.at).where(row.id.in_(newest)))
    return {(rule, by): _told(event, at) for rule, by, event, at in found}


def _told(event: str, at: datetime) -> Told:
    state, what = EVENTS[event]
    return Told(what, state, at)


async def put(
    session: AsyncSession, rule: str, destination: str, what: Change, value: float | None, now: datetime
) -> Letter:
    values = {"rule": rule, "at": now, "event": f"sending_{what}", "value": value, "by": destination}
    added = await session.scalar(insert(AlertEventRow).values(values).returning(AlertEventRow.id))
    assert added is not None, "it was inserted a moment ago"
    return Letter(added, rule, destination, what, value, now)


async def left_behind(session: AsyncSession, now: datetime) -> Sequence[Letter]:
    """Take up what others took up and never ended."""
    row = AlertEventRow
    query = select(row.id, row.rule, BY, row.event, row.value, row.at)
    rows = await session.execute(query.where(row.event.in_(SENDING), row.at < now - LEASE).order_by(row.id))
    found = [Letter(key, rule, by, EVENTS[event][1], value, at) for key, rule, by, event, value, at in rows]
    return [letter for old in found if (letter := await take_up(session, old, now))]


async def take_up(session: AsyncSession, letter: Letter, now: datetime) -> Letter | None:
    """Take it up anew; None when somebody else has done so meanwhile."""
    return replace(letter, at=now) if await _changed(session, letter, at=now) else None


async def end(session: AsyncSession, letter: Letter, state: State, now: datetime) -> None:
    """Note how it ended, unless somebody else has taken it up meanwhile."""
    await _changed(session, letter, at=now, event=f"{state}_{letter.what}")


async def _changed(session: AsyncSession, letter: Letter, **values: Any) -> bool:
    mine = AlertEventRow.id == letter.id, AlertEventRow.at == letter.at, AlertEventRow.event.in_(SENDING)
    change = await session.execute(update(AlertEventRow).where(*mine).values(**values))
    return cast("CursorResult[Any]", change).rowcount == 1
