"""Notices through apprise: e-mail, chats, SMS, webhooks, by the scheme of the address."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Self

import apprise

from videochat.errors import ConfigurationError, NotificationError
from videochat.ops.notifier import Notice
from videochat.ops.redaction import Redactor, words_of_address

LONGEST_REASON = 200
STUCK = "The message before this one is still being sent."
# Who moved would get an empty GET, and we would take its answer for a success.
ASSET = apprise.AppriseAsset(app_id="VideoChat", app_desc="VideoChat", http_redirects=False, service_timeout=0)


class AppriseNotifier:
    """One address. Apprise blocks, so each message has a thread; one that hangs neither piles up nor keeps us from ending."""

    def __init__(self, service: apprise.Apprise, redactor: Redactor) -> None:
        self._service = service
        self._redactor = redactor
        self._busy = False

    @classmethod
    def from_url(cls, url: str) -> Self:
        service = apprise.Apprise(asset=ASSET)
        if not service.add(url):
            raise ConfigurationError("apprise knows no such scheme, or something is missing in the address.")
        return cls(service, Redactor(words_of_address(url)))

    async def send(self, notice: Notice) -> None:
        if self._busy:
            raise NotificationError(STUCK)
        self._busy = True
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[str | None] = loop.create_future()

        def work() -> None:
            failure: str | None = "Sending failed unexpectedly."
            try:
                failure = self._failure(notice)
            finally:
                self._busy = False
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(_settle, outcome, failure)

        threading.Thread(target=work, name="notifier", daemon=True).start()
        if failure := await outcome:
            raise NotificationError(failure)

    def _failure(self, notice: Notice) -> str | None:
        """Send, and return why it failed if it did."""
        with self._service.notify(title=notice.title, body=notice.body, notify_type=notice.mood) as result:
            if result:
                return None
            said = [entry.message for one in result for entry in one.logs()]
        return self._redactor.text(said[-1])[:LONGEST_REASON] if said else "It was not taken."


def _settle(outcome: asyncio.Future[str | None], failure: str | None) -> None:
    if not outcome.done():  # who waited may have given up
        outcome.set_result(failure)
