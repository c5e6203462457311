"""A notifier that keeps what it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from videochat.errors import ConfigurationError, NotificationError
from videochat.ops.notifier import Destination, Notice


class FakeNotifier:
    """Fails with the reasons in order (None: does not), and then no more."""

    def __init__(self, failures: Sequence[str | None] = ()) -> None:
        self.failures = [*failures]
        self.sent: list[Notice] = []
        self.tries = 0

    @classmethod
    def from_url(cls, url: str) -> Self:
        if not url.startswith("fake://"):
            raise ConfigurationError("only fake:// is known here.")
        return cls()

    async def send(self, notice: Notice) -> None:
        self.tries += 1
        if self.failures and (failure := self.failures.pop(0)):
            raise NotificationError(failure)
        self.sent.append(notice)


def destination(notifier: FakeNotifier, name: str = "fake 1", *tags: str) -> Destination:
    return Destination(name, name.partition(" ")[0], frozenset(tags), notifier)
