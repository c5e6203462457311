"""How it is with the rules, the same for all processes, and what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.errors import ConfigurationError, NotFoundError
from videochat.ops.actor import Actor
from videochat.ops.alerts import Alert, Rule, load_rules
from videochat.ops.expressions import Points
from videochat.ops.live import LiveSettings
from videochat.store.messenger import Messenger
from videochat.store.session import Database
from videochat.store.tables import AlertEventRow, AlertRow
from videochat.store.upsert import upsert

log = structlog.get_logger(__name__)

KEEP = timedelta(days=30)
SHOWN = 100
COLUMNS = [getattr(AlertRow, field.name) for field in fields(Alert)]


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """Something that happened to an alert: firing, resolved, silenced, acknowledged, or what became of a message about it."""

    rule: str
    at: datetime
    event: str
    value: float | None
    by: str | None


class Alarms:
    """Judges the rules and keeps what people should know. The rules' file is read anew when it changes."""

    def __init__(self, database: Database, live: LiveSettings, messenger: Messenger) -> None:
        self._database = database
        self._live = live
        self._messenger = messenger
        self._rules: Mapping[str, Rule] = load_rules(None)
        self._read: object = None

    def rules(self) -> Mapping[str, Rule]:
        """Return the rules in force; when the file is wrong, those from before it was."""
        own = self._live.current.alerts.rules
        signature = (own, _changed_at(own))
        if signature != self._read:
            self._read = signature
            try:
                self._rules = load_rules(own)
            except ConfigurationError as error:
                log.error("alerts.rules_refused", error=error.message)  # noqa: TRY400  # the message says it all
        return self._rules

    def span(self) -> int:
        """Return how many seconds the rules look back."""
        return max((rule.compared.span for rule in self.rules().values()), default=0)

    async def judge(self, points: Points, now: datetime) -> list[AlertEvent]:
        """Bring every rule up to date with the points, and return what happened; one process at a time does so."""
        rules, happened, alerts = self.rules(), [], {}
        async with self._database.write() as session:
            known = await _known(session)
            for rule in rules.values():
                before = known.get(rule.name, Alert(rule.name, "ok", now))
                alerts[rule.name], change = before.next(rule, points, now)
                await _put(session, alerts[rule.name])
                if change is not None:
                    happened.append(AlertEvent(rule.name, now, change, alerts[rule.name].value, None))
            for event in happened:
                await _tell(session, event)
            letters = await self._messenger.write(session, rules, alerts, now)
            await session.execute(delete(AlertEventRow).where(AlertEventRow.at < now - KEEP))
        self._messenger.send(rules, letters)
        for event in happened:
            rule = rules[event.rule]
            about = {"severity": rule.severity, "value": event.value, "about": rule.message}
            log.warning("alert", rule=rule.name, status=event.event, **about)
        return happened

    async def alerts(self) -> dict[str, Alert]:
        async with self._database.read() as session:
            return await _known(session)

    async def history(self) -> Sequence[AlertEvent]:
        """Return what happened last, newest first."""
        columns = [getattr(AlertEventRow, field.name) for field in fields(AlertEvent)]
        async with self._database.read() as session:
            rows = await session.execute(select(*columns).order_by(AlertEventRow.id.desc()).limit(SHOWN))
            return [AlertEvent(*row) for row in rows]

    async def silence(self, actor: Actor, name: str, until: datetime, now: datetime) -> None:
        """Tell nobody of this alert until then. Raises NotFoundError."""
        await self._note(actor, name, "silenced", now, silenced_until=until)

    async def acknowledge(self, actor: Actor, name: str, now: datetime) -> None:
        """Note that somebody takes care of it. Raises NotFoundError."""
        await self._note(actor, name, "acknowledged", now, acknowledged_by=actor.id)

    async def _note(self, actor: Actor, name: str, event: str, now: datetime, **values: datetime | str) -> None:
        async with self._database.write() as session:
            alert = (await _known(session)).get(name)
            if alert is None or name not in self.rules():
                raise NotFoundError(f"There is no alert {name}.")
            await session.execute(update(AlertRow).where(AlertRow.rule == name).values(**values))
            await _tell(session, AlertEvent(name, now, event, alert.value, actor.id))


def _changed_at(own: Path | None) -> int:
    """Return when the file was changed; 0 of one that cannot be looked at: reading it says what is wrong with it."""
    try:
        return own.stat().st_mtime_ns if own is not None else 0
    except (OSError, ValueError):  # not there, not for us, or no name that a file can have
        return 0


async def _known(session: AsyncSession) -> dict[str, Alert]:
    return {row.rule: Alert(*row) for row in await session.execute(select(*COLUMNS))}


async def _put(session: AsyncSession, alert: Alert) -> None:
    """Keep what was judged; what people said of it meanwhile stays, but for an acknowledgement of what is over."""
    judged = {name: getattr(alert, name) for name in ("status", "since", "held_at", "value")}
    if alert.status == "ok":
        judged["acknowledged_by"] = None
    statement = upsert(session, AlertRow).values(rule=alert.rule, **judged)
    await session.execute(statement.on_conflict_do_update(index_elements=["rule"], set_=judged))


async def _tell(session: AsyncSession, event: AlertEvent) -> None:
    await session.execute(
        insert(AlertEventRow).values(rule=event.rule, at=event.at, event=event.event, value=event.value, by=event.by)
    )
