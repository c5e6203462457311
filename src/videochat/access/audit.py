"""The book of what people did: to accounts, rights, settings and recordings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from videochat.access import repository, throttle
from videochat.errors import VideoChatError
from videochat.ops.logging import request_id
from videochat.store.session import Database

log = structlog.get_logger(__name__)


class Audit:
    """Writes and reads the book."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, actor: str, action: str, target: str, outcome: str, address: str = "") -> None:
        """Write down what was done; where the database does not take it, the log has to."""
        entry = {
            "actor": actor[:80], "action": action[:40], "target": target[:200],
            "outcome": outcome[:40], "address": address[:80], "request_id": request_id(),
        }  # fmt: skip
        try:
            async with self._database.write() as session:
                await repository.insert_audit(session, at=datetime.now(UTC), **entry)
        except VideoChatError as error:
            log.exception("audit.unwritten", code=error.reason, **entry)

    async def entries(
        self, *, before: int | None = None, limit: int = 100, actor: str | None = None, text: str | None = None
    ) -> list[dict[str, Any]]:
        """Return what was done, newest first: `{id, at, actor, action, target, outcome, address, request_id}`."""
        async with self._database.read() as session:
            return await repository.audit(session, before, limit, actor, text)

    async def forget(self, days: float) -> int:
        """Remove entries older than that, and sessions, links and failures that have run out; return how many."""
        now = datetime.now(UTC)
        async with self._database.write() as session:
            return await repository.forget_before(session, now, now - timedelta(days=days), now - throttle.WINDOW)
