"""Who is told of alerts: the port, and the destinations of ALERTS__NOTIFY_URLS.

Adapters lie in notifiers/ and come in through the entry points `videochat.notifiers`: one whose name is the scheme of the
address takes it, all others are apprise's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self

from pydantic import SecretStr

from videochat.errors import ConfigurationError
from videochat.plugins import Plugin, installed

GROUP = "videochat.notifiers"
DEFAULT = "apprise"
ADDRESS = re.compile(
    r"(?:(?P<tags>[A-Za-z][\w-]*(?:,[A-Za-z][\w-]*)*)=)?(?P<url>(?P<kind>[A-Za-z][\w+.-]*)://.+)", re.DOTALL
)

Mood = Literal["info", "warning", "failure", "success"]


@dataclass(frozen=True, slots=True)
class Notice:
    """What people are told, in plain text."""

    title: str
    body: str
    mood: Mood


class Notifier(Protocol):
    """Sends notices to one destination. No error of it holds anything of the address: it is a secret."""

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Make a notifier without asking anybody. Raises ConfigurationError for an address that it cannot use."""
        ...

    async def send(self, notice: Notice) -> None:
        """Send it, once. Raises NotificationError with a reason that people understand; cancelling gives up waiting."""
        ...


@dataclass(frozen=True, slots=True)
class Destination:
    """One of the addresses: `name` says which without saying what it is."""

    name: str
    kind: str
    tags: frozenset[str]
    notifier: Notifier

    def is_for(self, tags: Collection[str] | None) -> bool:
        """Say whether what is for those with these tags (None: for everybody) goes here."""
        return tags is None or not self.tags.isdisjoint(tags)


def load_destinations(addresses: Sequence[SecretStr]) -> list[Destination]:
    """Return the destinations, named after their kind and place (`slack 2`). Raises ConfigurationError."""
    known = installed(GROUP)
    return [_destination(place, address, known) for place, address in enumerate(addresses, 1)]


def _destination(place: int, address: SecretStr, known: Mapping[str, Plugin]) -> Destination:
    found = ADDRESS.fullmatch(address.get_secret_value().strip())
    if found is None:
        raise _wrong(place, "an address is written scheme://…, with tags in front as in ops,night=scheme://…")
    kind = found["kind"].lower()
    plugin = known.get(kind, known[DEFAULT])
    try:
        notifier: type[Notifier] = plugin.load()
        with plugin.blamed(secret=True):
            made = notifier.from_url(found["url"])
    except ConfigurationError as error:
        raise _wrong(place, error.message) from None
    return Destination(f"{kind} {place}", kind, frozenset((found["tags"] or "").split(",")) - {""}, made)


def _wrong(place: int, why: str) -> ConfigurationError:
    return ConfigurationError(f"ALERTS__NOTIFY_URLS, number {place}: {why}")
