"""Tells people of alerts: what is to be said is stored with the judgement, and sent after it beside everything else."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.errors import BusyError, ConflictError, VideoChatError
from videochat.ops.alerts import Alert, Rule
from videochat.ops.live import LiveSettings
from videochat.ops.metrics import Metrics
from videochat.ops.notices import State, deliver, due, notice_of, send, trial_notice
from videochat.ops.notifier import Destination, Notice
from videochat.ops.tasks import cancelled
from videochat.store import outbox
from videochat.store.outbox import Letter
from videochat.store.session import Database

log = structlog.get_logger(__name__)

MOST_LETTERS = 200  # on their way in this process; what is more waits for its lease to run out


class Messenger:
    """Sends to each destination one message after the other, so that a slow one delays only itself.

    The process that judges a point sends what follows from it. What a process left behind when it died is sent by whoever
    judges after `outbox.LEASE`; then a destination may be told twice, but never not at all.
    """

    def __init__(
        self, database: Database, destinations: Sequence[Destination], live: LiveSettings, metrics: Metrics
    ) -> None:
        self.destinations: Mapping[str, Destination] = {one.name: one for one in destinations}
        self._database = database
        self._live = live
        self._metrics = metrics
        self._clock = partial(datetime.now, UTC)
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._testing = asyncio.Lock()
        self._sending: set[asyncio.Task[None]] = set()

    async def write(
        self, session: AsyncSession, rules: Mapping[str, Rule], alerts: Mapping[str, Alert], now: datetime
    ) -> list[Letter]:
        """Store what has to be said of these alerts, and return it with what others left behind."""
        if not self.destinations:
            return []
        letters = [*await outbox.left_behind(session, now)]
        told = await outbox.told(session)
        cool_down = timedelta(minutes=self._live.current.alerts.notify_cool_down_minutes)
        for rule in rules.values():
            alert = alerts[rule.name]
            for name, destination in self.destinations.items():
                if destination.is_for(rule.notify) and (
                    what := due(alert, told.get((rule.name, name)), cool_down, now)
                ):
                    letters.append(await outbox.put(session, rule.name, name, what, alert.value, now))
        return letters

    def send(self, rules: Mapping[str, Rule], letters: Sequence[Letter]) -> None:
        """Send what has been stored; returns at once."""
        for letter in letters[: MOST_LETTERS - len(self._sending)]:
            task = asyncio.create_task(self._send(rules.get(letter.rule), letter), name=f"letter-{letter.id}")
            self._sending.add(task)
            task.add_done_callback(partial(self._ended, letter))

    async def test(self) -> list[tuple[Destination, str | None]]:
        """Send a test to all destinations and return for each why it failed, if it did. Raises ConflictError, BusyError."""
        if not self.destinations:
            raise ConflictError("There is nobody to be told: ALERTS__NOTIFY_URLS is not set.")
        if self._testing.locked():
            raise BusyError("A test is being sent; wait for its end.")
        async with self._testing:
            destinations = [*self.destinations.values()]
            failures = await asyncio.gather(*(self._try(one, trial_notice()) for one in destinations))
        return [*zip(destinations, failures, strict=True)]

    async def close(self) -> None:
        """Stop sending; what is on its way is left to others."""
        await cancelled(*self._sending)

    async def _try(self, destination: Destination, notice: Notice) -> str | None:
        failure = await send(destination, notice)
        self._count(destination, "a test", failure)
        return failure

    async def _send(self, rule: Rule | None, letter: Letter) -> None:
        async with self._turns[letter.destination]:
            try:
                async with self._database.write() as session:  # it may have waited for its turn for long
                    taken = await outbox.take_up(session, letter, self._clock())
                if taken is not None:
                    await self._deliver(rule, taken)
            except VideoChatError as error:  # nothing can be written now: whoever judges later finds it left behind
                log.warning("notification.unrecorded", to=letter.destination, rule=letter.rule, code=error.reason)

    async def _deliver(self, rule: Rule | None, letter: Letter) -> None:
        destination = self.destinations.get(letter.destination)
        state: State = "untold"
        if destination is not None and rule is not None:  # else either is configured no more
            failure = await deliver(destination, notice_of(rule, letter.what, letter.value))
            self._count(destination, f"{rule.name} {letter.what}", failure)
            state = "untold" if failure else "told"
        async with self._database.write() as session:
            await outbox.end(session, letter, state, self._clock())

    def _count(self, destination: Destination, about: str, failure: str | None) -> None:
        self._metrics.notifications.labels(destination.kind, "failed" if failure else "sent").inc()
        if failure:
            log.error("notification.failed", to=destination.name, about=about, reason=failure)
        else:
            log.info("notification.sent", to=destination.name, about=about)

    def _ended(self, letter: Letter, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("notification.crashed", to=letter.destination, rule=letter.rule, exc_info=error)
