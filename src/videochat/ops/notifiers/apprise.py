"""Notices through apprise: e-mail, chats, SMS, webhooks, by the scheme of the address."""

from __future__ import annotations

from typing import Self

import apprise

from videochat.errors import ConfigurationError, NotificationError
from videochat.ops.notifier import Notice
from videochat.ops.redaction import Redactor, words_of_address
from videochat.ops.threads import beside

LONGEST_REASON = 200
STUCK = "The message before this one is still being sent."
CRASHED = "Sending failed in a way that has no name; the log says more."
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
        failure = await beside(lambda: self._failure(notice), crashed=CRASHED, name="notifier")
        if failure:
            raise NotificationError(failure)

    def _failure(self, notice: Notice) -> str:
        """Send, and return why it failed, nothing if it did not."""
        try:
            with self._service.notify(title=notice.title, body=notice.body, notify_type=notice.mood) as result:
                if result:
                    return ""
                said = [entry.message for one in result for entry in one.logs()]
        finally:
            self._busy = False
        return self._redactor.text(said[-1])[:LONGEST_REASON] if said else "It was not taken."
