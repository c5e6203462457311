"""Pages of a long list: some items, and an opaque cursor to ask on with."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from videochat.errors import InvalidError

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items in order; `next` is None when they are the last."""

    items: Sequence[Item]
    next: str | None

    @classmethod
    def of(cls, items: Sequence[Item], limit: int, cursor: Callable[[Item], str]) -> Page[Item]:
        """Make a page of what a query for limit + 1 items found."""
        shown = items[:limit]
        return cls(shown, cursor(shown[-1]) if len(items) > limit else None)


def encode_cursor(moment: datetime, identity: str) -> str:
    return base64.urlsafe_b64encode(f"{moment.isoformat()} {identity}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> tuple[datetime, str] | None:
    """Return the (moment, id) behind a cursor. Raises InvalidError."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        moment, identity = base64.urlsafe_b64decode(padded.encode()).decode().split(" ")
        return datetime.fromisoformat(moment), identity
    except (ValueError, binascii.Error):
        raise InvalidError("The cursor is not one that this service gave.") from None
